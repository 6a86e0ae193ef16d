"""Reading the parameters of a request: hex strings become bytes and integers here and nowhere else. No I/O.

Source: EIP-1474 (quantities and data), EIP-1898 (blocks by object).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chain_node.core.types import Address, Hash32, Height
from chain_node.rpc.errors import InvalidParamsError
from chain_node.rpc.json_value import JsonObject, JsonValue

UINT256_MAX = 2**256 - 1
_TAGS = ("latest", "earliest", "pending", "safe", "finalized")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")


@dataclass(frozen=True, slots=True)
class BlockChoice:
    """Which block a request means: a tag, a height or a hash; exactly one is set."""

    tag: str | None = None
    height: Height | None = None
    hash: Hash32 | None = None


class Params:
    """Positional parameters. Each reader takes the position and the name that errors use."""

    def __init__(self, values: Sequence[JsonValue]) -> None:
        self._values = values

    def expect_at_most(self, count: int) -> None:
        """Refuse surplus parameters.

        Raises:
            InvalidParamsError: more than `count` were given.
        """
        if len(self._values) > count:
            raise InvalidParamsError("params", f"at most {count}, got {len(self._values)}")

    def has(self, index: int) -> bool:
        """Whether the parameter is given and not null."""
        return index < len(self._values) and self._values[index] is not None

    def get(self, index: int) -> JsonValue:
        """The raw value; None when missing."""
        return self._values[index] if index < len(self._values) else None

    def address(self, index: int, name: str = "address") -> Address:
        """20 bytes in hex."""
        return parse_address(self.get(index), name)

    def hash(self, index: int, name: str = "hash") -> Hash32:
        """32 bytes in hex."""
        return Hash32(parse_data(self.get(index), name, size=32))

    def data(self, index: int, name: str = "data") -> bytes:
        """Bytes in hex."""
        return parse_data(self.get(index), name)

    def quantity(self, index: int, name: str, maximum: int = UINT256_MAX) -> int:
        """An integer as a hex quantity."""
        return parse_quantity(self.get(index), name, maximum)

    def boolean(self, index: int, name: str, *, default: bool = False) -> bool:
        """A JSON boolean."""
        if not self.has(index):
            return default
        value = self.get(index)
        if not isinstance(value, bool):
            raise InvalidParamsError(name, f"true or false, got {shorten(value)}")
        return value

    def object(self, index: int, name: str, *, is_required: bool = True) -> JsonObject:
        """A JSON object; empty when it may be missing and is."""
        if not self.has(index) and not is_required:
            return {}
        return parse_object(self.get(index), name)

    def block(self, index: int, name: str = "block") -> BlockChoice:
        """A tag, a height or an object of EIP-1898; the latest block when missing."""
        if not self.has(index):
            return BlockChoice(tag="latest")
        return parse_block(self.get(index), name)


def parse_object(value: JsonValue, name: str) -> JsonObject:
    """A JSON object."""
    if not isinstance(value, dict):
        raise InvalidParamsError(name, f"an object, got {shorten(value)}")
    return value


def parse_list(value: JsonValue, name: str) -> list[JsonValue]:
    """A JSON array."""
    if not isinstance(value, list):
        raise InvalidParamsError(name, f"an array, got {shorten(value)}")
    return value


def parse_quantity(value: JsonValue, name: str, maximum: int = UINT256_MAX) -> int:
    """An integer as a hex quantity; leading zeros are tolerated, as other nodes do."""
    if not isinstance(value, str) or not _QUANTITY.match(value):
        raise InvalidParamsError(name, f"an integer in hex with 0x, got {shorten(value)}")
    number = int(value, 16)
    if number > maximum:
        raise InvalidParamsError(name, f"at most {maximum:#x}, got {shorten(value)}")
    return number


def parse_data(value: JsonValue, name: str, *, size: int | None = None) -> bytes:
    """Bytes in hex with 0x, of exactly `size` bytes if given."""
    if isinstance(value, str) and value[:2] == "0x":
        try:
            data = bytes.fromhex(value[2:])
        except ValueError:
            data = None
        # fromhex() skips blanks, so the length tells whether there were any.
        if data is not None and 2 * len(data) + 2 == len(value) and (size is None or len(data) == size):
            return data
    wanted = "bytes" if size is None else f"{size} bytes"
    raise InvalidParamsError(name, f"{wanted} in hex with 0x, got {shorten(value)}")


def parse_address(value: JsonValue, name: str) -> Address:
    """20 bytes in hex; capitals are not checked as a checksum, as in other nodes."""
    return Address(parse_data(value, name, size=20))


def parse_block(value: JsonValue, name: str) -> BlockChoice:
    """A tag, a height, a hash of 32 bytes, or {"blockHash"} or {"blockNumber"}. Source: EIP-1898."""
    if isinstance(value, str):
        if value in _TAGS:
            return BlockChoice(tag=value)
        if len(value) == 66 and _DATA.match(value):
            return BlockChoice(hash=Hash32(bytes.fromhex(value[2:])))
        if _QUANTITY.match(value):
            return BlockChoice(height=Height(parse_quantity(value, name, 2**64 - 1)))
    if isinstance(value, dict):
        if value.get("blockHash") is not None:
            return BlockChoice(hash=Hash32(parse_data(value["blockHash"], f"{name}.blockHash", size=32)))
        if value.get("blockNumber") is not None:
            return parse_block(value["blockNumber"], f"{name}.blockNumber")
    raise InvalidParamsError(name, f"a height in hex, one of {', '.join(_TAGS)}, or a hash, got {shorten(value)}")


def shorten(value: JsonValue) -> str:
    """A value as an error may show it: its kind, and a short text of it."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value) if len(value) <= 70 else f"{value[:60]!r}… ({len(value)} characters)"
    if isinstance(value, bool | int | float):
        return str(value)[:70]
    return "an object" if isinstance(value, dict) else "an array"


def to_quantity(number: int) -> str:
    """An integer as JSON-RPC writes it."""
    return hex(number)


def to_data(data: bytes) -> str:
    """Bytes as JSON-RPC writes them."""
    return "0x" + data.hex()
