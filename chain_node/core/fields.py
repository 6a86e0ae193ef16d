"""Readers for the fields of decoded RLP lists: each checks the one thing its name says. No I/O.

The RLP layer knows where a byte lies and these readers know what it means, so an error here names the field
and gives offset 0 of that field.
"""

from __future__ import annotations

from chain_node.core.errors import DecodeError
from chain_node.core.rlp import Decoded

UINT64_MAX = 2**64 - 1
UINT256_MAX = 2**256 - 1


def read_list(item: Decoded, *, field: str, size: int | None = None) -> list[Decoded]:
    """A list, of exactly `size` items if given.

    Raises:
        DecodeError: a byte string, or another number of items.
    """
    if not isinstance(item, list):
        raise DecodeError(offset=0, expected=f"{field} as a list")
    if size is not None and len(item) != size:
        raise DecodeError(offset=0, expected=f"{field} with {size} items, got {len(item)}")
    return item


def read_bytes(item: Decoded, *, field: str, size: int | None = None) -> bytes:
    """A byte string, of exactly `size` bytes if given.

    Raises:
        DecodeError: a list, or another length.
    """
    if not isinstance(item, bytes):
        raise DecodeError(offset=0, expected=f"{field} as a byte string")
    if size is not None and len(item) != size:
        raise DecodeError(offset=0, expected=f"{field} of {size} bytes, got {len(item)}")
    return item


def read_scalar(item: Decoded, *, field: str, maximum: int = UINT256_MAX) -> int:
    """A non-negative integer in its shortest form.

    Raises:
        DecodeError: a list, leading zeros, or above `maximum`.
    """
    raw = read_bytes(item, field=field)
    if raw[:1] == b"\x00":
        raise DecodeError(offset=0, expected=f"{field} without leading zeros")
    number = int.from_bytes(raw, "big")
    if number > maximum:
        raise DecodeError(offset=0, expected=f"{field} of at most {maximum}")
    return number
