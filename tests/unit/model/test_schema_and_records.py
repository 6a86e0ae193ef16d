"""The schema keeps the promises other parts build on; rows become columns or are refused."""

import numpy as np
import pytest

from client.model import codes
from client.model.errors import RecordShapeError
from client.model.manifest import ModelPackage
from client.model.records import columns_of
from client.model.schema import ASSET_FIELDS, CODE_TABLES, CREDIT_FIELDS, FIELDS, MISSING

NEVER_READ = {
    "origination_day",
    "currency_code",
    "rate_ppm",
    "days_past_due",
    "region_code",
    "balance_cents",
    "months_on_book",
    "observed_day",
}


def test_field_names_are_unique_over_both_kinds() -> None:
    assert len(FIELDS) == len(ASSET_FIELDS) + len(CREDIT_FIELDS)


def test_no_value_of_a_field_is_missing_and_money_times_a_million_fits_64_bits() -> None:
    for field in FIELDS.values():
        assert MISSING < field.minimum <= field.maximum
        if field.unit in ("cents", "ppm"):
            assert field.maximum * 10**6 < 2**63


@pytest.mark.parametrize("name", CODE_TABLES)
def test_codes_lie_within_the_range_of_their_field(name: str) -> None:
    values = list(CODE_TABLES[name].values())
    assert len(set(values)) == len(values)
    assert all(FIELDS[name].problem(value) is None for value in values)


def test_codes_given_out_stay_what_they_are() -> None:
    assert codes.PURPOSES["debt_consolidation"] == 3
    assert codes.REGIONS["CA"] == 5
    assert [codes.REGIONS[name] for name in ("WY", "CN-11", "CN-82", "EU-AT", "EU-SK")] == [51, 52, 85, 86, 116]
    assert codes.HOME_OWNERSHIP == {"RENT": 1, "OWN": 2, "MORTGAGE": 3, "OTHER": 4, "NONE": 5}


def test_model_never_reads_fields_that_are_for_eligibility_and_limits(package: ModelPackage) -> None:
    read = {item.name for item in package.feature_spec.inputs}
    assert not read & NEVER_READ
    assert {FIELDS[name].kind for name in read} == {"asset", "credit"}, "the model needs both files"


def test_income_and_deposits_alone_need_explicit_consent() -> None:
    assert [field.name for field in FIELDS.values() if field.needs_explicit_consent] == [
        "income_cents",
        "deposits_cents",
    ]


def test_fields_of_the_first_schema_keep_their_places() -> None:
    assert [field.name for field in ASSET_FIELDS[:15]][::7] == [
        "origination_day",
        "days_past_due",
        "debt_to_income_ppm",
    ]
    assert CREDIT_FIELDS[11].name == "revolving_utilisation_ppm"
    assert all(field.nullable for field in (*ASSET_FIELDS[15:], *CREDIT_FIELDS[12:]))


def test_field_problem_names_got_and_expected() -> None:
    field = FIELDS["term_months"]
    assert field.problem(36) is None
    assert field.problem(0) == "term_months: got 0, expected 1 to 600 (months)"
    assert field.problem(None) == "term_months: missing, expected an integer (months)"
    assert FIELDS["annual_income_cents"].problem(None) is None


def rows(count: int) -> tuple[list[list[int | None]], list[list[int | None]]]:
    assets: list[list[int | None]] = [list(range(row, row + len(ASSET_FIELDS))) for row in range(count)]
    credit: list[list[int | None]] = [[None] * len(CREDIT_FIELDS) for _ in range(count)]
    return assets, credit


def test_rows_become_columns_in_the_order_of_the_schema() -> None:
    columns = columns_of(*rows(3))
    assert list(columns) == list(FIELDS)
    for index, field in enumerate(ASSET_FIELDS):
        assert columns[field.name].tolist() == [index, index + 1, index + 2]
        assert columns[field.name].dtype == np.int64
    assert all((columns[field.name] == MISSING).all() for field in CREDIT_FIELDS)


def test_no_rows_become_empty_columns() -> None:
    assert all(column.shape == (0,) for column in columns_of([], []).values())


@pytest.mark.parametrize("bad", [1.0, "1", True, 2**63, -(2**63) - 1])
def test_row_with_a_value_that_is_no_int64_is_refused_with_its_place(bad: object) -> None:
    assets, credit = rows(3)
    assets[1][4] = bad  # type: ignore[call-overload]  # what a careless caller does
    with pytest.raises(RecordShapeError, match=r"asset row 1, term_months: got .* expected an integer of 64 bits"):
        columns_of(assets, credit)


def test_row_of_wrong_length_is_refused_with_its_place() -> None:
    assets, credit = rows(3)
    credit[2].append(0)
    with pytest.raises(RecordShapeError, match="credit row 2: got 20 values, expected 19"):
        columns_of(assets, credit)


def test_lists_of_different_length_are_refused() -> None:
    assets, credit = rows(3)
    with pytest.raises(RecordShapeError, match="credit records: got 2 rows, expected 3"):
        columns_of(assets, credit[:2])
