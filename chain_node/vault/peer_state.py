"""What a vault knows of one other vault while there is a link, and of the lot that it is taking from it. No I/O.

Source: docs/protocol.md, 11.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from chain_node.core.errors import InvalidInputError
from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32
from chain_node.vault.binding import Binding
from chain_node.vault.items import Item
from chain_node.vault.limits import BODY_SIZE_BYTES_MAX
from chain_node.vault.lots import Lot, item_digest
from chain_node.vault.messages import AskItems, AskLot, AskReceipts, ItemPiece, Items, LotOffer, News

ROOTS_ASKED_MAX = 64
"""Batches for whose receipts one asks the other at a time."""

Send = Callable[[bytes], None]
"""Queues one message to a peer."""

OnFault = Callable[[bytes, InvalidInputError], None]
"""Is told which node broke a rule, and how; nothing further of it is handled before it connects again."""


class MisbehaviourError(InvalidInputError):
    """A peer's vault said what no honest vault says."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"vault message: {reason}")


@dataclass(slots=True)
class Fetch:
    """One lot that is being taken from one peer."""

    lot_id: Hash32
    lot: Lot | None = None
    wanted: deque[int] = field(default_factory=deque)
    part: bytearray = field(default_factory=bytearray)
    """The beginning of a blob that comes in pieces."""

    def take(self, lot: Lot, message: Items) -> dict[int, Item]:
        """Items that are complete now, by position.

        Raises:
            MisbehaviourError: something that was not asked for, or not what its lot says.
        """
        if not message.pieces:
            raise MisbehaviourError("no item of those asked for")
        items: dict[int, Item] = {}
        for piece in message.pieces:
            if not self.wanted or piece.position != self.wanted[0]:
                raise MisbehaviourError("an item that was not asked for")
            item = self._join(lot, piece)
            if item is not None:
                items[piece.position] = item
            if not self.part:
                self.wanted.popleft()
            elif len(message.pieces) > 1:
                raise MisbehaviourError("a piece that does not come alone")
        return items

    def _join(self, lot: Lot, piece: ItemPiece) -> Item | None:
        """The item, once all of it is there; it must be what the lot says."""
        if piece.context is None:
            self.part.clear()
            return None
        size_bytes = len(self.part) + len(piece.piece)
        if not piece.piece or not size_bytes <= piece.size_bytes <= BODY_SIZE_BYTES_MAX:
            raise MisbehaviourError("a blob of an impossible size")
        self.part += piece.piece
        if size_bytes < piece.size_bytes:
            return None
        item = Item(piece.context, bytes(self.part))
        self.part.clear()
        if item_digest(item.context, keccak(item.blob)) != lot.digest_at(piece.position):
            raise MisbehaviourError("an item that is not the one its lot names")
        return item


@dataclass(slots=True)
class Peer:
    """Another vault: what it was asked, how far it was followed, and what it asks."""

    node: bytes
    organisation: int
    send: Send
    binding: Binding | None = None
    awaits: type[News] | type[LotOffer] | type[Items] | None = None
    """What was asked for last."""
    place: bytes | None = None
    """How far it was followed on this link; None to begin where the last link ended."""
    entitled: bytes = b""
    entitled_since: int = 0
    """Height at which the present entitlement was first seen."""
    held: News | None = None
    """News that waits for this node's chain."""
    next_place: bytes = b""
    todo: deque[Hash32] = field(default_factory=deque)
    fetch: Fetch | None = None
    ask_again_at: float | None = None
    rewalk_at: float | None = None
    """When to look again at what was refused; the durable cursor stays before it."""
    follows_from: bytes | None = None
    """Place at which it waits for news of ours."""
    follows_since: float = 0.0
    question: AskLot | AskItems | None = None
    """What it asks."""
    receipts_wanted: deque[AskReceipts] = field(default_factory=deque)
    receipts_asked: dict[Hash32, frozenset[int]] = field(default_factory=dict)
