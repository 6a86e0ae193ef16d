"""Nonces of signed requests, each taken once and remembered until its deadline has passed."""

from __future__ import annotations

from chain_node.core.types import Address
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.errors import VaultError
from chain_node.vault.limits import NONCES_MAX


class NonceTable:
    """The replay table of one vault; durable, because a restart must not open it again."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def take(self, account: Address, nonce: int, *, deadline: int, now: int) -> None:
        """Use up a nonce; expired ones are dropped on the way.

        Raises:
            VaultError: 409 `replayed`, or 429 `too_many_requests` when the table is full.
        """
        key = account + nonce.to_bytes(32, "big")
        nonces, expiry = self._store.table["nonces"], self._store.table["nonce_expiry"]
        with self._store.transaction() as transaction:
            with transaction.cursor(db=expiry) as cursor:
                cursor.first()
                while (oldest := cursor.key()) and int.from_bytes(oldest[:8], "big") < now:
                    transaction.delete(oldest[8:], db=nonces)
                    cursor.delete()
            if transaction.stat(db=nonces)["entries"] >= NONCES_MAX:
                raise VaultError(429, "too_many_requests", "too many requests are remembered; wait five minutes")
            if not transaction.put(key, b"", db=nonces, overwrite=False):
                raise VaultError(409, "replayed", "this nonce was used before; sign a new request")
            transaction.put(deadline.to_bytes(8, "big") + key, b"", db=expiry)
