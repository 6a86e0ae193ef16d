"""Decides what is said to whom: who may come in, what is passed on, which links are live. No sockets.

Everything happens on the event loop, timed by the loop's own clock, so that a simulated loop can run it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from chain_node.consensus.qbft.messages import Message
from chain_node.core.types import Address, Height
from chain_node.network.admission import Admission, Identity
from chain_node.network.api import Link, NodeRecord, NodeServices, TlsKeyHash, VaultExchange
from chain_node.network.block_sync import BlockSync
from chain_node.network.frames import (
    BLOCKS_PER_FRAME_MAX,
    BLOCKS_SIZE_BYTES_TARGET,
    LINKS_PER_FRAME_MAX,
    SEALS_PER_FRAME_MAX,
    Blocks,
    ConsensusMessage,
    Frame,
    GetBlocks,
    Goodbye,
    Hello,
    LateSeal,
    LateSeals,
    Ping,
    Pong,
    Status,
    Transactions,
    VaultMessage,
)
from chain_node.network.heartbeat import CLOSE_SECONDS, Heartbeat
from chain_node.network.message_gossip import MessageGossip
from chain_node.network.peer import Peer, PeerView
from chain_node.network.proposal_exchange import COMPACT_COUNT_MIN, ProposalExchange
from chain_node.network.proposal_frames import CompactProposal, GetProposalTransactions, ProposalTransactions
from chain_node.network.transaction_gossip import TransactionGossip

_log = structlog.get_logger("network")

_STATUS_SECONDS = 0.1
"""Changes within this time make one Status."""


class Peers:
    """Implements `LinkListener` over the services of one node."""

    def __init__(
        self,
        identity: Identity,
        services: NodeServices,
        vault: VaultExchange | None = None,
        on_records: Callable[[Sequence[NodeRecord]], None] = lambda _: None,
        compact_count_min: int = COMPACT_COUNT_MIN,
    ) -> None:
        """`on_records` hears of node records that are others than before.

        Proposals with at least `compact_count_min` transactions name them by their hashes.
        """
        self._identity = identity
        self._services = services
        self._vault = vault
        self._admission = Admission(identity, services, on_records)
        self._peer_by_key: dict[TlsKeyHash, Peer] = {}
        self._live_validators: tuple[Address, ...] = ()
        self._messages = MessageGossip(services, self._admission, self._members, self._now, compact_count_min)
        self._transactions = TransactionGossip(services, self._members)
        self._sync = BlockSync(services, self._all)
        self._heartbeat = Heartbeat(self._all, self._on_life_changed, self._close_silent)
        self._status_timer: asyncio.TimerHandle | None = None

    # What the node asks for

    @property
    def is_syncing(self) -> bool:
        """Whether blocks are being fetched."""
        return self._sync.is_active

    @property
    def proposals(self) -> ProposalExchange:
        """Compact proposals."""
        return self._messages.proposals

    def views(self) -> tuple[PeerView, ...]:
        """The open links."""
        return tuple(
            PeerView(
                tls_key_hash=peer.key,
                record=peer.record,
                endpoint=peer.link.endpoint,
                client_version=peer.client_version,
                height=peer.height,
                is_live=peer.is_live,
                is_outbound=peer.link.is_outbound,
                latency_ms=None if peer.latency_seconds is None else round(peer.latency_seconds * 1000),
                misdeed_points=peer.link.misdeed_points,
            )
            for peer in self._all()
        )

    def send_to_validators(self, message: Message) -> None:
        """Give a message of this validator to all."""
        self._messages.send(message)

    def announce_transactions(self, encoded: Sequence[bytes]) -> None:
        """Tell of transactions that came in here."""
        self._transactions.announce(encoded)

    def announce_seals(self, seals: Sequence[LateSeal]) -> None:
        """Give late seals to all."""
        self._messages.send_seals(seals)

    def request_blocks(self, author: Address, height: Height) -> None:
        """A validator speaks of a height: it has the blocks below it."""
        for peer in self._members():
            if peer.validator == author and peer.height < height - 1:
                peer.height = Height(height - 1)
        self._sync.on_news()

    def punish_validator(self, author: Address, reason: str, penalty: int) -> None:
        """A validator has signed something that breaks the rules; whoever passed it on has not."""
        for peer in self._members():
            if peer.validator == author:
                peer.link.punish(reason, penalty)

    def on_head(self) -> None:
        """The head has moved: judge all links by the newest records, tell the others, see who is ahead."""
        self._judge_again()
        self._status_soon()
        self._tell_validators()
        self._sync.on_news()

    # What the links tell

    def make_hello(self) -> Hello:
        """What this node says first."""
        return self._admission.make_hello()

    def judge(self, tls_key_hash: TlsKeyHash, hello: Hello) -> NodeRecord | Goodbye | None:
        """Whether a node may come in: its record; a refusal; or None, taken for download only."""
        downloads = sum(peer.record is None for peer in self._all())
        return self._admission.judge(tls_key_hash, hello, download_count=downloads)

    def on_link_up(self, link: Link, hello: Hello) -> None:
        """A link is open: both sides have judged the other."""
        other = self._peer_by_key.get(link.tls_key_hash)
        if other is not None and not self._is_better(link, other):
            link.close(Goodbye("another link to this node is kept"))
            return
        if other is not None:
            self._forget(other)
            self._on_gone(other)
            other.link.close(Goodbye("a newer link to this node is kept"))
        now = self._now()
        peer = Peer(link, link.record, hello.height, hello.head_hash, hello.client_version, now, pinged_at=now)
        self._peer_by_key[peer.key] = peer
        _log.info("peer_connected", **_describe(peer), height=peer.height, client=peer.client_version)
        self._heartbeat.start()
        self._greet(peer)
        self._on_links_changed()
        self._on_peer_head(peer)

    def on_link_down(self, link: Link, reason: str) -> None:
        """A link is closed, whoever closed it."""
        peer = self._peer_of(link)
        if peer is None:
            return
        _log.info("peer_gone", **_describe(peer), reason=reason)
        self._forget(peer)
        self._on_links_changed()
        self._on_gone(peer)

    def on_frame(self, link: Link, frame: Frame) -> None:
        """A frame has come.

        Raises:
            InvalidInputError: the peer broke a rule; the caller punishes it.
        """
        peer = self._peer_of(link)
        if peer is None:
            return
        self._heartbeat.on_frame(peer)
        match frame:
            case Ping():
                link.send(Pong(frame.number))
            case Pong():
                self._heartbeat.on_pong(peer, frame)
            case Status():
                self._on_status(peer, frame)
            case Blocks():
                self._sync.on_blocks(peer, frame)
            case _ if peer.record is not None:
                self._on_member_frame(peer, peer.record, frame)
            case _:
                pass  # it takes us for one of its peers, but what it says cannot be judged here

    def _on_member_frame(self, peer: Peer, record: NodeRecord, frame: Frame) -> None:
        match frame:
            case ConsensusMessage():
                self._messages.on_message(peer, frame)
            case LateSeals():
                self._messages.on_seals(peer, frame)
            case CompactProposal():
                self._messages.on_compact(peer, frame)
            case GetProposalTransactions():
                self._messages.proposals.on_question(peer, frame)
            case ProposalTransactions():
                self._messages.proposals.on_answer(peer, frame)
            case Transactions():
                self._transactions.on_transactions(peer, frame.encoded)
            case GetBlocks():
                peer.link.send(Blocks(frame.number, self._collect_blocks(frame.first, frame.count)))
            case VaultMessage() if self._vault is not None:
                self._vault.on_vault_message(record, frame.payload)
            case _:
                pass  # what a node without a vault cannot use

    def _on_status(self, peer: Peer, status: Status) -> None:
        peer.height, peer.head_hash = status.height, status.head_hash
        peer.links = frozenset(status.links)
        self._tell_validators()
        self._on_peer_head(peer)

    def _on_peer_head(self, peer: Peer) -> None:
        is_known_height = peer.height <= self._services.head().height
        if is_known_height and peer.head_hash not in (self._services.block_hash(peer.height), peer.doubted_hash):
            peer.doubted_hash = peer.head_hash
            self._sync.probe(peer, peer.height)
        self._sync.on_news()

    def _collect_blocks(self, first: Height, count: int) -> tuple[bytes, ...]:
        last = min(first + min(count, BLOCKS_PER_FRAME_MAX) - 1, self._services.head().height)
        encoded: list[bytes] = []
        size_bytes = 0
        for height in range(first, last + 1):
            encoded.append(self._services.encoded_block(Height(height)))
            size_bytes += len(encoded[-1])
            if size_bytes >= BLOCKS_SIZE_BYTES_TARGET:
                break
        return tuple(encoded)

    # Who is a member

    def _judge_again(self) -> None:
        if not self._admission.refresh() and all(peer.record is not None for peer in self._all()):
            return
        head = self._services.head()
        is_changed = False
        for peer in self._all():
            record = self._admission.record_of(peer.key)
            if record is None and (peer.record is not None or peer.height <= head.height):
                peer.link.close(self._admission.refuse(peer.key))
                self._forget(peer)
                self._on_gone(peer)
                is_changed = True
            elif record != peer.record:
                was_unknown = peer.record is None
                peer.record = record
                is_changed = True
                if was_unknown:
                    self._greet(peer)
        if is_changed:
            self._on_links_changed()

    def _greet(self, peer: Peer) -> None:
        """Tell a member's node what it has missed."""
        peer.link.send(self._make_status())
        if peer.record is None:
            return
        seals = tuple(self._services.own_seals())
        if seals:
            peer.link.send(LateSeals(seals[:SEALS_PER_FRAME_MAX]))
        self._transactions.greet(peer)
        if self._vault is not None:
            self._vault.on_peer(peer.record, lambda payload: peer.link.send(VaultMessage(payload)))

    def _forget(self, peer: Peer) -> None:
        if self._peer_by_key.get(peer.key) is peer:
            del self._peer_by_key[peer.key]
            if self._vault is not None and peer.record is not None:
                self._vault.on_peer_gone(peer.record)

    def _on_gone(self, peer: Peer) -> None:
        self._sync.on_gone(peer)
        self._messages.proposals.on_gone(peer)

    def _is_better(self, link: Link, other: Peer) -> bool:
        """Of two links to one node both sides keep the one that the smaller key dialled; a dead one is not kept."""
        if not other.is_live or link.is_outbound == other.link.is_outbound:
            return True
        return link.is_outbound == (self._identity.tls_key_hash < link.tls_key_hash)

    # Live links

    def _on_life_changed(self, peer: Peer) -> None:
        if not peer.is_live:
            _log.warning("peer_silent", **_describe(peer))
        self._on_links_changed()

    def _close_silent(self, peer: Peer) -> None:
        peer.link.close(Goodbye(f"nothing came for {CLOSE_SECONDS:.0f} s"))
        self.on_link_down(peer.link, "silent")

    def _on_links_changed(self) -> None:
        self._status_soon()
        self._tell_validators()

    def _tell_validators(self) -> None:
        """Tell the consensus with whom it can decide: a validator that is far behind is as good as not there."""
        height = self._services.head().height
        able = [peer.validator for peer in self._members() if peer.is_live and not peer.is_behind(height)]
        linked = set(able) - {None, self._identity.validator}
        validators = tuple(sorted(validator for validator in linked if validator is not None))
        if validators != self._live_validators:
            self._live_validators = validators
            self._services.on_links_changed(validators)

    def _status_soon(self) -> None:
        if self._status_timer is None and self._peer_by_key:
            self._status_timer = asyncio.get_running_loop().call_later(_STATUS_SECONDS, self._send_status)

    def _send_status(self) -> None:
        self._status_timer = None
        status = self._make_status()
        for peer in self._all():
            peer.link.send(status)

    def _make_status(self) -> Status:
        head = self._services.head()
        links = [peer.key for peer in self._members() if peer.is_live]
        return Status(head.height, head.block_hash, tuple(links[:LINKS_PER_FRAME_MAX]))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _all(self) -> tuple[Peer, ...]:
        return tuple(self._peer_by_key.values())

    def _members(self) -> tuple[Peer, ...]:
        """Peers that are members' nodes, not those that may only serve us."""
        return tuple(peer for peer in self._peer_by_key.values() if peer.record is not None)

    def _peer_of(self, link: Link) -> Peer | None:
        peer = self._peer_by_key.get(link.tls_key_hash)
        return peer if peer is not None and peer.link is link else None


def _describe(peer: Peer) -> dict[str, object]:
    record = peer.record
    return {
        "tls_key": peer.key.hex(),
        "validator": None if peer.validator is None else peer.validator.hex(),
        "organisation": None if record is None else record.organisation,
        "endpoint": peer.link.endpoint,
        "is_outbound": peer.link.is_outbound,
    }
