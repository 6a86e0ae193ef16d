"""How vaults keep one another's blobs: each follows the journals of the others and takes what it is entitled to.

For each peer there are two sides, which share only the store: `offering.py` answers what the peer asks, and the
follower here asks one question at a time, judges every answer by its own chain, and stores. Every method blocks, and
all are called from one worker thread. Source: docs/protocol.md, 11; docs/adr/0014.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence

import structlog

from chain_node.core.crypto import recover_address
from chain_node.core.errors import BadSignatureError, InvalidInputError, UnavailableError
from chain_node.core.types import Hash32
from chain_node.vault.binding import Binding
from chain_node.vault.errors import StoreFullError
from chain_node.vault.intake import Intake
from chain_node.vault.limits import (
    ASK_COUNT_MAX,
    PAUSE_SECONDS,
    POLL_SECONDS,
    REWALK_SECONDS,
)
from chain_node.vault.messages import (
    Announce,
    AskItems,
    AskLot,
    AskReceipts,
    Follow,
    Items,
    LotOffer,
    News,
    Purged,
    Receipts,
    VaultMessage,
    decode_message,
    encode_message,
)
from chain_node.vault.offering import Offering
from chain_node.vault.peer_state import ROOTS_ASKED_MAX, Fetch, MisbehaviourError, OnFault, Peer, Send
from chain_node.vault.typed_data import purge_receipt_digest, receipt_digest
from chain_node.vault.vault import ETHEREUM_V_OFFSET, Vault

_log = structlog.get_logger("vault")


class Replication:
    """One vault among others."""

    def __init__(self, vault: Vault, binding: Binding, clock: Callable[[], float], on_fault: OnFault) -> None:
        """`binding` is the vault's own; `clock` counts seconds from anywhere."""
        self._vault = vault
        self._binding = binding
        self._clock = clock
        self._on_fault = on_fault
        self._offering = Offering(vault)
        self._intake = Intake(vault)
        self._peers: dict[bytes, Peer] = {}
        self._in_flight: set[Hash32] = set()

    def connect(self, node: bytes, organisation: int, send: Send) -> None:
        """A peer is there: say whose vault this is."""
        self.disconnect(node)
        peer = self._peers[node] = Peer(node, organisation, send)
        self._say(peer, Announce(self._binding, is_answer=False))

    def disconnect(self, node: bytes) -> None:
        """A peer is gone; what it was to bring is asked of others or of itself when it is back."""
        peer = self._peers.pop(node, None)
        if peer is not None:
            self._drop_fetch(peer)
            self._offering.forget(node)
            self._advance_all()

    def receive(self, node: bytes, payload: bytes) -> None:
        """Handle one message."""
        peer = self._peers.get(node)
        if peer is not None:
            self._guarded(peer, functools.partial(self._read, peer, payload))
            self.pump()

    def pump(self) -> None:
        """Do what has become possible: news for whoever waits, and what waited for the chain or for time to pass."""
        for peer in list(self._peers.values()):
            self._guarded(peer, functools.partial(self._wake, peer))
            with contextlib.suppress(UnavailableError):  # it is asked again at the next call
                self._serve(peer)

    def is_waiting(self) -> bool:
        """Whether something waits for this node's chain, so that `pump` should be called often."""
        return any(peer.held is not None for peer in list(self._peers.values()))

    def ask_receipts(self, root: Hash32, indices: Sequence[int]) -> None:
        """Ask every vault that is there for its receipts, as far as they are not here."""
        table = self._vault.peers
        for peer in self._peers.values():
            if peer.binding is None or root in peer.receipts_asked or len(peer.receipts_asked) >= ROOTS_ASKED_MAX:
                continue
            vault = peer.binding.vault
            missing = sorted({index for index in indices if table.deletion(vault, root, index) is None})[:ASK_COUNT_MAX]
            if missing:
                peer.receipts_asked[root] = frozenset(missing)
                self._say(peer, AskReceipts(root, tuple(missing)))

    def _guarded(self, peer: Peer, step: Callable[[], None]) -> None:
        """Do a step for a peer; what goes wrong with it concerns nobody else."""
        try:
            step()
        except (StoreFullError, UnavailableError) as error:
            self._pause(peer, str(error))
        except InvalidInputError as error:
            self.disconnect(peer.node)
            self._on_fault(peer.node, error)

    def _wake(self, peer: Peer) -> None:
        if peer.held is not None:
            self._on_news(peer, peer.held)
        elif peer.ask_again_at is not None and self._clock() >= peer.ask_again_at:
            self._ask_news(peer)

    def _read(self, peer: Peer, payload: bytes) -> None:
        self._handle(peer, decode_message(payload))

    def _handle(self, peer: Peer, message: VaultMessage) -> None:
        self._vault.view.head()  # judge by the newest block
        if isinstance(message, Announce):
            self._on_announce(peer, message)
        elif peer.binding is None:
            raise MisbehaviourError("something before the announcement")
        elif isinstance(message, Follow):
            peer.follows_from, peer.follows_since = message.place, self._clock()
        elif isinstance(message, AskLot | AskItems):
            if peer.question is not None:
                raise MisbehaviourError("a second question before the first was answered")
            peer.question = message
        elif isinstance(message, AskReceipts):
            if len(peer.receipts_wanted) >= ROOTS_ASKED_MAX:
                raise MisbehaviourError("too many questions for receipts at a time")
            peer.receipts_wanted.append(message)
        elif isinstance(message, Receipts):
            self._on_receipts(peer, peer.binding, message)
        elif peer.awaits is not type(message):
            raise MisbehaviourError(f"{type(message).__name__} that was not asked for")
        else:
            self._on_answer(peer, message)

    def _on_answer(self, peer: Peer, message: News | LotOffer | Items) -> None:
        peer.awaits = None
        if isinstance(message, News):
            self._on_news(peer, message)
        elif peer.fetch is not None and peer.fetch.lot_id == message.lot_id:
            if isinstance(message, LotOffer):
                self._on_offer(peer, peer.fetch, message)
            else:
                self._on_items(peer, peer.fetch, message)
        else:
            raise MisbehaviourError("an answer about another lot")

    def _on_announce(self, peer: Peer, message: Announce) -> None:
        """Begin; or begin again with one that could not hear us before, or has forgotten where we were."""
        binding = message.binding
        if message.is_answer and peer.binding == binding:
            return
        if binding.node != peer.node:
            raise MisbehaviourError("the announcement of another node")
        binding.verify(self._vault.domain)
        self._vault.peers.set_binding(binding)
        if peer.binding is not None:
            self._drop_fetch(peer)
            peer = self._peers[peer.node] = Peer(peer.node, peer.organisation, peer.send)
        peer.binding = binding
        if not message.is_answer:
            self._say(peer, Announce(self._binding, is_answer=True))
        self._ask_news(peer)

    def _serve(self, peer: Peer) -> None:
        """Answer what a peer asks; news only if there is something new or it has waited long."""
        offering, node, organisation = self._offering, peer.node, peer.organisation
        if peer.question is not None:
            answer = offering.answer(node, organisation, peer.question)
            peer.question = None
            self._say(peer, answer)
        while peer.receipts_wanted:
            receipts = offering.receipts(organisation, peer.receipts_wanted[0])
            peer.receipts_wanted.popleft()
            self._say(peer, receipts)
        if peer.follows_from is not None:
            is_late = self._clock() >= peer.follows_since + POLL_SECONDS
            if is_late or offering.has_news(peer.follows_from):
                news = offering.news(organisation, peer.follows_from)
                peer.follows_from = None
                self._say(peer, news)

    def _ask_news(self, peer: Peer) -> None:
        audience = self._vault.entitlement.own_audience(self._binding.node)
        if audience.digest != peer.entitled:
            peer.entitled, peer.entitled_since, peer.place = audience.digest, audience.height, None
        if peer.rewalk_at is not None and self._clock() >= peer.rewalk_at:
            peer.rewalk_at, peer.place = None, None
        if peer.place is None:
            peer.place = self._vault.peers.cursor(peer.node, peer.entitled)
        peer.ask_again_at = None
        self._ask(peer, Follow(peer.place), News)

    def _on_news(self, peer: Peer, news: News) -> None:
        peer.held = None
        if news.judged_at < peer.entitled_since:
            peer.ask_again_at = self._clock() + PAUSE_SECONDS
        elif news.height > self._vault.view.head().number:
            peer.held = news
        else:
            peer.next_place = news.place
            for entry in news.entries:
                if isinstance(entry, Purged):
                    self._on_purged(peer, entry)
                else:
                    peer.todo.append(entry)
            self._advance(peer)

    def _on_purged(self, peer: Peer, purged: Purged) -> None:
        self._intake.take_purge(purged.order)
        binding = peer.binding
        if binding is None or not _is_signed_by(
            binding, purge_receipt_digest(self._vault.domain, purged.receipt), purged.signature
        ):
            raise MisbehaviourError("a purge receipt that its vault did not sign")
        self._vault.peers.add_purge(binding.vault, purged.receipt, purged.signature)

    def _on_receipts(self, peer: Peer, binding: Binding, message: Receipts) -> None:
        asked = peer.receipts_asked.pop(message.root, frozenset())
        for receipt, signature in message.signed:
            digest = receipt_digest(self._vault.domain, receipt)
            if receipt.index not in asked or not _is_signed_by(binding, digest, signature):
                raise MisbehaviourError("a deletion receipt that was not asked for or its vault did not sign")
        self._vault.peers.add_deletions(binding.vault, list(message.signed))

    def _advance(self, peer: Peer) -> None:
        """Ask for the next lot, or for news when there is none."""
        if peer.fetch is not None or peer.awaits is not None or peer.held is not None or peer.binding is None:
            return
        for _ in range(len(peer.todo)):
            lot_id = peer.todo.popleft()
            if lot_id in self._in_flight:
                peer.todo.append(lot_id)
                continue
            lot = self._vault.store.lots.find(lot_id)
            if lot is not None and len(self._vault.store.lots.held_positions(lot_id)) == lot.count:
                continue
            peer.fetch = Fetch(lot_id, lot)
            self._in_flight.add(lot_id)
            self._ask(peer, AskLot(lot_id, lot is not None), LotOffer)
            return
        if not peer.todo and peer.ask_again_at is None:
            self._end_of_news(peer)

    def _end_of_news(self, peer: Peer) -> None:
        if peer.place != peer.next_place:
            peer.place = peer.next_place
            if peer.rewalk_at is None:
                self._vault.peers.set_cursor(peer.node, peer.place, peer.entitled)
        self._ask_news(peer)

    def _on_offer(self, peer: Peer, fetch: Fetch, offer: LotOffer) -> None:
        lot = fetch.lot
        if lot is None and offer.account:
            lot = self._intake.check_lot(fetch.lot_id, offer)
        if lot is None:
            self._finish(peer)
            return
        if offer.positions and offer.positions[-1] >= lot.count:
            raise MisbehaviourError("an item beyond the end of its lot")
        fetch.lot = lot
        held = self._vault.store.lots.held_positions(fetch.lot_id)
        fetch.wanted.extend(position for position in offer.positions if position not in held)
        self._ask_items(peer, fetch)

    def _ask_items(self, peer: Peer, fetch: Fetch) -> None:
        if not fetch.wanted:
            self._finish(peer)
            return
        wanted = tuple(fetch.wanted)[:ASK_COUNT_MAX]
        self._ask(peer, AskItems(fetch.lot_id, wanted, len(fetch.part)), Items)

    def _on_items(self, peer: Peer, fetch: Fetch, message: Items) -> None:
        if fetch.lot is None:
            raise MisbehaviourError("items before their lot")
        items = fetch.take(fetch.lot, message)
        if not self._intake.take(fetch.lot, items, self._binding.node):
            peer.rewalk_at = peer.rewalk_at or self._clock() + REWALK_SECONDS
        self._ask_items(peer, fetch)

    def _finish(self, peer: Peer) -> None:
        self._drop_fetch(peer)
        self._advance_all()

    def _drop_fetch(self, peer: Peer) -> None:
        if peer.fetch is not None:
            self._in_flight.discard(peer.fetch.lot_id)
            peer.fetch = None

    def _advance_all(self) -> None:
        for peer in list(self._peers.values()):
            self._advance(peer)

    def _pause(self, peer: Peer, reason: str) -> None:
        """Take nothing for a moment, then begin again after what was taken last."""
        _log.warning("vault_replication_waits", node=peer.node.hex(), reason=reason)
        if peer.awaits is not None:
            return  # its answer goes on from where it is
        self._drop_fetch(peer)
        peer.todo.clear()
        peer.held, peer.place = None, None
        peer.ask_again_at = self._clock() + PAUSE_SECONDS

    def _ask(self, peer: Peer, question: Follow | AskLot | AskItems, answer: type[News | LotOffer | Items]) -> None:
        peer.awaits = answer
        self._say(peer, question)

    def _say(self, peer: Peer, message: VaultMessage) -> None:
        peer.send(encode_message(message))


def _is_signed_by(binding: Binding, digest: Hash32, signature: bytes) -> bool:
    try:
        return recover_address(digest, signature[:64] + bytes([signature[64] - ETHEREUM_V_OFFSET])) == binding.vault
    except (BadSignatureError, ValueError):
        return False
