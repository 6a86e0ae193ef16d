"""What a vault tells and gives to the others: nothing to whom it is not entitled, nothing that was taken back.

Source: docs/protocol.md, 11.
"""

from __future__ import annotations

import structlog

from chain_node.core.types import Hash32
from chain_node.vault.blob_store import Entry
from chain_node.vault.entitlement import Audience
from chain_node.vault.errors import VaultError
from chain_node.vault.items import PackContext, RecordContext
from chain_node.vault.limits import ITEMS_SIZE_BYTES_TARGET, NEWS_COUNT_MAX
from chain_node.vault.lot_table import Kind, Placed
from chain_node.vault.messages import (
    AskItems,
    AskLot,
    AskReceipts,
    ItemPiece,
    Items,
    LotOffer,
    News,
    Purged,
    Receipts,
)
from chain_node.vault.purge_order import decode_order
from chain_node.vault.vault import Vault

_log = structlog.get_logger("vault")


class Offering:
    """The answering side of one vault, for all its peers."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._open: dict[bytes, tuple[Hash32, bytes]] = {}
        """The long blob that a node is taking in pieces."""

    def forget(self, node: bytes) -> None:
        """A peer is gone."""
        self._open.pop(node, None)

    def has_news(self, place: bytes) -> bool:
        """Whether the journal goes on after a place; for whom that is is not looked at."""
        return bool(self._vault.store.lots.entries_after(place, 1)[0])

    def news(self, organisation: int, place: bytes) -> News:
        """What of the journal after a place is for an organisation's nodes."""
        lots = self._vault.store.lots
        entries, next_place = lots.entries_after(place, NEWS_COUNT_MAX)
        audience = self._vault.entitlement.audience(organisation)
        told: dict[Hash32 | Purged, None] = {}
        for entry in entries:
            if entry.kind is Kind.PURGE:
                purged = self._purged(int.from_bytes(entry.key, "big"))
                if purged is not None:
                    told[purged] = None
            elif self._has_any(Hash32(entry.key), audience):
                told[Hash32(entry.key)] = None
        return News(self._vault.view.head().number, audience.height, tuple(told), next_place)

    def answer(self, node: bytes, organisation: int, question: AskLot | AskItems) -> LotOffer | Items:
        """The answer to a question of an organisation's node."""
        audience = self._vault.entitlement.audience(organisation)
        if isinstance(question, AskLot):
            return self._offer(question, audience)
        return self._items(node, question, audience)

    def receipts(self, organisation: int, question: AskReceipts) -> Receipts:
        """This vault's receipts, for an organisation's node."""
        audience = self._vault.entitlement.audience(organisation)
        if not audience.may_ask_receipts():
            return Receipts(question.root, ())
        signed = self._vault.own_receipts(question.root, question.indices)
        return Receipts(question.root, tuple(one for one in signed if one is not None))

    def _purged(self, pack: int) -> Purged | None:
        purge, signed = self._vault.store.purge_of(pack), self._vault.own_purge_receipt(pack)
        if purge is None or signed is None or not purge.order:
            return None
        return Purged(decode_order(purge.order), *signed)

    def _has_any(self, lot_id: Hash32, audience: Audience) -> bool:
        lot = self._vault.store.lots.find(lot_id)
        if lot is None:
            return False
        writer = self._vault.entitlement.organisation_of_writer(lot.account)
        judged: set[Hash32 | PackContext] = set()
        for placed in self._vault.store.lots.items(lot_id):
            # records of one batch are for the same readers
            group = placed.context.batch_root if isinstance(placed.context, RecordContext) else placed.context
            if group not in judged:
                if self._may_have(audience, writer, placed):
                    return True
                judged.add(group)
        return False

    def _offer(self, question: AskLot, audience: Audience) -> LotOffer:
        lots = self._vault.store.lots
        lot = lots.find(question.lot_id)
        positions: tuple[int, ...] = ()
        if lot is not None:
            writer = self._vault.entitlement.organisation_of_writer(lot.account)
            offered = lots.items(question.lot_id)
            positions = tuple(placed.position for placed in offered if self._may_have(audience, writer, placed))
        is_told = lot is not None and positions and not question.is_known
        return LotOffer(
            lot_id=question.lot_id,
            account=lot.account if lot is not None and is_told else b"",
            signature=lot.signature if lot is not None and is_told else b"",
            digests=lot.digests if lot is not None and is_told else b"",
            positions=positions,
        )

    def _items(self, node: bytes, question: AskItems, audience: Audience) -> Items:
        lots = self._vault.store.lots
        lot = lots.find(question.lot_id)
        writer = 0 if lot is None else self._vault.entitlement.organisation_of_writer(lot.account)
        placed_at = {one.position: one for one in lots.items_at(question.lot_id, question.positions)}
        pieces: list[ItemPiece] = []
        size_bytes = 0
        for position in question.positions:
            placed = placed_at.get(position)
            is_given = placed is not None and self._may_have(audience, writer, placed)
            blob = self._read(node, placed) if placed is not None and is_given else None
            if blob is None or placed is None:
                pieces.append(ItemPiece(position=position))
                continue
            offset = question.offset if not pieces else 0
            piece = blob[offset : offset + ITEMS_SIZE_BYTES_TARGET]
            is_whole = len(piece) == len(blob)
            size_bytes += len(piece) + _overhead_bytes(placed.context)
            if pieces and (not is_whole or size_bytes > ITEMS_SIZE_BYTES_TARGET):
                break
            pieces.append(ItemPiece(position=position, context=placed.context, size_bytes=len(blob), piece=piece))
            if not is_whole:
                break
        return Items(question.lot_id, tuple(pieces))

    def _may_have(self, audience: Audience, writer: int, placed: Placed) -> bool:
        owner = self._vault.entitlement.owner_of(placed.context, writer)
        return audience.may_hold(placed.context, owner) and not self._is_revoked(placed.context)

    def _is_revoked(self, context: RecordContext | PackContext) -> bool:
        if isinstance(context, PackContext):
            return False
        batch = self._vault.view.batch(context.batch_root)
        return batch is not None and batch.is_revoked(context.index)

    def _read(self, node: bytes, placed: Placed) -> bytes | None:
        known_hash, known = self._open.get(node, (None, b""))
        entry: Entry | None = self._vault.store.find(placed.blob_hash)
        if entry is None:
            return None
        if known_hash == placed.blob_hash:
            return known
        try:
            blob = self._vault.store.open_entry(placed.blob_hash, entry)
        except VaultError as error:
            _log.error("vault_blob_broken", reason=str(error))
            return None
        self._open.pop(node, None)
        if blob is not None and len(blob) > ITEMS_SIZE_BYTES_TARGET:
            self._open[node] = (placed.blob_hash, blob)
        return blob


def _overhead_bytes(context: RecordContext | PackContext) -> int:
    """At most what an item's other fields take in a message."""
    if isinstance(context, RecordContext):
        return 72
    return 80 + 21 * len(context.readers) + 2 * len(context.roles)
