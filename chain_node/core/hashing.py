"""Keccak-256. No I/O."""

from eth_hash.backends.pysha3 import keccak256

from chain_node.core.types import Hash32


def keccak(data: bytes) -> Hash32:
    """Keccak-256 of the bytes, as Ethereum uses it (not NIST SHA3)."""
    return Hash32(keccak256(data))
