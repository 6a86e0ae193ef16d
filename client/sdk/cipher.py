"""AES-256-GCM of single blobs: nonce (12 bytes) ‖ ciphertext and tag, no associated data.

Source: docs/protocol.md, 5 and 6.
"""

import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from client.sdk.errors import TamperedError

KEY_SIZE = 32
NONCE_SIZE = 12
OVERHEAD_SIZE = NONCE_SIZE + 16
"""Bytes by which an encrypted blob is longer than its plaintext."""


def new_key() -> bytes:
    """Return a new 32-byte key."""
    return secrets.token_bytes(KEY_SIZE)


def new_keys(count: int) -> list[bytes]:
    """Return `count` keys from one read of the random source."""
    return _split(secrets.token_bytes(KEY_SIZE * count), KEY_SIZE)


def encrypt(key: bytes, plaintext: bytes) -> bytes:
    """Encrypt under a fresh random nonce."""
    nonce = secrets.token_bytes(NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, None)


def encrypt_each(keys: Sequence[bytes], plaintexts: Sequence[bytes]) -> list[bytes]:
    """Encrypt each plaintext under the key at its position, every one with its own fresh nonce."""
    nonces = _split(secrets.token_bytes(NONCE_SIZE * len(plaintexts)), NONCE_SIZE)
    return [
        nonce + AESGCM(key).encrypt(nonce, plaintext, None)
        for key, nonce, plaintext in zip(keys, nonces, plaintexts, strict=True)
    ]


def decrypt(key: bytes, blob: bytes, *, what: str) -> bytes:
    """Decrypt a blob; TamperedError naming `what` when it was not made with this key or was changed."""
    if len(blob) < OVERHEAD_SIZE:
        raise TamperedError(what, got=f"{len(blob)} bytes", expected=f"at least {OVERHEAD_SIZE}")
    try:
        return AESGCM(key).decrypt(blob[:NONCE_SIZE], blob[NONCE_SIZE:], None)
    except InvalidTag as error:
        raise TamperedError(what, got="bytes that its key does not open", expected="the encrypted original") from error


def _split(pool: bytes, size: int) -> list[bytes]:
    return [pool[start : start + size] for start in range(0, len(pool), size)]
