"""Functions of the project's contracts as selectors and types, and their answers as values. Pure: no I/O.

web3 looks a function up among all of its contract and makes new classes for its structs at every call: some five
milliseconds, more than the call takes. Here each function is looked at once. Values are the same: addresses with
checksum, arrays as lists, structs as named tuples.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types, get_abi_output_types
from eth_utils.address import to_checksum_address

from client.sdk.artifacts import load_artifact
from client.sdk.errors import InvalidInputError

_Reader = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCodec:
    """One function of a contract."""

    selector: bytes
    input_types: Sequence[str]
    output_types: Sequence[str]
    _read: _Reader
    """From the decoder's values."""

    def decode(self, answer: bytes) -> Any:
        """Return the value, or the named tuple of several; eth_abi's DecodingError when the bytes are none."""
        values = self._read(abi_decode(self.output_types, answer))
        return values[0] if len(values) == 1 else values


@cache
def find_codec(contract: str, function: str) -> FunctionCodec:
    """Return a function of the contract of this name; InvalidInputError unless it has one of that name."""
    found = [
        entry for entry in load_artifact(contract).abi if entry["type"] == "function" and entry["name"] == function
    ]
    if len(found) != 1:
        raise InvalidInputError(
            f"{contract}.{function}", got="no such function", expected="one of the contract's interface"
        )
    abi: Any = found[0]
    return FunctionCodec(
        selector=bytes(function_abi_to_4byte_selector(abi)),
        input_types=get_abi_input_types(abi),
        output_types=get_abi_output_types(abi),
        _read=_struct_reader(abi["outputs"]),
    )


def _struct_reader(fields: Sequence[Mapping[str, Any]]) -> _Reader:
    made = namedtuple("Struct", [field["name"] for field in fields], rename=True)  # type: ignore[misc]  # names of the ABI
    readers = [_reader(field, field["type"]) for field in fields]
    return lambda values: made(*(read(value) for read, value in zip(readers, values, strict=True)))


def _reader(field: Mapping[str, Any], kind: str) -> _Reader:
    if kind.endswith("]"):
        read = _reader(field, kind[: kind.rindex("[")])
        return lambda values: [read(value) for value in values]
    if kind == "tuple":
        return _struct_reader(field["components"])
    return to_checksum_address if kind == "address" else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
