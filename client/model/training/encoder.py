"""Fits the feature spec: which ratios, which cuts and which values, from training loans alone.

Each numeric source becomes a table of standardised means over 32 quantile bins, a weight-of-evidence table over at
most 8 bins chosen by a small tree (monotone where the direction is known), and a flag where it can be missing; each
categorical source a weight-of-evidence table. Everything is fitted on the integers that the spec itself computes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from client.model.arithmetic import Int64Array
from client.model.feature_spec import Feature, FeatureSpec, Input, Lookup, MissingFlag, Ratio
from client.model.schema import FIELDS, MISSING
from client.model.training.data import LoanSet

SCALE: Final = 128
"""Integer that stands for 1.0 in a feature."""
QUANTILE_BINS: Final = 32
LEAVES: Final = 8
LEAF_SHARE: Final = 0.03
SMOOTHING: Final = 50
CLIP: Final = 3.0

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Source:
    """How a number is turned into features."""

    name: str
    logarithmic: bool = False
    direction: int = 0
    """1 when risk cannot fall as the number grows, -1 when it cannot rise, 0 when free."""
    evidence: bool = True
    """Whether it also gets a weight-of-evidence table."""


RATIOS: Final = (
    Ratio("principal_to_income", "original_principal_cents", "annual_income_cents"),
    Ratio("payment_to_income", "principal_to_income", "term_months"),
    Ratio("revolving_to_income", "revolving_balance_cents", "annual_income_cents"),
    Ratio("revolving_limit_cents", "revolving_balance_cents", "revolving_utilisation_ppm"),
    Ratio("limit_to_income", "revolving_limit_cents", "annual_income_cents"),
    Ratio("open_share", "open_accounts", "total_accounts"),
)

NUMERIC: Final = (
    Source("original_principal_cents", logarithmic=True),
    Source("annual_income_cents", logarithmic=True, direction=-1),
    Source("principal_to_income", logarithmic=True, direction=1),
    Source("payment_to_income", logarithmic=True, direction=1),
    Source("debt_to_income_ppm", direction=1),
    Source("revolving_utilisation_ppm", direction=1),
    Source("revolving_balance_cents", logarithmic=True),
    Source("revolving_to_income", logarithmic=True),
    Source("revolving_limit_cents", logarithmic=True, direction=-1),
    Source("limit_to_income", logarithmic=True, direction=-1),
    Source("credit_age_months", logarithmic=True, direction=-1),
    Source("open_accounts"),
    Source("total_accounts"),
    Source("open_share"),
    Source("inquiries_6m", direction=1),
    Source("delinquencies_2y", direction=1),
    Source("public_records", direction=1),
    Source("bankruptcies", direction=1),
    Source("months_since_delinquency", direction=-1),
    Source("months_since_public_record", direction=-1),
    Source("term_months", direction=1, evidence=False),
    Source("employment_years"),
)

CATEGORICAL: Final = ("purpose_code", "home_ownership_code", "income_verification_code")

_WITHOUT_FLAG: Final = ("bankruptcies",)
"""Unknown in the early years only: a flag would tell the model the vintage, not the borrower."""


def base_spec() -> FeatureSpec:
    """Return the spec's inputs and ratios, without features."""
    computed = {ratio.name for ratio in RATIOS}
    used = {source.name for source in NUMERIC} | set(CATEGORICAL)
    used |= {operand for ratio in RATIOS for operand in (ratio.numerator, ratio.denominator)}
    inputs = tuple(
        Input(field.name, field.minimum, field.maximum) for field in FIELDS.values() if field.name in used - computed
    )
    return FeatureSpec(inputs=inputs, ratios=RATIOS, features=())


def fit_spec(loans: LoanSet, labels: NDArray[np.int8], weights: FloatArray) -> FeatureSpec:
    """Fit all tables.

    Args:
        loans: training loans.
        labels: 1 = bad, one per loan.
        weights: sample weights.
    """
    base = base_spec()
    numbers = base.numbers(loans.columns)
    features: list[Feature] = []
    for source in NUMERIC:
        features.extend(_numeric_features(source, numbers[source.name], labels, weights))
    for name in CATEGORICAL:
        codes = numbers[name]
        cuts = tuple(range(2, FIELDS[name].maximum + 1))
        features.append(_evidence_table(name, codes, cuts, labels, weights))
    return FeatureSpec(inputs=base.inputs, ratios=base.ratios, features=tuple(features))


def tree_matrix(loans: LoanSet) -> FloatArray:
    """Return the numbers of the spec for a tree model: float64, shape (loans, sources), NaN where missing."""
    numbers = base_spec().numbers(loans.columns)
    names = [source.name for source in NUMERIC] + list(CATEGORICAL)
    matrix = np.column_stack([numbers[name] for name in names])
    return np.where(matrix == MISSING, np.nan, matrix.astype(np.float64))


def _numeric_features(
    source: Source, numbers: Int64Array, labels: NDArray[np.int8], weights: FloatArray
) -> list[Feature]:
    features: list[Feature] = [_mean_table(source, numbers)]
    present = numbers != MISSING
    if (~present).mean() > LEAF_SHARE and source.name not in _WITHOUT_FLAG:
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
    shaped = np.log1p(present.astype(np.float64)) if source.logarithmic else present.astype(np.float64)
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
