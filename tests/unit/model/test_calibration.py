"""Cut points, levels and the monotone PD."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.calibration import PD_FLOOR_PPM, by_level, levels_of, monotone_pd_ppm, scores_of
from client.model.errors import SpecError
from client.model.manifest import ModelPackage

COUNTS = st.lists(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=40
)


def test_scores_at_the_edges_of_the_cut_points(package: ModelPackage) -> None:
    cuts = np.array(package.manifest.cut_points, dtype=np.int64)
    assert scores_of(cuts - 1, cuts).tolist()[0] == 1
    assert scores_of(cuts, cuts).tolist() == list(range(2, 101)), "an output equal to a cut has the higher score"
    far = np.array([-(2**63), 2**63 - 1], dtype=np.int64)
    assert scores_of(far, cuts).tolist() == [1, 100]


def test_levels_are_tens_of_scores() -> None:
    scores = np.arange(1, 101, dtype=np.uint8)
    assert levels_of(scores).tolist() == [(score + 9) // 10 for score in range(1, 101)]
    assert levels_of(scores)[[0, 9, 10, 99]].tolist() == [1, 1, 2, 10]


@given(COUNTS)
def test_monotone_pd_never_falls_and_keeps_the_number_of_defaults(counts: list[tuple[int, int]]) -> None:
    totals, defaults = zip(*counts, strict=True)
    pd_ppm = monotone_pd_ppm(totals, defaults)
    assert list(pd_ppm) == sorted(pd_ppm)
    assert len(pd_ppm) == len(totals)
    expected = sum(Fraction(pd, 10**6) * total for pd, total in zip(pd_ppm, totals, strict=True))
    assert expected >= sum(defaults), "rounding up never promises less than was seen"


@given(COUNTS)
def test_monotone_pd_equals_the_min_max_formula(counts: list[tuple[int, int]]) -> None:
    """Isotonic regression is max over starts of min over ends of the mean rate between them."""
    totals, defaults = zip(*counts, strict=True)

    def rate(start: int, end: int) -> Fraction:
        return Fraction(sum(defaults[start : end + 1]), sum(totals[start : end + 1]))

    size = len(totals)
    for index, pd in enumerate(monotone_pd_ppm(totals, defaults)):
        exact = max(min(rate(start, end) for end in range(index, size)) for start in range(index + 1))
        assert pd == max(PD_FLOOR_PPM, -((-exact.numerator * 10**6) // exact.denominator))


@pytest.mark.parametrize(
    ("totals", "defaults", "reason"),
    [([10, 10], [1], "2 totals, expected 1"), ([0], [0], "0 defaults of 0"), ([5], [6], "6 defaults of 5")],
)
def test_monotone_pd_of_impossible_counts_is_refused(totals: list[int], defaults: list[int], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        monotone_pd_ppm(totals, defaults)


def test_by_level_adds_ten_scores_each() -> None:
    assert by_level(list(range(1, 101))) == tuple(sum(range(10 * n + 1, 10 * n + 11)) for n in range(10))
