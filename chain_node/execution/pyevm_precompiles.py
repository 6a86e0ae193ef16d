"""py-evm's precompiled contracts, with what Ethereum's state tests found wrong put right."""

from collections.abc import Callable, Mapping
from typing import Any

from eth.precompiles.modexp import extract_lengths

Precompile = Callable[[Any], Any]
_POWER_ADDRESS = bytes(19) + b"\x05"
_LENGTHS_SIZE_BYTES = 96


def correct_precompiles(theirs: Mapping[bytes, Precompile]) -> dict[bytes, Precompile]:
    """The same contracts at the same addresses."""
    return {**theirs, _POWER_ADDRESS: _correct_power(theirs[_POWER_ADDRESS])}


def _correct_power(theirs: Precompile) -> Precompile:
    """py-evm gives 0 whenever the base has no bytes, but 0 to the power of 0 is 1. Source: EIP-198."""

    def power(computation: Any) -> Any:
        theirs(computation)
        data = computation.msg.data_as_bytes
        base_length, exponent_length, modulus_length = extract_lengths(data)
        if base_length == 0 and modulus_length > 0:
            start = _LENGTHS_SIZE_BYTES + exponent_length
            modulus = int.from_bytes(data[start : start + modulus_length].ljust(modulus_length, b"\0"), "big")
            result = 1 % (modulus or 1) if not any(data[_LENGTHS_SIZE_BYTES:start]) else 0
            computation.output = result.to_bytes(modulus_length, "big")
        return computation

    return power
