"""Commands of `tranchain risk` that grade and screen a pack."""

from typing import Annotated

import typer

from client.cli.amounts import parse_ppm, parse_ten
from client.cli.screening_report import report_of
from client.cli.session import session_of
from client.roles.risk_control import scoring, screening
from client.sdk.errors import InvalidInputError
from client.sdk.pack.on_chain import read_policy
from client.sdk.pack.reader import read_pack
from client.sdk.screening import EligibilityRule, Limit, Mode, Policy

PackId = Annotated[int, typer.Argument(help="Pack id.")]

_TERM, _RATE, _ARREARS, _REGION = range(4)
"""Dimensions of the layout that packs are invited with."""
_RATE_BAND_PPM = 50_000
_MODES = {"whole-pack": Mode.WHOLE_PACK, "per-level": Mode.PER_LEVEL}


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the group."""
    app.command()(screen)
    app.command()(show)


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
    records = read_policy(chain, chain.call("ScoringRounds", "round", round_id).policyId)
    aged = parse_ppm(age_factor, what="--age-factor")
    policy = Policy(
        expected_bad_rate_ppm=parse_ppm(expected_bad_rate, what="--expected-bad-rate"),
        mode=_mode(mode),
        by_count=by_count,
        profile_ppm=parse_ten(profile, what="--profile", scale=1_000_000),
        emphasis=parse_ten(emphasis, what="--emphasis"),
        fresh_days=records.fresh_days,
        age_days_max=records.age_days_max,
        layout_id=chain.call("AssetPackRegistry", "pack", pack).layoutId,
        sources_id=records.sources_id,
        age_factor_ppm=(aged, aged, aged),
        relation_factor_ppm=records.relation_factor_ppm,
        eligible=(
            _up_to(_TERM, term_max_years),
            _up_to(_RATE, _rate_class(rate_max)),
            _up_to(_ARREARS, _arrears_class(days_past_due_max)),
        ),
        limits=(Limit(dimension=_REGION, limit_ppm=parse_ppm(region_limit, what="--region-limit")),),
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


def _up_to(dimension: int, highest: int) -> EligibilityRule:
    return EligibilityRule(dimension, 2 ** (highest + 1) - 1)


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
