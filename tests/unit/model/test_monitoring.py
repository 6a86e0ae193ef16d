"""Watching a model: the measures against their definitions in floats, the alerts against cases that must raise them."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.errors import SpecError
from client.model.manifest import ModelPackage
from client.model.monitoring import Reference, ScoreCounts, Thresholds, compare, watch
from client.model.statistics import auc_ppm, ks_ppm, psi_ppm

COUNTS = st.lists(st.integers(0, 5_000), min_size=100, max_size=100)
FLAT = (1_000,) * 100
PD = tuple(1_000 * score for score in range(1, 101))
MARGIN = (1_100_000,) * 10


def counts(totals: tuple[int, ...] = FLAT, defaults: tuple[int, ...] | None = None) -> ScoreCounts:
    bad = tuple(total * pd // 1_000_000 for total, pd in zip(totals, PD, strict=True)) if defaults is None else defaults
    return ScoreCounts(totals=totals, defaults=bad)


def reference() -> Reference:
    return Reference(totals=FLAT, defaults=counts().defaults, pd_ppm=PD, margin_ppm=MARGIN)


@given(COUNTS, COUNTS)
def test_stability_index_is_its_definition(before: list[int], now: list[int]) -> None:
    def shares(found: list[int]) -> list[float]:
        levels = [sum(found[start : start + 10]) + 0.5 for start in range(0, 100, 10)]
        return [level / sum(levels) for level in levels]

    expected = sum((p - q) * math.log(p / q) for p, q in zip(shares(now), shares(before), strict=True))
    assert abs(psi_ppm(before, now) - expected * 1_000_000) <= 1
    assert psi_ppm(before, before) == 0
    assert psi_ppm(before, now) == psi_ppm(now, before)


@given(st.lists(st.tuples(st.integers(1, 100), st.booleans()), min_size=2, max_size=200))
def test_separation_is_its_definition_over_pairs_of_loans(loans: list[tuple[int, bool]]) -> None:
    totals, defaults = [0] * 100, [0] * 100
    for score, is_bad in loans:
        totals[score - 1] += 1
        defaults[score - 1] += is_bad
    bad, good = [score for score, is_bad in loans if is_bad], [score for score, is_bad in loans if not is_bad]
    if not bad or not good:
        assert auc_ppm(totals, defaults) is ks_ppm(totals, defaults) is None
        return
    doubled = sum(2 * (b > g) + (b == g) for b in bad for g in good)
    assert auc_ppm(totals, defaults) == doubled * 1_000_000 // (2 * len(bad) * len(good))
    ks = max(
        abs(sum(g <= cut for g in good) / len(good) - sum(b <= cut for b in bad) / len(bad)) for cut in range(1, 101)
    )
    found = ks_ppm(totals, defaults)
    assert found is not None
    assert abs(found - ks * 1_000_000) <= 1


def test_model_that_keeps_its_promise_raises_no_alert() -> None:
    report = watch(reference(), {"2020-01": counts(), "2020-02": counts()})
    assert report.alerts == ()
    assert report.whole.psi_ppm == 0
    assert report.whole.loans == 200_000
    assert [each.ratio_ppm for each in report.levels] == [1_000_000] * 10


def test_young_month_without_defaults_raises_no_alert_while_its_loans_are_open() -> None:
    report = watch(reference(), {"2020-01": ScoreCounts(totals=FLAT, defaults=(0,) * 100, open=FLAT)})
    assert report.months[0].loans == report.months[0].outcome.open == 100_000
    assert report.months[0].ks_ppm is report.months[0].auc_ppm is None
    assert report.alerts == ()
    settled = watch(reference(), {"2020-01": ScoreCounts(totals=FLAT, defaults=(0,) * 100)})
    assert {alert.meaning for alert in settled.alerts} == {"fewer defaults than expected"}


def test_too_many_defaults_are_too_many_although_loans_are_open() -> None:
    bad = tuple(count * 12 // 10 for count in counts().defaults)
    still = tuple(total - count for total, count in zip(FLAT, bad, strict=True))
    report = watch(reference(), {"m": ScoreCounts(totals=FLAT, defaults=bad, open=still)})
    assert "act" in {alert.severity for alert in report.alerts}
    assert {(alert.kind, alert.meaning) for alert in report.alerts} == {("observed", "more defaults than promised")}


def test_change_of_applicants_raises_stability_alerts_by_size() -> None:
    tilted = tuple(1_000 + 10 * score for score in range(100))
    steep = tuple(1_000 * (1 + score * score) for score in range(100))
    small, large = (watch(reference(), {"m": counts(each)}) for each in (tilted, steep))
    assert [alert.kind for alert in small.alerts] == []
    assert [alert.severity for alert in large.alerts if (alert.period, alert.kind) == ("m", "psi")] == ["act"]
    watched = watch(reference(), {"m": counts(tilted)}, Thresholds(psi_watch_ppm=small.whole.psi_ppm - 1))
    assert [(alert.kind, alert.severity) for alert in watched.alerts] == [("psi", "watch")] * 2


def test_stability_of_a_few_loans_is_shown_and_not_judged() -> None:
    few = ScoreCounts(totals=(49, *[0] * 98, 450), defaults=(0,) * 100, open=(49, *[0] * 98, 450))
    report = watch(reference(), {"m": few})
    assert report.whole.psi_ppm > 1_000_000
    assert report.alerts == ()
    more = ScoreCounts(totals=(50, *[0] * 98, 450), defaults=(0,) * 100, open=(50, *[0] * 98, 450))
    assert {alert.severity for alert in watch(reference(), {"m": more}).alerts} == {"act"}


def test_more_defaults_in_one_level_are_named_with_it() -> None:
    """Level 8 has 7.6 % expected: 30 % more leaves the interval and the promise with margin."""
    bad = list(counts().defaults)
    for index in range(70, 80):
        bad[index] = bad[index] * 13 // 10
    report = watch(reference(), {"m": counts((1_000,) * 100, tuple(bad))})
    alert = next(each for each in report.alerts if each.level == 8)
    assert (alert.kind, alert.severity, alert.meaning) == ("observed", "act", "more defaults than promised")
    assert alert.value_ppm > 1_250_000 > alert.limit_ppm > 1_000_000
    assert [each.level for each in report.alerts if each.level] == [8]


def test_defaults_above_the_interval_and_within_the_margin_are_watched() -> None:
    many = (10_000,) * 100
    bad = tuple(count * 105 // 100 for count in counts(many).defaults)
    outcome = compare(reference(), counts(many, bad))
    assert outcome.observed > outcome.high
    assert outcome.severity == "watch"
    worse = compare(reference(), counts(many, tuple(count * 112 // 100 for count in counts(many).defaults)))
    assert worse.severity == "act"


def test_scores_that_rank_no_more_raise_a_separation_alert() -> None:
    mean = sum(counts().defaults) // 100
    report = watch(reference(), {"m": counts(FLAT, (mean,) * 100)})
    assert report.reference_ks_ppm is not None
    assert report.months[0].ks_ppm is not None
    assert report.months[0].ks_ppm < 20_000
    assert {"ks"} <= {alert.kind for alert in report.alerts if alert.period == "m"}


@given(st.integers(1, 40), st.integers(0, 99))
def test_interval_contains_what_a_right_pd_brings_nineteen_times_of_twenty(loans: int, score: int) -> None:
    """Exact binomial coverage: the interval is outward to whole defaults, so at least about 93 % for any size."""
    totals = tuple(loans * 10 if index == score else 0 for index in range(100))
    outcome = compare(reference(), ScoreCounts(totals=totals, defaults=(0,) * 100))
    n, p = loans * 10, PD[score] / 1_000_000
    inside = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(outcome.low, outcome.high + 1))
    assert inside > 0.93


def test_tables_of_another_size_are_refused() -> None:
    with pytest.raises(SpecError, match="got 99 counts"):
        ScoreCounts(totals=FLAT[1:], defaults=FLAT)
    with pytest.raises(SpecError, match=r"1 \+ 1000 of 1000, expected defaults \+ open <= all"):
        ScoreCounts(totals=FLAT, defaults=(1, *FLAT[1:]), open=(1_000, *FLAT[1:]))
    with pytest.raises(SpecError, match="0 months"):
        watch(reference(), {})


def test_committed_validation_gives_the_figures_of_the_model_card(package: ModelPackage) -> None:
    manifest = package.manifest
    validation = ScoreCounts(totals=manifest.validation.totals, defaults=manifest.validation.defaults)
    calibrated = Reference(
        totals=package.totals, defaults=package.defaults, pd_ppm=package.pd_ppm, margin_ppm=package.margin_ppm
    )
    report = watch(calibrated, {"2011": validation})
    assert 3_250 <= report.whole.psi_ppm <= 3_350, "0.0033 in the card"
    assert 0.695 < (report.whole.auc_ppm or 0) / 1_000_000 < 0.70, "0.6982 before the outputs become 100 scores"
    assert [level for level, each in enumerate(report.levels, 1) if each.severity] == [8, 9]
    assert all(low.observed * high.loans < high.observed * low.loans for low, high in pairwise(report.levels))
