"""Makes signatures cheap without changing any: what was signed here is known, so its recovery needs no curve.

`recover(sign(key, digest)) == public key of key` for every key and digest, so a table of what was signed answers as
the library would; everything else, forgeries above all, goes to the library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import coincurve

from chain_node.core import crypto

_KNOWN_MAX = 200_000


class _KnownSignatures:
    """What was signed in this process: (digest, signature) → public key, and (key, digest) → signature."""

    def __init__(self) -> None:
        self.public_keys: dict[tuple[bytes, bytes], coincurve.PublicKey] = {}
        self.signatures: dict[tuple[bytes, bytes], bytes] = {}
        self.private_keys: dict[bytes, coincurve.PrivateKey] = {}

    def private_key(self, secret: bytes) -> coincurve.PrivateKey:
        """The library's key, made once."""
        key = self.private_keys.get(secret)
        if key is None:
            key = self.private_keys[secret] = coincurve.PrivateKey(secret)
        return key

    def sign(self, secret: bytes, digest: bytes) -> bytes:
        """The library's signature, made once and noted."""
        signature = self.signatures.get((secret, digest))
        if signature is None:
            key = self.private_key(secret)
            signature = key.sign_recoverable(digest, hasher=None)
            if len(self.signatures) >= _KNOWN_MAX:
                self.signatures.clear()
                self.public_keys.clear()
            self.signatures[secret, digest] = signature
            self.public_keys[digest, signature] = key.public_key
        return signature


_known = _KnownSignatures()


class _PrivateKey:
    """Takes the place of `coincurve.PrivateKey` in `chain_node.core.crypto`."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @property
    def public_key(self) -> coincurve.PublicKey:
        return _known.private_key(self._secret).public_key

    def sign_recoverable(self, digest: bytes, hasher: None) -> bytes:
        return _known.sign(self._secret, digest)


class _PublicKey:
    """Takes the place of `coincurve.PublicKey` in `chain_node.core.crypto`."""

    @staticmethod
    def from_signature_and_message(signature: bytes, digest: bytes, hasher: None) -> Any:
        known = _known.public_keys.get((digest, signature))
        if known is not None:
            return known
        return coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)


@contextmanager
def known_signatures() -> Iterator[None]:
    """Remember signatures while this lasts."""
    originals = crypto.PrivateKey, crypto.PublicKey
    crypto.PrivateKey, crypto.PublicKey = _PrivateKey, _PublicKey  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        crypto.PrivateKey, crypto.PublicKey = originals  # type: ignore[misc]
