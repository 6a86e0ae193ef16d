"""Fits the feature spec: which ratios, which cuts and which values, from training loans alone.

Each numeric source becomes a table of standardised means over 32 quantile bins, a weight-of-evidence table over at
most 8 bins chosen by a small tree (monotone where the direction is known), and a flag where it can be missing; each
categorical source a weight-of-evidence table. Everything is fitted on the integers that the spec itself computes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from client.model.arithmetic import Int64Array
from client.model.feature_spec import Feature, FeatureSpec, Lookup, MissingFlag
from client.model.schema import MISSING
from client.model.training.design import Design, Source
from client.model.training.loans import LoanSet

SCALE: Final = 128
"""Integer that stands for 1.0 in a feature."""
QUANTILE_BINS: Final = 32
LEAVES: Final = 8
LEAF_SHARE: Final = 0.03
SMOOTHING: Final = 50
CLIP: Final = 3.0

FloatArray = NDArray[np.float64]


def base_spec(design: Design) -> FeatureSpec:
    """Return the spec's inputs and ratios, without features."""
    return FeatureSpec(inputs=design.inputs, ratios=design.ratios, features=())


def fit_spec(design: Design, loans: LoanSet, labels: NDArray[np.int8], weights: FloatArray) -> FeatureSpec:
    """Fit all tables.

    Args:
        design: which numbers become features, and how.
        loans: training loans.
        labels: 1 = bad, one per loan.
        weights: sample weights.
    """
    base = base_spec(design)
    numbers = base.numbers(loans.columns)
    features: list[Feature] = []
    for source in design.numeric:
        features.extend(_numeric_features(source, numbers[source.name], labels, weights))
    for name in design.categorical:
        codes = numbers[name]
        cuts = tuple(range(2, design.maximum(name) + 1))
        features.append(_evidence_table(name, codes, cuts, labels, weights))
    return FeatureSpec(inputs=base.inputs, ratios=base.ratios, features=tuple(features))


def tree_matrix(design: Design, loans: LoanSet) -> FloatArray:
    """Return the numbers of the spec for a tree model: float64, shape (loans, sources), NaN where missing."""
    numbers = base_spec(design).numbers(loans.columns)
    matrix = np.column_stack([numbers[name] for name in design.source_names])
    return np.where(matrix == MISSING, np.nan, matrix.astype(np.float64))


def _numeric_features(
    source: Source, numbers: Int64Array, labels: NDArray[np.int8], weights: FloatArray
) -> list[Feature]:
    features: list[Feature] = [_mean_table(source, numbers)]
    present = numbers != MISSING
    if (~present).mean() > LEAF_SHARE and source.flag:
        features.append(MissingFlag(source.name, SCALE))
    if source.evidence and present.any():
        tree = DecisionTreeClassifier(
            max_leaf_nodes=LEAVES,
            min_samples_leaf=max(1, int(LEAF_SHARE * len(numbers))),
            monotonic_cst=[source.direction] if source.direction else None,
            random_state=0,
        )
        tree.fit(numbers[present].astype(np.float64)[:, None], labels[present], sample_weight=weights[present])
        thresholds = tree.tree_.threshold[tree.tree_.feature >= 0]
        cuts = tuple(sorted({int(np.floor(threshold)) + 1 for threshold in thresholds}))
        if cuts:
            features.append(_evidence_table(source.name, numbers, cuts, labels, weights))
    return features


def _mean_table(source: Source, numbers: Int64Array) -> Lookup:
    """Bin by quantiles; a bin's value is the standardised mean of its (log) numbers; missing is the mean, 0."""
    present = np.sort(numbers[numbers != MISSING])
    if not len(present) or present[0] == present[-1]:
        return Lookup(source.name, (), (0,), 0)
    positions = (np.arange(1, QUANTILE_BINS) * len(present)) // QUANTILE_BINS
    cuts = sorted({int(present[position]) for position in positions} - {int(present[0])})
    shaped = present.astype(np.float64)
    if source.logarithmic:
        shaped = np.sign(shaped) * np.log1p(np.abs(shaped))
    low, high = np.quantile(shaped, [0.005, 0.995])
    shaped = np.clip(shaped, low, high)
    shaped = np.clip((shaped - shaped.mean()) / max(float(shaped.std()), 1e-9), -CLIP, CLIP)
    bins = np.searchsorted(np.array(cuts, dtype=np.int64), present, side="right")
    means = [float(shaped[bins == index].mean()) for index in range(len(cuts) + 1)]
    return Lookup(source.name, tuple(cuts), tuple(_scaled(mean) for mean in means), 0)


def _evidence_table(
    name: str, numbers: Int64Array, cuts: tuple[int, ...], labels: NDArray[np.int8], weights: FloatArray
) -> Lookup:
    """Weight of evidence per bin: smoothed log-odds of being bad, relative to all loans; one more for missing."""
    bins = np.searchsorted(np.array(cuts, dtype=np.int64), numbers, side="right")
    bins[numbers == MISSING] = len(cuts) + 1
    total = np.bincount(bins, weights=weights, minlength=len(cuts) + 2)
    bad = np.bincount(bins, weights=weights * labels, minlength=len(cuts) + 2)
    base = float((weights * labels).sum() / weights.sum())
    rate = (bad + SMOOTHING * base) / (total + SMOOTHING)
    evidence = np.log(rate / (1 - rate)) - np.log(base / (1 - base))
    values = [_scaled(float(value)) for value in evidence]
    return Lookup(name, cuts, tuple(values[:-1]), values[-1])


def _scaled(value: float) -> int:
    return round(value * SCALE)
