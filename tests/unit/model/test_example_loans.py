"""The committed model on the committed loans of 2011, which it was not trained on, with their known outcome."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from client.model.arithmetic import Int64Array
from client.model.calibration import levels_of
from client.model.manifest import ModelPackage
from client.model.records import columns_of
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS, MISSING

WITH_FILE = 6_008


@pytest.fixture(scope="module")
def outcomes(example_rows: Any) -> Int64Array:
    return np.array(example_rows[2], dtype=np.int64)


@pytest.fixture(scope="module")
def scores(package: ModelPackage, example_columns: Mapping[str, Int64Array]) -> Int64Array:
    return package.score(example_columns).astype(np.int64)


def area_under_curve(scores: Int64Array, outcomes: Int64Array) -> float:
    """Chance that a bad loan scores above a good one; ties count half."""
    good = np.bincount(scores[outcomes == 0], minlength=101)
    bad = np.bincount(scores[outcomes == 1], minlength=101)
    below = np.cumsum(good) - good
    return float((bad * (below + good / 2)).sum() / (bad.sum() * good.sum()))


def test_every_borrower_with_a_file_is_scored(scores: Int64Array) -> None:
    assert scores.shape == (WITH_FILE,), "61 of the 6,069 borrowers have no file"
    assert scores.min() >= 1
    assert scores.max() <= 100


def test_all_example_values_lie_in_the_range_of_their_field(example_rows: Any) -> None:
    assets, credit, _ = example_rows
    for fields, rows in ((ASSET_FIELDS, assets), (CREDIT_FIELDS, credit)):
        problems = [field.problem(row[index]) for row in rows for index, field in enumerate(fields)]
        assert not [problem for problem in problems if problem]


def test_rows_and_columns_give_the_same_scores(package: ModelPackage, example_rows: Any, scores: Int64Array) -> None:
    assets, credit, _ = example_rows
    np.testing.assert_array_equal(package.score(columns_of(assets, credit)), scores)


def test_a_loan_scores_the_same_alone_and_in_any_pack(
    package: ModelPackage, example_columns: Mapping[str, Int64Array], scores: Int64Array
) -> None:
    order = np.random.default_rng(3).permutation(WITH_FILE)
    shuffled = {name: column[order] for name, column in example_columns.items()}
    np.testing.assert_array_equal(package.score(shuffled), scores[order])
    alone = {name: column[17:18] for name, column in example_columns.items()}
    assert package.score(alone).tolist() == [scores[17]]


def test_model_separates_loans_it_never_saw(scores: Int64Array, outcomes: Int64Array) -> None:
    assert area_under_curve(scores, outcomes) >= 0.68
    shuffled = np.random.default_rng(0).permutation(outcomes)
    assert abs(area_under_curve(scores, shuffled) - 0.5) < 0.03, "the measure itself finds nothing in noise"


def test_observed_default_rate_rises_over_pairs_of_levels(scores: Int64Array, outcomes: Int64Array) -> None:
    """Single levels of 600 loans carry two points of noise; pairs of levels must rise strictly."""
    pairs = (levels_of(scores.astype(np.uint8)).astype(np.int64) + 1) // 2
    rates = [float(outcomes[pairs == pair].mean()) for pair in range(1, 6)]
    assert all(low < high for low, high in pairwise(rates)), rates
    assert rates[-1] > 4 * rates[0]


def test_validation_of_the_manifest_rises_over_all_ten_levels(package: ModelPackage) -> None:
    """All 21,721 loans of 2011: too many to commit, so their counts per level are."""
    validation = package.manifest.validation
    assert sum(validation.totals) == 21_721
    counted = zip(validation.level_totals, validation.level_defaults, strict=True)
    assert all(low[1] * high[0] < high[1] * low[0] for low, high in pairwise(counted))


def test_a_worse_credit_file_never_scores_better_on_average(
    package: ModelPackage, example_columns: Mapping[str, Int64Array], scores: Int64Array
) -> None:
    worse = dict(example_columns)
    known = worse["inquiries_6m"] != MISSING
    worse["inquiries_6m"] = np.where(known, worse["inquiries_6m"] + 3, MISSING)
    worse["revolving_utilisation_ppm"] = np.full(WITH_FILE, 990_000, dtype=np.int64)
    assert package.score(worse).mean() > scores.mean() + 5
