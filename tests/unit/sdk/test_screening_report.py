"""Curve, histograms, bridge and both modes side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk.errors import InvalidInputError
from client.sdk.pack.report import word
from client.sdk.screening import (
    Asset,
    EligibilityRule,
    Limit,
    Mode,
    Policy,
    Reason,
    Tally,
    bridge,
    bring_down,
    compare_modes,
    curve,
    decode_assets,
    histogram,
    levels,
    screen,
)

PD_PPM = tuple(1_000 * score for score in range(1, 101))
MARGIN_PPM = (1_050_000,) * 10
assets_strategy = st.lists(
    st.builds(
        Asset,
        report_word=st.builds(word, st.integers(1, 100), st.integers(0, 3)) | st.just(0),
        principal_class=st.integers(1, 65_535),
        buckets=st.builds(lambda dpd, region: bytes([dpd, region]), st.sampled_from([0, 0, 0, 1]), st.integers(0, 2)),
    ),
    max_size=60,
)
POLICY = Policy(
    expected_bad_rate_ppm=40_000,
    eligible=(EligibilityRule(0, 0b1),),
    limits=(Limit(dimension=1, limit_ppm=600_000),),
    age_factor_ppm=(1_200_000, 1_300_000, 1_400_000),
)


@given(assets=assets_strategy)
def test_bridge_of_any_pack_adds_up_in_count_class_and_cents(assets: list[Asset]) -> None:
    result = screen(assets, POLICY, PD_PPM, MARGIN_PPM)
    balances = [asset.principal_class * 100_000 - 1 for asset in assets]
    steps = bridge(assets, result.reasons, balances)
    assert [step.reason for step in steps] == list(Reason)
    assert sum(step.tally.count for step in steps) == len(assets)
    assert sum(step.tally.class_sum for step in steps) == sum(asset.principal_class for asset in assets)
    assert sum(step.balance_cents or 0 for step in steps) == sum(balances)
    assert steps[Reason.KEPT].tally == result.after.tally


@given(assets=assets_strategy)
def test_histogram_of_any_pack_sums_to_the_levels_of_the_result(assets: list[Asset]) -> None:
    result = screen(assets, POLICY, PD_PPM, MARGIN_PPM)
    assert levels(histogram(assets, result.reasons, after=False)) == result.before.level_tallies
    assert levels(histogram(assets, result.reasons, after=True)) == result.after.level_tallies


@given(assets=assets_strategy)
def test_curve_of_any_pack_starts_at_the_rate_before_and_ends_empty(assets: list[Asset]) -> None:
    points = curve(assets, POLICY, PD_PPM, MARGIN_PPM, point_count=11)
    before = screen(assets, POLICY, PD_PPM, MARGIN_PPM).before
    assert points[0].removed == Tally(0, 0)
    assert points[0].bad_rate_by_balance_ppm == before.bad_rate_by_balance_ppm
    assert (points[-1].removed, points[-1].bad_rate_by_count_ppm) == (before.tally, 0)
    assert len(points) == min(11, before.tally.count + 1)


def test_curve_passes_through_what_whole_pack_screening_keeps() -> None:
    assets = [Asset(report_word=score, principal_class=1) for score in range(1, 101)]
    policy = Policy(expected_bad_rate_ppm=20_000)
    result = screen(assets, policy, PD_PPM, MARGIN_PPM)
    removed = 100 - result.after.tally.count
    points = curve(assets, policy, PD_PPM, MARGIN_PPM)
    assert points[removed].bad_rate_by_balance_ppm == result.after.bad_rate_by_balance_ppm <= 20_000
    assert points[removed - 1].bad_rate_by_balance_ppm > 20_000


def test_example_of_the_rules_page_takes_two_rounds() -> None:
    scores = [10] * 4 + [30] * 3 + [80] * 3
    groups = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    pd = [50_000] * 20 + [70_000] * 40 + [100_000] * 40
    assets = [Asset(report_word=s, principal_class=1, buckets=bytes([g])) for s, g in zip(scores, groups, strict=True)]
    no_margin = (1_000_000,) * 10
    plain = screen(assets, Policy(expected_bad_rate_ppm=60_000), pd, no_margin)
    assert (plain.before.bad_rate_by_count_ppm, plain.after.bad_rate_by_count_ppm) == (71_000, 58_572)
    limited = screen(
        assets, Policy(expected_bad_rate_ppm=60_000, limits=(Limit(dimension=0, limit_ppm=250_000),)), pd, no_margin
    )
    assert limited.reasons == bytes([3, 0, 0, 0, 0, 0, 0, 4, 4, 4])
    assert (limited.round_count, limited.after.bad_rate_by_count_ppm) == (2, 60_000)


def test_example_of_two_limits_ends_otherwise_in_the_other_order() -> None:
    regions, ages = (1, 1, 1, 2, 2), (1, 1, 2, 2, 2)
    limits = (Limit(dimension=0, limit_ppm=500_000), Limit(dimension=1, limit_ppm=500_000))
    policy = Policy(expected_bad_rate_ppm=10**6, limits=limits)
    for order, expected in ((zip(regions, ages, strict=True), (1, 4)), (zip(ages, regions, strict=True), (0, 1, 3, 4))):
        assets = [
            Asset(report_word=90 - 10 * i, principal_class=1, buckets=bytes(classes)) for i, classes in enumerate(order)
        ]
        assert tuple(screen(assets, policy, PD_PPM, MARGIN_PPM).kept_indices()) == expected


def test_compare_modes_gives_what_each_mode_gives_alone() -> None:
    assets = [Asset(report_word=score, principal_class=1) for score in range(1, 101)]
    policy = Policy(expected_bad_rate_ppm=45_000, profile_ppm=tuple(100_000 * n for n in range(10)))
    both = compare_modes(assets, policy, PD_PPM, MARGIN_PPM)
    assert both[Mode.WHOLE_PACK] == screen(assets, policy, PD_PPM, MARGIN_PPM)
    assert both[Mode.WHOLE_PACK].after.tally.count > both[Mode.PER_LEVEL].after.tally.count > 0


def test_compare_modes_without_profile_leaves_out_the_mode_that_needs_one() -> None:
    assets = [Asset(report_word=score, principal_class=1) for score in range(1, 101)]
    policy = Policy(expected_bad_rate_ppm=45_000, profile_ppm=(0,) * 10)
    assert set(compare_modes(assets, policy, PD_PPM, MARGIN_PPM)) == {Mode.WHOLE_PACK}


def test_histogram_of_a_later_run_leaves_out_what_was_brought_down_before() -> None:
    assets = [Asset(report_word=score, principal_class=2) for score in (5, 5, 90)]
    policy = Policy(expected_bad_rate_ppm=10_000)
    first = screen(assets, policy, PD_PPM, MARGIN_PPM)
    reported = bring_down(assets, policy, PD_PPM, MARGIN_PPM, first, [0])
    assert histogram(assets, reported.reasons, after=False)[4] == Tally(2, 4)
    again = screen(assets, policy, PD_PPM, MARGIN_PPM, brought_down=[0])
    assert (
        histogram(assets, again.reasons, after=False, excluded=[0])[4] == again.before.level_tallies[0] == Tally(1, 2)
    )


def test_decode_assets_reads_the_bytes_on_chain() -> None:
    decoded = decode_assets(classes=bytes([1, 2, 0, 9]), buckets=bytes([3, 4, 5, 6, 7, 8]), report=bytes([4, 85, 0, 0]))
    assert list(decoded) == [
        Asset(report_word=word(85, relation=True), principal_class=258, buckets=bytes([3, 4, 5])),
        Asset(report_word=0, principal_class=9, buckets=bytes([6, 7, 8])),
    ]


@pytest.mark.parametrize(
    ("classes", "buckets", "report"),
    [(b"\0\1", b"\0" * 8, b"\0\1" * 2), (b"\0\1\0\1", b"\0" * 7, b"\0\1" * 2), (b"\0\1", b"\0", b"\0\1\0")],
)
def test_decode_assets_of_unequal_lengths_is_refused(classes: bytes, buckets: bytes, report: bytes) -> None:
    with pytest.raises(InvalidInputError, match="bytes of a pack"):
        decode_assets(classes=classes, buckets=buckets, report=report)


def test_bridge_without_a_balance_for_each_asset_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="exact balances"):
        bridge([Asset(report_word=1, principal_class=1)], b"\0", [])
