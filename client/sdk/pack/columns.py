"""Canonical asset rows and credit records, a million at a time, straight to the int64 columns that a model reads.

What the fast path accepts is exactly what `parse_row` and `parse_record` accept, with equal values: integers in their
shortest form, within their ranges, nothing behind them. Whatever else it meets it leaves to those two, which take it or
say what is wrong. Pure: no I/O. Source: docs/protocol.md, 5 and 6.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS, MISSING, SCHEMA_VERSION, Field
from client.sdk.pack.asset_row import HANDLE_SIZE, parse_row
from client.sdk.pack.credit_record import parse_record

_BLOCK_ROWS: Final = 16_384
"""Rows decoded together: their bytes and positions stay in the processor's cache."""
_PADDING: Final = bytes(1_024)
"""Behind the last row: more than a malformed row can make the positions run past its end."""

_NULL: Final = 0xF6
_IMMEDIATE_END: Final = 24
_WIDTHS: Final = {0x18: 1, 0x19: 2, 0x1A: 4, 0x1B: 8}
"""Bytes that follow the head of an unsigned integer. Source: RFC 8949, 3."""


_HEADS: Final = range(256)
_SIZE: Final = np.array([1 + _WIDTHS.get(head, 0) for head in _HEADS], dtype=np.int64)
"""Bytes of an item, by its head."""
_SHIFT: Final = np.array([64 - 8 * _WIDTHS.get(head, 8) for head in _HEADS], dtype=np.uint64)
"""What eight bytes are shifted by to leave those of the value."""
_LEAST: Final = np.array(
    [{0x18: 24, 0x19: 1 << 8, 0x1A: 1 << 16, 0x1B: 1 << 32}.get(head, 0) for head in _HEADS], dtype=np.uint64
)
"""Smallest value that has no shorter encoding."""
_IS_WIDE: Final = np.array([head in _WIDTHS for head in _HEADS], dtype=np.bool_)
_IS_KNOWN: Final = np.array([head < _IMMEDIATE_END or head in (*_WIDTHS, _NULL) for head in _HEADS], dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetColumns:
    """Asset rows, decoded and checked."""

    handles: list[bytes]
    columns: dict[str, Int64Array]
    """By field of the asset schema, MISSING where unknown."""


def decode_rows(rows: Sequence[bytes]) -> AssetColumns:
    """Decode canonical asset rows; DecodeError as `parse_row` for the first that is none."""
    columns = _decode(rows, ASSET_FIELDS, _after_loan_id, lambda row: parse_row(row).values)
    start = len(_ASSET_HEAD)
    return AssetColumns(handles=[row[start : start + HANDLE_SIZE] for row in rows], columns=columns)


def decode_records(records: Sequence[bytes]) -> dict[str, Int64Array]:
    """Decode canonical credit records to columns; DecodeError as `parse_record` for the first that is none."""
    return _decode(records, CREDIT_FIELDS, _after_version, parse_record)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some encoded arrays side by side."""

    items: Sequence[bytes]
    content: NDArray[np.uint8]
    words: NDArray[np.uint64]
    """At each byte the eight bytes from it on, big-endian."""
    starts: Int64Array
    ends: Int64Array

    @classmethod
    def of(cls, items: Sequence[bytes]) -> "_Block":
        joined = b"".join([*items, _PADDING])
        ends = np.cumsum(np.fromiter(map(len, items), dtype=np.int64, count=len(items)))
        content = np.frombuffer(joined, dtype=np.uint8)
        words: NDArray[np.uint64] = np.ndarray(len(joined) - 7, dtype=">u8", buffer=joined, strides=(1,))
        return cls(items, content, words, np.concatenate([[0], ends[:-1]]), ends)

    def begins_with(self, head: bytes) -> NDArray[np.bool_]:
        """Return which items begin with `head`."""
        found = np.ones(len(self.items), dtype=np.bool_)
        for place, byte in enumerate(head):
            found &= self.content[self.starts + place] == byte
        return found


_Positions = tuple[Int64Array, Int64Array, NDArray[np.bool_]]
"""Where the first value of each item is, where its last one must end, and which items are as expected so far."""


def _decode(
    items: Sequence[bytes],
    fields: Sequence[Field],
    first_value: Callable[[_Block], _Positions],
    parse: Callable[[bytes], Sequence[int | None]],
) -> dict[str, Int64Array]:
    matrix = np.empty((len(fields), len(items)), dtype=np.int64)
    for start in range(0, len(items), _BLOCK_ROWS):
        block = _Block.of(items[start : start + _BLOCK_ROWS])
        part = matrix[:, start : start + _BLOCK_ROWS]
        for index in _decode_block(block, fields, first_value(block), part):
            values = parse(block.items[index])
            part[:, index] = [MISSING if value is None else value for value in values]
    return {field.name: column for field, column in zip(fields, matrix, strict=True)}


def _decode_block(block: _Block, fields: Sequence[Field], first: _Positions, part: Int64Array) -> Iterator[int]:
    """Fill `part` and yield the items that must be looked at one by one."""
    position, ends, is_plain = first
    for field, column in zip(fields, part, strict=True):
        head = block.content[position]
        wide = block.words[position + 1].astype(np.uint64) >> _SHIFT[head]
        value = np.where(_IS_WIDE[head], wide, head)
        is_null = head == _NULL
        is_value = (value >= max(field.minimum, 0)) & (value <= field.maximum) & (value >= _LEAST[head])
        is_plain &= _IS_KNOWN[head] & np.where(is_null, field.nullable, is_value)
        column[:] = np.where(is_null, MISSING, value.astype(np.int64))
        position = position + _SIZE[head]
    is_plain &= position == ends
    yield from np.flatnonzero(~is_plain).tolist()


_ASSET_HEAD: Final = bytes([0x98, 3 + len(ASSET_FIELDS), SCHEMA_VERSION, 0x58, HANDLE_SIZE])
"""Array of 25, version, byte string of 32: then the handle, the loan id, the values."""
_RECORD_HEAD: Final = bytes([0x80 + 1 + len(CREDIT_FIELDS), SCHEMA_VERSION])
"""Array of 20, version: then the values."""
_LONGER_HEAD: Final = bytes([0x80 + 2 + len(CREDIT_FIELDS), SCHEMA_VERSION])
"""The same with a null at the end, for a record that would have the size of no leaf."""
_TEXT, _TEXT_8 = 0x60, 0x78
_UNUSABLE_SIZE: Final = 32


def _after_version(block: _Block) -> _Positions:
    size = block.ends - block.starts
    is_longer = (
        block.begins_with(_LONGER_HEAD) & (size == _UNUSABLE_SIZE + 1) & (block.content[block.ends - 1] == _NULL)
    )
    is_plain = block.begins_with(_RECORD_HEAD) & (size != _UNUSABLE_SIZE)
    return block.starts + len(_RECORD_HEAD), block.ends - is_longer, is_plain | is_longer


def _after_loan_id(block: _Block) -> _Positions:
    is_plain = block.begins_with(_ASSET_HEAD)
    position = block.starts + len(_ASSET_HEAD) + HANDLE_SIZE
    head = block.content[position].astype(np.int64)
    length_byte = block.content[position + 1].astype(np.int64)
    is_short, is_long = (head >= _TEXT) & (head < _TEXT_8), (head == _TEXT_8) & (length_byte >= _IMMEDIATE_END)
    is_plain &= is_short | is_long
    begin = position + np.where(is_long, 2, 1)
    length = np.where(is_long, length_byte, np.where(is_short, head - _TEXT, 0))
    high = np.concatenate([[0], np.cumsum(block.content >= 0x80)])
    for index in np.flatnonzero(is_plain & (high[begin + length] > high[begin])).tolist():
        start = int(begin[index] - block.starts[index])
        is_plain[index] = _is_text(block.items[index][start : start + int(length[index])])
    return begin + length, block.ends, is_plain


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
