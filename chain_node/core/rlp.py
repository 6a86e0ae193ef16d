"""Recursive length prefix: encoding, and decoding that accepts the canonical form only. No I/O.

`decode` refuses every input that `encode` would not produce: leading zeros in a length, a long form where
the short one fits, a prefix before a single low byte, bytes after the end.

Source: Ethereum Yellow Paper, appendix B.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeAlias, Union

from chain_node.core.errors import DecodeError
from chain_node.core.limits import RLP_DEPTH_MAX

Item: TypeAlias = Union[bytes, "Sequence[Item]"]
"""What can be encoded: a byte string or a sequence of items."""

Decoded: TypeAlias = Union[bytes, "list[Decoded]"]
"""What decoding gives."""

EMPTY_LIST = b"\xc0"
_NEEDED_PREFIX = "a complete RLP item"


def encode(item: Item) -> bytes:
    """Encode a byte string, or a sequence of items as a list."""
    if isinstance(item, bytes):
        return encode_bytes(item)
    return wrap_list(b"".join([encode(part) for part in item]))


def encode_bytes(data: bytes) -> bytes:
    """Encode one byte string."""
    size = len(data)
    if size == 1 and data[0] < 0x80:
        return data
    if size < 56:
        return bytes((0x80 + size,)) + data
    size_bytes = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xB7 + len(size_bytes),)) + size_bytes + data


def wrap_list(payload: bytes) -> bytes:
    """Put the list prefix before the concatenation of already encoded items."""
    size = len(payload)
    if size < 56:
        return bytes((0xC0 + size,)) + payload
    size_bytes = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xF7 + len(size_bytes),)) + size_bytes + payload


def scalar(number: int) -> bytes:
    """A non-negative integer as its shortest big-endian byte string; 0 is the empty string."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode(raw: bytes) -> Decoded:
    """Decode exactly one item that fills the buffer.

    Raises:
        DecodeError: not canonical, bytes left over, or lists nested deeper than RLP_DEPTH_MAX.
    """
    item, end = _decode_at(raw, 0, len(raw), 0)
    if end != len(raw):
        raise DecodeError(offset=end, expected="the end of the RLP item")
    return item


def read_prefix(raw: bytes, offset: int, end: int) -> tuple[bool, int, int]:
    """Read the prefix of the item at `offset`; the item must end at or before `end`.

    Returns:
        (is a list, start of the payload, end of the payload), offsets into `raw`.

    Raises:
        DecodeError: truncated or not canonical.
    """
    if offset >= end:
        raise DecodeError(offset=offset, expected=_NEEDED_PREFIX)
    prefix = raw[offset]
    if prefix < 0x80:
        return False, offset, offset + 1
    is_list = prefix >= 0xC0
    size = prefix - (0xC0 if is_list else 0x80)
    start = offset + 1
    if size > 55:
        start, size = _read_long_size(raw, start, size - 55, end)
    stop = start + size
    if stop > end:
        raise DecodeError(offset=offset, expected=_NEEDED_PREFIX)
    if size == 1 and not is_list and raw[start] < 0x80:
        raise DecodeError(offset=offset, expected="a single byte below 0x80 without a prefix")
    return is_list, start, stop


def iterate_list(raw: bytes, offset: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of the items (prefix included) of the list at `offset`, which must end exactly at `end`, one by one.

    Raises:
        DecodeError: not a list, truncated, not canonical at the top level, or bytes left over.
    """
    is_list, position, stop = read_prefix(raw, offset, end)
    if not is_list or stop != end:
        raise DecodeError(offset=offset, expected="an RLP list that ends with its buffer")
    while position < stop:
        _, _, item_end = read_prefix(raw, position, stop)
        yield position, item_end
        position = item_end


def split_list(raw: bytes, offset: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """All spans of `iterate_list`, for bytes that are our own; a stranger's list goes through `split_items`."""
    return list(iterate_list(raw, offset, len(raw) if end is None else end))


def split_items(raw: bytes, *, items_max: int) -> list[bytes]:
    """Encodings of the items of a list that fills the buffer; what is inside them is not looked at.

    Raises:
        DecodeError: as `iterate_list`, or more than `items_max` items.
    """
    spans = list(islice(iterate_list(raw, 0, len(raw)), items_max + 1))
    if len(spans) > items_max:
        raise DecodeError(offset=spans[-1][0], expected=f"a list of at most {items_max} items")
    return [raw[start:stop] for start, stop in spans]


def _read_long_size(raw: bytes, start: int, size_width: int, end: int) -> tuple[int, int]:
    payload_start = start + size_width
    if payload_start > end:
        raise DecodeError(offset=start, expected=_NEEDED_PREFIX)
    size = int.from_bytes(raw[start:payload_start], "big")
    if raw[start] == 0 or size < 56:
        raise DecodeError(offset=start, expected="the shortest form of a length")
    return payload_start, size


def _decode_at(raw: bytes, offset: int, end: int, depth: int) -> tuple[Decoded, int]:
    is_list, position, stop = read_prefix(raw, offset, end)
    if not is_list:
        return raw[position:stop], stop
    if depth >= RLP_DEPTH_MAX:
        raise DecodeError(offset=offset, expected=f"at most {RLP_DEPTH_MAX} nested lists")
    items: list[Decoded] = []
    while position < stop:
        item, position = _decode_at(raw, position, stop, depth + 1)
        items.append(item)
    return items, stop
