"""Arguments of calls that are single words or bytes, encoded without looking at every element by itself. Pure: no I/O.

A chunk of a pack has five hundred hashes; the general encoder takes longer for them than everything else of a
submission. Source: Solidity's contract ABI specification, "Formal Specification of the Encoding".
"""

from collections.abc import Sequence
from typing import Any

from eth_utils.address import is_checksum_address

_WORD = 32


def encode_words(kinds: Sequence[str], values: Sequence[Any]) -> bytes | None:
    """Return the encoding of values of the types `uintN`, `bytes32`, `address`, `bool`, `bytes32[]` and `bytes`.

    None for other types, and for a value that does not fit its type exactly: the general encoder says what is wrong.
    """
    if len(kinds) != len(values):
        return None
    heads: list[bytes | None] = []
    tails: list[bytes] = []
    for kind, value in zip(kinds, values, strict=True):
        static, tail = _encoded(kind, value)
        if static is None and tail is None:
            return None
        heads.append(static)
        tails.append(tail or b"")
    offset, encoded = _WORD * len(heads), []
    for static, tail in zip(heads, tails, strict=True):
        encoded.append(offset.to_bytes(_WORD, "big") if static is None else static)
        offset += len(tail)
    return b"".join([*encoded, *tails])


def _encoded(kind: str, value: Any) -> tuple[bytes | None, bytes | None]:
    """Return the word of a static value, or the tail of a dynamic one, or neither."""
    if kind.startswith("uint") and kind[4:].isdigit():
        fits = type(value) is int and 0 <= value < 1 << int(kind[4:])
        return (value.to_bytes(_WORD, "big") if fits else None), None
    if kind == "bytes32":
        return (value if _is_word(value) else None), None
    if kind == "address":
        return (bytes(12) + bytes.fromhex(value[2:]) if is_checksum_address(value) else None), None
    if kind == "bool":
        return (int(value).to_bytes(_WORD, "big") if type(value) is bool else None), None
    if kind == "bytes" and type(value) is bytes:
        return None, len(value).to_bytes(_WORD, "big") + value + bytes(-len(value) % _WORD)
    if kind == "bytes32[]" and isinstance(value, list | tuple) and all(map(_is_word, value)):
        return None, len(value).to_bytes(_WORD, "big") + b"".join(value)
    return None, None


def _is_word(value: Any) -> bool:
    return type(value) is bytes and len(value) == _WORD
