"""Keccak-256. No I/O."""

import sha3

from chain_node.core.types import Hash32

_keccak_256 = sha3.keccak_256


def keccak(data: bytes) -> Hash32:
    """Keccak-256 of the bytes, as Ethereum uses it (not NIST SHA3)."""
    return Hash32(_keccak_256(data).digest())
