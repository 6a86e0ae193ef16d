"""Rows and records decoded by the million are what they are one by one, and bad ones are refused in the same words."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.model.arithmetic import Int64Array
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS, MISSING, SCHEMA_VERSION, Field
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack import columns as decoder
from client.sdk.pack.asset_row import AssetRow, parse_row
from client.sdk.pack.columns import decode_records, decode_rows
from client.sdk.pack.credit_record import encode_record, parse_record
from tests.unit.sdk.pack.samples import asset_values, record, row

OF_32_BYTES = (15_000, 1_015, 190, 19, *[None] * 4, 4, 3, 96_788, 2_391, *[None] * 7)
"""A record whose plain encoding has the one size that no leaf may have."""
BORDERS = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32]


def values_of(fields: Sequence[Field]) -> st.SearchStrategy[tuple[int | None, ...]]:
    def of(field: Field) -> st.SearchStrategy[int | None]:
        borders = [value for value in (*BORDERS, field.minimum, field.maximum) if field.problem(value) is None]
        known = st.integers(field.minimum, field.maximum) | st.sampled_from(borders)
        return known | st.none() if field.nullable else known

    return st.tuples(*(of(field) for field in fields))


ROWS = st.lists(
    st.builds(AssetRow, st.binary(min_size=32, max_size=32), st.text(max_size=300), values_of(ASSET_FIELDS)),
    max_size=20,
)
RECORDS = st.lists(values_of(CREDIT_FIELDS), max_size=20)


def unpacked(columns: dict[str, Int64Array], count: int) -> list[tuple[int | None, ...]]:
    return [
        tuple(None if column[index] == MISSING else int(column[index]) for column in columns.values())
        for index in range(count)
    ]


@given(ROWS)
@settings(max_examples=60)
def test_rows_decoded_together_are_those_decoded_one_by_one(rows: list[AssetRow]) -> None:
    table = decode_rows([each.to_bytes() for each in rows])
    assert table.handles == [each.handle for each in rows]
    assert list(table.columns) == [field.name for field in ASSET_FIELDS]
    assert unpacked(table.columns, len(rows)) == [each.values for each in rows]


@given(RECORDS)
@settings(max_examples=60)
def test_records_decoded_together_are_those_decoded_one_by_one(records: list[tuple[int | None, ...]]) -> None:
    columns = decode_records([encode_record(each) for each in records])
    assert unpacked(columns, len(records)) == records


def test_plain_rows_and_records_need_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: bytes) -> tuple[int | None, ...]:
        raise AssertionError("decoded one by one")

    monkeypatch.setattr(decoder, "parse_record", never)
    monkeypatch.setattr(decoder, "parse_row", never)
    assert decode_rows([row(1).to_bytes(), AssetRow(bytes(32), "贷款-1", asset_values()).to_bytes()]).handles
    assert len(decode_records([encode_record(record()), encode_record(OF_32_BYTES)])) == len(CREDIT_FIELDS)


def test_record_of_the_forbidden_size_is_taken_in_its_longer_form_only() -> None:
    plain = canonical.encode([SCHEMA_VERSION, *OF_32_BYTES])
    assert len(plain) == 32
    assert unpacked(decode_records([encode_record(OF_32_BYTES)]), 1) == [OF_32_BYTES]
    for other in (plain, encode_record(OF_32_BYTES)[:-1] + b"\x00", encode_record(record())[:-1] + b"\xf6\xf6"):
        with pytest.raises(DecodeError, match=r"credit record|canonical bytes"):
            decode_records([encode_record(record()), other])


def outcome(decode: Callable[[], object]) -> str | None:
    try:
        decode()
    except DecodeError as error:
        return str(error)
    return None


@given(st.data())
@settings(max_examples=300)
def test_changed_bytes_are_judged_as_one_by_one(data: st.DataObject) -> None:
    is_row = data.draw(st.booleans())
    good = row(3).to_bytes() if is_row else encode_record(data.draw(st.sampled_from([record(), OF_32_BYTES])))
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    items = [good, bytes(changed), good]
    if is_row:
        assert outcome(lambda: decode_rows(items)) == outcome(lambda: parse_row(bytes(changed)))
    else:
        assert outcome(lambda: decode_records(items)) == outcome(lambda: parse_record(bytes(changed)))


@pytest.mark.parametrize("place", [0, 7, 16_383, 16_384, 20_000])
def test_bad_row_is_found_wherever_it_stands(place: int) -> None:
    rows = [row(1).to_bytes()] * 20_001
    rows[place] = row(1, term_months=601).to_bytes()
    with pytest.raises(DecodeError, match="term_months"):
        decode_rows(rows)


def test_longest_and_shortest_items_at_the_end_of_a_block_are_read_within_it() -> None:
    for item in (b"", b"\x98", bytes([0x98, 25, 2, 0x58, 32]), row(1).to_bytes()[:37] + b"\x78\xff", b"\x1b" * 60):
        assert outcome(lambda item=item: decode_rows([item])) == outcome(lambda item=item: parse_row(item))
        assert outcome(lambda item=item: decode_records([item])) == outcome(lambda item=item: parse_record(item))


def test_no_rows_give_empty_columns() -> None:
    assert all(column.dtype == np.int64 and not len(column) for column in decode_rows([]).columns.values())
