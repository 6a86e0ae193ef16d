"""Keccak-256 and the forms in which addresses and hashes cross borders. Pure: no I/O."""

from functools import lru_cache

from eth_hash.backends.pysha3 import keccak256
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from client.sdk.errors import InvalidInputError


def keccak(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it (not NIST SHA3); 32 bytes."""
    return keccak256(data)


def address_bytes(address: str) -> bytes:
    """Return the 20 bytes of a 0x address; InvalidInputError when it is not one."""
    digits = address.removeprefix("0x")
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if len(raw) != 20 or len(digits) != 40:
        raise InvalidInputError("address", got=address, expected="0x and 40 hex digits")
    return raw


def address_text(address: bytes | str) -> ChecksumAddress:
    """Return the checksummed 0x text of 20 bytes or of an address in any case."""
    return _checksummed(address if isinstance(address, bytes) else address_bytes(address))


@lru_cache(maxsize=4_096)
def _checksummed(address: bytes) -> ChecksumAddress:
    """The checksum takes longer than the recovery of a signer, and few accounts sign much."""
    return to_checksum_address(address)
