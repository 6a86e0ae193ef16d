"""Everything the model card reports: the model against two baselines, calibration, stability, broken promises."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from client.model.arithmetic import PPM, Int64Array
from client.model.calibration import LEVEL_COUNT, MARGIN_FLOOR_PPM, levels_of
from client.model.training import evaluation
from client.model.training.design import Design
from client.model.training.encoder import SCALE, FloatArray, tree_matrix
from client.model.training.evaluation import Discrimination, PackPromise
from client.model.training.feature_file import Packs, Time
from client.model.training.loans import LoanSet
from client.model.training.margins import Promise
from client.model.training.pipeline import Calibrated, Fitted, Report, fit, sample_weights
from client.model.training.student import OUTPUT_SCALE
from client.model.training.teacher import boosted_trees

LOGISTIC_C: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The network and the two baselines, trained on the same loans and labels."""

    network: Discrimination
    logistic: Discrimination
    lightgbm: Discrimination


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowable:
    """What could have been trained when the test years began."""

    comparison: Comparison
    """Loans old enough at the end of the training years, with the defaults booked by then."""
    unseasoned: Discrimination
    """LightGBM, when all loans without a booked default are called good, however young."""
    seasoned_loans: int
    known_defaults: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """One level on the test loans."""

    level: int
    loans: int
    expected_ppm: int
    observed_ppm: int
    margin_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRow:
    """One month of issue of the test years."""

    month: int
    """Months since 1970-01."""
    loans: int
    stability: float
    expected_ppm: int
    observed_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All figures of the model card."""

    train_loans: int
    train_defaults: int
    test_loans: int
    out_of_fold: Discrimination
    """Of the network on the training loans, each scored by one that was trained without it."""
    hindsight: Comparison
    knowable: Knowable | None
    """None without a time column, or when it is not known when defaults became known."""
    levels: tuple[LevelRow, ...]
    months: tuple[MonthRow, ...]
    stability: float
    expected_ppm: int
    observed_ppm: int
    promises: tuple[Promise, ...]
    """What the margins come from."""
    knowable_promises: tuple[Promise, ...]
    packs: tuple[tuple[str, tuple[PackPromise, ...]], ...]
    """By what is counted and which margin: packs drawn from the test loans."""


def assess(
    design: Design,
    *,
    train: LoanSet,
    test: LoanSet,
    model: Calibrated,
    margins: tuple[int, ...],
    promises: tuple[tuple[Promise, ...], tuple[Promise, ...]],
    time: Time | None,
    packs: Packs | None,
    report: Report,
) -> Assessment:
    """Measure the model on the test loans, and fit the baselines it is compared with."""
    scores = model.scores(test)
    pd_ppm = np.array(model.pd_ppm, dtype=np.int64)[scores.astype(np.int64) - 1]
    hindsight = _compare(design, train, test, model.fitted, pd_ppm / PPM)
    report("baselines, hindsight labels")
    out_of_fold = evaluation.discrimination(
        train.defaulted, model.out_of_fold, 1 / (1 + np.exp(-model.out_of_fold / OUTPUT_SCALE))
    )
    shares = np.bincount(np.arange(100) // 10, weights=model.totals) / sum(model.totals)
    return Assessment(
        train_loans=len(train),
        train_defaults=int(train.defaulted.sum()),
        test_loans=len(test),
        out_of_fold=out_of_fold,
        hindsight=hindsight,
        knowable=_knowable(design, time, train, test, report) if time and time.known else None,
        levels=_level_rows(scores, pd_ppm, test, margins),
        months=_month_rows(scores, pd_ppm, test, shares) if time else (),
        stability=evaluation.stability_index(shares, scores),
        expected_ppm=round(float(pd_ppm.mean())),
        observed_ppm=round(float(test.defaulted.mean()) * PPM),
        promises=promises[0],
        knowable_promises=promises[1],
        packs=_packs(packs, test, scores, model.pd_ppm, margins) if packs else (),
    )


def _knowable(design: Design, time: Time, train: LoanSet, test: LoanSet, report: Report) -> Knowable:
    year = time.train_years[1]
    seasoned = train.knowable(year, seasoned_months=time.seasoned_months)
    fitted = fit(design, seasoned)
    comparison = _compare(design, seasoned, test, fitted, 1 / (1 + np.exp(-fitted.outputs(test) / OUTPUT_SCALE)))
    report("network and baselines, labels knowable at the time")
    all_known = train.knowable(year, seasoned_months=0)
    return Knowable(
        comparison=comparison,
        unseasoned=_lightgbm(design, all_known, test),
        seasoned_loans=len(seasoned),
        known_defaults=int(all_known.defaulted.sum()),
    )


def _compare(design: Design, train: LoanSet, test: LoanSet, fitted: Fitted, probability: FloatArray) -> Comparison:
    logistic = LogisticRegression(C=LOGISTIC_C, max_iter=2_000)
    features = fitted.spec.features_of(train.columns) / SCALE
    logistic.fit(features, train.defaulted, sample_weights(design, train))
    logistic_pd = logistic.predict_proba(fitted.spec.features_of(test.columns) / SCALE)[:, 1]
    return Comparison(
        network=evaluation.discrimination(test.defaulted, fitted.outputs(test), probability),
        logistic=evaluation.discrimination(test.defaulted, logistic_pd, logistic_pd),
        lightgbm=_lightgbm(design, train, test),
    )


def _lightgbm(design: Design, train: LoanSet, test: LoanSet) -> Discrimination:
    weights = sample_weights(design, train)
    matrix = tree_matrix(design, train)
    trees = boosted_trees(matrix, train.defaulted, weights, leaf_loans=design.leaf_loans, seed=0)
    probability = trees.predict_proba(tree_matrix(design, test))[:, 1]
    return evaluation.discrimination(test.defaulted, probability, probability)


def _packs(
    packs: Packs, test: LoanSet, scores: NDArray[np.uint8], pd_ppm: tuple[int, ...], margins: tuple[int, ...]
) -> tuple[tuple[str, tuple[PackPromise, ...]], ...]:
    ones = np.ones(len(test), dtype=np.int64)
    balance = test.columns[packs.balance] // 100
    least, none = (MARGIN_FLOOR_PPM,) * LEVEL_COUNT, (PPM,) * LEVEL_COUNT
    ways = (
        ("by count, margins above", margins, ones),
        ("by balance, margins above", margins, balance),
        ("by count, margin 1.05 only", least, ones),
        ("by count, no margin", none, ones),
    )
    return tuple(
        (name, evaluation.pack_promises(packs, scores, evaluation.with_margin(scores, pd_ppm, margin), weight, test))
        for name, margin, weight in ways
    )


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
                expected_ppm=_mean_ppm(pd_ppm[chosen]),
                observed_ppm=_mean_ppm(test.defaulted[chosen] * np.int64(PPM)),
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
                expected_ppm=_mean_ppm(pd_ppm[chosen]),
                observed_ppm=_mean_ppm(test.defaulted[chosen] * np.int64(PPM)),
            )
        )
    return tuple(rows)


def _mean_ppm(values: Int64Array) -> int:
    """Return the mean, rounded; 0 of nothing."""
    return round(float(values.mean())) if len(values) else 0
