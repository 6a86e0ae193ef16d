"""Proposals between nodes that hold their transactions already: sent compact, put together, what is missing asked for.

What cannot be put together is asked for as a whole, of every peer that has told of it, until one gives it. The
signature of a proposal covers its whole block, so nothing is believed before it is there and its author recovered.
Event loop only.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chain_node.consensus.qbft.codec import encode_justification, rebuild_proposal
from chain_node.consensus.qbft.messages import Message, Proposal, ProposalPayload
from chain_node.core.codec import decode_header, encode_header
from chain_node.core.errors import InvalidInputError, RemoteProtocolError
from chain_node.core.limits import HEIGHTS_AHEAD_MAX
from chain_node.core.types import Block, Header, Transaction
from chain_node.network.api import NodeServices
from chain_node.network.frames import ConsensusMessage
from chain_node.network.misdeeds import MISDEED_POINTS_MAX, penalty_of
from chain_node.network.peer import Peer
from chain_node.network.proposal_frames import (
    COMPACT_TRANSACTIONS_MAX,
    CompactProposal,
    GetProposalTransactions,
    ProposalTransactions,
)
from chain_node.network.tasks import raise_fault

COMPACT_COUNT_MIN = 8
"""Smaller blocks travel whole: an answer to a question would take longer than their bytes."""

_ANSWER_SECONDS = 0.4
"""How long a peer may take to give what is missing, before the whole proposal is asked for."""

_KEPT_MAX = 4
"""Proposals whose transactions can be asked for."""

_ASKED_MAX = 3
"""How often one peer is answered each time a proposal is told: what it misses, the whole, and once by bad luck."""

_PENDING_PER_PEER_MAX = 2
_BAD_QUESTION_PENALTY, _UNASKED_PENALTY = 20, 20

OnProposal = Callable[[Peer, Proposal, CompactProposal], None]
"""Takes a proposal that was put together, whom it came from, and in which form it is passed on."""


@dataclass(slots=True, eq=False)
class _Kept:
    """A proposal that was sent or passed on compact."""

    proposal: Proposal
    asked: Counter[bytes] = field(default_factory=Counter)
    """Questions of each peer since the proposal was last told, by its key."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A proposal of which something is missing."""

    frame: CompactProposal
    header: Header
    found: list[Transaction | None]
    sources: list[Peer]
    """Who has told of it; the first one is being asked."""
    number: int = 0
    """Of the question."""
    indices: tuple[int, ...] = ()
    """What was asked for; nothing: the whole."""
    timer: asyncio.TimerHandle | None = None


class ProposalExchange:
    """Makes and takes compact proposals."""

    def __init__(self, services: NodeServices, on_proposal: OnProposal, compact_count_min: int) -> None:
        """Blocks with fewer transactions than `compact_count_min` are sent whole."""
        self._services = services
        self._on_proposal = on_proposal
        self._compact_count_min = compact_count_min
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        """By signature."""
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()
        """By signature, the oldest first."""
        self._last_number = 0

    def frame_of(self, message: Message) -> ConsensusMessage | CompactProposal:
        """What to send for a message."""
        if not isinstance(message, Proposal):
            return ConsensusMessage.of(message)
        block = message.payload.block
        if not self._compact_count_min <= len(block.transactions) <= COMPACT_TRANSACTIONS_MAX:
            return ConsensusMessage.of(message)
        self._keep(message)
        return CompactProposal(
            height=message.payload.height,
            round=message.payload.round,
            header=encode_header(block.header),
            hashes=b"".join([transaction.hash for transaction in block.transactions]),
            signature=message.signature,
            justification=encode_justification(message),
        )

    def proposal(self, signature: bytes) -> Proposal | None:
        """A proposal that was sent, passed on or put together lately."""
        kept = self._kept.get(signature)
        return None if kept is None else kept.proposal

    def on_compact(self, peer: Peer, frame: CompactProposal) -> None:
        """A compact proposal has come.

        Raises:
            InvalidInputError: it is malformed.
        """
        known = self._pending.get(frame.signature)
        if known is not None:
            if peer not in known.sources:
                known.sources.append(peer)
            return
        header = decode_header(frame.header)
        if header.number != frame.height:
            raise RemoteProtocolError(
                f"a proposal for height {frame.height} of block {header.number}", penalty=MISDEED_POINTS_MAX
            )
        if not 0 < frame.height - self._services.head().height <= HEIGHTS_AHEAD_MAX:
            return  # decided already, or so far ahead that it will be fetched as a block
        found = list(self._services.known_transactions(list(frame.transaction_hashes())))
        pending = _Pending(frame, header, found, [peer])
        missing = tuple(index for index, one in enumerate(found) if one is None)
        if not missing:
            self._complete(pending, peer)
            return
        self._make_room(peer)
        self._pending[frame.signature] = pending
        self._ask(pending, missing)

    def on_question(self, peer: Peer, frame: GetProposalTransactions) -> None:
        """A peer misses something.

        Raises:
            RemoteProtocolError: there is no such transaction.
        """
        kept = self._kept.get(frame.signature)
        if kept is None:
            peer.link.send(ProposalTransactions(frame.number, ()))
            return
        kept.asked[peer.key] += 1
        if kept.asked[peer.key] > _ASKED_MAX:
            return  # its answers get lost; it will hear of the proposal again, or of the decided block
        if not frame.indices:
            peer.link.send(ConsensusMessage.of(kept.proposal))
            return
        transactions = kept.proposal.payload.block.transactions
        if frame.indices[-1] >= len(transactions):
            raise RemoteProtocolError(
                f"transaction {frame.indices[-1]} of a proposal with {len(transactions)}", penalty=_BAD_QUESTION_PENALTY
            )
        peer.link.send(ProposalTransactions(frame.number, tuple(transactions[index].raw for index in frame.indices)))

    def on_answer(self, peer: Peer, frame: ProposalTransactions) -> None:
        """What was missing has come.

        Raises:
            RemoteProtocolError: nobody asked, or it is something else.
        """
        if frame.number > self._last_number:
            raise RemoteProtocolError(
                f"transactions for question {frame.number}, never asked", penalty=_UNASKED_PENALTY
            )
        pending = next((one for one in self._pending.values() if one.number == frame.number), None)
        if pending is None or pending.sources[0] is not peer:
            return  # it came too late
        if not frame.encoded:
            self._give_up_source(pending)
            return
        if len(frame.encoded) != len(pending.indices):
            self._give_up_source(pending)
            raise RemoteProtocolError(
                f"{len(frame.encoded)} transactions, {len(pending.indices)} were asked for", penalty=MISDEED_POINTS_MAX
            )
        self._stop(pending)
        task = asyncio.get_running_loop().create_task(self._fill(pending, peer, frame.encoded))
        task.add_done_callback(raise_fault)

    def on_whole(self, proposal: Proposal) -> None:
        """The whole proposal has come: nothing is missing any more."""
        pending = self._pending.pop(proposal.signature, None)
        if pending is not None:
            self._stop(pending)

    def on_gone(self, peer: Peer) -> None:
        """A link is closed: what its node was asked for is asked of others."""
        for pending in list(self._pending.values()):
            if pending.sources[0] is peer:
                self._give_up_source(pending)
            elif peer in pending.sources:
                pending.sources.remove(peer)

    async def _fill(self, pending: _Pending, peer: Peer, encoded: Sequence[bytes]) -> None:
        wanted = list(pending.frame.transaction_hashes())
        decoded = await self._services.decode_transactions(encoded)
        if self._pending.get(pending.frame.signature) is not pending:
            return
        for index, one in zip(pending.indices, decoded, strict=True):
            if isinstance(one, InvalidInputError) or one.hash != wanted[index]:
                self._give_up_source(pending)
                peer.link.punish("transactions that are not those of the proposal", MISDEED_POINTS_MAX)
                return
            pending.found[index] = one
        del self._pending[pending.frame.signature]
        try:
            self._complete(pending, peer)
        except InvalidInputError as error:
            peer.link.punish(str(error), penalty_of(error))

    def _complete(self, pending: _Pending, peer: Peer) -> None:
        """Recover the author from what was put together, and hand it on."""
        frame = pending.frame
        transactions = tuple(one for one in pending.found if one is not None)
        payload = ProposalPayload(height=frame.height, round=frame.round, block=Block(pending.header, transactions))
        proposal = rebuild_proposal(payload, frame.signature, frame.justification)
        self._keep(proposal)
        self._on_proposal(peer, proposal, frame)

    def _ask(self, pending: _Pending, indices: tuple[int, ...]) -> None:
        self._last_number += 1
        pending.number, pending.indices = self._last_number, indices
        question = GetProposalTransactions(number=pending.number, signature=pending.frame.signature, indices=indices)
        pending.timer = asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self._on_silence, pending)
        pending.sources[0].link.send(question)

    def _on_silence(self, pending: _Pending) -> None:
        if pending.indices:
            self._ask(pending, ())
        else:
            self._give_up_source(pending)

    def _give_up_source(self, pending: _Pending) -> None:
        """Ask the next one that has told of it, for the whole; its author says it again to all, if there is none."""
        self._stop(pending)
        del pending.sources[0]
        if pending.sources:
            self._ask(pending, ())
        else:
            self._pending.pop(pending.frame.signature, None)

    def _make_room(self, peer: Peer) -> None:
        """Whoever tells of too many that cannot be put together loses the oldest."""
        own = [pending for pending in self._pending.values() if pending.sources[0] is peer]
        for pending in own[: max(0, len(own) - _PENDING_PER_PEER_MAX + 1)]:
            self._stop(pending)
            del self._pending[pending.frame.signature]

    def _keep(self, proposal: Proposal) -> None:
        kept = self._kept.get(proposal.signature)
        if kept is not None:
            kept.asked.clear()
        else:
            self._kept[proposal.signature] = _Kept(proposal)
            if len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)

    @staticmethod
    def _stop(pending: _Pending) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
            pending.timer = None
