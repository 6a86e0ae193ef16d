"""What a vault remembers of the others: how far it followed them, their keys, and the receipts they signed.

Tables: `cursors` node -> (place, digest of what this node was entitled to), `vaults` node -> binding, `receipts`
(vault, what was deleted) -> receipt. Nodes are named by the hash of their TLS key.
"""

from __future__ import annotations

import cbor2

from chain_node.core.types import Address, Hash32
from chain_node.vault.binding import Binding
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.typed_data import DeletionReceipt, PurgeReceipt


class PeerTable:
    """Tables about other vaults in the store of one vault."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def cursor(self, node: bytes, entitled: bytes) -> bytes:
        """Place in a node's journal up to which all was taken; the start when this node's entitlement has changed."""
        raw = self._get("cursors", node)
        place, judged = cbor2.loads(raw) if raw else (b"", b"")
        return bytes(place) if judged == entitled else b""

    def set_cursor(self, node: bytes, place: bytes, entitled: bytes) -> None:
        """Remember how far a node was followed."""
        self._put("cursors", node, cbor2.dumps([place, entitled]))

    def binding(self, node: bytes) -> Binding | None:
        """Vault of a node, as it last announced it."""
        raw = self._get("vaults", node)
        if raw is None:
            return None
        vault, node_key, node_signature, vault_signature = cbor2.loads(raw)
        return Binding(
            vault=Address(vault), node_key=node_key, node_signature=node_signature, vault_signature=vault_signature
        )

    def set_binding(self, binding: Binding) -> None:
        """Remember a verified binding."""
        if self.binding(binding.node) != binding:
            fields = [binding.vault, binding.node_key, binding.node_signature, binding.vault_signature]
            self._put("vaults", binding.node, cbor2.dumps(fields))

    def deletion(self, vault: Address, root: Hash32, index: int) -> tuple[DeletionReceipt, bytes] | None:
        """A vault's receipt for a record, and its signature."""
        raw = self._get("receipts", vault + root + index.to_bytes(4, "big"))
        if raw is None:
            return None
        blob_hash, deleted_at, signature = cbor2.loads(raw)
        receipt = DeletionReceipt(batch_root=root, index=index, blob_hash=Hash32(blob_hash), deleted_at=deleted_at)
        return receipt, signature

    def add_deletions(self, vault: Address, signed: list[tuple[DeletionReceipt, bytes]]) -> None:
        """Keep verified receipts for records."""
        with self._store.transaction() as transaction:
            for receipt, signature in signed:
                key = vault + receipt.batch_root + receipt.index.to_bytes(4, "big")
                value = cbor2.dumps([receipt.blob_hash, receipt.deleted_at, signature])
                transaction.put(key, value, db=self._store.table["receipts"])

    def purge(self, vault: Address, pack: int) -> tuple[PurgeReceipt, bytes] | None:
        """A vault's receipt for a pack, and its signature."""
        raw = self._get("receipts", vault + pack.to_bytes(32, "big"))
        if raw is None:
            return None
        count, purged_at, signature = cbor2.loads(raw)
        return PurgeReceipt(pack=pack, count=count, purged_at=purged_at), signature

    def add_purge(self, vault: Address, receipt: PurgeReceipt, signature: bytes) -> None:
        """Keep a verified receipt for a pack."""
        value = cbor2.dumps([receipt.count, receipt.purged_at, signature])
        self._put("receipts", vault + receipt.pack.to_bytes(32, "big"), value)

    def _get(self, table: str, key: bytes) -> bytes | None:
        with self._store.environment.begin() as transaction:
            raw = transaction.get(key, db=self._store.table[table])
        return None if raw is None else bytes(raw)

    def _put(self, table: str, key: bytes, value: bytes) -> None:
        with self._store.transaction() as transaction:
            transaction.put(key, value, db=self._store.table[table])
