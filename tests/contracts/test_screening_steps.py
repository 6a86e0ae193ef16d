"""Screening in calls: any way to cut a run gives the same result, and no call takes more gas than it was given."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from client.sdk.pack.report import word
from client.sdk.screening import Asset, Limit, Mode, Policy, Reason
from tests.contracts.chain import refused
from tests.contracts.screening_scene import (
    DPD,
    RATE,
    REGION,
    STEP_GAS,
    TERM,
    Model,
    Phase,
    add_model,
    assert_equal,
    bucket,
    finish_run,
    phase_of,
    read_run,
    region_limit,
    run_screening,
    score_pack,
    start_run,
    up_to,
)
from tests.contracts.suite import Suite

PD_PPM = tuple(2_000 + 2_500 * score for score in range(100))
MARGINS = (1_050_000,) * 10
LEAST_GAS = {Phase.SORTING: 2_600_000, Phase.LIMITING: 1_300_000, Phase.SELECTING: 1_300_000}
"""With which a call gets a little further."""
POLICIES = {
    "whole pack": Policy(
        expected_bad_rate_ppm=100_000,
        age_factor_ppm=(1_100_000, 1_200_000, 1_300_000),
        eligible=(up_to(DPD, 0),),
        limits=region_limit(100_000),
    ),
    "per level": Policy(
        expected_bad_rate_ppm=100_000,
        mode=Mode.PER_LEVEL,
        profile_ppm=tuple(100_000 * level for level in range(1, 11)),
        eligible=(up_to(DPD, 0),),
        limits=region_limit(100_000),
    ),
    "several limits": Policy(
        expected_bad_rate_ppm=100_000,
        eligible=(up_to(DPD, 0),),
        limits=(
            Limit(dimension=TERM, limit_ppm=250_000),
            Limit(dimension=RATE, limit_ppm=20_000, exempts_zero=True),
            Limit(dimension=REGION, limit_ppm=100_000),
        ),
    ),
}


def make_pack(count: int) -> list[Asset]:
    """Loans as they come: bell-shaped scores, some regions larger than others, few without record."""
    random = Random(1)
    return [
        Asset(
            report_word=0
            if random.random() < 0.01
            else word(min(100, max(1, int(random.gauss(42, 20)))), random.choice([0] * 9 + [1, 2, 3])),
            principal_class=random.randint(1, 35),
            buckets=bucket(
                term=random.randint(1, 6),
                rate=max(0, int(random.gauss(0, 60))),
                dpd=int(random.random() < 0.02),
                region=min(50, int(random.expovariate(0.12))),
            ),
        )
        for _ in range(count)
    ]


@dataclass(frozen=True)
class Scored:
    """A scored pack."""

    assets: list[Asset]
    model: Model
    pack: int
    round_id: int


def score(suite: Suite, count: int) -> Scored:
    """Make and score a pack."""
    assets, model = make_pack(count), add_model(suite, PD_PPM, MARGINS)
    return Scored(assets, model, *score_pack(suite, assets, model))


@pytest.fixture(scope="module")
def scored(module_suite: Suite) -> Scored:
    """Seven chunks, the last one short: more than one call sorts with the usual gas."""
    return score(module_suite, 1_600)


@pytest.mark.parametrize("name", POLICIES)
def test_step_with_any_gas_gives_the_same_result(suite: Suite, scored: Scored, name: str) -> None:
    policy = POLICIES[name]
    run = start_run(suite, scored.pack, scored.round_id, policy)
    random = Random(name)
    screened = finish_run(suite, run, lambda phase: random.choice([LEAST_GAS[phase]] * 3 + [STEP_GAS // 2]))
    result = assert_equal(suite, run, scored.assets, policy, scored.model)
    assert len(screened.step_gas) > 6
    assert {Reason.CONCENTRATION, Reason.SCREENED} <= set(result.reasons)


@pytest.mark.parametrize("name", POLICIES)
def test_step_stays_within_its_gas(suite: Suite, scored: Scored, name: str) -> None:
    screened = run_screening(suite, scored.pack, scored.round_id, POLICIES[name])
    result = assert_equal(suite, screened.run_id, scored.assets, POLICIES[name], scored.model)
    assert result.reached
    assert max(screened.step_gas) <= STEP_GAS
    assert screened.gas < 5_000 * len(scored.assets)


def test_step_with_too_little_gas_says_what_it_needs_and_changes_nothing(suite: Suite, scored: Scored) -> None:
    run = start_run(suite, scored.pack, scored.round_id, POLICIES["whole pack"])
    before = read_run(suite, run)
    with refused("ScreeningGasTooLow"):
        suite.send("risk_control", suite.Screening.functions.step(run), gas=1_000_000)
    assert read_run(suite, run) == before
    while phase_of(suite, run) is Phase.SORTING:
        suite.send("risk_control", suite.Screening.functions.step(run), gas=STEP_GAS)
    before = read_run(suite, run)
    with refused("ScreeningGasTooLow"):
        suite.send("risk_control", suite.Screening.functions.step(run), gas=800_000)
    assert read_run(suite, run) == before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_step_through_twenty_thousand_assets_takes_gas_in_proportion(suite: Suite) -> None:
    large = score(suite, 20_000)
    policy = POLICIES["whole pack"]
    screened = run_screening(suite, large.pack, large.round_id, policy)
    assert assert_equal(suite, screened.run_id, large.assets, policy, large.model).reached
    assert max(screened.step_gas) <= STEP_GAS
    assert screened.gas < 3_000 * len(large.assets)
