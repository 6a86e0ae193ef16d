"""From loans to a calibrated integer model: fit, score every loan by a network that did not see it, calibrate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.calibration import SCORE_COUNT, monotone_pd_ppm, scores_of
from client.model.errors import SpecError
from client.model.executor_numpy import NumpyExecutor
from client.model.feature_spec import FeatureSpec
from client.model.network import Network
from client.model.training.design import Design
from client.model.training.encoder import FloatArray, fit_spec, tree_matrix
from client.model.training.loans import LoanSet
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
    out_of_fold: Int64Array
    """For each training loan the output of a network that was trained without it."""
    cut_points: Int64Array
    totals: tuple[int, ...]
    defaults: tuple[int, ...]
    pd_ppm: tuple[int, ...]

    def scores(self, loans: LoanSet) -> NDArray[np.uint8]:
        """Return scores 1 to 100."""
        return scores_of(self.fitted.outputs(loans), self.cut_points)


def sample_weights(design: Design, loans: LoanSet) -> FloatArray:
    """Weigh each loan by the age of its year and by the factors of its row."""
    age = int(loans.issue_month.max()) // 12 - loans.issue_month // 12
    recency = np.array(design.recency)[np.minimum(age, len(design.recency) - 1)]
    result: FloatArray = recency * loans.weight
    return result


def fit(design: Design, loans: LoanSet) -> Fitted:
    """Fit encoder, teacher and student on these loans and their labels."""
    weights = sample_weights(design, loans)
    spec = fit_spec(design, loans, loans.defaulted, weights)
    teacher = Teacher(tree_matrix(design, loans), loans.defaulted, weights, leaf_loans=design.leaf_loans)
    generator = np.random.default_rng(SEED)
    samples = [loans, *(swapped_loans(loans, generator) for _ in range(SYNTHETIC_COPIES))]
    features = np.concatenate([spec.features_of(sample.columns) for sample in samples])
    log_odds = np.concatenate([teacher.log_odds(tree_matrix(design, sample)) for sample in samples])
    row_weights = np.concatenate([weights, *([weights * SYNTHETIC_WEIGHT] * SYNTHETIC_COPIES)])
    network = train_network(features, log_odds, row_weights, penalty=design.penalty, start=design.start, seed=SEED)
    return Fitted(spec=spec, network=quantise(network, spec.feature_limit))


def folds_of(count: int) -> Int64Array:
    """Return the fold of each of `count` loans, 0 to FOLDS - 1."""
    return np.random.default_rng(SEED).permutation(count) % FOLDS


def out_of_fold_outputs(design: Design, loans: LoanSet, report: Report) -> Int64Array:
    """Return for each loan the output of a network that was trained without it."""
    folds = folds_of(len(loans))
    outputs = np.empty(len(loans), dtype=np.int64)
    for fold in range(FOLDS):
        held_out = folds == fold
        outputs[held_out] = fit(design, loans.where(~held_out)).outputs(loans.where(held_out))
        report(f"fold {fold + 1} of {FOLDS}")
    return outputs


def calibrate(design: Design, loans: LoanSet, report: Report) -> Calibrated:
    """Fit on all loans; take cut points (percentiles) and PD from the out-of-fold outputs."""
    fitted = fit(design, loans)
    report("network on all loans")
    outputs = out_of_fold_outputs(design, loans, report)
    cut_points = percentiles(outputs)
    totals, defaults = count_by_score(scores_of(outputs, cut_points), loans.defaulted)
    return Calibrated(
        fitted=fitted,
        out_of_fold=outputs,
        cut_points=cut_points,
        totals=totals,
        defaults=defaults,
        pd_ppm=monotone_pd_ppm(totals, defaults),
    )


def count_by_score(scores: NDArray[np.uint8], labels: NDArray[np.int8]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Count loans and defaults of scores 1 to 100."""
    totals = np.bincount(scores, minlength=SCORE_COUNT + 1)[1:]
    defaults = np.bincount(scores[labels == 1], minlength=SCORE_COUNT + 1)[1:]
    return tuple(int(n) for n in totals), tuple(int(n) for n in defaults)


def percentiles(outputs: Int64Array) -> Int64Array:
    """Return 99 strictly rising cut points, the percentiles of the outputs: no score is without a loan.

    Where percentiles coincide, the later one is the next output that occurs (and near the end the earlier one the
    output before it).

    Raises:
        SpecError: fewer than 100 different outputs.
    """
    ranked = np.sort(outputs)
    distinct = np.unique(outputs)
    if len(distinct) < SCORE_COUNT:
        got = f"{len(distinct)} different outputs"
        raise SpecError(part="calibration", got=got, expected=f"at least {SCORE_COUNT}")
    wanted = np.searchsorted(distinct, ranked[np.arange(1, SCORE_COUNT) * len(outputs) // SCORE_COUNT])
    steps = np.arange(SCORE_COUNT - 1)
    rising = np.maximum.accumulate(np.maximum(wanted, 1) - steps) + steps
    return distinct[np.minimum(rising, len(distinct) - SCORE_COUNT + 1 + steps)]
