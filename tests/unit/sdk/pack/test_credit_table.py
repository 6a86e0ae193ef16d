"""Records of a whole pack as columns: the same as merging them borrower by borrower."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.model.schema import CREDIT_FIELDS, MISSING
from client.sdk.errors import DecodeError
from client.sdk.pack.asset_row import AssetRow
from client.sdk.pack.asset_table import AssetTable
from client.sdk.pack.credit_record import FoundRecord, NoRecord, RecordRules, encode_record, merge_found
from client.sdk.pack.credit_table import CreditTable, FoundRecords
from tests.unit.sdk.pack.samples import asset_values, record, row

HANDLES = [bytes([number]) * 32 for number in range(4)]
VALUES = st.builds(
    lambda day, distance, late: record(observed_day=day, relation_distance=distance, delinquencies_2y=late),
    st.integers(14_990, 15_010),
    st.sampled_from([None, 0, 1, 3]),
    st.none() | st.integers(0, 9),
)
FOUND = st.lists(
    st.tuples(st.sampled_from(HANDLES), st.integers(1, 3), st.integers(0, 4), VALUES),
    max_size=12,
    unique_by=lambda each: each[:3],
)
RULES = st.builds(RecordRules, oldest_day=st.none() | st.integers(14_990, 15_010), takes_relations=st.booleans())


@given(FOUND, RULES)
@settings(max_examples=200)
def test_records_merged_together_are_those_merged_borrower_by_borrower(
    found: list[tuple[bytes, int, int, tuple[int | None, ...]]], rules: RecordRules
) -> None:
    together = FoundRecords()
    one_by_one: dict[bytes, list[FoundRecord]] = {}
    for handle, organisation, index, values in found:
        together.add(handle, encode_record(values), organisation=organisation, batch_id=7, index=index)
        each = FoundRecord(organisation=organisation, batch_id=7, index=index, values=values)
        one_by_one.setdefault(handle, []).append(each)
    expected = {handle: merge_found(records, rules) for handle, records in one_by_one.items()}
    table, reasons = together.merged(rules)
    assert dict(table) == {handle: each for handle, each in expected.items() if not isinstance(each, NoRecord)}
    assert reasons == {handle: each for handle, each in expected.items() if isinstance(each, NoRecord)}
    places = table.places(HANDLES)
    assert [handle for handle, place in zip(HANDLES, places, strict=True) if place >= 0] == sorted(table)


def test_record_that_is_not_canonical_is_refused() -> None:
    found = FoundRecords()
    found.add(HANDLES[0], b"\x80", organisation=1, batch_id=1, index=0)
    with pytest.raises(DecodeError, match="credit record"):
        found.merged()


def test_table_of_records_gives_them_back_and_their_columns() -> None:
    records = {HANDLES[2]: record(), HANDLES[0]: record(inquiries_6m=None)}
    table = CreditTable.of(records)
    assert CreditTable.of(table) is table
    assert dict(table) == records
    assert (len(table), HANDLES[1] in table) == (2, False)
    assert table.columns["inquiries_6m"].tolist() == [1, MISSING]
    assert list(table.columns) == [field.name for field in CREDIT_FIELDS]
    assert table.places([HANDLES[0], HANDLES[1], HANDLES[2]]).tolist() == [1, -1, 0]


def test_table_without_records_is_empty() -> None:
    table, reasons = FoundRecords().merged()
    assert (dict(table), reasons) == ({}, {})
    assert table.places(HANDLES).tolist() == [-1] * 4
    assert all(column.dtype == np.int64 for column in table.columns.values())


def test_table_of_rows_gives_each_row_back() -> None:
    rows = [row(1), AssetRow(HANDLES[3], "L2", asset_values(balance_cents=7))]
    table = AssetTable.of(rows)
    assert AssetTable.of(table) is table
    assert list(table) == rows
    assert table[1] == rows[1]
    assert list(table[:1]) == rows[:1]
    assert len(table) == 2
    assert table.decoded.columns["balance_cents"].tolist() == [1_150_000, 7]
    assert table.decoded.handles == [each.handle for each in rows]
