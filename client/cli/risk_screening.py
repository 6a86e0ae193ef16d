"""Commands of `tranchain risk` that grade and screen a pack."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Annotated

import typer

from client.cli import policy_options as options
from client.cli.screening_report import report_of, what_if_report
from client.cli.session import Session, session_of
from client.roles.risk_control import scoring, screening, what_if
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.pack.on_chain import read_policy
from client.sdk.pack.reader import read_pack
from client.sdk.policy.on_chain import layout_of_pack
from client.sdk.policy.policy_file import PolicyDraft
from client.sdk.quantities import parse_ppm
from client.sdk.screening import Policy

PackId = Annotated[int, typer.Argument(help="Pack id.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the group."""
    app.command()(screen)
    app.command("what-if")(what_if_)
    app.command()(show)


def screen(
    context: typer.Context,
    pack: PackId,
    policy: options.PolicyFile = None,
    expected_bad_rate: Annotated[str | None, typer.Option(help="Target, such as 10%.")] = None,
    mode: options.Mode = None,
    by_count: options.ByCount = False,
    profile: options.Profile = None,
    emphasis: options.Emphasis = None,
    age_factors: options.AgeFactors = None,
    relations: options.Relations = None,
    eligible: options.Eligible = None,
    limit: options.Limit = None,
) -> None:
    """Screen a scored pack on chain until its bad rate is at most the expected one, and check the result.

    Options go before the policy file. Without either, loans past due are not eligible and nothing is limited.

    Example: tranchain risk screen 1 --expected-bad-rate 10% --mode whole-pack --limit 'region_code 20%'
    """
    draft = options.draft_of(
        policy,
        expected_bad_rate=expected_bad_rate,
        mode=mode,
        by_count=by_count,
        profile=profile,
        emphasis=emphasis,
        age_factors=age_factors,
        relations=relations,
        eligible=eligible,
        limits=limit,
    )
    if policy is None and expected_bad_rate is None:
        raise InvalidInputError("target", got="none", expected="--expected-bad-rate or --policy")
    session = session_of(context)
    chain, identity = session.chain, session.identity
    round_id = scoring.newest_round_of(chain, pack)
    rules = _rules_of(session, draft, pack, round_id)
    policy_id = scoring.ensure_policy(chain, identity, rules)
    run_id = screening.start_run(chain, identity, pack_id=pack, round_id=round_id, policy_id=policy_id)
    vault = session.vault
    with ThreadPoolExecutor() as executor, session.console.progress("screening on chain") as bar:
        # computed here while the contract does
        reference = executor.submit(screening.compute_reference, chain, run_id)
        rows = executor.submit(read_pack, chain, vault, identity, pack)
        steps, gas = screening.finish_run(chain, identity, run_id, report=lambda _: bar.advance())
    screened = screening.check_run(chain, run_id, reference.result())
    document = (
        report_of(screened, rules, rows.result()) | _scored_by(chain, run_id) | {"steps_count": steps, "gas_used": gas}
    )
    session.console.result(document, title=f"Screening of pack {pack}, run {run_id}")
    if not screened.result.reached:
        raise InvalidInputError(
            f"--expected-bad-rate of pack {pack}",
            got=expected_bad_rate or f"{rules.expected_bad_rate_ppm} ppm",
            expected=f"at least {screened.result.lowest_reachable_ppm} ppm",
            remedy=f"what binds: {screened.result.binding.name.lower()}; the pack is as it was",
        )


def what_if_(
    context: typer.Context,
    pack: PackId,
    policy: options.PolicyFile = None,
    expected_bad_rate: Annotated[
        list[str] | None, typer.Option(help="Target, such as 10%; repeat to see several beside each other.")
    ] = None,
    mode: options.Mode = None,
    by_count: options.ByCount = False,
    profile: options.Profile = None,
    emphasis: options.Emphasis = None,
    eligible: options.Eligible = None,
    limit: options.Limit = None,
    db: Annotated[
        str, typer.Option("--db", envvar="TRANCHAIN_DB", help="SQLite file or PostgreSQL URL of this risk control.")
    ] = "risk_control.db",
) -> None:
    """Ask the contract what a policy would do to a scored pack, and write nothing to the chain.

    Two what-ifs of a pack whose eligible borrowers differ by fewer than ten are refused: their difference would tell
    what the model says of single people.

    Example: tranchain risk what-if 1 --expected-bad-rate 12% --expected-bad-rate 10% --eligible 'term_months <= 36'
    """
    draft = options.draft_of(
        policy,
        mode=mode,
        by_count=by_count,
        profile=profile,
        emphasis=emphasis,
        eligible=eligible,
        limits=limit,
    )
    targets = [parse_ppm(each, what="--expected-bad-rate") for each in expected_bad_rate or ()]
    session = session_of(context)
    round_id = scoring.newest_round_of(session.chain, pack)
    rules = _rules_of(session, draft, pack, round_id)
    answers = _ask(session, pack, round_id, rules, targets or [rules.expected_bad_rate_ppm], db)
    session.console.result(what_if_report(answers), title=f"What if, of pack {pack}: nothing is written")


def show(context: typer.Context, pack: PackId) -> None:
    """Show the screening that a pack carries, computed again from the chain.

    Example: tranchain risk show 1
    """
    session = session_of(context)
    run_id = int(session.chain.call("Screening", "runOf", pack))
    if not run_id:
        raise InvalidInputError(f"pack {pack}", got="no screening", expected="one", remedy="`tranchain risk screen`")
    screened = screening.check_run(session.chain, run_id, screening.compute_reference(session.chain, run_id))
    rows = read_pack(session.chain, session.vault, session.identity, pack)
    policy = read_policy(session.chain, screened.policy_id)
    document = report_of(screened, policy, rows) | _scored_by(session.chain, run_id)
    session.console.result(document, title=f"Screening of pack {pack}, run {run_id}")


def _scored_by(chain: ChainClient, run_id: int) -> dict[str, object]:
    """Say which round and model version made the scores of a screening."""
    run = chain.call("Screening", "run", run_id)
    return {"round": run.roundId, "model": run.modelId}


def _rules_of(session: Session, draft: PolicyDraft, pack: int, round_id: int) -> Policy:
    """Write a draft over the pack's classes, with what its scores were made by: ages, sources, relations or not."""
    scored_by = read_policy(session.chain, session.chain.call("ScoringRounds", "round", round_id).policyId)
    layout_id, layout = layout_of_pack(session.chain, pack)
    policy = draft.compile(layout_id, layout)
    if bool(policy.relation_factor_ppm) != bool(scored_by.relation_factor_ppm):
        allowed = "with" if scored_by.relation_factor_ppm else "without"
        raise InvalidInputError("relations", got="another choice", expected=f"{allowed} them, as the scores were made")
    return replace(
        policy, fresh_days=scored_by.fresh_days, age_days_max=scored_by.age_days_max, sources_id=scored_by.sources_id
    )


def _ask(
    session: Session, pack: int, round_id: int, rules: Policy, targets: Sequence[int], db: str
) -> list[what_if.WhatIf]:
    from client.roles.risk_control.what_if_log import WhatIfLog  # here, as other commands need not wait for SQLAlchemy
    from client.sdk.database import open_engine

    log = WhatIfLog(open_engine(db), session.chain)
    rows = read_pack(session.chain, session.vault, session.identity, pack)
    what_if.check_difference(session.chain, log, rows, round_id, rules)
    return [
        what_if.ask(session.chain, session.identity, pack, round_id, replace(rules, expected_bad_rate_ppm=target))
        for target in targets
    ]
