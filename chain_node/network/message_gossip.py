"""Consensus messages and late seals from node to node: each is taken once, and passed on to those it has not reached.

What this node cannot judge it does not pass on: a liar would have it blamed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256

from chain_node.consensus.qbft.message_log import height_of
from chain_node.consensus.qbft.messages import PROPOSAL_CODE, ROUND_CHANGE_CODE, Message, Proposal
from chain_node.core.errors import InvalidInputError, RemoteProtocolError, describe
from chain_node.network.admission import Admission
from chain_node.network.api import NodeServices
from chain_node.network.frames import ConsensusMessage, LateSeal, LateSeals
from chain_node.network.misdeeds import penalty_of
from chain_node.network.peer import Peer
from chain_node.network.proposal_exchange import ProposalExchange
from chain_node.network.proposal_frames import CompactProposal
from chain_node.network.relay import Heard, find_unreached
from chain_node.network.tasks import raise_fault

_MEMORY_SECONDS = 1.0
"""Half the time after which validators repeat themselves."""

_MEMORY_COUNT_MAX = 20_000
_LARGE_SIZE_BYTES = 64 * 1024
"""Messages with more bytes are decoded beside the event loop: they hold a block."""

_UNKNOWN_AUTHOR_PENALTY = 5
"""Anybody can make up keys and sign with them; an honest node passes on little of that, by bad luck."""


class MessageGossip:
    """Sends what is ours, passes on what is others'. Event loop only."""

    def __init__(
        self,
        services: NodeServices,
        admission: Admission,
        members: Callable[[], Sequence[Peer]],
        time: Callable[[], float],
        compact_count_min: int,
    ) -> None:
        self.proposals = ProposalExchange(services, self._on_proposal, compact_count_min)
        self._services = services
        self._admission = admission
        self._members = members
        self._heard = Heard(time, memory_seconds=_MEMORY_SECONDS, count_max=_MEMORY_COUNT_MAX)

    def send(self, message: Message) -> None:
        """Give a message of this validator to all; what reaches them can be passed on."""
        frame = self.proposals.frame_of(message)
        self._heard.is_new(_key_of(frame))
        for peer in self._members():
            peer.link.send(frame)

    def send_seals(self, seals: Sequence[LateSeal]) -> None:
        """Give seals to all."""
        for seal in seals:
            self._heard.is_new(seal.seal)
        for peer in self._members():
            peer.link.send(LateSeals(tuple(seals)))

    def on_message(self, peer: Peer, frame: ConsensusMessage) -> None:
        """A message has come.

        Raises:
            InvalidInputError: it cannot be read, or is signed by nobody.
        """
        if not self._heard.is_new(_key_of(frame)):
            return
        if frame.message_code in (PROPOSAL_CODE, ROUND_CHANGE_CODE) and len(frame.encoded) > _LARGE_SIZE_BYTES:
            task = asyncio.get_running_loop().create_task(self._take_large(peer, frame))
            task.add_done_callback(raise_fault)
        else:
            self._take(peer, frame.decode(), frame)

    def on_compact(self, peer: Peer, frame: CompactProposal) -> None:
        """A proposal has come whose transactions are only named.

        Raises:
            InvalidInputError: it cannot be read, or is signed by nobody.
        """
        if self._heard.is_new(_key_of(frame)) or self.proposals.proposal(frame.signature) is None:
            self.proposals.on_compact(peer, frame)

    async def _take_large(self, peer: Peer, frame: ConsensusMessage) -> None:
        try:
            self._take(peer, await self._services.decode_message(frame), frame)
        except InvalidInputError as error:
            peer.link.punish(str(error), penalty_of(error))

    def _on_proposal(self, peer: Peer, proposal: Proposal, frame: CompactProposal) -> None:
        self._take(peer, proposal, frame)

    def _take(self, peer: Peer, message: Message, frame: ConsensusMessage | CompactProposal) -> None:
        if isinstance(message, Proposal):
            self.proposals.on_whole(message)
        if message.author == peer.validator:
            peer.voted_height = max(peer.voted_height, height_of(message))
        if message.author in self._admission.validators:
            for other in find_unreached(self._members(), peer):
                if other.validator != message.author:
                    other.link.send(frame)
        elif height_of(message) <= self._services.head().height + 1:
            # For later heights its author may have become a validator since.
            raise RemoteProtocolError(
                f"a message by {describe(message.author)}, no validator of a member's node",
                penalty=_UNKNOWN_AUTHOR_PENALTY,
            )
        self._services.on_message(message)

    def on_seals(self, peer: Peer, frame: LateSeals) -> None:
        """Late seals have come.

        Raises:
            InvalidInputError: one is of nobody who may seal.
        """
        seals = tuple(seal for seal in frame.seals if self._heard.is_new(seal.seal))
        good = tuple(self._services.on_seals(seals)) if seals else ()
        for other in find_unreached(self._members(), peer) if good else ():
            other.link.send(LateSeals(good))


def _key_of(frame: ConsensusMessage | CompactProposal) -> bytes:
    if isinstance(frame, CompactProposal):
        return sha256(frame.signature + frame.hashes + frame.header + frame.justification).digest()
    return sha256(frame.encoded).digest()
