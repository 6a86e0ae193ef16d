"""`tranchain risk`: what risk control does with packs and models."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli import (
    risk_disputes,
    risk_model,
    risk_monitor,
    risk_monitor_start,
    risk_promise,
    risk_screening,
    risk_sources,
)
from client.cli.policy_options import PolicyFile
from client.cli.session import Session, session_of
from client.roles.risk_control import models, scoring
from client.roles.risk_control import query as queries
from client.roles.risk_control.forgetting import confirm_deletion, forget_pack
from client.roles.risk_control.invitation import invite as invite_pack
from client.sdk.consent import Purpose
from client.sdk.errors import InvalidInputError
from client.sdk.pack.credit_record import NoRecord
from client.sdk.pack.reader import read_pack
from client.sdk.pack.status import PackStatus, check_status
from client.sdk.policy.policy_file import read_policy_file

if TYPE_CHECKING:
    from client.roles.risk_control.store import PackKeyStore

app = typer.Typer(name="risk", help="Risk control: invite, query, score, screen.", no_args_is_help=True)
risk_screening.add_commands(app)
risk_monitor.add_commands(app)
risk_monitor_start.add_commands(app)
risk_sources.add_commands(app)
app.add_typer(risk_model.commands, name="model")
app.add_typer(risk_disputes.commands, name="dispute")
app.add_typer(risk_promise.commands, name="promise")

PackId = Annotated[int, typer.Argument(help="Pack id.")]
Database = Annotated[
    str, typer.Option("--db", envvar="TRANCHAIN_DB", help="SQLite file or PostgreSQL URL of this risk control.")
]
Timeout = Annotated[int, typer.Option("--timeout", help="Seconds to wait for others.")]


@app.command()
def invite(
    context: typer.Context,
    originator: Annotated[str, typer.Option(help="Account that may submit the pack.")],
    policy: PolicyFile = None,
    db: Database = "risk_control.db",
) -> None:
    """Invite an originator to submit a pack: makes the pack key and seals it to those who need it.

    The rules of the policy decide which coarse classes of its assets the chain will see; without a policy they are
    years of the term, bands of the rate, arrears and region.

    Example: tranchain risk invite --originator 0x52908400098527886E0F7030069857D2E4169EE7 --policy policy.toml
    """
    layout = read_policy_file(policy).layout()
    session = session_of(context)
    chain = session.chain
    store = _pack_keys(session, db)
    pack = invite_pack(chain, session.vault, session.identity, store, originator=originator, layout=layout)
    dimensions = [{"field": each.field, "kind": each.kind} for each in layout.dimensions]
    session.console.result({"pack": pack, "originator": originator, "classes": dimensions}, title="Invited pack")


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
        rows = read_pack(chain, session.vault, identity, pack, with_receipts=True)
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
            "missing_everywhere_count": result.without_record.get(NoRecord.MISSING, 0),
            "refused_count": result.without_record.get(NoRecord.REFUSED, 0),
            "by_relation_count": result.without_record.get(NoRecord.RELATION, 0),
            "answers": [
                {
                    "bureau": answer.bureau,
                    "found_count": answer.found,
                    "missing_count": answer.missing,
                    "refused_count": answer.refused,
                    "withheld_count": answer.withheld,
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
    policy: PolicyFile = None,
    fresh_days: Annotated[
        int | None, typer.Option(help="Records up to this age at cut-off count as they are; in place of the policy's.")
    ] = None,
    max_age_days: Annotated[
        int | None, typer.Option(help="Older records are not used; in place of the policy's.")
    ] = None,
    model: Annotated[int | None, typer.Option(help="Model id; default: the champion.")] = None,
    new_round: Annotated[
        bool, typer.Option("--new-round", help="Ask anew although a round of the same terms is open.")
    ] = False,
    timeout: Timeout = 900,
) -> None:
    """Ask the oracles for the scores of a queried pack, and wait until a quorum agrees.

    Of the policy file they go by: the two ages, the order of bureaus, and whether data spread by relations counts. An
    issued pack is scored again for its monitoring, after a query for that purpose; a challenger scores any pack beside.

    Example: tranchain risk score 1 --policy policy.toml
    """
    base = read_policy_file(policy).base
    session = session_of(context)
    chain, identity = session.chain, session.identity
    found = chain.call("AssetPackRegistry", "pack", pack)
    champion = models.champion(chain)
    is_challenged = model not in (None, champion)
    purposes = _check_scorable(pack, found.status, is_challenged=is_challenged)
    terms = replace(
        base,
        expected_bad_rate_ppm=1_000_000,
        fresh_days=base.fresh_days if fresh_days is None else fresh_days,
        age_days_max=base.age_days_max if max_age_days is None else max_age_days,
    )
    round_id = scoring.open_round(
        chain,
        identity,
        pack_id=pack,
        query_id=queries.closed_query_of(chain, pack, *purposes),
        model_id=model or champion,
        policy_id=scoring.ensure_policy(chain, identity, terms),
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


def _pack_keys(session: Session, db: str) -> "PackKeyStore":
    from client.roles.risk_control.store import PackKeyStore  # here, as other commands need not wait for SQLAlchemy
    from client.sdk.database import open_engine

    chain = session.chain
    return PackKeyStore(open_engine(db), session.identity, chain_id=chain.chain_id, registry=chain.registry)


def _check_scorable(pack: int, status: int, *, is_challenged: bool) -> tuple[Purpose, ...]:
    """Return the purposes of the queries that a round may use now; RefusedError where none may be opened."""
    issued = (PackStatus.ISSUED, PackStatus.MONITORED)
    if is_challenged:
        between = [each for each in PackStatus if PackStatus.QUERIED <= each <= PackStatus.MONITORED]
        check_status(pack, status, *between)
        return Purpose.UNDERWRITING, Purpose.MONITORING
    check_status(pack, status, PackStatus.QUERIED, PackStatus.SCORED, *issued)
    return (Purpose.MONITORING,) if status in issued else (Purpose.UNDERWRITING,)


def _purpose(text: str) -> Purpose:
    try:
        return Purpose[text.upper()]
    except KeyError:
        raise InvalidInputError(
            "--purpose", got=text, expected=f"one of {', '.join(each.name.lower() for each in Purpose)}"
        ) from None
