"""`tranchain risk sources`, `risk notices`, `risk left-out`: what a pack is told of its borrowers, and by whom."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import session_of
from client.roles.risk_control import scoring
from client.roles.risk_control.notices import notices_of
from client.roles.risk_control.query import closed_query_of
from client.roles.risk_control.sources import define_sources, load_sources, organisation_ids
from client.sdk.consent import Purpose
from client.sdk.errors import InvalidInputError
from client.sdk.pack.credit_record import NoRecord, RecordRules
from client.sdk.pack.on_chain import read_policy, record_rules, round_block
from client.sdk.pack.reader import read_credit, read_pack, without_record
from client.sdk.pack.sources import read_sources

commands = typer.Typer(help="Which bureau is preferred for which field.", no_args_is_help=True)
_WORDS = {
    NoRecord.MISSING: "missing at every bureau",
    NoRecord.REFUSED: "refused",
    NoRecord.TOO_OLD: "too old",
    NoRecord.RELATION: "by relation only",
}


def add_commands(app: typer.Typer) -> None:
    """Add these commands to the group of risk control."""
    app.add_typer(commands, name="sources")
    app.command()(notices)
    app.command("left-out")(left_out)


@commands.command()
def define(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="TOML: [fields] with FIELD = [organisations, preferred first].")],
) -> None:
    """Define an order of sources on the chain, for policies to name; the same again gives the same id.

    Example: tranchain risk sources define sources.toml
    """
    session = session_of(context)
    sources_id = define_sources(session.chain, session.identity, load_sources(session.chain, file))
    session.console.result({"sources": sources_id}, title="Order of sources")


@commands.command()
def show(context: typer.Context, sources: Annotated[int, typer.Argument(help="Id of the order.")]) -> None:
    """Show an order of sources; fields that are not listed take the bureaus by ascending organisation id.

    Example: tranchain risk sources show 1
    """
    session = session_of(context)
    names = {each: name for name, each in organisation_ids(session.chain).items()}
    order = read_sources(session.chain, sources)
    rows = [
        {"field": name, "organisations": [names.get(each, str(each)) for each in organisations]}
        for name, organisations in sorted(order.organisations_by_field.items())
    ]
    session.console.result(rows, title=f"Order of sources {sources}")


def notices(
    context: typer.Context, pack: Annotated[int | None, typer.Argument(help="Pack id; default: all.")] = None
) -> None:
    """List what bureaus said to this account: something that a query brought has changed, query again.

    Example: tranchain risk notices
    """
    session = session_of(context)
    names = {each: name for name, each in organisation_ids(session.chain).items()}
    rows = [
        {
            "pack": each.pack_id,
            "query": each.query_id,
            "bureau": names.get(each.organisation, str(each.organisation)),
            "told_at": each.second,
            "queried_again": each.is_queried_again,
        }
        for each in notices_of(session.chain, session.identity.address, pack_id=pack)
    ]
    session.console.result(rows, title="Query again")


def left_out(
    context: typer.Context,
    pack: Annotated[int, typer.Argument(help="Pack id.")],
    loans: Annotated[bool, typer.Option("--loans", help="List the loans, not only counts.")] = False,
) -> None:
    """Say why loans of a pack have no usable record, to those who may see its rows; by the newest round's policy.

    Example: tranchain risk left-out 1 --loans
    """
    session = session_of(context)
    chain, identity = session.chain, session.identity
    file = read_pack(chain, session.vault, identity, pack)
    rules, block = RecordRules(takes_relations=True), None
    try:
        round_id = scoring.newest_round_of(chain, pack)
    except InvalidInputError:
        query_id = closed_query_of(chain, pack, Purpose.UNDERWRITING, Purpose.MONITORING)
        session.console.note("not scored yet: without any policy, records of every age and by relation count")
    else:
        current = chain.call("ScoringRounds", "round", round_id)
        policy = read_policy(chain, current.policyId)
        query_id, block = current.queryId, round_block(chain, round_id)
        rules = record_rules(chain, policy, cut_off_day=file.cut_off_day)
    records = read_credit(chain, session.vault, identity, query_id, rules=rules, as_of_block=block)
    reasons = without_record(file, records)
    if loans:
        rows = [{"loan_id": file.rows[index].loan_id, "reason": _WORDS[why]} for index, why in reasons.items()]
        session.console.result(rows, title=f"Without usable record in pack {pack}")
        return
    counts = Counter(reasons.values())
    session.console.result(
        {"query": query_id, "assets_count": len(file.rows)}
        | {f"{each.name.lower()}_count": counts[each] for each in NoRecord},
        title=f"Without usable record in pack {pack}",
    )
