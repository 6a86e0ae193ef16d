"""The reference against brute force on small packs, and the source document's figures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.sdk.errors import InvalidInputError
from client.sdk.pack.report import band_of, is_by_relation, score_of, word
from client.sdk.screening import (
    Asset,
    Binding,
    EligibilityRule,
    Limit,
    Mode,
    Policy,
    Reason,
    RiskTable,
    ScreeningResult,
    Tally,
    screen,
)
from client.sdk.screening.rules import bring_down

PD_PPM = tuple(1_500 * score for score in range(1, 101))
NO_MARGIN = (1_000_000,) * 10
DPD, REGION, AGE = range(3)
"""Dimensions of the layout here."""
MARGINS = (1_050_000, 1_050_000, 1_300_000, 1_050_000, 1_900_000, 1_100_000, 1_050_000, 1_050_000, 1_200_000, 1_050_000)

assets_strategy = st.lists(
    st.builds(
        Asset,
        report_word=st.sampled_from([0, 3, 17, 61])
        | st.builds(word, st.sampled_from([3, 45, 88, 100]), st.integers(0, 3), st.booleans()),
        principal_class=st.integers(1, 6),
        buckets=st.builds(
            lambda dpd, region, age: bytes([dpd, region, age]),
            st.sampled_from([0, 0, 0, 0, 2]),
            st.integers(0, 3),
            st.integers(0, 2),
        ),
    ),
    max_size=9,
)
policy_strategy = st.builds(
    Policy,
    expected_bad_rate_ppm=st.integers(0, 200_000),
    mode=st.sampled_from(Mode),
    by_count=st.booleans(),
    profile_ppm=st.lists(st.sampled_from([0, 1, 250_000, 1_000_000, 3_700_000]), min_size=10, max_size=10)
    .map(tuple)
    .filter(any),
    emphasis=st.sampled_from([(1,) * 10, (1, 1, 2, 2, 3, 3, 4, 5, 6, 9)]),
    age_factor_ppm=st.lists(st.sampled_from([1_000_000, 1_500_000, 20_000_000]), min_size=3, max_size=3)
    .map(sorted)
    .map(tuple),
    relation_factor_ppm=st.sampled_from([0, 1_000_000, 3_000_000]),
    eligible=st.sampled_from([(), (EligibilityRule(DPD, 0b1),), (EligibilityRule(DPD, 0b100),)]),
    limits=st.builds(
        lambda *limits: tuple(limit for limit in limits if limit.limit_ppm < 1_000_000),
        *(
            st.builds(
                Limit,
                dimension=st.just(dimension),
                limit_ppm=st.sampled_from([1_000_000, 700_000, 400_000, 260_000, 100_000]),
                exempts_zero=st.booleans(),
            )
            for dimension in (REGION, AGE)
        ),
    ),
)


def is_usable(asset: Asset, policy: Policy) -> bool:
    """Whether there is a record that the policy uses."""
    return asset.report_word > 0 and (policy.relation_factor_ppm > 0 or not is_by_relation(asset.report_word))


def is_eligible(asset: Asset, policy: Policy) -> bool:
    """Every dimension that has a rule is of a class that it names."""
    return all(asset.buckets[rule.dimension] in _classes(rule) for rule in policy.eligible)


def _classes(rule: EligibilityRule) -> set[int]:
    return {place for place, bit in enumerate(reversed(f"{rule.classes:b}")) if bit == "1"}


def pd_ppm(asset: Asset, policy: Policy, margins: tuple[int, ...]) -> int:
    """Probability of default by the words of docs/screening.md, in fractions."""
    score, band = score_of(asset.report_word), band_of(asset.report_word)
    pd = -(-Fraction(PD_PPM[score - 1] * margins[(score - 1) // 10], 10**6) // 1)
    if band:
        pd = -(-pd * Fraction(policy.age_factor_ppm[band - 1], 10**6) // 1)
    if is_by_relation(asset.report_word):
        pd = -(-pd * Fraction(policy.relation_factor_ppm, 10**6) // 1)
    return min(10**6, int(pd))


def rate(assets: list[Asset], kept: frozenset[int], policy: Policy, margins: tuple[int, ...]) -> Fraction:
    """Exact bad rate; 0 of nothing."""
    numerator = denominator = 0
    for index in kept:
        asset = assets[index]
        weight = policy.emphasis[(score_of(asset.report_word) - 1) // 10]
        weight *= 1 if policy.by_count else asset.principal_class
        numerator, denominator = numerator + weight * pd_ppm(asset, policy, margins), denominator + weight
    return Fraction(numerator, denominator) if denominator else Fraction(0)


def order_of_risk(assets: list[Asset], kept: frozenset[int], policy: Policy, margins: tuple[int, ...]) -> list[int]:
    """Score descending, pd descending, index ascending."""

    def key(index: int) -> tuple[int, int, int]:
        return -score_of(assets[index].report_word), -pd_ppm(assets[index], policy, margins), index

    return sorted(kept, key=key)


def is_over(assets: list[Asset], kept: frozenset[int], limit: Limit, group: int) -> bool:
    """Whether a group's share of the kept principal is above its limit."""
    if limit.exempts_zero and group == 0:
        return False
    total = sum(assets[index].principal_class for index in kept)
    members = [index for index in kept if assets[index].buckets[limit.dimension] == group]
    return sum(assets[index].principal_class for index in members) * 10**6 > limit.limit_ppm * total


def is_within_limits(assets: list[Asset], kept: frozenset[int], policy: Policy) -> bool:
    """No group of any limit is over it."""
    return not any(is_over(assets, kept, limit, group) for limit in policy.limits for group in range(4))


def within_limits(
    assets: list[Asset], kept: frozenset[int], policy: Policy, margins: tuple[int, ...]
) -> frozenset[int]:
    """What step 3 leaves, one removal at a time: passes over limits and groups until one changes nothing."""
    start, before = kept, None
    while before != kept:
        before = kept
        for limit in policy.limits:
            for group in range(4):
                while is_over(assets, kept, limit, group):
                    order = order_of_risk(assets, kept, policy, margins)
                    kept -= {next(i for i in order if assets[i].buckets[limit.dimension] == group)}
    if len(policy.limits) == 1:
        assert kept == largest_within_limits(assets, start, policy, margins)
    return kept


def largest_within_limits(
    assets: list[Asset], kept: frozenset[int], policy: Policy, margins: tuple[int, ...]
) -> frozenset[int]:
    """Try every way to take each group's riskiest out; the largest set that keeps the limit contains the others."""
    order = order_of_risk(assets, kept, policy, margins)
    (limit,) = policy.limits
    by_group = [[i for i in order if assets[i].buckets[limit.dimension] == group] for group in range(4)]
    feasible = [
        candidate
        for cut in product(*(range(len(members) + 1) for members in by_group))
        if is_within_limits(
            assets,
            candidate := frozenset(i for members, n in zip(by_group, cut, strict=True) for i in members[n:]),
            policy,
        )
    ]
    largest = max(feasible, key=len)
    assert all(other <= largest for other in feasible)
    return largest


def candidates(
    assets: list[Asset], kept: frozenset[int], policy: Policy, margins: tuple[int, ...]
) -> list[frozenset[int]]:
    """The sets that step 4 looks at, in its order: every prefix removed, or every x that makes a difference."""
    order = order_of_risk(assets, kept, policy, margins)
    if policy.mode is Mode.WHOLE_PACK:
        return [frozenset(order[n:]) for n in range(1, len(order) + 1)]
    levels = [[i for i in order if (score_of(assets[i].report_word) - 1) // 10 == level] for level in range(10)]
    steps = set()
    for level, factor in zip(levels, policy.profile_ppm, strict=True):
        for removed in range(1, len(level) + 1):
            if factor:
                steps.add(-(-removed * 10**10 // (factor * len(level))))
    sets = []
    for step in sorted(steps):
        x = Fraction(step, 10_000)
        gone = [
            int(min(Fraction(1), Fraction(factor, 10**6) * x) * len(level))
            for level, factor in zip(levels, policy.profile_ppm, strict=True)
        ]
        sets.append(frozenset(i for level, n in zip(levels, gone, strict=True) for i in level[n:]))
    return sets


def brute_force(
    assets: list[Asset], policy: Policy, margins: tuple[int, ...]
) -> tuple[frozenset[int], frozenset[int] | None]:
    """What steps 1 and 2 leave, and what the whole screening keeps; None when the target is out of reach."""
    start = frozenset(i for i, asset in enumerate(assets) if is_usable(asset, policy) and is_eligible(asset, policy))
    kept, target = start, policy.expected_bad_rate_ppm
    while True:
        limited = within_limits(assets, kept, policy, margins)
        if not limited:
            return start, None
        if rate(assets, limited, policy, margins) <= target:
            return start, limited
        hits = [
            c for c in candidates(assets, limited, policy, margins) if c and rate(assets, c, policy, margins) <= target
        ]
        if not hits:
            return start, None
        kept = hits[0]
        if is_within_limits(assets, kept, policy):
            return start, kept


@settings(max_examples=400, deadline=None)
@given(assets=assets_strategy, policy=policy_strategy, margins=st.sampled_from([NO_MARGIN, MARGINS]))
def test_screen_any_small_pack_equals_brute_force(
    assets: list[Asset], policy: Policy, margins: tuple[int, ...]
) -> None:
    result = screen(assets, policy, PD_PPM, margins)
    start, expected = brute_force(assets, policy, margins)
    assert result.reached == (expected is not None)
    assert frozenset(result.kept_indices()) == (start if expected is None else expected)
    assert result.before.tally.count == len(start)
    exact = rate(assets, frozenset(result.kept_indices()), policy, margins)
    reported = result.after.bad_rate_by_count_ppm if policy.by_count else result.after.bad_rate_by_balance_ppm
    assert reported == -(-exact // 1)
    if result.reached:
        assert reported == result.lowest_reachable_ppm <= policy.expected_bad_rate_ppm
    else:
        assert result.lowest_reachable_ppm > policy.expected_bad_rate_ppm or result.lowest_reachable_ppm == 10**6


@settings(max_examples=200, deadline=None)
@given(assets=assets_strategy, policy=policy_strategy.map(lambda policy: replace(policy, limits=())))
def test_screen_without_limits_reaches_the_rate_it_calls_lowest(assets: list[Asset], policy: Policy) -> None:
    result = screen(assets, policy, PD_PPM, MARGINS)
    if result.reached or result.binding is Binding.ELIGIBILITY:
        return
    at_lowest = replace(policy, expected_bad_rate_ppm=result.lowest_reachable_ppm)
    below = replace(policy, expected_bad_rate_ppm=result.lowest_reachable_ppm - 1)
    assert screen(assets, at_lowest, PD_PPM, MARGINS).reached
    assert not screen(assets, below, PD_PPM, MARGINS).reached


def pack(*parts: tuple[int, int], principal_class: int = 1) -> list[Asset]:
    """So many assets of each score."""
    return [
        Asset(report_word=score, principal_class=principal_class, buckets=bytes(3))
        for score, n in parts
        for _ in range(n)
    ]


def test_bad_rate_of_three_equal_levels_gives_the_source_documents_figure() -> None:
    pd = [50_000] * 30 + [70_000] * 30 + [100_000] * 40
    policy = Policy(expected_bad_rate_ppm=50_000, emphasis=(2,) * 3 + (3,) * 3 + (5,) * 4)
    result = screen(pack((15, 1000), (45, 1000), (75, 1000)), policy, pd, NO_MARGIN)
    assert result.before.bad_rate_by_balance_ppm == 81_000
    assert result.reached
    assert result.after.bad_rate_by_balance_ppm == 50_000
    assert result.after.tally.count == 1000


def test_bad_rate_of_a_level_with_a_tenth_defaulted_is_a_tenth() -> None:
    result = screen(pack((95, 1000)), Policy(expected_bad_rate_ppm=100_000), [100_000] * 100, NO_MARGIN)
    assert result.before.bad_rate_by_count_ppm == 100_000


def test_bad_rate_of_ten_levels_gives_twelve_thousand_ppm() -> None:
    pd_by_level = (2_000, 4_000, 6_000, 9_000, 12_000, 16_000, 22_000, 30_000, 45_000, 80_000)
    counts = (190, 180, 150, 120, 100, 55, 95, 60, 30, 20)
    pd = [pd_by_level[(score - 1) // 10] for score in range(1, 101)]
    parts = [(10 * level + 5, count) for level, count in enumerate(counts)]
    result = screen(pack(*parts), Policy(expected_bad_rate_ppm=12_000), pd, NO_MARGIN)
    assert result.before.bad_rate_by_count_ppm == 12_000
    assert result.reached


def test_pd_takes_margin_then_age_factor_then_relation_factor_rounded_up_each_time() -> None:
    policy = Policy(
        expected_bad_rate_ppm=0, age_factor_ppm=(1_333_333, 1_333_333, 2_000_000), relation_factor_ppm=1_100_000
    )
    risk = RiskTable.build(policy, [101] * 100, (1_050_000,) * 10)
    pds = {
        (band, relation): risk.pd_ppm_by_slot[risk.slot_of(word(7, band, relation))]
        for band in range(4)
        for relation in (False, True)
    }
    fresh, aged, oldest = (107, 118), (143, 158), (214, 236)
    expected = (*fresh, *aged, *aged, *oldest)
    assert tuple(pds[band, relation] for band in range(4) for relation in (False, True)) == expected


def test_order_of_equal_pd_goes_by_index_whether_aged_or_not() -> None:
    assets = [Asset(report_word=w, principal_class=1) for w in (50, word(50, 2), 50, 40)]
    policy = Policy(expected_bad_rate_ppm=45_000, by_count=True)
    pd = [1_000 * score for score in range(1, 101)]
    assert screen(assets, policy, pd, NO_MARGIN).reasons == bytes([4, 4, 0, 0])
    factors = (1_000_000, 1_000_001, 1_000_001)
    aged_first = Policy(expected_bad_rate_ppm=47_000, by_count=True, age_factor_ppm=factors)
    assert screen(assets, aged_first, pd, NO_MARGIN).reasons == bytes([0, 4, 0, 0])


def test_record_spread_by_relations_is_used_only_where_the_policy_allows_it() -> None:
    assets = [Asset(report_word=word(50, relation=True), principal_class=1), Asset(report_word=50, principal_class=1)]
    off = screen(assets, Policy(expected_bad_rate_ppm=10**6), PD_PPM, NO_MARGIN)
    assert off.reasons == bytes([Reason.NO_RECORD, Reason.KEPT])
    on = screen(assets, Policy(expected_bad_rate_ppm=10**6, relation_factor_ppm=2_000_000), PD_PPM, NO_MARGIN)
    assert on.reasons == bytes([Reason.KEPT, Reason.KEPT])
    assert on.before.bad_rate_by_count_ppm == 75_000 * 3 // 2


def test_concentration_of_one_group_only_is_named_as_binding() -> None:
    result = screen(
        pack((10, 20)),
        Policy(expected_bad_rate_ppm=10**6, limits=(Limit(dimension=REGION, limit_ppm=999_999),)),
        PD_PPM,
        NO_MARGIN,
    )
    assert (result.reached, result.binding, result.lowest_reachable_ppm) == (False, Binding.CONCENTRATION, 10**6)
    assert set(result.reasons) == {Reason.KEPT}


def test_concentration_after_screening_removes_again_until_nothing_changes() -> None:
    risky = [Asset(report_word=90, principal_class=1, buckets=bytes([0, 0, 0]))] * 8
    safe = [Asset(report_word=10, principal_class=1, buckets=bytes([0, 1, 0]))] * 8
    mixed = [Asset(report_word=20, principal_class=1, buckets=bytes([0, 2, 0]))] * 4
    policy = Policy(expected_bad_rate_ppm=40_000, limits=(Limit(dimension=REGION, limit_ppm=500_000),))
    result = screen(risky + safe + mixed, policy, PD_PPM, NO_MARGIN)
    assert result.reached
    assert result.round_count == 2
    assert {Reason.SCREENED, Reason.CONCENTRATION} <= set(result.reasons)
    kept = frozenset(result.kept_indices())
    assert is_within_limits(risky + safe + mixed, kept, policy)


@pytest.mark.parametrize(
    ("assets", "policy", "binding"),
    [
        ([], Policy(expected_bad_rate_ppm=10), Binding.ELIGIBILITY),
        (pack((0, 5)), Policy(expected_bad_rate_ppm=10), Binding.ELIGIBILITY),
        (pack((10, 5), (20, 5)), Policy(expected_bad_rate_ppm=10), Binding.TARGET),
        (
            pack((10, 5), (20, 5)),
            Policy(expected_bad_rate_ppm=10, mode=Mode.PER_LEVEL, profile_ppm=(0, 0, 10**6) + (0,) * 7),
            Binding.PROFILE,
        ),
        (
            pack((10, 5), (20, 5)),
            Policy(expected_bad_rate_ppm=10, mode=Mode.PER_LEVEL, profile_ppm=(0, 10**6) + (0,) * 8),
            Binding.PROFILE,
        ),
        (pack((10, 5)), Policy(expected_bad_rate_ppm=10, mode=Mode.PER_LEVEL), Binding.TARGET),
    ],
)
def test_screen_unreachable_target_changes_nothing_and_says_what_binds(
    assets: list[Asset], policy: Policy, binding: Binding
) -> None:
    result = screen(assets, policy, PD_PPM, NO_MARGIN)
    assert (result.reached, result.binding) == (False, binding)
    assert result.after == result.before
    assert Reason.SCREENED not in result.reasons


def screened() -> tuple[list[Asset], Policy, ScreeningResult]:
    assets = pack((10, 6), (30, 3), (80, 1), principal_class=2)
    policy = Policy(expected_bad_rate_ppm=26_000)
    return assets, policy, screen(assets, policy, PD_PPM, NO_MARGIN)


def test_bring_down_of_safe_assets_may_miss_the_target() -> None:
    assets, policy, result = screened()
    assert result.reasons == bytes([0] * 9 + [4])
    after = bring_down(assets, policy, PD_PPM, NO_MARGIN, result, [0, 1, 2, 3])
    assert not after.reached
    assert after.reasons == bytes([5, 5, 5, 5, 0, 0, 0, 0, 0, 4])
    assert after.after.tally == Tally(5, 10)
    again = screen(assets, policy, PD_PPM, NO_MARGIN, brought_down=[0, 1, 2, 3])
    assert again.reached
    assert again.reasons[:4] == bytes([5] * 4)
    assert again.before.tally == Tally(6, 12)


def test_bring_down_of_risky_assets_keeps_the_target() -> None:
    assets, policy, result = screened()
    assert bring_down(assets, policy, PD_PPM, NO_MARGIN, result, [8]).reached
    everything = bring_down(assets, policy, PD_PPM, NO_MARGIN, result, range(9))
    assert not everything.reached


def test_bring_down_of_an_asset_that_left_is_refused() -> None:
    assets, policy, result = screened()
    with pytest.raises(InvalidInputError, match="assets to bring down"):
        bring_down(assets, policy, PD_PPM, NO_MARGIN, result, [9])


@pytest.mark.parametrize(
    "changes",
    [
        {"expected_bad_rate_ppm": 10**6 + 1},
        {"profile_ppm": (1,) * 9},
        {"mode": Mode.PER_LEVEL, "profile_ppm": (0,) * 10},
        {"emphasis": (0,) + (1,) * 9},
        {"emphasis": (1, 3, 2) + (3,) * 7},
        {"fresh_days": 10, "age_days_max": 9},
        {"age_factor_ppm": (999_999, 10**6, 10**6)},
        {"age_factor_ppm": (10**6, 2 * 10**6, 10**6)},
        {"age_factor_ppm": (10**6, 10**6)},
        {"age_factor_ppm": (10**6, 10**6, 2**32)},
        {"relation_factor_ppm": 999_999},
        {"eligible": (EligibilityRule(3, 1), EligibilityRule(3, 1))},
        {"eligible": (EligibilityRule(3, 1), EligibilityRule(2, 1))},
        {"eligible": (EligibilityRule(16, 1),)},
        {"eligible": (EligibilityRule(0, 0),)},
        {"eligible": (EligibilityRule(0, 2**256),)},
        {"limits": (Limit(dimension=0, limit_ppm=0),)},
        {"limits": (Limit(dimension=0, limit_ppm=10**6 + 1),)},
        {"limits": (Limit(dimension=-1, limit_ppm=1),)},
        {"limits": tuple(Limit(dimension=dimension, limit_ppm=1) for dimension in range(5))},
        {"limits": (Limit(dimension=2, limit_ppm=1), Limit(dimension=1, limit_ppm=1))},
    ],
)
def test_policy_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        Policy(**{"expected_bad_rate_ppm": 1, **changes})  # type: ignore[arg-type]


def test_risk_table_of_wrong_length_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="model tables"):
        screen([], Policy(expected_bad_rate_ppm=1), [1] * 99, NO_MARGIN)
