"""From loans to a calibrated integer model, and the walk-forward that sets its prudence margin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from client.model.arithmetic import PPM, Int64Array
from client.model.calibration import (
    LEVEL_COUNT,
    MARGIN_FLOOR_PPM,
    SCORE_COUNT,
    levels_of,
    monotone_pd_ppm,
    scores_of,
)
from client.model.executor_numpy import NumpyExecutor
from client.model.feature_spec import FeatureSpec
from client.model.network import Network
from client.model.training.data import LoanSet
from client.model.training.encoder import FloatArray, fit_spec, tree_matrix
from client.model.training.student import (
    SYNTHETIC_COPIES,
    SYNTHETIC_WEIGHT,
    quantise,
    swapped_loans,
    train_network,
)
from client.model.training.teacher import Teacher

FOLDS: Final = 5
SEED: Final = 170_919
FIRST_TEST_YEAR: Final = 2009
"""Before it there are too few loans to train on."""

Labels = NDArray[np.int8]
Report = Callable[[str], None]
"""Called after each network is trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A feature spec and its network."""

    spec: FeatureSpec
    network: Network

    def outputs(self, loans: LoanSet) -> Int64Array:
        """Return the network's output for each loan."""
        return NumpyExecutor(self.network).outputs(self.spec.features_of(loans.columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A fitted model with cut points and PD from loans it did not see."""

    fitted: Fitted
    cut_points: Int64Array
    totals: tuple[int, ...]
    defaults: tuple[int, ...]
    pd_ppm: tuple[int, ...]

    def scores(self, loans: LoanSet) -> NDArray[np.uint8]:
        """Return scores 1 to 100."""
        return scores_of(self.fitted.outputs(loans), self.cut_points)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForwardYear:
    """What a model trained on earlier years promised for one year, and what came, per level."""

    year: int
    loans: tuple[int, ...]
    expected: tuple[float, ...]
    observed: tuple[int, ...]


def sample_weights(loans: LoanSet) -> FloatArray:
    """Weigh recent loans more (1, 0.7, then 0.4 a year) and loans outside the credit policy half."""
    age = int(loans.issue_month.max()) // 12 - loans.issue_month // 12
    recency = np.where(age == 0, 1.0, np.where(age == 1, 0.7, 0.4))
    return np.where(loans.within_policy, recency, recency * 0.5)


def fit(loans: LoanSet, labels: Labels) -> Fitted:
    """Fit encoder, teacher and student on these loans."""
    weights = sample_weights(loans)
    spec = fit_spec(loans, labels, weights)
    teacher = Teacher(tree_matrix(loans), labels, weights)
    generator = np.random.default_rng(SEED)
    samples = [loans, *(swapped_loans(loans, generator) for _ in range(SYNTHETIC_COPIES))]
    features = np.concatenate([spec.features_of(sample.columns) for sample in samples])
    log_odds = np.concatenate([teacher.log_odds(tree_matrix(sample)) for sample in samples])
    row_weights = np.concatenate([weights, *([weights * SYNTHETIC_WEIGHT] * SYNTHETIC_COPIES)])
    network = train_network(features, log_odds, row_weights, seed=SEED)
    return Fitted(spec=spec, network=quantise(network, spec.feature_limit))


def out_of_fold_outputs(loans: LoanSet, labels: Labels, report: Report) -> Int64Array:
    """Return for each loan the output of a network that was trained without it."""
    folds = np.random.default_rng(SEED).permutation(len(loans)) % FOLDS
    outputs = np.empty(len(loans), dtype=np.int64)
    for fold in range(FOLDS):
        held_out = folds == fold
        fitted = fit(loans.where(~held_out), labels[~held_out])
        outputs[held_out] = fitted.outputs(loans.where(held_out))
        report(f"fold {fold + 1} of {FOLDS}")
    return outputs


def calibrate(loans: LoanSet, report: Report) -> Calibrated:
    """Fit on all loans; take cut points (percentiles) and PD from the out-of-fold outputs."""
    fitted = fit(loans, loans.defaulted)
    report("network on all loans")
    outputs = out_of_fold_outputs(loans, loans.defaulted, report)
    positions = np.arange(1, SCORE_COUNT) * len(outputs) // SCORE_COUNT
    cut_points = _strictly_rising(np.sort(outputs)[positions])
    totals, defaults = count_by_score(scores_of(outputs, cut_points), loans.defaulted)
    return Calibrated(
        fitted=fitted,
        cut_points=cut_points,
        totals=totals,
        defaults=defaults,
        pd_ppm=monotone_pd_ppm(totals, defaults),
    )


def count_by_score(scores: NDArray[np.uint8], labels: Labels) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Count loans and defaults of scores 1 to 100."""
    totals = np.bincount(scores, minlength=SCORE_COUNT + 1)[1:]
    defaults = np.bincount(scores[labels == 1], minlength=SCORE_COUNT + 1)[1:]
    return tuple(int(n) for n in totals), tuple(int(n) for n in defaults)


def walk_forward(loans: LoanSet, report: Report) -> tuple[WalkForwardYear, ...]:
    """For each later training year, train and calibrate on the years before it and compare promise and outcome."""
    last_year = int(loans.issue_month.max()) // 12 + 1970
    results = []
    for year in range(FIRST_TEST_YEAR, last_year + 1):
        model = calibrate(loans.issued(1970, year - 1), report)
        tested = loans.issued(year, year)
        scores = model.scores(tested)
        levels = levels_of(scores)
        pd_ppm = np.array(model.pd_ppm)[scores.astype(np.int64) - 1]
        results.append(
            WalkForwardYear(
                year=year,
                loans=tuple(int((levels == level).sum()) for level in range(1, LEVEL_COUNT + 1)),
                expected=tuple(float(pd_ppm[levels == level].sum()) / PPM for level in range(1, LEVEL_COUNT + 1)),
                observed=tuple(int(tested.defaulted[levels == level].sum()) for level in range(1, LEVEL_COUNT + 1)),
            )
        )
    return tuple(results)


def margins_ppm(years: tuple[WalkForwardYear, ...]) -> tuple[int, ...]:
    """Compute per level the largest of 1.05, the worst ratio observed / expected, and its upper 95 % bound.

    The bound is the exact one-sided Poisson bound of the observed count in the year with the worst ratio.
    """
    margins = []
    for level in range(LEVEL_COUNT):
        pairs = [(year.observed[level], max(year.expected[level], 1e-9)) for year in years]
        observed, expected = max(pairs, key=lambda pair: pair[0] / pair[1])
        bound = upper_bound(observed) / expected
        margins.append(max(MARGIN_FLOOR_PPM, int(np.ceil(bound * PPM))))
    return tuple(margins)


def upper_bound(count: int) -> float:
    """Return the exact one-sided 95 % upper bound of a Poisson mean of which `count` was observed."""
    return float(chi2.ppf(0.95, 2 * (count + 1))) / 2


def _strictly_rising(cuts: Int64Array) -> Int64Array:
    """Move repeated cut points up by the least that makes all different."""
    steps = np.arange(len(cuts))
    return np.maximum.accumulate(cuts - steps) + steps
