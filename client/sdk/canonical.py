"""Canonical bytes: deterministic CBOR of integers, byte strings, text, null and arrays. Pure: no I/O.

Source: docs/protocol.md, 1; RFC 8949, 4.2.
"""

from collections.abc import Sequence
from typing import TypeAlias

import cbor2

from client.sdk.errors import DecodeError, InvalidInputError

Value: TypeAlias = "int | bytes | str | Sequence[Value] | None"
"""What canonical bytes can say. Integers are those of CBOR's major types 0 and 1: -2^64 to 2^64 - 1."""

DEPTH_MAX = 16
"""Arrays inside arrays; the protocol's deepest value has four."""

_INTEGER_END = 1 << 64


def encode(value: Value) -> bytes:
    """Encode `value`; InvalidInputError for floats, booleans, maps and integers beyond 64 bits."""
    _check(value, 0)
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes) -> Value:
    """Decode canonical bytes; DecodeError for anything that does not re-encode to exactly the same bytes."""
    try:
        value: Value = cbor2.loads(data, max_depth=DEPTH_MAX + 1, allow_indefinite=False)
        again = encode(value)
    except (cbor2.CBORError, InvalidInputError, ValueError) as error:
        raise DecodeError("canonical bytes", got=f"{len(data)} bytes ({error})", expected="one CBOR value") from error
    if again != data:
        raise DecodeError("canonical bytes", got="another encoding of the value", expected="the deterministic one")
    return value


def decode_array(data: bytes, *, what: str, length: int | None = None) -> list[Value]:
    """Decode canonical bytes that must be an array, of `length` items where given; `what` names it in errors."""
    value = decode(data)
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise DecodeError(what, got="another shape", expected="an array" + (f" of {length}" if length else ""))
    return value


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is bytes or kind is str or value is None:
        return
    if kind is int:
        if not -_INTEGER_END <= value < _INTEGER_END:  # type: ignore[operator]  # its type was compared above
            raise InvalidInputError("canonical integer", got="one beyond 64 bits", expected="-2^64 to 2^64 - 1")
        return
    if kind is list or kind is tuple:
        if depth == DEPTH_MAX:
            raise InvalidInputError("canonical value", got="deeper arrays", expected=f"at most {DEPTH_MAX} levels")
        for item in value:  # type: ignore[attr-defined]  # its type was compared above
            # what most items are is judged here: a call for each would take as long as the encoding itself
            if type(item) is int:
                if not -_INTEGER_END <= item < _INTEGER_END:
                    _check(item, depth + 1)
            elif type(item) is not bytes and item is not None:
                _check(item, depth + 1)
        return
    raise InvalidInputError("canonical value", got=kind.__name__, expected="integer, bytes, text, null or array")
