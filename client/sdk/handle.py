"""Handles: what a subject is called inside one pack and nowhere else. Pure but for the system's random source.

Source: docs/protocol.md, 5.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from itertools import pairwise

from client.sdk.errors import InvalidInputError
from client.sdk.hashing import keccak
from client.sdk.merkle import MerkleTree

PACK_KEY_SIZE = 32


def new_pack_key() -> bytes:
    """Return a new pack key K, 32 random bytes; it is destroyed with its pack."""
    return secrets.token_bytes(PACK_KEY_SIZE)


def key_commitment(pack_key: bytes) -> bytes:
    """Return keccak(K), which the pack's invitation carries."""
    return keccak(_checked(pack_key))


def handle(pack_key: bytes, subject: str) -> bytes:
    """Return HMAC-SHA256(K, subject id in UTF-8)."""
    if not subject:
        raise InvalidInputError("subject id", got="an empty text", expected="the bureau's id of the borrower")
    return hmac.digest(_checked(pack_key), subject.encode(), "sha256")


def subjects_by_handle(pack_key: bytes, subjects: Iterable[str]) -> dict[bytes, str]:
    """Return the subject of each handle: how a bureau maps the handles of a query back to its files."""
    base = hmac.new(_checked(pack_key), digestmod=hashlib.sha256)
    found = {}
    for subject in subjects:
        keyed = base.copy()
        keyed.update(subject.encode())
        found[keyed.digest()] = subject
    return found


def handles_tree(handles: Sequence[bytes]) -> MerkleTree:
    """Return the tree over keccak(handle); InvalidInputError unless handles ascend and are distinct."""
    if any(left >= right for left, right in pairwise(handles)):
        raise InvalidInputError("handles", got="an unsorted or repeated handle", expected="ascending, distinct handles")
    return MerkleTree([keccak(each) for each in handles])


def _checked(pack_key: bytes) -> bytes:
    if len(pack_key) != PACK_KEY_SIZE:
        raise InvalidInputError("pack key", got=f"{len(pack_key)} bytes", expected=f"{PACK_KEY_SIZE}")
    return pack_key
