"""Screening in calls: any way to cut a run gives the same result, and no call takes more gas than it was given."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from client.sdk.pack.on_chain import policy_struct
from client.sdk.pack.report import word
from client.sdk.screening import Asset, Limit, Mode, Policy, Reason, ScreeningResult, bridge, screen
from tests.contracts.revm_screening import RevmScreening
from tests.contracts.screening_scene import (
    DPD,
    RATE,
    REGION,
    STEP_GAS,
    TERM,
    Phase,
    bucket,
    figures_of,
    region_limit,
    run_names,
    tallies,
    up_to,
)

PD_PPM = tuple(2_000 + 2_500 * score for score in range(100))
MARGINS = (1_050_000,) * 10
LEAST_GAS = {
    "whole pack": (2_000_000, 1_100_000),
    "per level": (1_800_000, 1_100_000),
    "several limits": (2_900_000, 1_300_000),
}
"""With which a call gets a little further: while it sorts, and afterwards."""
GAS_PER_ASSET_MAX = {"whole pack": 4_500, "per level": 6_500, "several limits": 9_500}
"""Of all steps of a small pack."""
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


@pytest.fixture(scope="module")
def revm() -> RevmScreening:
    """The contracts, on the fast EVM."""
    return RevmScreening(PD_PPM, MARGINS)


@pytest.fixture(scope="module")
def assets() -> list[Asset]:
    """Seven chunks, the last one short: more than one call sorts with the usual gas."""
    return make_pack(1_600)


def expected_of(assets: list[Asset], policy: Policy) -> ScreeningResult:
    """What the reference says."""
    return screen(assets, policy, PD_PPM, MARGINS)


@pytest.mark.parametrize("name", POLICIES)
def test_step_with_any_gas_gives_the_same_result(revm: RevmScreening, assets: list[Asset], name: str) -> None:
    random, policy = Random(name), POLICIES[name]
    run = revm.start(*revm.put_assets(assets), policy)
    sorting, afterwards = LEAST_GAS[name]
    stepped = revm.finish(
        run, lambda phase: random.choice([sorting if phase is Phase.SORTING else afterwards] * 3 + [STEP_GAS * 3 // 4])
    )
    expected = expected_of(assets, policy)
    revm.assert_equal(stepped, assets, expected)
    assert len(stepped.step_gas) > 6
    assert {Reason.CONCENTRATION, Reason.SCREENED} <= set(expected.reasons)


@pytest.mark.parametrize("name", POLICIES)
def test_step_stays_within_its_gas(revm: RevmScreening, assets: list[Asset], name: str) -> None:
    stepped = revm.finish(revm.start(*revm.put_assets(assets), POLICIES[name]))
    revm.assert_equal(stepped, assets, expected_of(assets, POLICIES[name]))
    assert max(stepped.step_gas) <= STEP_GAS
    assert sum(stepped.step_gas) < GAS_PER_ASSET_MAX[name] * len(assets)


def test_step_with_too_little_gas_says_what_it_needs_and_changes_nothing(
    revm: RevmScreening, assets: list[Asset]
) -> None:
    run = revm.start(*revm.put_assets(assets), POLICIES["whole pack"])
    for phase in (Phase.SORTING, Phase.LIMITING):
        while revm.read_run(run)["phase"] < phase:
            revm.send("Screening", "step", run, gas=STEP_GAS)
        before = revm.read_run(run)
        error, available, needed = revm.refusal("Screening", "step", run, gas=700_000)
        assert (error, available < needed) == ("ScreeningGasTooLow", True)
        assert revm.read_run(run) == before


def test_step_with_as_many_groups_as_there_can_be_needs_no_more_than_its_gas(revm: RevmScreening) -> None:
    """The most that a state can hold: four limits of 256 groups each."""
    random = Random(2)
    assets = [
        Asset(report_word=word(random.randint(1, 100)), principal_class=1 + i % 9, buckets=random.randbytes(4))
        for i in range(3_000)
    ]
    limits = tuple(Limit(dimension=dimension, limit_ppm=4_300) for dimension in range(4))
    policy = Policy(expected_bad_rate_ppm=100_000, limits=limits)
    stepped = revm.finish(revm.start(*revm.put_assets(assets), policy))
    revm.assert_equal(stepped, assets, expected_of(assets, policy))
    assert max(stepped.step_gas) <= STEP_GAS


def test_what_if_says_what_a_run_would_end_in_and_what_gas_it_needs(revm: RevmScreening, assets: list[Asset]) -> None:
    pack, round_id = revm.put_assets(assets)
    for policy in (replace(each, layout_id=pack) for each in POLICIES.values()):
        before = revm.evm.snapshot()
        run, *levels = revm.call("Screening", "whatIf", pack, round_id, policy_struct(policy))
        used = revm.evm.result.gas_used
        error, available, needed = revm.refusal(
            "Screening", "whatIf", pack, round_id, policy_struct(policy), gas=8_000_000
        )
        revm.evm.revert(before)
        expected = expected_of(assets, policy)
        figures = dict(zip(run_names(), run, strict=True))
        assert {name: figures[name] for name in figures_of(expected)} == figures_of(expected)
        assert tallies(levels[:2]) == tuple(step.tally for step in bridge(assets, expected.reasons))
        assert tallies(levels[2:]) == expected.after.level_tallies
        assert (error, available < 8_000_000) == ("ScreeningGasTooLow", True)
        assert used <= needed < 2 * used


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_step_through_a_hundred_thousand_assets_takes_gas_in_proportion(revm: RevmScreening) -> None:
    large, policy = make_pack(100_000), POLICIES["whole pack"]
    stepped = revm.finish(revm.start(*revm.put_assets(large), policy))
    revm.assert_equal(stepped, large, expected_of(large, policy))
    assert max(stepped.step_gas) <= STEP_GAS
    assert sum(stepped.step_gas) < GAS_PER_ASSET_MAX["whole pack"] * len(large)
