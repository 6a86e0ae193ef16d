"""Everything the model card reports: the model against two baselines, calibration, stability, broken promises."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from client.model.arithmetic import PPM, Int64Array
from client.model.calibration import LEVEL_COUNT, MARGIN_FLOOR_PPM, levels_of
from client.model.training import evaluation
from client.model.training.data import LoanSet, month_index
from client.model.training.encoder import SCALE, FloatArray, tree_matrix
from client.model.training.evaluation import Discrimination, PackPromise
from client.model.training.pipeline import Calibrated, Fitted, Report, WalkForwardYear, fit, sample_weights
from client.model.training.student import OUTPUT_SCALE
from client.model.training.teacher import boosted_trees

LOGISTIC_C: Final = 0.05
SEASONED_MONTHS: Final = 12
"""A loan younger than this says too little about default to be called good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The network and the two baselines, trained on the same loans and labels."""

    network: Discrimination
    logistic: Discrimination
    lightgbm: Discrimination


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """One level on the test year."""

    level: int
    loans: int
    expected_ppm: int
    observed_ppm: int
    margin_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRow:
    """One month of issue of the test year."""

    month: int
    """Months since 1970-01."""
    loans: int
    stability: float
    expected_ppm: int
    observed_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All figures of the model card."""

    hindsight: Comparison
    knowable: Comparison
    """Loans at least SEASONED_MONTHS old at the end of the training years, with the defaults booked by then."""
    unseasoned: Discrimination
    """LightGBM, when all loans without a booked default are called good, however young."""
    seasoned_loans: int
    known_defaults: int
    all_defaults: int
    levels: tuple[LevelRow, ...]
    months: tuple[MonthRow, ...]
    stability: float
    expected_ppm: int
    observed_ppm: int
    walk_forward: tuple[WalkForwardYear, ...]
    by_count: tuple[PackPromise, ...]
    by_balance: tuple[PackPromise, ...]
    least_margin: tuple[PackPromise, ...]
    """By count, with the least margin of 1.05 on every level, to show what the wider margins cost and bring."""
    no_margin: tuple[PackPromise, ...]
    """By count, with PD as calibrated."""


def assess(
    *,
    train: LoanSet,
    test: LoanSet,
    model: Calibrated,
    margins: tuple[int, ...],
    walk_forward: tuple[WalkForwardYear, ...],
    report: Report,
) -> Assessment:
    """Measure the model on the test loans, and fit the baselines it is compared with."""
    scores = model.scores(test)
    pd_ppm = np.array(model.pd_ppm, dtype=np.int64)[scores.astype(np.int64) - 1]
    hindsight = _compare(train, test, train.defaulted, model.fitted, pd_ppm / PPM)
    report("baselines, hindsight labels")
    end_of_training = month_index(int(train.issue_month.max()) // 12 + 1970, 12)
    known = (train.default_known_month <= end_of_training).astype(np.int8)
    old_enough = train.issue_month <= end_of_training - SEASONED_MONTHS
    seasoned, seasoned_known = train.where(old_enough), known[old_enough]
    knowable_fit = fit(seasoned, seasoned_known)
    knowable = _compare(seasoned, test, seasoned_known, knowable_fit, _probability(knowable_fit, test))
    report("network and baselines, labels knowable at the time")
    shares = np.bincount(np.arange(100) // 10, weights=model.totals) / sum(model.totals)
    ones = np.ones(len(test), dtype=np.int64)
    balance = test.columns["balance_cents"] // 100
    prudent = evaluation.with_margin(scores, model.pd_ppm, margins)
    least = evaluation.with_margin(scores, model.pd_ppm, (MARGIN_FLOOR_PPM,) * LEVEL_COUNT)
    return Assessment(
        hindsight=hindsight,
        knowable=knowable,
        unseasoned=_lightgbm(train, test, known),
        seasoned_loans=len(seasoned),
        known_defaults=int(known.sum()),
        all_defaults=int(train.defaulted.sum()),
        levels=_level_rows(scores, pd_ppm, test, margins),
        months=_month_rows(scores, pd_ppm, test, shares),
        stability=evaluation.stability_index(shares, scores),
        expected_ppm=round(float(pd_ppm.mean())),
        observed_ppm=round(float(test.defaulted.mean()) * PPM),
        walk_forward=walk_forward,
        by_count=evaluation.pack_promises(scores, prudent, ones, test.defaulted),
        by_balance=evaluation.pack_promises(scores, prudent, balance, test.defaulted),
        least_margin=evaluation.pack_promises(scores, least, ones, test.defaulted),
        no_margin=evaluation.pack_promises(scores, pd_ppm, ones, test.defaulted),
    )


def _compare(
    train: LoanSet, test: LoanSet, labels: NDArray[np.int8], fitted: Fitted, probability: FloatArray
) -> Comparison:
    weights = sample_weights(train)
    logistic = LogisticRegression(C=LOGISTIC_C, max_iter=2_000)
    logistic.fit(fitted.spec.features_of(train.columns) / SCALE, labels, weights)
    logistic_pd = logistic.predict_proba(fitted.spec.features_of(test.columns) / SCALE)[:, 1]
    return Comparison(
        network=evaluation.discrimination(test.defaulted, fitted.outputs(test), probability),
        logistic=evaluation.discrimination(test.defaulted, logistic_pd, logistic_pd),
        lightgbm=_lightgbm(train, test, labels),
    )


def _lightgbm(train: LoanSet, test: LoanSet, labels: NDArray[np.int8]) -> Discrimination:
    trees = boosted_trees(tree_matrix(train), labels, sample_weights(train), seed=0)
    probability = trees.predict_proba(tree_matrix(test))[:, 1]
    return evaluation.discrimination(test.defaulted, probability, probability)


def _probability(fitted: Fitted, loans: LoanSet) -> FloatArray:
    """Read the output as what it approximates: milli-log-odds."""
    result: FloatArray = 1 / (1 + np.exp(-fitted.outputs(loans) / OUTPUT_SCALE))
    return result


def _level_rows(
    scores: NDArray[np.uint8], pd_ppm: Int64Array, test: LoanSet, margins: tuple[int, ...]
) -> tuple[LevelRow, ...]:
    levels = levels_of(scores)
    rows = []
    for level in range(1, LEVEL_COUNT + 1):
        chosen = levels == level
        rows.append(
            LevelRow(
                level=level,
                loans=int(chosen.sum()),
                expected_ppm=round(float(pd_ppm[chosen].mean())),
                observed_ppm=round(float(test.defaulted[chosen].mean()) * PPM),
                margin_ppm=margins[level - 1],
            )
        )
    return tuple(rows)


def _month_rows(
    scores: NDArray[np.uint8], pd_ppm: Int64Array, test: LoanSet, shares: FloatArray
) -> tuple[MonthRow, ...]:
    rows = []
    for month in sorted({int(month) for month in test.issue_month}):
        chosen = test.issue_month == month
        rows.append(
            MonthRow(
                month=month,
                loans=int(chosen.sum()),
                stability=evaluation.stability_index(shares, scores[chosen]),
                expected_ppm=round(float(pd_ppm[chosen].mean())),
                observed_ppm=round(float(test.defaulted[chosen].mean()) * PPM),
            )
        )
    return tuple(rows)
