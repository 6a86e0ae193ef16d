"""Makes signatures and decoding cheap without changing any answer, so that ten thousand seeds can be run.

What was signed here is known, so its recovery needs no curve: `recover(sign(key, digest)) == public key of key` for
every key and digest. Everything else, forgeries above all, goes to the library. A message is decoded, and a header
hashed, once for all the machines that have it: the same bytes give the same answer, and answers are frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import coincurve

from chain_node.consensus.qbft import hashes
from chain_node.core import crypto
from chain_node.network import frames
from chain_node.storage import vote_record

_KNOWN_MAX = 200_000
_COMPACTION_SIZE_BYTES = 20_000
"""No simulation lasts until a vote record is as large as it may grow; so it may grow less."""


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


_hash_once = lru_cache(maxsize=4096)(hashes._hash_with)
_decode_message_once = lru_cache(maxsize=4096)(frames.decode_message)


@contextmanager
def shortcuts() -> Iterator[None]:
    """Take them while this lasts."""
    with (
        patch.object(crypto, "PrivateKey", _PrivateKey),
        patch.object(crypto, "PublicKey", _PublicKey),
        patch.object(frames, "decode_message", _decode_message_once),
        patch.object(hashes, "_hash_with", _hash_once),
        patch.object(vote_record, "COMPACTION_SIZE_BYTES", _COMPACTION_SIZE_BYTES),
    ):
        yield
