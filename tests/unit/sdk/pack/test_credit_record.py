import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.schema import CREDIT_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack.credit_record import (
    OWN_RECORDS,
    CreditValues,
    FoundRecord,
    NoRecord,
    RecordRules,
    encode_record,
    merge_found,
    observed_day,
    parse_record,
)
from client.sdk.pack.sources import SourceOrder
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


def merge(*records: CreditValues, rules: RecordRules = OWN_RECORDS) -> CreditValues | NoRecord:
    """Merge the records of organisations 1, 2, … ."""
    found_records = [
        FoundRecord(organisation=at, batch_id=1, index=at, values=values) for at, values in enumerate(records, start=1)
    ]
    return merge_found(found_records, rules)


def test_single_record_is_taken_as_it_is() -> None:
    assert merge(record()) == record()


def test_first_bureau_that_knows_a_field_counts() -> None:
    merged = merge(record(open_accounts=None, total_accounts=20), record(open_accounts=9, total_accounts=30))
    assert (merged[INDEX["open_accounts"]], merged[INDEX["total_accounts"]]) == (9, 20)


def test_order_of_sources_decides_field_by_field_and_others_follow_by_organisation() -> None:
    orders = SourceOrder({"open_accounts": (3, 2), "total_accounts": (2,)})
    records = [record(open_accounts=at, total_accounts=10 * at, credit_age_months=100 * at) for at in (1, 2, 3)]
    merged = merge(*records, rules=RecordRules(sources=orders))
    assert [merged[INDEX[name]] for name in ("open_accounts", "total_accounts", "credit_age_months")] == [3, 20, 100]
    records[1] = record(open_accounts=2, total_accounts=None, credit_age_months=200)
    records[2] = record(open_accounts=None, total_accounts=30, credit_age_months=300)
    merged = merge(*records, rules=RecordRules(sources=orders))
    assert [merged[INDEX[name]] for name in ("open_accounts", "total_accounts", "credit_age_months")] == [2, 10, 100]


@pytest.mark.parametrize("field", ["delinquencies_2y", "inquiries_6m", "public_records", "payments_late_12m"])
def test_adverse_field_is_the_highest_of_all(field: str) -> None:
    merged = merge(record(**{field: 1}), record(**{field: None}), record(**{field: 3}), record(**{field: 0}))
    assert merged[INDEX[field]] == 3


@pytest.mark.parametrize("field", ["months_since_delinquency", "months_since_public_record", "bureau_score"])
def test_field_that_is_adverse_when_low_is_the_lowest_of_all(field: str) -> None:
    merged = merge(record(**{field: None}), record(**{field: 40}), record(**{field: 7}))
    assert merged[INDEX[field]] == 7


def test_merged_record_is_as_old_as_its_oldest_part() -> None:
    merged = merge(record(observed_day=15_100), record(observed_day=14_000), record(observed_day=15_200))
    assert observed_day(merged) == 14_000


def test_record_that_is_too_old_takes_no_part() -> None:
    old, young = record(observed_day=14_000, bankruptcies=5), record(observed_day=15_000, bankruptcies=0)
    assert merge(old, young, rules=RecordRules(oldest_day=14_001)) == young
    assert observed_day(merge(old, young, rules=RecordRules(oldest_day=14_000))) == 14_000
    assert merge(old, rules=RecordRules(oldest_day=14_001)) is NoRecord.TOO_OLD
    assert merge() is NoRecord.MISSING


def test_data_spread_by_relations_counts_only_where_nobody_has_own_data_and_the_policy_takes_it() -> None:
    own, spread = record(bankruptcies=0), record(bankruptcies=3, relation_distance=2)
    takes = RecordRules(takes_relations=True)
    assert merge(spread, own) == merge(spread, own, rules=takes) == own
    assert merge(spread) is NoRecord.RELATION
    assert merge(spread, rules=takes) == spread
    assert merge(spread, record(relation_distance=5), rules=takes)[INDEX["relation_distance"]] == 5


def test_value_that_nobody_knows_stays_missing() -> None:
    merged = merge(record(open_accounts=None), record(open_accounts=None))
    assert merged[INDEX["open_accounts"]] is None


@given(st.lists(RECORDS.map(lambda values: (*values[:-1], None)), min_size=2, max_size=4))
def test_merged_value_is_one_of_the_bureaus_and_no_better_than_any_adverse_one(
    records: list[tuple[int | None, ...]],
) -> None:
    merged = merge(*records)
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
