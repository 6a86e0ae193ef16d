"""Options that say what grading and screening go by: a policy file, and single rules that go before it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from client.sdk.errors import InvalidInputError
from client.sdk.policy.policy_file import MODES, PolicyDraft, read_policy_file
from client.sdk.policy.rules import parse_concentration, parse_eligibility
from client.sdk.quantities import parse_ppm, parse_ten

PolicyFile = Annotated[Path | None, typer.Option("--policy", help="TOML file with target, rules and limits.")]
Mode = Annotated[str | None, typer.Option(help="whole-pack or per-level.")]
ByCount = Annotated[bool, typer.Option("--by-count", help="Weigh every asset 1 instead of its principal.")]
Profile = Annotated[str | None, typer.Option(help="k of levels 1 to 10 for per-level, such as 0,0,0,1,1,2,3,4,6,10.")]
Emphasis = Annotated[str | None, typer.Option(help="m of levels 1 to 10, not falling, such as 1,1,1,1,1,1,2,2,3,3.")]
AgeFactors = Annotated[
    str | None, typer.Option(help="Factors on the pd of records in each third between the two ages: 110%,120%,130%.")
]
Relations = Annotated[str | None, typer.Option(help="Factor on the pd of data spread by relations; else not allowed.")]
Eligible = Annotated[
    list[str] | None,
    typer.Option("--eligible", help="Rule such as 'term_months <= 60'; repeat. In place of the file's."),
]
Limit = Annotated[
    list[str] | None, typer.Option("--limit", help="Limit such as 'region_code 20%'; repeat. In place of the file's.")
]


def draft_of(
    policy_file: Path | None,
    *,
    expected_bad_rate: str | None = None,
    mode: str | None = None,
    by_count: bool = False,
    profile: str | None = None,
    emphasis: str | None = None,
    age_factors: str | None = None,
    relations: str | None = None,
    eligible: list[str] | None = None,
    limits: list[str] | None = None,
) -> PolicyDraft:
    """Return the policy of a file, with the options that were given in place of its values."""
    draft = read_policy_file(policy_file)
    changes: dict[str, Any] = {}
    if expected_bad_rate is not None:
        changes["expected_bad_rate_ppm"] = parse_ppm(expected_bad_rate, what="--expected-bad-rate")
    if mode is not None:
        if mode not in MODES:
            raise InvalidInputError("--mode", got=mode, expected=" or ".join(MODES))
        changes["mode"] = MODES[mode]
    if by_count:
        changes["by_count"] = True
    if profile is not None:
        changes["profile_ppm"] = parse_ten(profile, what="--profile", scale=1_000_000)
    if emphasis is not None:
        changes["emphasis"] = parse_ten(emphasis, what="--emphasis")
    if age_factors is not None:
        changes["age_factor_ppm"] = _age_factors(age_factors)
    if relations is not None:
        changes["relation_factor_ppm"] = parse_ppm(relations, what="--relations")
    return PolicyDraft(
        base=replace(draft.base, **changes),
        eligible=draft.eligible if eligible is None else tuple(map(parse_eligibility, eligible)),
        limits=draft.limits if limits is None else tuple(map(parse_concentration, limits)),
    )


def _age_factors(text: str) -> tuple[int, ...]:
    factors = tuple(parse_ppm(part, what="--age-factors") for part in text.split(","))
    if len(factors) != 3:
        raise InvalidInputError("--age-factors", got=text, expected="three, such as 110%,120%,130%")
    return factors
