"""Blobs by hash on LMDB, each encrypted at rest under a key that can be destroyed.

Tables: `blobs` hash -> entry, `records` (batch root, index) -> hash, `packs` (pack, hash), `deleted` (batch root,
index) -> (blob hash, second), `purged` pack -> (order, count, second), `free` slots of `key_slots`, `nonces` and
`nonce_expiry` (of `nonce_table.py`), those of `lot_table.py`, `cursors`, `vaults` and `receipts` (of
`peer_table.py`), `meta`. A put or a deletion is one transaction. Keys are written before the transaction that
refers to them and wiped before the transaction that forgets them, so that after a crash there is no blob without
a key that was promised, and none readable that was reported deleted.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cbor2
import lmdb
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chain_node.core.errors import ConfigError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.errors import StoreFullError, VaultError
from chain_node.vault.items import Item, PackContext, RecordContext
from chain_node.vault.key_slots import KEY_SIZE_BYTES, NO_KEY, KeySlots
from chain_node.vault.limits import MAP_SIZE_BYTES
from chain_node.vault.lot_table import LOT_TABLES, Kind, LotTable
from chain_node.vault.lot_table import Entry as JournalEntry
from chain_node.vault.lots import LotPart

FORMAT_VERSION = 1
_TABLES = (
    *("blobs", "records", "packs", "deleted", "purged", "free", "nonces", "nonce_expiry", "meta"),
    *LOT_TABLES,
    *("cursors", "vaults", "receipts"),
)
NEVER_HELD = Hash32(bytes(32))
"""Stands for the blob hash of a record that was taken back before it came here."""
_NONCE = bytes(12)
"""Every key encrypts one blob once, so the nonce may be constant."""

_FREE_BYTES_MIN = 1024 * 1024
"""A disk with less than this counts as full when a write to it fails."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who put a blob."""

    account: Address
    organisation: int


@dataclass(frozen=True, slots=True)
class Purge:
    """How a pack was purged here."""

    order: bytes
    """Whoever wanted it, as `purge_order.py` encodes it; empty in a store that was made before orders were kept."""
    count: int
    purged_at: int
    """Unix second."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A blob as it is kept."""

    slot: int
    owner: Owner
    context: RecordContext | PackContext
    sealed: bytes


class BlobStore:
    """The store of one vault, opened by one process. Methods block; they may be called from several threads.

    Raises:
        ConfigError: the directory holds another format, or another network's vault.
    """

    def __init__(self, directory: Path, *, map_size_bytes: int = MAP_SIZE_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.environment = lmdb.open(
            str(directory), map_size=map_size_bytes, max_dbs=len(_TABLES), subdir=True, mode=0o600, max_readers=256
        )
        self.table = {name: self.environment.open_db(name.encode()) for name in _TABLES}
        self.lots = LotTable(self.environment, self.table)
        self._directory = directory
        self._keys = KeySlots(directory / "keys.bin")
        self._lock = threading.RLock()
        self._check_meta(b"format", str(FORMAT_VERSION).encode(), "format version")

    def close(self) -> None:
        """Release the files."""
        with self._lock:
            self._keys.close()
            self.environment.close()

    def bind_network(self, chain_id: int, registry: Address) -> None:
        """Tie the store to one network on first use; a store of another network is refused."""
        self._check_meta(b"network", f"{chain_id}:0x{registry.hex()}".encode(), "network")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[lmdb.Transaction]:
        """One durable write transaction; nothing of it remains when the block raises.

        Raises:
            StoreFullError: disk or map full; nothing was written.
        """
        with self._lock:
            try:
                with self.environment.begin(write=True) as transaction:
                    yield transaction
            except (lmdb.MapFullError, lmdb.DiskError) as error:
                raise StoreFullError(type(error).__name__) from error
            except lmdb.Error as error:
                # a write cut short by a full disk is reported as an input/output error
                if shutil.disk_usage(self._directory).free < _FREE_BYTES_MIN:
                    raise StoreFullError("no space left on device") from error
                raise

    def put(self, owner: Owner, items: Sequence[Item], part: LotPart) -> int:
        """Keep blobs, all or none; gives how many were new. `part` says which lot's items they are.

        Raises:
            VaultError: 409 `other_context`: a blob is here for another record, pack or owner, or its record is
                held with other bytes. 409 `revoked` or `purged`: it was taken back. 507: full.
        """
        with self.transaction() as transaction:
            blobs = self.table["blobs"]
            fresh: dict[Hash32, Item] = {}
            hashes = [keccak(item.blob) for item in items]
            for blob_hash, item in zip(hashes, items, strict=True):
                raw = transaction.get(blob_hash, db=blobs)
                if raw is not None:
                    self._merge(transaction, blob_hash, _decode_entry(raw), owner, item.context)
                else:
                    fresh[blob_hash] = item
            self._insert(transaction, owner, fresh)
            placed = zip(hashes, (item.context for item in items), strict=True)
            self.lots.add(transaction, part.lot, dict(zip(part.positions, placed, strict=True)))
            return len(fresh)

    def make_way(self, owner: Owner, items: Sequence[Item]) -> int:
        """Forget what others put in the places, or with the bytes, of records that are this owner's by the chain."""
        with self.transaction() as transaction:
            foreign: dict[Hash32, Entry] = {}
            for item in items:
                if isinstance(item.context, RecordContext):
                    held = transaction.get(_record_key(item.context), db=self.table["records"], default=b"")
                    for blob_hash in (keccak(item.blob), Hash32(bytes(held))):
                        raw = transaction.get(blob_hash, db=self.table["blobs"]) if blob_hash else None
                        if raw is not None and (entry := _decode_entry(raw)).owner.organisation != owner.organisation:
                            foreign[blob_hash] = entry
            for blob_hash, entry in foreign.items():
                self._drop_place(transaction, blob_hash, entry.context)
            self._forget(transaction, list(foreign))
            return len(foreign)

    def find(self, blob_hash: Hash32) -> Entry | None:
        """The entry of a blob, still sealed."""
        with self.environment.begin() as transaction:
            raw = transaction.get(blob_hash, db=self.table["blobs"])
        return None if raw is None else _decode_entry(raw)

    def open_entry(self, blob_hash: Hash32, entry: Entry) -> bytes | None:
        """The blob of an entry, or None when its key was destroyed meanwhile.

        Raises:
            VaultError: 500 `tampered`: the bytes on disk are not what was put.
        """
        with self._lock:
            key = self._keys.read(entry.slot)
        if key == NO_KEY:
            return None
        try:
            blob = AESGCM(key).decrypt(_NONCE, entry.sealed, None)
            if keccak(blob) == blob_hash:
                return blob
        except InvalidTag:
            pass
        if self.find(blob_hash) != entry:
            return None  # the key of another blob, which took the slot after this one was forgotten
        raise VaultError(500, "tampered", "the stored bytes do not hash to the blob's address")

    def delete_records(self, batch_root: Hash32, indices: Sequence[int], deleted_at: int) -> int:
        """Make records unreadable, take them no more and remember when; gives how many were here.

        `deleted_at` in Unix seconds.
        """
        with self.transaction() as transaction:
            found: list[tuple[bytes, Hash32]] = []
            never_held = cbor2.dumps([NEVER_HELD, deleted_at])
            for index in indices:
                key = _record_key(RecordContext(batch_root, index))
                blob_hash = transaction.get(key, db=self.table["records"])
                if blob_hash is not None:
                    found.append((key, Hash32(bytes(blob_hash))))
                else:
                    transaction.put(key, never_held, db=self.table["deleted"], overwrite=False)
            self._forget(transaction, [blob_hash for _, blob_hash in found])
            for key, blob_hash in found:
                transaction.delete(key, db=self.table["records"])
                transaction.put(key, cbor2.dumps([blob_hash, deleted_at]), db=self.table["deleted"])
            return len(found)

    def deletion_of(self, context: RecordContext) -> tuple[Hash32, int] | None:
        """Blob hash (`NEVER_HELD` for none) and second of the deletion of a record that was taken back."""
        with self.environment.begin() as transaction:
            raw = transaction.get(_record_key(context), db=self.table["deleted"])
        if raw is None:
            return None
        blob_hash, deleted_at = cbor2.loads(raw)
        return Hash32(blob_hash), int(deleted_at)

    def purge_pack(self, pack: int, order: bytes, purged_at: int) -> int:
        """Make every blob of a pack unreadable and take no more for it; gives how many there were.

        `order` is kept as the first one that was given; `purged_at` in Unix seconds.
        """
        prefix = pack.to_bytes(32, "big")
        with self.transaction() as transaction:
            hashes: list[Hash32] = []
            cursor = transaction.cursor(db=self.table["packs"])
            has_more = cursor.set_range(prefix)
            while has_more and cursor.key()[:32] == prefix:
                hashes.append(Hash32(bytes(cursor.key()[32:])))
                has_more = cursor.next()
            self._forget(transaction, hashes)
            for blob_hash in hashes:
                transaction.delete(prefix + blob_hash, db=self.table["packs"])
            if not transaction.get(prefix, db=self.table["purged"]):
                value = cbor2.dumps([order, len(hashes), purged_at])
                transaction.put(prefix, value, db=self.table["purged"])
                self.lots.note(transaction, JournalEntry(Kind.PURGE, prefix))
            return len(hashes)

    def purge_of(self, pack: int) -> Purge | None:
        """How the pack was purged here, if it was."""
        with self.environment.begin() as transaction:
            raw = transaction.get(pack.to_bytes(32, "big"), db=self.table["purged"])
        if raw is None:
            return None
        return Purge(*cbor2.loads(raw)) if raw else Purge(b"", 0, 0)

    def followed_to(self) -> int:
        """Number of the last block whose revocations were carried out; -1 at first."""
        with self.environment.begin() as transaction:
            raw = transaction.get(b"followed_to", db=self.table["meta"])
        return -1 if raw is None else int(raw)

    def set_followed_to(self, number: int) -> None:
        """Remember how far the chain was followed."""
        with self.transaction() as transaction:
            transaction.put(b"followed_to", str(number).encode(), db=self.table["meta"])

    def blob_count(self) -> int:
        """Number of blobs held."""
        with self.environment.begin() as transaction:
            return int(transaction.stat(db=self.table["blobs"])["entries"])

    def _drop_place(
        self, transaction: lmdb.Transaction, blob_hash: Hash32, context: RecordContext | PackContext
    ) -> None:
        if isinstance(context, RecordContext):
            transaction.delete(_record_key(context), db=self.table["records"])
        else:
            transaction.delete(context.pack.to_bytes(32, "big") + blob_hash, db=self.table["packs"])

    def _insert(self, transaction: lmdb.Transaction, owner: Owner, fresh: dict[Hash32, Item]) -> None:
        slots = self._take_slots(transaction, len(fresh))
        key_material = secrets.token_bytes(KEY_SIZE_BYTES * len(fresh))
        keys = [key_material[at : at + KEY_SIZE_BYTES] for at in range(0, len(key_material), KEY_SIZE_BYTES)]
        self._keys.write(dict(zip(slots, keys, strict=True)))
        self._index(transaction, fresh)
        entries: list[tuple[bytes, bytes]] = []
        for (blob_hash, item), slot, key in zip(fresh.items(), slots, keys, strict=True):
            sealed = AESGCM(key).encrypt(_NONCE, item.blob, None)
            entries.append((blob_hash, _encode_entry(Entry(slot, owner, item.context, sealed))))
        entries.sort()
        with transaction.cursor(db=self.table["blobs"]) as cursor:
            cursor.putmulti(entries)

    def _index(self, transaction: lmdb.Transaction, fresh: dict[Hash32, Item]) -> None:
        """Enter new blobs where their records and packs are looked up."""
        records: dict[bytes, Hash32] = {}
        for blob_hash, item in fresh.items():
            context = item.context
            if isinstance(context, PackContext):
                prefix = context.pack.to_bytes(32, "big")
                if transaction.get(prefix, db=self.table["purged"]) is not None:
                    raise VaultError(409, "purged", f"pack {context.pack} was purged; it takes no more blobs")
                transaction.put(prefix + blob_hash, b"", db=self.table["packs"])
            elif records.setdefault(_record_key(context), blob_hash) != blob_hash:
                raise _held_otherwise(context.index)
        self._index_records(transaction, records)

    def _index_records(self, transaction: lmdb.Transaction, records: dict[bytes, Hash32]) -> None:
        is_any_deleted = transaction.stat(db=self.table["deleted"])["entries"] > 0
        for key in records if is_any_deleted else ():
            if transaction.get(key, db=self.table["deleted"]) is not None:
                raise VaultError(409, "revoked", f"record {_index_of(key)} of its batch was revoked on the chain")
        with transaction.cursor(db=self.table["records"]) as cursor:
            _, added = cursor.putmulti(sorted(records.items()), overwrite=False)
        if added < len(records):
            held = (
                key for key, blob_hash in records.items() if transaction.get(key, db=self.table["records"]) != blob_hash
            )
            raise _held_otherwise(_index_of(next(held)))

    def _merge(
        self,
        transaction: lmdb.Transaction,
        blob_hash: Hash32,
        entry: Entry,
        owner: Owner,
        context: RecordContext | PackContext,
    ) -> None:
        """A blob that is here already: the same context is fine, and its owner may name further readers."""
        if entry.context == context and entry.owner.organisation == owner.organisation:
            return
        old = entry.context
        if entry.owner != owner or not isinstance(old, PackContext) or not isinstance(context, PackContext):
            raise _other_context("a blob is held for another record, pack or owner")
        if old.pack != context.pack:
            raise _other_context("a blob is held for another pack")
        readers = tuple(sorted({*old.readers, *context.readers}))
        roles = tuple(sorted({*old.roles, *context.roles}))
        widened = Entry(entry.slot, owner, PackContext(old.pack, readers, roles), entry.sealed)
        transaction.put(blob_hash, _encode_entry(widened), db=self.table["blobs"])

    def _forget(self, transaction: lmdb.Transaction, hashes: Sequence[Hash32]) -> None:
        """Destroy the keys of blobs, then drop their entries and free their slots."""
        slots = []
        for blob_hash in hashes:
            raw = transaction.pop(blob_hash, db=self.table["blobs"])
            if raw is not None:
                slots.append(_decode_entry(raw).slot)
            self.lots.forget(transaction, blob_hash)
        self._keys.wipe(slots)
        for slot in slots:
            transaction.put(slot.to_bytes(8, "big"), b"", db=self.table["free"])

    def _take_slots(self, transaction: lmdb.Transaction, count: int) -> list[int]:
        slots: list[int] = []
        with transaction.cursor(db=self.table["free"]) as cursor:
            cursor.first()
            while len(slots) < count and (key := cursor.key()):
                slots.append(int.from_bytes(key, "big"))
                cursor.delete()
        next_slot = int(transaction.get(b"next_slot", db=self.table["meta"], default=b"0"))
        new_count = count - len(slots)
        transaction.put(b"next_slot", str(next_slot + new_count).encode(), db=self.table["meta"])
        return slots + list(range(next_slot, next_slot + new_count))

    def _check_meta(self, key: bytes, expected: bytes, what: str) -> None:
        with self.transaction() as transaction:
            got = transaction.get(key, db=self.table["meta"])
            if got is None:
                transaction.put(key, expected, db=self.table["meta"])
            elif got != expected:
                raise ConfigError(
                    "vault.directory",
                    f"its {what} is {bytes(got).decode()}, expected {expected.decode()}; use an empty one",
                )


def _encode_entry(entry: Entry) -> bytes:
    context = entry.context
    fields: list[object] = [entry.slot, entry.owner.account, entry.owner.organisation, entry.sealed]
    if isinstance(context, RecordContext):
        fields += [context.batch_root, context.index]
    else:
        fields += [context.pack, list(context.readers), list(context.roles)]
    return cbor2.dumps(fields)


def _decode_entry(raw: bytes | memoryview[int]) -> Entry:
    slot, account, organisation, sealed, *context = cbor2.loads(raw)
    owner = Owner(Address(account), organisation)
    if len(context) == 2:
        return Entry(slot, owner, RecordContext(Hash32(context[0]), context[1]), sealed)
    return Entry(slot, owner, PackContext(context[0], tuple(context[1]), tuple(context[2])), sealed)


def _record_key(context: RecordContext) -> bytes:
    return context.batch_root + context.index.to_bytes(4, "big")


def _index_of(record_key: bytes) -> int:
    return int.from_bytes(record_key[32:], "big")


def _held_otherwise(index: int) -> VaultError:
    return _other_context(f"record {index} of its batch is held with other bytes")


def _other_context(message: str) -> VaultError:
    return VaultError(409, "other_context", message)
