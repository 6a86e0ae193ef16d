"""Salted leaves: the commitment to one record. Pure but for the system's random source.

Source: docs/protocol.md, 1.
"""

import secrets
from collections.abc import Sequence

from eth_hash.backends.pysha3 import keccak256

from client.sdk.errors import InvalidInputError, TamperedError

SALT_SIZE = 32
_INNER_NODE_SIZE = 64


def new_salt() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(SALT_SIZE)


def new_salts(count: int) -> list[bytes]:
    """Return `count` salts from one read of the random source."""
    pool = secrets.token_bytes(SALT_SIZE * count)
    return [pool[start : start + SALT_SIZE] for start in range(0, len(pool), SALT_SIZE)]


def leaf(salt: bytes, record: bytes) -> bytes:
    """Return keccak(salt ‖ canonical record).

    Raises:
        InvalidInputError: the salt is not 32 bytes, or the preimage would have the 64 bytes of an inner tree node.
    """
    if len(salt) != SALT_SIZE:
        raise InvalidInputError("salt", got=f"{len(salt)} bytes", expected=f"{SALT_SIZE}")
    if len(salt) + len(record) == _INNER_NODE_SIZE:
        raise InvalidInputError(
            "record", got="32 bytes", expected="any other length", remedy="it could pass for a node"
        )
    return keccak256(salt + record)


def leaves(salts: Sequence[bytes], records: Sequence[bytes]) -> list[bytes]:
    """Return the leaves of records in order, each with the salt at its position."""
    pairs = list(zip(salts, records, strict=True))
    for salt, record in pairs:
        if len(salt) != SALT_SIZE or len(record) == _INNER_NODE_SIZE - SALT_SIZE:
            leaf(salt, record)  # which says what is wrong
    return [keccak256(salt + record) for salt, record in pairs]


def check_leaf(expected: bytes, *, salt: bytes, record: bytes, what: str) -> None:
    """Raise TamperedError unless salt and record give the committed leaf; `what` names the record in the error."""
    if leaf(salt, record) != expected:
        raise TamperedError(what, got="bytes that do not give its leaf", expected="the committed record")
