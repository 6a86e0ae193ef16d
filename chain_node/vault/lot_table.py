"""Lots as they are kept, and the journal: in what order a vault came to hold things, for the vaults that follow it.

Tables: `lots` id -> lot, `lot_items` (lot, position) -> blob hash, `placements` (blob hash, lot, position) -> where
the item belongs, `journal` number -> (tag, kind, key). A place in the journal is its number and its random tag: a
vault that was restored from a backup has other tags, so that whoever followed it further notices and begins again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import cbor2
import lmdb

from chain_node.core.types import Address, Hash32
from chain_node.vault.items import PackContext, RecordContext
from chain_node.vault.lots import Lot

LOT_TABLES = ("lots", "lot_items", "placements", "journal")
START = b""
"""The place before the first entry of a journal."""

_NUMBER_SIZE_BYTES = 8
_TAG_SIZE_BYTES = 8
PLACE_SIZE_BYTES = _NUMBER_SIZE_BYTES + _TAG_SIZE_BYTES


class Kind(IntEnum):
    """What an entry of the journal says."""

    LOT = 0
    """Items of this lot came."""
    PURGE = 1
    """This pack was purged."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal."""

    kind: Kind
    key: bytes
    """Lot id, or pack id in 32 bytes."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One item of a lot that is held here."""

    position: int
    blob_hash: Hash32
    context: RecordContext | PackContext


class LotTable:
    """The lots of one store; what writes is part of the caller's transaction."""

    def __init__(self, environment: lmdb.Environment, table: Mapping[str, lmdb._Database]) -> None:
        self._environment = environment
        self._table = table

    def add(
        self, transaction: lmdb.Transaction, lot: Lot, placed: Mapping[int, tuple[Hash32, RecordContext | PackContext]]
    ) -> None:
        """Remember items of a lot by position; those that are new are told in the journal."""
        lot_id = lot.lot_id
        is_new = transaction.get(lot_id, db=self._table["lots"]) is None
        items, placements = [], []
        for position, (blob_hash, context) in sorted(placed.items()):
            key = lot_id + position.to_bytes(4, "big")
            if is_new or transaction.get(key, db=self._table["lot_items"]) is None:
                items.append((key, blob_hash))
                placements.append((blob_hash + key, cbor2.dumps(encode_context(context))))
        if not items:
            return
        transaction.put(lot_id, lot.account + lot.signature + lot.digests, db=self._table["lots"])
        with transaction.cursor(db=self._table["lot_items"]) as cursor:
            cursor.putmulti(items)
        with transaction.cursor(db=self._table["placements"]) as cursor:
            cursor.putmulti(sorted(placements))
        self.note(transaction, Entry(Kind.LOT, lot_id))

    def forget(self, transaction: lmdb.Transaction, blob_hash: Hash32) -> None:
        """Drop what is known of a blob that is made unreadable; its lots keep its digest."""
        with transaction.cursor(db=self._table["placements"]) as cursor:
            while cursor.set_range(blob_hash) and cursor.key()[:32] == blob_hash:
                transaction.delete(bytes(cursor.key()[32:]), db=self._table["lot_items"])
                cursor.delete()

    def note(self, transaction: lmdb.Transaction, entry: Entry) -> None:
        """Add an entry to the journal."""
        with transaction.cursor(db=self._table["journal"]) as cursor:
            number = int.from_bytes(cursor.key(), "big") + 1 if cursor.last() else 1
        value = secrets.token_bytes(_TAG_SIZE_BYTES) + bytes([entry.kind]) + entry.key
        transaction.put(number.to_bytes(_NUMBER_SIZE_BYTES, "big"), value, db=self._table["journal"])

    def entries_after(self, place: bytes, count: int) -> tuple[list[Entry], bytes]:
        """At most `count` entries that follow a place, and the place after them; from the start where it is unknown."""
        entries: list[Entry] = []
        with self._environment.begin() as transaction, transaction.cursor(db=self._table["journal"]) as cursor:
            number = place[:_NUMBER_SIZE_BYTES]
            is_known = place != START and cursor.set_key(number) and cursor.value()[:_TAG_SIZE_BYTES] == place[8:]
            if not is_known:
                place = START
            has_more = cursor.next() if is_known else cursor.first()
            while has_more and len(entries) < count:
                value = bytes(cursor.value())
                entries.append(Entry(Kind(value[_TAG_SIZE_BYTES]), value[_TAG_SIZE_BYTES + 1 :]))
                place = bytes(cursor.key()) + value[:_TAG_SIZE_BYTES]
                has_more = cursor.next()
        return entries, place

    def find(self, lot_id: Hash32) -> Lot | None:
        """A lot of which anything came here."""
        with self._environment.begin() as transaction:
            raw = transaction.get(lot_id, db=self._table["lots"])
        return None if raw is None else Lot(Address(bytes(raw[:20])), bytes(raw[20:85]), bytes(raw[85:]))

    def held_positions(self, lot_id: Hash32) -> set[int]:
        """Positions of the items of a lot that are here."""
        with self._environment.begin() as transaction, transaction.cursor(db=self._table["lot_items"]) as cursor:
            positions: set[int] = set()
            has_more = cursor.set_range(lot_id)
            while has_more and cursor.key()[:32] == lot_id:
                positions.add(int.from_bytes(cursor.key()[32:], "big"))
                has_more = cursor.next()
        return positions

    def items(self, lot_id: Hash32) -> Iterator[Placed]:
        """The items of a lot that are here, ascending."""
        with self._environment.begin() as transaction, transaction.cursor(db=self._table["lot_items"]) as cursor:
            has_more = cursor.set_range(lot_id)
            while has_more and cursor.key()[:32] == lot_id:
                placed = self._placed(transaction, bytes(cursor.key()), bytes(cursor.value()))
                if placed is not None:
                    yield placed
                has_more = cursor.next()

    def items_at(self, lot_id: Hash32, positions: Sequence[int]) -> list[Placed]:
        """Those of the items at some positions that are here."""
        found = []
        with self._environment.begin() as transaction:
            for position in positions:
                key = lot_id + position.to_bytes(4, "big")
                blob_hash = transaction.get(key, db=self._table["lot_items"])
                placed = None if blob_hash is None else self._placed(transaction, key, bytes(blob_hash))
                if placed is not None:
                    found.append(placed)
        return found

    def _placed(self, transaction: lmdb.Transaction, key: bytes, blob_hash: bytes) -> Placed | None:
        raw = transaction.get(blob_hash + key, db=self._table["placements"])
        if raw is None:
            return None
        return Placed(int.from_bytes(key[32:], "big"), Hash32(blob_hash), decode_context(cbor2.loads(raw)))


def encode_context(context: RecordContext | PackContext) -> list[object]:
    """Fields of a placement: two of a record, three of a pack blob."""
    if isinstance(context, RecordContext):
        return [context.batch_root, context.index]
    return [context.pack, list(context.readers), list(context.roles)]


def decode_context(fields: list[object]) -> RecordContext | PackContext:
    """The placement with these fields."""
    match fields:
        case [bytes(root), int(index)]:
            return RecordContext(Hash32(root), index)
        case [int(pack), list(readers), list(roles)]:
            return PackContext(pack, tuple(readers), tuple(roles))
        case _:
            raise ValueError(f"a placement has two or three fields, got {len(fields)}")
