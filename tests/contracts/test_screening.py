"""Screening: the source document's figures, what is out of reach, bring-down, every refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from client.sdk.pack.on_chain import policy_from_chain, policy_struct
from client.sdk.pack.report import score_of, word
from client.sdk.screening import (
    Asset,
    Binding,
    EligibilityRule,
    Limit,
    Mode,
    Policy,
    Reason,
    ScreeningResult,
    bring_down,
    screen,
)
from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.screening_scene import (
    DPD,
    Model,
    Phase,
    add_model,
    assert_equal,
    bucket,
    define_policy,
    finish_run,
    of_layout,
    phase_of,
    read_run,
    reasons_of,
    region_limit,
    run_screening,
    score_pack,
    start_run,
    up_to,
)
from tests.contracts.suite import Suite

MARGIN_LEAST = (1_050_000,) * 10
PD_PPM = tuple(1_000 * score for score in range(1, 101))
ASSETS = [
    Asset(
        report_word=0 if i % 40 == 39 else word(1 + i * 37 % 100, i // 10 % 4 if i % 10 == 3 else 0),
        principal_class=1 + i % 9,
        buckets=bucket(dpd=1 if i % 30 == 29 else 0, region=i % 7 if i % 3 else 6),
    )
    for i in range(120)
]
POLICY = Policy(
    expected_bad_rate_ppm=40_000,
    age_factor_ppm=(1_100_000, 1_200_000, 1_300_000),
    eligible=(up_to(DPD, 0),),
    limits=region_limit(400_000),
)
CASE_COUNTS = (21, 19, 16, 13, 10, 8, 8, 5, 3, 2)
CASE_PD_PPM = (2_000, 4_000, 6_000, 9_000, 12_000, 16_000, 22_000, 30_000, 45_000, 80_000)


@dataclass(frozen=True)
class Scored:
    """A scored pack of the assets above."""

    model: Model
    pack: int
    round_id: int


@pytest.fixture(scope="module")
def scored(module_suite: Suite) -> Scored:
    """The pack that most tests screen; each takes back what it did."""
    model = add_model(module_suite, PD_PPM, MARGIN_LEAST)
    return Scored(model, *score_pack(module_suite, ASSETS, model))


def screen_pack(suite: Suite, scored: Scored, policy: Policy = POLICY) -> tuple[int, ScreeningResult]:
    """Screen until the end; run and what the reference says."""
    run = run_screening(suite, scored.pack, scored.round_id, policy).run_id
    return run, assert_equal(suite, run, ASSETS, policy, scored.model)


def status_of(suite: Suite, pack: int) -> int:
    """Status of a pack."""
    return int(suite.AssetPackRegistry.functions.statusOf(pack).call())


def spread(counts: tuple[int, ...]) -> list[Asset]:
    """So many assets of each level."""
    return [
        Asset(report_word=10 * level + 5, principal_class=1, buckets=bucket())
        for level, n in enumerate(counts)
        for _ in range(n)
    ]


def test_three_equal_levels_have_the_source_documents_bad_rate(suite: Suite) -> None:
    pd = [47_619] * 30 + [66_666] * 30 + [95_238] * 40
    model = add_model(suite, pd, MARGIN_LEAST)
    assets = spread((0, 40, 0, 0, 40, 0, 0, 40, 0, 0))
    policy = Policy(expected_bad_rate_ppm=50_000, emphasis=(2,) * 3 + (3,) * 3 + (5,) * 4)
    pack, round_id = score_pack(suite, assets, model)
    run = run_screening(suite, pack, round_id, policy).run_id
    assert_equal(suite, run, assets, policy, model)
    figures = read_run(suite, run)
    assert (figures["beforeBalancePpm"], figures["beforeCountPpm"]) == (81_000, 81_000)
    assert (figures["afterBalancePpm"], figures["keptCount"]) == (50_000, 40)


def test_ten_levels_have_twelve_thousand_ppm(suite: Suite) -> None:
    model = add_model(suite, [CASE_PD_PPM[(score - 1) // 10] for score in range(1, 101)], MARGIN_LEAST)
    assets = spread(CASE_COUNTS)
    pack, round_id = score_pack(suite, assets, model)
    run = run_screening(suite, pack, round_id, Policy(expected_bad_rate_ppm=12_000)).run_id
    figures = read_run(suite, run)
    assert (figures["beforeBalancePpm"], figures["keptCount"]) == (12_000, 105)
    assert figures["phase"] == Phase.DONE


@pytest.mark.parametrize("mode", [Mode.PER_LEVEL, pytest.param(Mode.WHOLE_PACK, marks=pytest.mark.slow)])
def test_step_to_the_end_screens_the_pack(suite: Suite, scored: Scored, mode: Mode) -> None:
    policy = replace(POLICY, mode=mode, profile_ppm=tuple(100_000 * level for level in range(1, 11)))
    run, result = screen_pack(suite, scored, policy)
    assert result.reached
    assert {Reason.NOT_ELIGIBLE, Reason.NO_RECORD, Reason.SCREENED} <= set(result.reasons)
    assert status_of(suite, scored.pack) == 6
    views = suite.Screening.functions
    assert views.runOf(scored.pack).call() == run
    for index in (0, 1, 2, 29, 39, 118):
        assert views.isKept(scored.pack, index).call() == (result.reasons[index] == Reason.KEPT)
    assert not views.isKept(scored.pack, len(ASSETS)).call()
    assert views.reasons(run, 1).call() == b""


def test_is_kept_of_a_pack_without_screening_is_true(suite: Suite, scored: Scored) -> None:
    assert suite.Screening.functions.isKept(scored.pack, 3).call()


@pytest.mark.parametrize(
    ("changes", "binding"),
    [
        pytest.param({"expected_bad_rate_ppm": 10}, Binding.TARGET, marks=pytest.mark.slow),
        ({"mode": Mode.PER_LEVEL, "profile_ppm": (0,) * 9 + (1,), "expected_bad_rate_ppm": 20_000}, Binding.PROFILE),
        ({"limits": region_limit(100_000)}, Binding.CONCENTRATION),
    ],
)
def test_unreachable_target_changes_nothing_and_says_what_binds(
    suite: Suite, scored: Scored, changes: dict[str, Any], binding: Binding
) -> None:
    policy = replace(POLICY, **changes)
    run, result = screen_pack(suite, scored, policy)
    assert (result.reached, result.binding) == (False, binding)
    assert status_of(suite, scored.pack) == 5
    views = suite.Screening.functions
    assert views.runOf(scored.pack).call() == 0
    assert views.levels(run, True).call() == views.levels(run, False).call()
    assert views.histogram(run, True).call() == views.histogram(run, False).call()


def test_pack_of_an_unreachable_target_is_screened_with_another(suite: Suite, scored: Scored) -> None:
    _, result = screen_pack(suite, scored, replace(POLICY, expected_bad_rate_ppm=10))
    assert not result.reached
    assert screen_pack(suite, scored)[1].reached


def test_pack_without_eligible_asset_is_unreachable(suite: Suite, scored: Scored) -> None:
    assets = [replace(asset, report_word=0) for asset in ASSETS]
    pack, round_id = score_pack(suite, assets, scored.model)
    run = run_screening(suite, pack, round_id, POLICY).run_id
    assert assert_equal(suite, run, assets, POLICY, scored.model).binding is Binding.ELIGIBILITY


def test_bring_down_with_nothing_to_report_brings_the_pack_down(suite: Suite, scored: Scored) -> None:
    run, _ = screen_pack(suite, scored)
    receipt = suite.send("originator", suite.Screening.functions.bringDown(run, [], []))
    assert suite.event("Screening", "PackBroughtDown", receipt)["met"]
    assert phase_of(suite, run) is Phase.BROUGHT_DOWN
    assert status_of(suite, scored.pack) == 7


def test_bring_down_of_risky_assets_in_parts_keeps_the_target(suite: Suite, scored: Scored) -> None:
    run, result = screen_pack(suite, scored)
    kept = sorted(result.kept_indices(), key=lambda index: score_of(ASSETS[index].report_word))[-6:]
    first, second = sorted(kept[:3]), sorted(kept[3:])
    views = suite.Screening.functions
    suite.send("originator", views.reportBringDown(run, first, [1, 2, 3]))
    assert phase_of(suite, run) is Phase.DONE
    suite.send("originator", views.bringDown(run, second, [1, 1, 1]))
    expected = bring_down(ASSETS, POLICY, PD_PPM, MARGIN_LEAST, result, kept)
    assert expected.reached
    assert phase_of(suite, run) is Phase.BROUGHT_DOWN
    assert reasons_of(suite, run, len(ASSETS)) == expected.reasons
    assert read_run(suite, run)["afterBalancePpm"] == expected.after.bad_rate_by_balance_ppm
    counts, class_sums = views.levels(run, True).call()
    assert list(zip(counts, class_sums, strict=True)) == [
        (tally.count, tally.class_sum) for tally in expected.after.level_tallies
    ]
    assert sum(views.histogram(run, True).call()[0]) == expected.after.tally.count
    assert not views.isKept(scored.pack, kept[0]).call()


def miss_target(suite: Suite, scored: Scored) -> tuple[int, ScreeningResult, list[int]]:
    """Screen, then bring half of the safest half down, after which the rest is above the target."""
    run, result = screen_pack(suite, scored)
    kept = sorted(result.kept_indices(), key=lambda index: score_of(ASSETS[index].report_word))
    gone = sorted(kept[: len(kept) // 2 : 2])
    suite.send("originator", suite.Screening.functions.bringDown(run, gone, [1] * len(gone)))
    return run, result, gone


def test_bring_down_that_misses_the_target_leads_to_another_screening(suite: Suite, scored: Scored) -> None:
    first, result, gone = miss_target(suite, scored)
    expected = bring_down(ASSETS, POLICY, PD_PPM, MARGIN_LEAST, result, gone)
    assert not expected.reached
    assert phase_of(suite, first) is Phase.MISSED
    assert status_of(suite, scored.pack) == 6
    assert reasons_of(suite, first, len(ASSETS)) == expected.reasons
    again = run_screening(suite, scored.pack, scored.round_id, POLICY).run_id
    second = assert_equal(suite, again, ASSETS, POLICY, scored.model, brought_down=gone)
    assert second.reached
    views = suite.Screening.functions
    assert views.runOf(scored.pack).call() == again
    assert reasons_of(suite, first, len(ASSETS)) == expected.reasons
    assert views.bridge(again).call()[0][Reason.BROUGHT_DOWN] == len(gone)
    suite.send("originator", views.bringDown(again, [], []))
    assert status_of(suite, scored.pack) == 7


def test_bring_down_of_everything_misses_the_target(suite: Suite, scored: Scored) -> None:
    run, result = screen_pack(suite, scored)
    kept = list(result.kept_indices())
    suite.send("originator", suite.Screening.functions.bringDown(run, kept, [3] * len(kept)))
    assert phase_of(suite, run) is Phase.MISSED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"expectedBadRatePpm": 1_000_001}, "expectedBadRatePpm"),
        ({"mode": 2}, "mode"),
        ({"freshDays": 366}, "freshDays"),
        ({"ageFactorPpm": [999_999] * 3}, "ageFactorPpm"),
        ({"ageFactorPpm": [1_200_000, 1_100_000, 1_200_000]}, "ageFactorPpm"),
        ({"relationFactorPpm": 999_999}, "relationFactorPpm"),
        ({"layoutId": 99}, "layoutId"),
        ({"layoutId": 0}, "eligible"),
        ({"layoutId": 0, "eligible": []}, "limits"),
        ({"eligible": [(4, 1)]}, "eligible"),
        ({"eligible": [(2, 0)]}, "eligible"),
        ({"eligible": [(1, 1), (1, 3)]}, "eligible"),
        ({"eligible": [(2, 1), (1, 3)]}, "eligible"),
        ({"limits": [(4, 1, False)]}, "limits"),
        ({"limits": [(3, 0, False)]}, "limits"),
        ({"limits": [(3, 1_000_001, False)]}, "limits"),
        ({"limits": [(2, 1, False), (2, 1, True)]}, "limits"),
        ({"limits": [(3, 1, False), (2, 1, True)]}, "limits"),
        ({"emphasis": [0] + [1] * 9}, "emphasis"),
        ({"emphasis": [1] * 8 + [3, 2]}, "emphasis"),
        ({"mode": 1, "profile": [0] * 10}, "profile"),
    ],
)
def test_define_policy_out_of_range_is_refused(suite: Suite, changes: dict[str, Any], field: str) -> None:
    layout = {"layoutId": journey.layout_of(suite)}
    struct = policy_struct(POLICY) | layout | changes
    for call in (suite.Screening.functions.definePolicy(struct), suite.Screening.functions.whatIf(1, 1, struct)):
        with refused("ScreeningBadPolicy", field):
            suite.send("risk_control", call)


def test_define_policy_with_more_limits_than_four_is_refused(suite: Suite) -> None:
    layout = {"layoutId": journey.layout_of(suite, 5), "eligible": []}
    for count in (4, 5):
        limits = [(dimension, 500_000, False) for dimension in range(count)]
        call = suite.Screening.functions.definePolicy(policy_struct(POLICY) | layout | {"limits": limits})
        if count == 4:
            suite.send("risk_control", call)
            continue
        with refused("ScreeningBadPolicy", "limits"):
            suite.send("risk_control", call)


def test_policy_is_read_as_it_was_defined(suite: Suite) -> None:
    policy = Policy(
        expected_bad_rate_ppm=1,
        emphasis=(1, 2, 3, 4, 5, 6, 7, 8, 9, 2**32 - 1),
        by_count=True,
        layout_id=journey.layout_of(suite),
        sources_id=7,
        relation_factor_ppm=1_500_000,
        eligible=(EligibilityRule(0, 2**255 | 1), EligibilityRule(3, 2)),
        limits=(Limit(dimension=1, limit_ppm=10**6), Limit(dimension=2, limit_ppm=1, exempts_zero=True)),
    )
    policy_id = define_policy(suite, policy)
    contract = suite.Screening
    reader = suite.chain.w3.eth.contract(contract.address, abi=contract.abi, decode_tuples=True)
    assert policy_from_chain(reader.functions.policy(policy_id).call()) == policy
    with refused("ScreeningUnknownPolicy", policy_id + 1):
        suite.call("stranger", suite.Screening.functions.policy(policy_id + 1))


def test_start_is_refused_for_what_is_not_there(suite: Suite, scored: Scored) -> None:
    start = suite.Screening.functions.start
    suits = of_layout(suite, scored.pack, POLICY)
    policy = define_policy(suite, suits)
    scored_by = suite.Screening.functions.policyCount().call() - 1
    with refused("ScreeningUnknownPolicy", 999):
        suite.send("risk_control", start(scored.pack, scored.round_id, 999))
    with refused("ScreeningWrongRound", 999, scored.pack):
        suite.send("risk_control", start(scored.pack, 999, policy))
    for changes in ({"age_days_max": 400}, {"fresh_days": 1}, {"sources_id": 1}, {"relation_factor_ppm": 10**6}):
        with refused("ScreeningRecordRulesDiffer", scored.round_id, scored_by):
            other = define_policy(suite, replace(suits, **changes))
            suite.send("risk_control", start(scored.pack, scored.round_id, other))
    other_layout = journey.layout_of(suite, 5)
    with refused("ScreeningWrongLayout", other_layout, suits.layout_id):
        other = define_policy(suite, replace(suits, layout_id=other_layout))
        suite.send("risk_control", start(scored.pack, scored.round_id, other))
    with refused("ScreeningWrongPackStatus", 999, 0):
        suite.send("risk_control", start(999, scored.round_id, policy))


def test_run_that_does_not_exist_is_refused(suite: Suite) -> None:
    views = suite.Screening.functions
    for call in (views.run(999), views.run(0), views.reasons(999, 0), views.histogram(999, True)):
        with refused("ScreeningUnknownRun"):
            suite.call("stranger", call)
    with refused("ScreeningUnknownRun", 999):
        suite.send("risk_control", views.step(999))


def test_run_in_the_wrong_phase_is_refused(suite: Suite, scored: Scored) -> None:
    views = suite.Screening.functions
    run = start_run(suite, scored.pack, scored.round_id, POLICY)
    for call in (views.reasons(run, 0), views.histogram(run, True), views.bridge(run), views.levels(run, False)):
        with refused("ScreeningWrongPhase", run, Phase.SORTING):
            suite.call("stranger", call)
    with refused("ScreeningWrongPhase", run, Phase.SORTING):
        suite.send("originator", views.bringDown(run, [], []))
    finish_run(suite, run)
    with refused("ScreeningWrongPhase", run, Phase.DONE):
        suite.send("risk_control", views.step(run))


def test_step_of_a_run_whose_pack_went_on_is_refused(suite: Suite, scored: Scored) -> None:
    views = suite.Screening.functions
    first = start_run(suite, scored.pack, scored.round_id, POLICY)
    second = start_run(suite, scored.pack, scored.round_id, POLICY)
    third = start_run(suite, scored.pack, scored.round_id, POLICY)
    finish_run(suite, second)
    with refused("ScreeningSuperseded", 0, second):
        suite.send("risk_control", views.step(first))
    suite.send("originator", suite.AssetPackRegistry.functions.withdraw(scored.pack))
    with refused("ScreeningWrongPackStatus", scored.pack, 12):
        suite.send("originator", views.bringDown(second, [], []))
    with refused("ScreeningSuperseded", 0, second):
        suite.send("risk_control", views.step(third))


def test_step_of_a_withdrawn_pack_is_refused(suite: Suite, scored: Scored) -> None:
    run = start_run(suite, scored.pack, scored.round_id, POLICY)
    suite.send("originator", suite.AssetPackRegistry.functions.withdraw(scored.pack))
    with refused("ScreeningWrongPackStatus", scored.pack, 12):
        suite.send("risk_control", suite.Screening.functions.step(run))


def test_bring_down_refuses_what_is_wrong_in_a_report(suite: Suite, scored: Scored) -> None:
    run, result = screen_pack(suite, scored)
    report = suite.Screening.functions.reportBringDown
    kept = list(result.kept_indices())
    left = next(index for index, reason in enumerate(result.reasons) if reason == Reason.SCREENED)
    with refused("ScreeningNotOriginator", scored.pack, suite.originator_2):
        suite.send("originator_2", report(run, [], []))
    with refused("ScreeningLengthMismatch", 1, 0):
        suite.send("originator", report(run, [kept[0]], []))
    for reason in (0, 4):
        with refused("ScreeningBadReason", kept[0], reason):
            suite.send("originator", report(run, [kept[0]], [reason]))
    for index in (left, len(ASSETS)):
        with refused("ScreeningAssetNotKept", index):
            suite.send("originator", report(run, [index], [1]))
    for pair in ((kept[1], kept[0]), (kept[0], kept[0])):
        with refused("ScreeningNotAscending", *pair):
            suite.send("originator", report(run, list(pair), [1, 1]))
    suite.send("originator", report(run, [kept[0]], [1]))
    with refused("ScreeningAssetNotKept", kept[0]):
        suite.send("originator", report(run, [kept[0]], [1]))


@pytest.mark.parametrize("sender", ["originator", "exchange", "oracle_a", "governor_a", "deployer", "stranger"])
def test_functions_of_risk_control_are_refused_to_others(suite: Suite, sender: str) -> None:
    views = suite.Screening.functions
    struct = policy_struct(POLICY)
    for call in (views.definePolicy(struct), views.start(1, 1, 1), views.step(1), views.whatIf(1, 1, struct)):
        with refused("AccessManagedUnauthorized", suite.account[sender]):
            suite.send(sender, call)


@pytest.mark.parametrize("sender", ["risk_control", "exchange", "oracle_a", "governor_a", "stranger"])
def test_functions_of_the_originator_are_refused_to_others(suite: Suite, sender: str) -> None:
    views = suite.Screening.functions
    for call in (views.reportBringDown(1, [], []), views.bringDown(1, [], [])):
        with refused("AccessManagedUnauthorized", suite.account[sender]):
            suite.send(sender, call)


def test_contracts_are_initialized_and_upgraded_by_governance_alone(suite: Suite) -> None:
    for contract in (suite.Screening, suite.ScreeningTerms, suite.ScreeningEngine, suite.ScreeningOutcome):
        with refused("InvalidInitialization"):
            suite.send("deployer", contract.functions.initialize(suite.deployer, suite.deployer))
        with refused("AccessManagedUnauthorized", suite.governor_a):
            suite.send("governor_a", contract.functions.upgradeToAndCall(suite.deployer, b""))


def test_product_is_issued_on_the_levels_that_screening_left(suite: Suite, scored: Scored) -> None:
    run, _ = screen_pack(suite, scored)
    journey.transfer_pack(suite, scored.pack, run)
    counts, class_sums = suite.Screening.functions.levels(run, True).call()
    issuance = {
        "productId": journey.make_hash("product"),
        "packId": scored.pack,
        "runId": run,
        "totalCents": 1_000_000,
        "levelCounts": counts,
        "levelClasses": class_sums,
        "documentHash": journey.HASH,
    }
    suite.send("exchange", suite.Exchange.functions.issue(issuance))
    assert status_of(suite, scored.pack) == 9


def test_reference_and_contract_name_the_same_reasons() -> None:
    assert [reason.value for reason in Reason] == list(range(6))
    assert screen([], POLICY, PD_PPM, MARGIN_LEAST).binding is Binding.ELIGIBILITY
