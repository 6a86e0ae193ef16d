"""RLP from the Yellow Paper, appendix B, for the independent verifier: canonical encodings only."""

from __future__ import annotations

Item = bytes | list["Item"]


class NotCanonicalError(ValueError):
    """The bytes are no canonical RLP."""


def decode(raw: bytes) -> Item:
    """One item that fills the bytes."""
    item, end = decode_at(raw, 0)
    if end != len(raw):
        raise NotCanonicalError(f"{len(raw) - end} bytes after the item")
    return item


def decode_at(raw: bytes, start: int) -> tuple[Item, int]:
    """The item that begins at a position, and where it ends."""
    is_list, begin, end = span_at(raw, start)
    if not is_list:
        return raw[begin:end], end
    items: list[Item] = []
    position = begin
    while position < end:
        item, position = decode_at(raw, position)
        items.append(item)
    if position != end:
        raise NotCanonicalError("an item reaches beyond its list")
    return items, end


def span_at(raw: bytes, start: int) -> tuple[bool, int, int]:
    """Whether a list begins here, and where the payload of the item begins and ends."""
    if start >= len(raw):
        raise NotCanonicalError("the bytes end where an item should begin")
    first = raw[start]
    if first < 0x80:
        return False, start, start + 1
    is_list = first >= 0xC0
    short = first - (0xC0 if is_list else 0x80)
    if short <= 55:
        begin, size = start + 1, short
    else:
        size_bytes = raw[start + 1 : start + 1 + short - 55]
        begin, size = start + 1 + len(size_bytes), int.from_bytes(size_bytes, "big")
        if len(size_bytes) != short - 55 or size_bytes[0] == 0 or size <= 55:
            raise NotCanonicalError("a length in more bytes than it needs")
    if begin + size > len(raw):
        raise NotCanonicalError("an item reaches beyond the bytes")
    if not is_list and size == 1 and raw[begin] < 0x80:
        raise NotCanonicalError("a single byte with a length before it")
    return is_list, begin, begin + size


def encode(item: Item | tuple[Item, ...]) -> bytes:
    """The encoding of bytes or a list of items."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(0x80, len(item)) + item
    payload = b"".join(encode(one) for one in item)
    return _prefix(0xC0, len(payload)) + payload


def scalar(number: int) -> bytes:
    """A number in as few bytes as it needs."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def read_scalar(item: Item) -> int:
    """What `scalar` made."""
    if not isinstance(item, bytes) or item[:1] == b"\0":
        raise NotCanonicalError("a number with a zero in front")
    return int.from_bytes(item, "big")


def read_bytes(item: Item, size: int | None = None) -> bytes:
    """Bytes, of a size if one is given."""
    if not isinstance(item, bytes) or (size is not None and len(item) != size):
        raise NotCanonicalError(f"expected {size} bytes")
    return item


def read_list(item: Item, size: int | None = None) -> list[Item]:
    """A list, of a length if one is given."""
    if not isinstance(item, list) or (size is not None and len(item) != size):
        raise NotCanonicalError(f"expected a list of {size}")
    return item


def _prefix(offset: int, size: int) -> bytes:
    if size <= 55:
        return bytes([offset + size])
    size_bytes = scalar(size)
    return bytes([offset + 55 + len(size_bytes)]) + size_bytes
