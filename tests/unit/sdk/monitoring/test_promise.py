"""The test of a promise: its limits, how often it is wrong, and how often it sees a pool that is twice as bad."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk.errors import DecodeError, InvalidInputError
from client.sdk.monitoring.promise import (
    PPM,
    PromisePoint,
    PromiseTerms,
    decode_curve,
    encode_curve,
    evidence,
    expected_curve,
    lower_limit,
    margins_from_ledger,
    promise_of,
    upper_limit,
)

TERMS = PromiseTerms()
terms = st.builds(
    PromiseTerms,
    odds_ppm=st.integers(1_100_000, 5_000_000),
    shape=st.integers(1, 500),
    alpha_ppm=st.integers(1_000, 500_000),
)


@given(expected_milli=st.integers(0, 10_000_000), terms=terms)
def test_limit_is_the_least_count_whose_evidence_suffices(expected_milli: int, terms: PromiseTerms) -> None:
    limit = upper_limit(expected_milli, terms)
    needed = Decimal(PPM) / terms.alpha_ppm
    assert evidence(limit, expected_milli, terms) >= needed
    assert limit == 1 or evidence(limit - 1, expected_milli, terms) < needed
    lower = lower_limit(expected_milli, terms)
    assert lower is None or lower * 1_000 < expected_milli < limit * 1_000


@given(expected=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=8).map(sorted), terms=terms)
def test_limits_never_fall_and_stand_above_what_is_expected(expected: list[int], terms: PromiseTerms) -> None:
    points = promise_of(expected, terms)
    assert [each.expected_milli for each in points] == expected
    assert all(earlier.limit <= later.limit for earlier, later in pairwise(points))
    assert all(each.limit * 1_000 > each.expected_milli for each in points)
    assert decode_curve(encode_curve(points)) == points


def test_limits_are_these_on_every_machine() -> None:
    expected = (0, 400, 5_000, 40_000, 250_000, 1_000_000)
    assert [upper_limit(milli, TERMS) for milli in expected] == EXPECTED_LIMITS
    assert [lower_limit(milli, TERMS) for milli in expected] == EXPECTED_LOWER


EXPECTED_LIMITS = [5, 5, 13, 71, 412, 1_632]
EXPECTED_LOWER = [None, None, None, 19, 139, 569]


def simulated_paths(worse: float, *, months: int = 36, expected: float = 60.0, count: int = 3_000) -> np.ndarray:
    """Defaults so far by month: Poisson given a Gamma shock, as the promise says, `worse` times as many."""
    random = np.random.default_rng(28)
    shock = random.gamma(TERMS.shape, 1 / TERMS.shape, size=(count, 1))
    increments = random.poisson(worse * shock * expected / months, size=(count, months))
    return increments.cumsum(axis=1)


def share_broken(paths: np.ndarray, expected: float = 60.0) -> float:
    months = paths.shape[1]
    points = promise_of([int(1_000 * expected * month / months) for month in range(1, months + 1)], TERMS)
    limits = np.array([each.limit for each in points])
    return float((paths >= limits).any(axis=1).mean())


def test_promise_that_holds_is_called_broken_no_more_often_than_alpha_at_any_time() -> None:
    """Looked at every month for three years; 3,000 pools, so the share is known to a third of a percent."""
    assert share_broken(simulated_paths(1.0)) <= TERMS.alpha_ppm / PPM + 0.007


def test_pool_twice_as_bad_as_promised_is_found() -> None:
    assert share_broken(simulated_paths(2.0)) >= 0.8


def test_expected_defaults_are_spread_over_the_months_that_each_loan_has_left() -> None:
    curve = expected_curve([(100_000, 2), (300_000, 4), (50_000, 0)])
    assert curve == (50 + 75 + 50, 100 + 150 + 50, 100 + 225 + 50, 100 + 300 + 50)
    assert expected_curve([(100_000, 2)] * 3, [0, 250_000, PPM]) == (0, 75, 300)
    assert len(expected_curve([(1, 1_000)])) == 480


@pytest.mark.parametrize("timing", [[PPM, 0], [0, 500_000], [-1, PPM], [0, PPM + 1]])
def test_timing_that_is_none_is_refused(timing: list[int]) -> None:
    with pytest.raises(InvalidInputError, match="timing"):
        expected_curve([(1, 1)], timing)


def test_what_is_no_promise_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no loan"):
        expected_curve([])
    for wrong in ({"odds_ppm": PPM}, {"shape": 0}, {"alpha_ppm": 0}, {"alpha_ppm": PPM}):
        with pytest.raises(InvalidInputError, match="promise"):
            PromiseTerms(**wrong)
    with pytest.raises(DecodeError, match="13 bytes"):
        decode_curve(bytes(13))
    assert decode_curve(b"") == ()
    assert decode_curve(bytes(7) + b"\1" + bytes(3) + b"\2") == (PromisePoint(expected_milli=1, limit=2),)


def test_next_margins_are_at_least_what_pools_have_shown() -> None:
    assert margins_from_ledger([1_050_000, 1_300_000], 1_200_000) == (1_200_000, 1_300_000)
    assert margins_from_ledger([1_050_000, 1_300_000], 0) == (1_050_000, 1_300_000)
