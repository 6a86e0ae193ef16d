"""The prudence margin on PD: what models promised for loans they had not seen, and what came.

With a time column the loans are those of later years (walk-forward); without one they are the other folds, which
measures sampling noise alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from client.model.arithmetic import PPM
from client.model.calibration import LEVEL_COUNT, MARGIN_FLOOR_PPM, levels_of, monotone_pd_ppm, scores_of
from client.model.training.design import Design
from client.model.training.feature_file import Time
from client.model.training.loans import LoanSet
from client.model.training.pipeline import FOLDS, Calibrated, Report, calibrate, count_by_score, folds_of

KNOWABLE_LOANS_MIN: Final = 500
KNOWABLE_DEFAULTS_MIN: Final = 50
"""With fewer a calibration to 100 scores says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a model promised for loans it had not seen, and what came, per level."""

    name: str
    """The year, or `cross-validation`."""
    loans: tuple[int, ...]
    expected: tuple[float, ...]
    observed: tuple[int, ...]


def walk_forward(design: Design, time: Time, loans: LoanSet, report: Report) -> tuple[Promise, ...]:
    """For each later training year, train and calibrate on the years before it and compare promise and outcome."""
    promises = []
    for year in range(time.first_walk_forward_year, time.train_years[1] + 1):
        model = calibrate(design, loans.issued(time.train_years[0], year - 1), report)
        promises.append(_promise(str(year), model, loans.issued(year, year)))
    return tuple(promises)


def knowable_walk_forward(design: Design, time: Time, loans: LoanSet, report: Report) -> tuple[Promise, ...]:
    """Do the same with the labels that were known when each year began; years with too few of them are left out."""
    promises = []
    for year in range(time.first_walk_forward_year, time.train_years[1] + 1):
        known = loans.issued(time.train_years[0], year - 1).knowable(year - 1, seasoned_months=time.seasoned_months)
        if len(known) >= KNOWABLE_LOANS_MIN and known.defaulted.sum() >= KNOWABLE_DEFAULTS_MIN:
            model = calibrate(design, known, report)
            promises.append(_promise(str(year), model, loans.issued(year, year)))
    return tuple(promises)


def cross_validation(loans: LoanSet, model: Calibrated) -> Promise:
    """Compare each fold with the PD of the other folds, all folds together; every score by a network that was blind."""
    folds = folds_of(len(loans))
    scores = scores_of(model.out_of_fold, model.cut_points)
    pd_ppm = np.zeros(len(loans), dtype=np.int64)
    for fold in range(FOLDS):
        others = folds != fold
        counts = count_by_score(scores[others], loans.defaulted[others])
        if min(counts[0]) == 0:  # so few loans that a score is in this fold alone: take the PD of all
            counts = model.totals, model.defaults
        table = np.array(monotone_pd_ppm(*counts), dtype=np.int64)
        pd_ppm[~others] = table[scores[~others].astype(np.int64) - 1]
    return _compare("cross-validation", scores, pd_ppm, loans)


def margins_ppm(promises: tuple[Promise, ...]) -> tuple[int, ...]:
    """Compute per level the largest of 1.05, the worst ratio observed / expected, and its upper 95 % bound.

    The bound is the exact one-sided Poisson bound of the observed count in the promise with the worst ratio.
    """
    margins = []
    for level in range(LEVEL_COUNT):
        pairs = [(each.observed[level], max(each.expected[level], 1e-9)) for each in promises]
        observed, expected = max(pairs, key=lambda pair: pair[0] / pair[1])
        bound = upper_bound(observed) / expected
        margins.append(max(MARGIN_FLOOR_PPM, int(np.ceil(bound * PPM))))
    return tuple(margins)


def upper_bound(count: int) -> float:
    """Return the exact one-sided 95 % upper bound of a Poisson mean of which `count` was observed."""
    return float(chi2.ppf(0.95, 2 * (count + 1))) / 2


def _promise(name: str, model: Calibrated, tested: LoanSet) -> Promise:
    scores = model.scores(tested)
    pd_ppm = np.array(model.pd_ppm, dtype=np.int64)[scores.astype(np.int64) - 1]
    return _compare(name, scores, pd_ppm, tested)


def _compare(name: str, scores: NDArray[np.uint8], pd_ppm: NDArray[np.int64], tested: LoanSet) -> Promise:
    levels = levels_of(scores)
    chosen = [levels == level for level in range(1, LEVEL_COUNT + 1)]
    return Promise(
        name=name,
        loans=tuple(int(each.sum()) for each in chosen),
        expected=tuple(float(pd_ppm[each].sum()) / PPM for each in chosen),
        observed=tuple(int(tested.defaulted[each].sum()) for each in chosen),
    )
