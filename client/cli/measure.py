"""`tranchain measure`: orders on monitored pools, by whom they concern: risk control, servicer, originator, trustee."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from client.cli.measure_checks import check_exactly
from client.cli.session import Session, session_of
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.hashing import keccak
from client.sdk.measures import on_chain
from client.sdk.measures.types import Measure, MeasureKind, Representation, parse_assets
from client.sdk.quantities import parse_cents

app = typer.Typer(name="measure", help="Measures on monitored pools.", no_args_is_help=True)

MeasureId = Annotated[int, typer.Argument(help="Measure id.")]
Reason = Annotated[Path, typer.Option("--reason", help="Document that says why; its hash goes on the chain.")]

_KINDS = {
    "collect": MeasureKind.COLLECT_MORE_OFTEN,
    "schedule": MeasureKind.CHANGE_SCHEDULE,
    "replace": MeasureKind.REPLACE,
    "repurchase": MeasureKind.REPURCHASE,
}
_DAY_S = 86_400

Given = TypeVar("Given")


@app.command()
def order(
    context: typer.Context,
    pack: Annotated[int, typer.Argument(help="Monitored pack.")],
    kind: Annotated[str, typer.Option(help="collect (weekly), schedule, replace or repurchase.")],
    assets: Annotated[str, typer.Option(help="Indices in the pool, such as 3,7,12-15.")],
    grounds: Annotated[Path, typer.Option(help="Document that says why; its hash goes on the chain.")],
    days: Annotated[int, typer.Option(min=1, help="Days until it must be carried out.")] = 30,
    breach: Annotated[str | None, typer.Option(help="Representation that is breached, of a repurchase.")] = None,
) -> None:
    """Order a measure, as the risk control that monitors the pack.

    Example: tranchain measure order 1 --kind replace --assets 3,7 --grounds report.pdf --days 30
    """
    session = session_of(context)
    measure_id = on_chain.order_measure(
        session.chain,
        session.identity,
        pack_id=pack,
        kind=_chosen(kind, _KINDS, "--kind"),
        assets=parse_assets(assets),
        deadline=session.chain.block_second() + days * _DAY_S,
        grounds_hash=_hash_of(grounds),
        breach=_chosen(breach, _representations(), "--breach") if breach else None,
    )
    _show(session, measure_id, "Ordered measure")


@app.command("carry-out")
def carry_out(
    context: typer.Context,
    measure: MeasureId,
    evidence: Annotated[Path, typer.Option(help="Document that shows it; its hash goes on the chain.")],
    consents: Annotated[
        Path | None, typer.Option(help="Schedule: salted hash of each consent, a line an asset.")
    ] = None,
    reserve: Annotated[int | None, typer.Option(help="Replacement: screened pack that replacements come from.")] = None,
    incoming: Annotated[str | None, typer.Option(help="Their indices, in order; default: chosen to fit.")] = None,
    cash: Annotated[str, typer.Option(help="Shortfall or price paid, such as 1234.50.")] = "0",
) -> None:
    """Carry a measure out: collection and schedules as the servicer, the others as the originator.

    Example: tranchain measure carry-out 1 --reserve 2 --cash 1234.50 --evidence assignment.pdf
    """
    session = session_of(context)
    chain, identity, proof = session.chain, session.identity, _hash_of(evidence)
    found = on_chain.read_measure(chain, measure)
    if found.kind is MeasureKind.COLLECT_MORE_OFTEN:
        on_chain.carry_out_collection(chain, identity, measure, proof)
    elif found.kind is MeasureKind.CHANGE_SCHEDULE:
        hashes = _consent_hashes(_needed(consents, "--consents", found))
        on_chain.carry_out_schedule(chain, identity, found, hashes, proof)
    elif found.kind is MeasureKind.REPURCHASE:
        on_chain.carry_out_repurchase(chain, identity, measure, parse_cents(cash, what="--cash"), proof)
    else:
        _replace(session, found, _needed(reserve, "--reserve", found), incoming, cash, proof)
    _show(session, measure, "Carried out")


@app.command()
def confirm(
    context: typer.Context,
    measure: MeasureId,
    balance: Annotated[
        str | None, typer.Option(help="Outstanding principal of what leaves, by the newest tape, such as 9876.50.")
    ] = None,
) -> None:
    """Confirm as the trustee what was carried out, after computing from the rows what the chain cannot see.

    Example: tranchain --keystore trustee.json measure confirm 1 --balance 9876.50
    """
    session = session_of(context)
    found = on_chain.read_measure(session.chain, measure)
    if found.kind in (MeasureKind.REPLACE, MeasureKind.REPURCHASE):
        outgoing_cents = parse_cents(_needed(balance, "--balance", found), what="--balance")
        problems = check_exactly(session, found, outgoing_cents)
        if problems:
            remedy = "`tranchain measure reject` sends it back"
            raise RefusedError(f"the rows of measure {measure}", "; ".join(problems), remedy)
    on_chain.confirm_measure(session.chain, session.identity, measure)
    _show(session, measure, "Confirmed")


@app.command()
def reject(context: typer.Context, measure: MeasureId, reason: Reason) -> None:
    """Send a measure back as the trustee; until its deadline it can be carried out anew.

    Example: tranchain --keystore trustee.json measure reject 1 --reason letter.pdf
    """
    session = session_of(context)
    on_chain.reject_measure(session.chain, session.identity, measure, _hash_of(reason))
    _show(session, measure, "Rejected")


@app.command()
def cancel(context: typer.Context, measure: MeasureId, reason: Reason) -> None:
    """Take an order back as risk control.

    Example: tranchain measure cancel 1 --reason letter.pdf
    """
    session = session_of(context)
    on_chain.cancel_measure(session.chain, session.identity, measure, _hash_of(reason))
    _show(session, measure, "Cancelled")


@app.command()
def escalate(context: typer.Context, measure: MeasureId) -> None:
    """Tell all members, on the chain, that a measure is overdue; any member may.

    Example: tranchain measure escalate 1
    """
    session = session_of(context)
    receipt = on_chain.escalate_measure(session.chain, session.identity, measure)
    event = receipt.event("MeasureEscalated").args
    session.console.result(
        {"measure": measure, "pack": event["packId"], "late": event["late"], "deadline": event["deadline"]},
        title="Escalated",
    )


@app.command("list")
def list_measures(context: typer.Context, pack: Annotated[int, typer.Argument(help="Monitored pack.")]) -> None:
    """List the measures on a pool, and its losses with and without what they took out.

    Example: tranchain measure list 1
    """
    session = session_of(context)
    now = session.chain.block_second()
    losses = on_chain.losses_of(session.chain, pack)
    session.console.result(
        {
            "pack": pack,
            "measures": [_document(each, now) for each in on_chain.measures_of(session.chain, pack)],
            "losses": {
                "last_period": losses.last_period,
                "gross_cents": losses.gross_cents,
                "recovered_cents": losses.recovered_cents,
                "net_cents": losses.net_cents,
                "replaced_or_repurchased_cents": losses.removed_cents,
                "net_if_all_that_had_been_lost_cents": losses.net_without_measures_cents,
            },
        },
        title=f"Measures on pack {pack}",
    )


def _replace(
    session: Session, found: Measure, reserve: int, incoming: str | None, cash: str, evidence_hash: bytes
) -> None:
    from client.sdk.measures.candidates import choose_incoming, newest_final_round  # numpy

    round_id = newest_final_round(session.chain, reserve)
    if incoming is None:
        chosen = choose_incoming(session.chain, found, reserve, round_id)
    else:
        chosen = tuple(index for part in incoming.split(",") for index in parse_assets(part))
    on_chain.carry_out_replacement(
        session.chain,
        session.identity,
        measure=found,
        reserve_pack_id=reserve,
        round_id=round_id,
        incoming=chosen,
        cash_cents=parse_cents(cash, what="--cash"),
        evidence_hash=evidence_hash,
    )


def _show(session: Session, measure_id: int, title: str) -> None:
    found = on_chain.read_measure(session.chain, measure_id)
    session.console.result(_document(found, session.chain.block_second()), title=title)


def _document(measure: Measure, now: int) -> dict[str, Any]:
    return {
        "measure": measure.measure_id,
        "pack": measure.pack_id,
        "kind": next(name for name, kind in _KINDS.items() if kind is measure.kind),
        "state": measure.state_text(now),
        "breach": measure.breach.name.lower() if measure.breach else None,
        "assets": list(measure.assets),
        "reserve_pack": measure.reserve_pack_id or None,
        "incoming": list(measure.incoming),
        "cash_cents": measure.cash_cents,
        "deadline": measure.deadline,
        "carried_out_at": measure.carried_out_at or None,
        "confirmed_at": measure.confirmed_at or None,
        "escalated_at": measure.escalated_at or None,
    }


def _representations() -> dict[str, Representation]:
    return {each.name.lower().replace("_", "-"): each for each in Representation}


def _chosen(text: str, choices: dict[str, Given], what: str) -> Given:
    if text not in choices:
        raise InvalidInputError(what, got=text, expected=f"one of {', '.join(choices)}")
    return choices[text]


def _needed(value: Given | None, option: str, measure: Measure) -> Given:
    if value is None:
        kind = next(name for name, kind in _KINDS.items() if kind is measure.kind)
        raise InvalidInputError(f"measure {measure.measure_id}", got=f"no {option}", expected=f"it, of kind {kind}")
    return value


def _hash_of(path: Path) -> bytes:
    try:
        return keccak(path.read_bytes())
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror, expected="a readable file") from error


def _consent_hashes(path: Path) -> list[bytes]:
    try:
        hashes = [
            bytes.fromhex(line.strip().removeprefix("0x")) for line in path.read_text().splitlines() if line.strip()
        ]
    except (OSError, ValueError) as error:
        raise InvalidInputError(str(path), got=str(error), expected="a hash of 64 hex digits a line") from error
    if any(len(each) != 32 for each in hashes):
        raise InvalidInputError(str(path), got="another length", expected="a hash of 64 hex digits a line")
    return hashes
