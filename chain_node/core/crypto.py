"""secp256k1 signing and recovery. No I/O.

A signature is 65 bytes: r (32) || s (32) || recovery id (0 or 1). The digest is signed as it is, without a
prefix or another hash. Signing is deterministic (RFC 6979) and always gives the low s.
"""

from __future__ import annotations

from functools import lru_cache

from coincurve import PrivateKey, PublicKey

from chain_node.core.errors import BadSignatureError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32

SIGNATURE_SIZE_BYTES = 65
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_CURVE_ORDER = CURVE_ORDER // 2
_RECOVERED_MAX = 4_096
"""Signatures remembered: a seal comes in a Commit, then in a header, and is asked for again."""


@lru_cache(maxsize=_RECOVERED_MAX)
def recover_address(digest: Hash32, signature: bytes, *, is_low_s_required: bool = True) -> Address:
    """Address of the key that signed the digest.

    Args:
        is_low_s_required: false only where another implementation may have written a high s (seals in headers).

    Raises:
        BadSignatureError: wrong length, r or s out of range, high s where refused, or no such key.
    """
    if len(signature) != SIGNATURE_SIZE_BYTES:
        raise BadSignatureError(f"got {len(signature)} bytes, expected {SIGNATURE_SIZE_BYTES}")
    if signature[64] > 1:
        raise BadSignatureError(f"recovery id {signature[64]}, expected 0 or 1")
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:64], "big")
    if not 0 < r < CURVE_ORDER:
        raise BadSignatureError("r is not in [1, n)")
    if not 0 < s < CURVE_ORDER:
        raise BadSignatureError("s is not in [1, n)")
    if is_low_s_required and s > HALF_CURVE_ORDER:
        raise BadSignatureError("s is above n/2")
    try:
        public_key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:  # the library has no narrower class for "no such point"
        raise BadSignatureError("recovers to no public key") from error
    return _address_of_public_key(public_key)


def sign_digest(private_key: bytes, digest: Hash32) -> bytes:
    """Sign a 32-byte digest with a 32-byte private key; gives 65 bytes r || s || recovery id."""
    signature: bytes = PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return signature


def address_of(private_key: bytes) -> Address:
    """Address of the account or validator that owns a 32-byte private key."""
    return _address_of_public_key(PrivateKey(private_key).public_key)


def _address_of_public_key(public_key: PublicKey) -> Address:
    uncompressed: bytes = public_key.format(compressed=False)
    return Address(keccak(uncompressed[1:])[12:])
