"""Parts of the training whose arithmetic must be right; skipped where the `train` extra is not installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

for module in ("sklearn", "lightgbm", "xgboost", "scipy"):
    pytest.importorskip(module)

from client.model.errors import SpecError  # noqa: E402 - after the check
from client.model.executor_numpy import NumpyExecutor  # noqa: E402 - after the check
from client.model.training.design import Start  # noqa: E402 - after the check
from client.model.training.encoder import SCALE  # noqa: E402 - after the check
from client.model.training.evaluation import screen_whole_pack, with_margin  # noqa: E402 - after the check
from client.model.training.margins import Promise, margins_ppm, upper_bound  # noqa: E402 - after the check
from client.model.training.pipeline import percentiles  # noqa: E402 - after the check
from client.model.training.student import OUTPUT_SCALE, FloatNetwork, quantise, train_network  # noqa: E402 - after the check

LOAN = st.tuples(st.integers(1, 100), st.integers(1, 500))


@given(loans=st.lists(LOAN, min_size=1, max_size=30), target=st.integers(0, 400_000))
def test_screening_removes_the_shortest_prefix_that_meets_the_target(loans: list[tuple[int, int]], target: int) -> None:
    scores = np.array([score for score, _ in loans], dtype=np.uint8)
    balance = np.array([weight for _, weight in loans], dtype=np.int64)
    pd_ppm = scores.astype(np.int64) * 3_000
    order = sorted(range(len(loans)), key=lambda row: (-int(scores[row]), row))
    removed = next(
        count
        for count in range(len(loans) + 1)
        if sum(int(balance[row]) * (int(pd_ppm[row]) - target) for row in order[count:]) <= 0
    )
    kept = screen_whole_pack(scores, pd_ppm, balance, target)
    assert set(np.flatnonzero(kept)) == set(order[removed:])


def test_margin_is_applied_per_level_rounded_up_and_capped() -> None:
    pd_ppm = tuple(10_000 * score - 9_999 for score in range(1, 101))
    margins = (1_050_000, *[1_100_000] * 8, 2_000_000)
    got = with_margin(np.array([1, 10, 11, 100], dtype=np.uint8), pd_ppm, margins)
    assert got.tolist() == [2, 94_502, 110_002, 1_000_000]


def test_upper_bound_is_the_mean_that_five_percent_of_draws_fall_below() -> None:
    for count in (0, 3, 40):
        bound = upper_bound(count)
        draws = np.random.default_rng(count).poisson(bound, 200_000)
        assert abs((draws <= count).mean() - 0.05) < 0.003


def test_margin_takes_the_bound_of_the_worst_year_and_at_least_the_floor() -> None:
    many = tuple([1_000] * 10)
    good = Promise(name="2009", loans=many, expected=(100.0,) * 10, observed=(10,) * 10)
    bad = Promise(name="2010", loans=many, expected=(100.0,) * 10, observed=(20, *[120] * 9))
    margins = margins_ppm((good, bad))
    assert margins[0] == 1_050_000
    assert margins[1] == int(np.ceil(upper_bound(120) * 10_000))
    assert margins[1] > 1_200_000


@given(seed=st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_quantised_network_stays_close_to_the_trained_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    trained = FloatNetwork(
        weights_in=generator.normal(0, 0.3, (20, 16)),
        bias_in=generator.normal(0, 0.3, 16),
        weights_out=generator.normal(0, 0.3, 16),
        bias_out=-1.7,
    )
    network = quantise(trained, 500)
    features = generator.integers(-3 * SCALE, 3 * SCALE, (200, 20))
    exact = trained.log_odds(features)
    rounded = NumpyExecutor(network).outputs(features) / OUTPUT_SCALE
    assert network.weights_in.dtype == network.weights_out.dtype == np.int8
    assert np.abs(rounded - exact).mean() < 0.05 * max(1.0, float(np.abs(exact).mean()))


@pytest.mark.parametrize("start", ["normal", "unit"])
def test_student_learns_what_its_teacher_says(start: Start) -> None:
    generator = np.random.default_rng(5)
    features = generator.integers(-2 * SCALE, 2 * SCALE, (3_000, 4))
    log_odds = np.abs(features[:, 0] / SCALE) - features[:, 1] / SCALE - 2
    trained = train_network(features, log_odds, np.ones(len(features)), penalty=1e-4, seed=1, start=start)
    learned = trained.log_odds(features)
    assert float(np.corrcoef(learned, log_odds)[0, 1]) > 0.98
    again = train_network(features, log_odds, np.ones(len(features)), penalty=1e-4, seed=1, start=start)
    np.testing.assert_array_equal(again.log_odds(features), learned)


@settings(max_examples=25)
@given(st.lists(st.integers(-5_000, 5_000), min_size=100, max_size=400, unique=True), st.data())
def test_percentiles_leave_no_score_without_a_loan(distinct: list[int], data: st.DataObject) -> None:
    repeated = data.draw(st.lists(st.sampled_from(distinct), max_size=400))
    outputs = np.array(distinct + repeated, dtype=np.int64)
    cuts = percentiles(outputs)
    assert len(cuts) == 99
    assert (np.diff(cuts) > 0).all()
    counts = np.bincount(np.searchsorted(cuts, outputs, side="right"), minlength=100)
    assert counts.min() >= 1


def test_percentiles_of_too_few_different_outputs_are_refused() -> None:
    with pytest.raises(SpecError, match="99 different outputs"):
        percentiles(np.arange(99, dtype=np.int64).repeat(5))
