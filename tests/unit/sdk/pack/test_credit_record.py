import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.schema import CREDIT_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack.credit_record import (
    FoundRecord,
    encode_record,
    merge_found,
    merge_records,
    observed_day,
    parse_record,
)
from tests.unit.sdk.pack.samples import record

RECORDS = st.tuples(
    *(
        st.one_of(st.integers(field.minimum, field.maximum), *([st.none()] if field.nullable else []))
        for field in CREDIT_FIELDS
    )
)
INDEX = {field.name: index for index, field in enumerate(CREDIT_FIELDS)}


@given(RECORDS)
def test_record_decoded_again_is_the_same(values: tuple[int | None, ...]) -> None:
    assert parse_record(encode_record(values)) == values


@pytest.mark.parametrize(
    "items",
    [
        [],
        [SCHEMA_VERSION + 1, *record()],
        [SCHEMA_VERSION, *record()[:-1]],
        [SCHEMA_VERSION, *record(observed_day=None)],
        [SCHEMA_VERSION, *record(inquiries_6m=-1)],
        [SCHEMA_VERSION, *record()[:-1], "435000"],
        [SCHEMA_VERSION, *record(), 0],
    ],
)
def test_record_of_another_shape_is_refused(items: list[canonical.Value]) -> None:
    with pytest.raises(DecodeError, match="credit record"):
        parse_record(canonical.encode(items))


def test_refusal_of_a_value_names_the_field_and_never_the_value() -> None:
    items = [SCHEMA_VERSION, *record(revolving_balance_cents=-987_654_321)]
    with pytest.raises(DecodeError, match="revolving_balance_cents") as refused:
        parse_record(canonical.encode(items))
    assert "987654321" not in str(refused.value)


def test_record_without_a_day_has_none_to_tell() -> None:
    assert observed_day(record()) == 15_200
    with pytest.raises(DecodeError, match="observed_day"):
        observed_day(record(observed_day=None))


def test_single_record_is_taken_as_it_is() -> None:
    assert merge_records([record()]) == record()


def test_first_bureau_that_knows_a_field_counts() -> None:
    first = record(open_accounts=None, total_accounts=20)
    second = record(open_accounts=9, total_accounts=30)
    merged = merge_records([first, second])
    assert (merged[INDEX["open_accounts"]], merged[INDEX["total_accounts"]]) == (9, 20)


@pytest.mark.parametrize("field", ["delinquencies_2y", "inquiries_6m", "public_records", "bankruptcies"])
def test_adverse_field_is_the_highest_of_all(field: str) -> None:
    merged = merge_records([record(**{field: 1}), record(**{field: None}), record(**{field: 3}), record(**{field: 0})])
    assert merged[INDEX[field]] == 3


@pytest.mark.parametrize("field", ["months_since_delinquency", "months_since_public_record"])
def test_months_since_an_adverse_event_are_the_fewest_of_all(field: str) -> None:
    merged = merge_records([record(**{field: None}), record(**{field: 40}), record(**{field: 7})])
    assert merged[INDEX[field]] == 7


def test_merged_record_is_as_old_as_its_oldest_part() -> None:
    merged = merge_records([record(observed_day=15_100), record(observed_day=14_000), record(observed_day=15_200)])
    assert observed_day(merged) == 14_000


def test_value_that_nobody_knows_stays_missing() -> None:
    merged = merge_records([record(open_accounts=None), record(open_accounts=None)])
    assert merged[INDEX["open_accounts"]] is None


@given(st.lists(RECORDS, min_size=2, max_size=4))
def test_merged_value_is_one_of_the_bureaus_and_no_better_than_any_adverse_one(
    records: list[tuple[int | None, ...]],
) -> None:
    merged = merge_records(records)
    for index, field in enumerate(CREDIT_FIELDS):
        known = [each[index] for each in records if each[index] is not None]
        assert merged[index] in (known or [None])
        if known and field.adverse == "high":
            assert merged[index] == max(known)
        if known and field.adverse == "low":
            assert merged[index] == min(known)


def found(organisation: int, batch_id: int, index: int, **fields: int | None) -> FoundRecord:
    return FoundRecord(organisation=organisation, batch_id=batch_id, index=index, values=record(**fields))


@given(st.permutations(range(4)))
def test_records_found_in_any_order_are_merged_to_the_same(order: list[int]) -> None:
    records = [
        found(1, 9, 7, observed_day=15_000, open_accounts=None, total_accounts=11),
        found(2, 1, 0, observed_day=15_300, open_accounts=4, total_accounts=12),
        found(2, 3, 0, observed_day=15_200, open_accounts=5),
        found(2, 3, 1, observed_day=15_200, open_accounts=6),
    ]
    merged = merge_found([records[place] for place in order])
    assert (merged[INDEX["open_accounts"]], merged[INDEX["total_accounts"]]) == (4, 11)
    assert merged == merge_found(records)


def test_record_is_preferred_by_organisation_then_newest_then_batch_then_index() -> None:
    preferred = [
        found(1, 9, 9, observed_day=14_000),
        found(2, 9, 9, observed_day=15_001),
        found(2, 1, 5, observed_day=15_000),
        found(2, 1, 6, observed_day=15_000),
        found(2, 2, 0, observed_day=15_000),
    ]
    given = [preferred[place] for place in (4, 2, 0, 3, 1)]
    assert sorted(given, key=lambda each: each.preference) == preferred
