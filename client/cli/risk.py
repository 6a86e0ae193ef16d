"""`tranchain risk`: what risk control does with packs and models."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli.amounts import parse_ppm, parse_ten
from client.cli.screening_report import report_of
from client.cli.session import Session, session_of
from client.model.committed import DEFAULT_MODEL
from client.roles.risk_control import query as queries
from client.roles.risk_control import scoring, screening
from client.roles.risk_control.forgetting import confirm_deletion, forget_pack
from client.roles.risk_control.invitation import invite as invite_pack
from client.sdk.consent import Purpose
from client.sdk.errors import InvalidInputError
from client.sdk.pack.on_chain import read_policy
from client.sdk.pack.reader import read_pack
from client.sdk.pack.status import PackStatus, check_status
from client.sdk.screening import Mode, Policy

if TYPE_CHECKING:
    from client.roles.risk_control.store import PackKeyStore

app = typer.Typer(name="risk", help="Risk control: invite, query, score, screen.", no_args_is_help=True)
model_app = typer.Typer(help="Model versions.", no_args_is_help=True)
app.add_typer(model_app, name="model")

PackId = Annotated[int, typer.Argument(help="Pack id.")]
Database = Annotated[
    str, typer.Option("--db", envvar="TRANCHAIN_DB", help="SQLite file or PostgreSQL URL of this risk control.")
]
Timeout = Annotated[int, typer.Option("--timeout", help="Seconds to wait for others.")]

_RATE_BAND_PPM = 50_000
_MODES = {"whole-pack": Mode.WHOLE_PACK, "per-level": Mode.PER_LEVEL}


@app.command()
def invite(
    context: typer.Context,
    originator: Annotated[str, typer.Option(help="Account that may submit the pack.")],
    db: Database = "risk_control.db",
) -> None:
    """Invite an originator to submit a pack: makes the pack key and seals it to those who need it.

    Example: tranchain risk invite --originator 0x52908400098527886E0F7030069857D2E4169EE7
    """
    session = session_of(context)
    chain = session.chain
    pack = invite_pack(chain, session.vault, session.identity, _pack_keys(session, db), originator=originator)
    session.console.result({"pack": pack, "originator": originator}, title="Invited pack")


@app.command()
def query(
    context: typer.Context,
    pack: PackId,
    purpose: Annotated[str, typer.Option(help="underwriting, monitoring, dispute or audit.")] = "underwriting",
    recipient: Annotated[
        list[str] | None, typer.Option(help="Account that gets the records too; repeat. Default: all that may.")
    ] = None,
    timeout: Timeout = 120,
) -> None:
    """Query the credit file of every borrower of a pack, and check every record that comes back.

    Example: tranchain risk query 1 --purpose underwriting
    """
    session = session_of(context)
    chain, identity = session.chain, session.identity
    why = _purpose(purpose)
    query_id = queries.open_query_of(chain, identity, pack)
    if query_id is None:
        status = chain.call("AssetPackRegistry", "pack", pack).status
        if why is Purpose.UNDERWRITING:
            check_status(pack, status, PackStatus.SUBMITTED)
        rows = read_pack(chain, session.vault, identity, pack)
        query_id = queries.open_query(chain, session.vault, identity, rows, why, recipients=recipient or ())
    session.console.note(f"query {query_id}: waiting for the bureaus")
    answers = queries.wait_for_answers(chain, query_id, timeout_s=timeout)
    result = queries.finish_query(chain, session.vault, identity, query_id, answers)
    session.console.result(
        {
            "pack": pack,
            "query": query_id,
            "subjects_count": result.subject_count,
            "records_count": len(result.record_by_handle),
            "answers": [
                {
                    "bureau": answer.bureau,
                    "found_count": answer.found,
                    "missing_count": answer.missing,
                    "refused_count": answer.refused,
                }
                for answer in answers
            ],
        },
        title="Credit query",
    )


@app.command()
def score(
    context: typer.Context,
    pack: PackId,
    fresh_days: Annotated[int, typer.Option(help="Records up to this age at cut-off count as they are.")] = 365,
    max_age_days: Annotated[int, typer.Option(help="Older records are not used.")] = 730,
    model: Annotated[int | None, typer.Option(help="Model id; default: the newest active one.")] = None,
    new_round: Annotated[
        bool, typer.Option("--new-round", help="Ask anew although a round of the same terms is open.")
    ] = False,
    timeout: Timeout = 900,
) -> None:
    """Ask the oracles for the scores of a queried pack, and wait until a quorum agrees.

    Example: tranchain risk score 1
    """
    session = session_of(context)
    chain, identity = session.chain, session.identity
    status = chain.call("AssetPackRegistry", "pack", pack).status
    check_status(pack, status, PackStatus.QUERIED, PackStatus.SCORED)
    ages = Policy(expected_bad_rate_ppm=1_000_000, fresh_days=fresh_days, age_days_max=max_age_days)
    round_id = scoring.open_round(
        chain,
        identity,
        pack_id=pack,
        query_id=queries.closed_query_of(chain, pack),
        model_id=model or scoring.active_model(chain),
        policy_id=scoring.ensure_policy(chain, identity, ages),
        is_fresh=new_round,
    )
    session.console.note(f"round {round_id}: waiting for the oracles")
    report_hash = scoring.wait_until_final(
        chain,
        round_id,
        timeout_s=timeout,
        report=lambda states: session.console.note(f"round {round_id}: {scoring.states_text(states)}"),
    )
    opened = chain.call("ScoringRounds", "round", round_id)
    session.console.result(
        {
            "pack": pack,
            "round": round_id,
            "model": opened.modelId,
            "assets_count": opened.assetCount,
            "quorum": opened.quorum,
            "oracles": [
                {"organisation": state.organisation, "oracle": state.oracle, "did": state.did}
                for state in scoring.oracle_states(chain, round_id)
            ],
            "report": report_hash,
        },
        title="Scores",
    )


@app.command()
def screen(
    context: typer.Context,
    pack: PackId,
    expected_bad_rate: Annotated[str, typer.Option(help="Target, such as 10%.")],
    mode: Annotated[str, typer.Option(help="whole-pack or per-level.")] = "whole-pack",
    by_count: Annotated[bool, typer.Option("--by-count", help="Weigh every asset 1 instead of its principal.")] = False,
    profile: Annotated[str, typer.Option(help="k of levels 1 to 10 for per-level.")] = "0,0,0,1,1,2,3,4,6,10",
    emphasis: Annotated[str, typer.Option(help="m of levels 1 to 10, not falling.")] = "1,1,1,1,1,1,1,1,1,1",
    age_factor: Annotated[str, typer.Option(help="Factor on the pd of aged records, at least 100%.")] = "110%",
    term_max_years: Annotated[int, typer.Option(min=1, max=255, help="Longest term that is eligible.")] = 255,
    rate_max: Annotated[str, typer.Option(help="Rates up to this (whole bands of 5 points) are eligible.")] = "1275%",
    days_past_due_max: Annotated[int, typer.Option(help="0, 29, 59 or 89: most arrears that are eligible.")] = 0,
    region_limit: Annotated[str, typer.Option(help="Largest share of one region in what is kept.")] = "100%",
) -> None:
    """Screen a scored pack on chain until its bad rate is at most the expected one, and check the result.

    Example: tranchain risk screen 1 --expected-bad-rate 10% --mode whole-pack --region-limit 20%
    """
    session = session_of(context)
    chain, identity = session.chain, session.identity
    round_id = scoring.newest_round_of(chain, pack)
    ages = read_policy(chain, chain.call("ScoringRounds", "round", round_id).policyId)
    policy = Policy(
        expected_bad_rate_ppm=parse_ppm(expected_bad_rate, what="--expected-bad-rate"),
        mode=_mode(mode),
        by_count=by_count,
        profile_ppm=parse_ten(profile, what="--profile", scale=1_000_000),
        emphasis=parse_ten(emphasis, what="--emphasis"),
        fresh_days=ages.fresh_days,
        age_days_max=ages.age_days_max,
        age_factor_ppm=parse_ppm(age_factor, what="--age-factor"),
        term_class_max=term_max_years,
        rate_class_max=_rate_class(rate_max),
        dpd_class_max=_arrears_class(days_past_due_max),
        region_limit_ppm=parse_ppm(region_limit, what="--region-limit"),
    )
    policy_id = scoring.ensure_policy(chain, identity, policy)
    run_id = screening.start_run(chain, identity, pack_id=pack, round_id=round_id, policy_id=policy_id)
    with session.console.progress("screening on chain") as bar:
        steps, gas = screening.finish_run(chain, identity, run_id, report=lambda _: bar.advance())
    screened = screening.check_run(chain, run_id)
    rows = read_pack(chain, session.vault, identity, pack)
    document = report_of(screened, policy, rows) | {"steps_count": steps, "gas_used": gas}
    session.console.result(document, title=f"Screening of pack {pack}, run {run_id}")
    if not screened.result.reached:
        raise InvalidInputError(
            f"--expected-bad-rate of pack {pack}",
            got=expected_bad_rate,
            expected=f"at least {screened.result.lowest_reachable_ppm} ppm",
            remedy=f"what binds: {screened.result.binding.name.lower()}; the pack is as it was",
        )


@app.command()
def show(context: typer.Context, pack: PackId) -> None:
    """Show the screening that a pack carries, computed again from the chain.

    Example: tranchain risk show 1
    """
    session = session_of(context)
    run_id = int(session.chain.call("Screening", "runOf", pack))
    if not run_id:
        raise InvalidInputError(f"pack {pack}", got="no screening", expected="one", remedy="`tranchain risk screen`")
    screened = screening.check_run(session.chain, run_id)
    rows = read_pack(session.chain, session.vault, session.identity, pack)
    policy = read_policy(session.chain, screened.policy_id)
    session.console.result(report_of(screened, policy, rows), title=f"Screening of pack {pack}, run {run_id}")


@app.command()
def forget(context: typer.Context, pack: PackId, db: Database = "risk_control.db") -> None:
    """Purge the vault of a withdrawn or closed pack and destroy its key: nobody links its handles to people any more.

    Example: tranchain risk forget 1
    """
    session = session_of(context)
    store = _pack_keys(session, db)
    purged = forget_pack(session.chain, session.vault, store, pack)
    session.console.result({"pack": pack, "purged_count": purged, "pack_key": "destroyed"}, title="Forgotten pack")


@app.command("confirm-deletion")
def confirm(
    context: typer.Context,
    batch: Annotated[int, typer.Argument(help="Batch id of the revoked records.")],
    index: Annotated[list[int], typer.Option(help="Index of a record in the batch; repeat.")],
) -> None:
    """Say on the chain that this account, a past recipient, holds nothing of revoked records any more.

    Clients keep no copy of opened records, so this is for accounts whose holders made copies elsewhere and destroyed
    them.

    Example: tranchain risk confirm-deletion 1 --index 17
    """
    session = session_of(context)
    receipt = confirm_deletion(session.chain, session.identity, batch, index)
    session.console.result({"batch": batch, "records_count": len(set(index)), "block": receipt.block_number})


@model_app.command("propose")
def propose_model(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Model package.")] = DEFAULT_MODEL,
    valid_days: Annotated[int, typer.Option(help="Days until the model must be renewed.")] = 365,
) -> None:
    """Put a model package forward; the members vote on it with `tranchain admin propose`.

    Example: tranchain risk model propose
    """
    from client.model.manifest import ModelPackage  # here, as other commands need not wait for numpy

    session = session_of(context)
    package = ModelPackage.load(directory)
    valid_until = session.chain.block_second() + valid_days * 86_400
    model_id = scoring.propose_model(session.chain, session.identity, package, valid_until=valid_until)
    session.console.result(_model(session, model_id), title="Proposed model")


@model_app.command("show")
def show_model(context: typer.Context, model: Annotated[int, typer.Argument(help="Model id.")]) -> None:
    """Show a model version as the chain has it.

    Example: tranchain risk model show 1
    """
    session = session_of(context)
    session.console.result(_model(session, model), title=f"Model {model}")


def _pack_keys(session: Session, db: str) -> "PackKeyStore":
    from client.roles.risk_control.store import PackKeyStore  # here, as other commands need not wait for SQLAlchemy
    from client.sdk.database import open_engine

    chain = session.chain
    return PackKeyStore(open_engine(db), session.identity, chain_id=chain.chain_id, registry=chain.registry)


def _model(session: Session, model_id: int) -> dict[str, object]:
    found = session.chain.call("RiskModelRegistry", "model", model_id)
    return {
        "model": model_id,
        "status": {1: "proposed", 2: "active", 3: "retired"}.get(found.status, "unknown"),
        "model_hash": bytes(found.modelHash),
        "manifest_hash": bytes(found.manifestHash),
        "feature_spec_hash": bytes(found.featureSpecHash),
        "valid_until": found.validUntil,
        "is_expired": bool(found.validUntil <= int(time.time())),
    }


def _purpose(text: str) -> Purpose:
    try:
        return Purpose[text.upper()]
    except KeyError:
        raise InvalidInputError(
            "--purpose", got=text, expected=f"one of {', '.join(each.name.lower() for each in Purpose)}"
        ) from None


def _mode(text: str) -> Mode:
    if text not in _MODES:
        raise InvalidInputError("--mode", got=text, expected="whole-pack or per-level")
    return _MODES[text]


def _rate_class(text: str) -> int:
    """Return the highest band of rates that is eligible as a whole."""
    bands = parse_ppm(text, what="--rate-max") // _RATE_BAND_PPM
    if bands < 1:
        raise InvalidInputError("--rate-max", got=text, expected="at least 5% (the chain knows bands of five points)")
    return min(bands - 1, 255)


def _arrears_class(days: int) -> int:
    """Return the highest class of days past due that is eligible; the chain knows bands only."""
    bands = {0: 0, 29: 1, 59: 2, 89: 3}
    if days not in bands:
        raise InvalidInputError("--days-past-due-max", got=days, expected="0, 29, 59 or 89 (the chain knows bands)")
    return bands[days]
