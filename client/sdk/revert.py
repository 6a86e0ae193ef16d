"""What a revert means: from the bytes of a custom error to a sentence that says who refused, why, and what to do.

Pure but for the artifacts it reads.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import get_abi_input_names, get_abi_input_types

from client.sdk import artifacts
from client.sdk.errors import ContractRefusedError
from client.sdk.hashing import address_text

UNAUTHORIZED = "AccessManagedUnauthorized"
"""OpenZeppelin's refusal of a caller without the function's role."""

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_PANICS = {
    0x01: "a check of its own that must hold failed",
    0x11: "a number left its range",
    0x12: "division by zero",
    0x21: "a number that names no member of its list",
    0x32: "an index beyond the end of its list",
    0x41: "a list too long",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """The decoded data of a revert."""

    error: str
    """Name of the custom error, `Error`, `Panic`, or "" when the data say nothing."""
    arguments: Mapping[str, Any]
    """By parameter name, addresses as checksummed text."""
    meaning: str
    """The NatSpec notice of the error, or what is known of it; may be empty."""

    def sentence(self) -> str:
        """Return the error with its arguments and, where known, its meaning."""
        if self.error in ("", "Error", "Panic"):
            return self.meaning or "no reason given"
        given = ", ".join(f"{name} {_text(value)}" for name, value in self.arguments.items())
        head = f"{self.error} ({given})" if given else self.error
        return f"{head}: {self.meaning}" if self.meaning else head


def decode_revert(data: bytes) -> Revert:
    """Decode revert data; data of no known error decode to a Revert without a name."""
    selector, body = data[:4], data[4:]
    try:
        if selector == _ERROR_STRING:
            return Revert(error="Error", arguments={}, meaning=str(decode(["string"], body)[0]))
        if selector == _PANIC:
            code = decode(["uint256"], body)[0]
            return Revert(error="Panic", arguments={"code": code}, meaning=_PANICS.get(code, f"panic {code:#x}"))
        entry = artifacts.errors_by_selector().get(selector)
        if entry is not None:
            return _decode_custom(entry, body)
    except DecodingError:
        pass
    shown = f"error {data[:36].hex()}… which no known contract declares" if data else ""
    return Revert(error="", arguments={}, meaning=shown)


def refusal(by: str, revert: Revert) -> ContractRefusedError:
    """Return the error to raise for a revert of the contract `by`."""
    return ContractRefusedError(by, revert.sentence(), error=revert.error, arguments=revert.arguments)


def _decode_custom(entry: dict[str, Any], body: bytes) -> Revert:
    types = get_abi_input_types(entry)  # type: ignore[arg-type]  # errors have inputs like functions
    names = get_abi_input_names(entry)  # type: ignore[arg-type]  # errors have inputs like functions
    values = decode(types, body)
    arguments = {
        name or f"argument {position}": address_text(value) if kind == "address" else value
        for position, (name, kind, value) in enumerate(zip(names, types, values, strict=True))
    }
    notice = artifacts.error_notices().get(f"{entry['name']}({','.join(types)})", "")
    meaning = re.sub(r"\s+", " ", notice).strip().rstrip(".")
    return Revert(error=entry["name"], arguments=arguments, meaning=meaning)


def _text(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
