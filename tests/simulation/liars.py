"""Validators that lie: a real node whose tongue says something else to its peers.

Each liar changes the frames that its node sends, peer by peer, or adds some of its own. It has its own key only: it
cannot speak for others, but repeat them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chain_node.consensus.qbft.extra_data import decode_extra_data, encode_extra_data
from chain_node.consensus.qbft.hashes import proposal_digest
from chain_node.consensus.qbft.messages import (
    Message,
    PreparedMetadata,
    PreparePayload,
    Proposal,
    RoundChange,
    RoundChangePayload,
    SignedCommit,
    SignedPrepare,
    UnsignedCommit,
    UnsignedMessage,
    UnsignedProposal,
    UnsignedRoundChange,
)
from chain_node.consensus.qbft.signing import sign_message
from chain_node.core.codec import decode_block, encode_block
from chain_node.core.crypto import sign_digest
from chain_node.core.hashing import keccak
from chain_node.core.types import ZERO_HASH, Block, Hash32, Height, Round
from chain_node.network.frames import (
    Blocks,
    ConsensusMessage,
    Frame,
    Goodbye,
    LateSeal,
    LateSeals,
    Status,
    Transactions,
)
from chain_node.network.proposal_frames import ProposalTransactions
from tests.simulation.scenario import Liar

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.wire import SimulatedLink

_HEARD_MAX = 200
_TURN_MS = 5
"""How long a turncoat keeps to what it has said."""

_BUSY_MS = 150
"""A liar with something of its own to say says it this often."""


class LyingTongue:
    """What all liars share. This one says nothing about the consensus and all else truly."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.rng = random.Random(f"{machine.world.scenario.seed}/liar/{machine.index}")
        self.victims = tuple(index for index in range(10) if self.rng.random() < 0.5)
        """Peers that hear something else than the rest."""

    def start(self) -> None:
        """The machine starts; called in its life."""

    def on_frame(self, frame: Frame) -> None:
        """The machine hears something."""

    def frames_for(self, link: SimulatedLink, frame: Frame) -> Sequence[Frame]:
        """What to send to a peer instead of a frame."""
        if isinstance(frame, LateSeals):
            return self.seals_for(link, frame)
        whole = self.machine.node.whole(frame)
        if not isinstance(whole, ConsensusMessage):
            return (frame,)
        message = whole.decode()
        if message.author != self.machine.address:
            return (frame,)
        said = self.say(link, message)
        return tuple(frame if one == message else ConsensusMessage.of(one) for one in said)

    def seals_for(self, link: SimulatedLink, frame: LateSeals) -> Sequence[Frame]:
        """What to send instead of late seals."""
        return ()

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        """What to say to a peer instead of a message of one's own."""
        return ()

    def sign(self, message: UnsignedMessage) -> Message:
        """Sign with the machine's own key."""
        return sign_message(self.machine.key, message)

    def shout(self, frame: Frame) -> None:
        """Send to every peer."""
        for link in list(self.machine.links):
            link.send_as_is(frame)


class _Busy(LyingTongue):
    """Lies of its own accord, now and then, while faults last; what its node says it leaves alone."""

    def start(self) -> None:
        self.machine.world.loop.call_later(_BUSY_MS / 1000, self._act_again)

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        return (message,)

    def seals_for(self, link: SimulatedLink, frame: LateSeals) -> Sequence[Frame]:
        return (frame,)

    def act(self) -> None:
        """Do something bad."""

    def _act_again(self) -> None:
        if self.machine.world.loop.now_us < self.machine.world.scenario.faults_end_ms * 1000:
            self.act()
            self.start()


class _Withholder(LyingTongue):
    """Seals blocks, but lets only some know."""

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        return () if isinstance(message, SignedCommit) and link.peer.index in self.victims else (message,)


class _Equivocator(LyingTongue):
    """Has two blocks for every block, and votes for either, according to who listens."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._twins: dict[Hash32, Hash32] = {}

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        if link.peer.index not in self.victims:
            return (message,)
        match message:
            case Proposal():
                return (self._twin_of(message),)
            case SignedPrepare(payload=payload):
                return (self.sign(replace(payload, digest=self._twin(payload.digest))),)
            case SignedCommit(payload=payload):
                digest = self._twin(payload.digest)
                return (self.sign(UnsignedCommit(height=payload.height, round=payload.round, digest=digest)),)
            case RoundChange():
                return (message,)

    def change(self, block: Block) -> Block:
        """The other block."""
        extra = replace(decode_extra_data(block.header.extra_data), vanity=b"\x01" * 32)
        return Block(replace(block.header, extra_data=encode_extra_data(extra)), block.transactions)

    def _twin_of(self, proposal: Proposal) -> Message:
        block = self.change(proposal.payload.block)
        self._twins[proposal_digest(proposal.payload.block)] = proposal_digest(block)
        unsigned = UnsignedProposal(
            payload=replace(proposal.payload, block=block),
            round_changes=proposal.round_changes,
            prepares=proposal.prepares,
        )
        return self.sign(unsigned)

    def _twin(self, digest: Hash32) -> Hash32:
        """The digest of the other block; of a block by somebody else an invented one."""
        return self._twins.get(digest, keccak(digest))


class _TwoTongues(_Equivocator):
    """Says both to everybody: what is signed twice is evidence."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.victims = tuple(range(10))

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        return (message, *super().say(link, message)) if self.rng.random() < 0.5 else (message,)


class _Turncoat(_Equivocator):
    """Proposes one block, and from then on another: whoever has forgotten the first may take it."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._told_us: dict[bytes, int] = {}
        """When it first told of a proposal, by its signature."""

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        if not isinstance(message, Proposal):
            return (message,)
        now_us = self.machine.world.loop.now_us
        if now_us - self._told_us.setdefault(message.signature, now_us) > _TURN_MS * 1000:
            return (self._twin_of(message),)
        twin = ConsensusMessage.of(self._twin_of(message))
        self.machine.world.loop.call_later(0.2 + self.rng.random(), self.shout, twin)
        return (message,)


class _Splitter(LyingTongue):
    """Every message reaches some only: others lock, or do not, as it likes."""

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        return (message,) if self.rng.random() < 0.5 else ()


class _LateSpeaker(LyingTongue):
    """Says everything, up to three seconds later."""

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        frame = ConsensusMessage.of(message)
        self.machine.world.loop.call_later(self.rng.random() * 3, link.send_as_is, frame)
        return ()

    def seals_for(self, link: SimulatedLink, frame: LateSeals) -> Sequence[Frame]:
        self.machine.world.loop.call_later(self.rng.random() * 3, link.send_as_is, frame)
        return ()


class _BadServer(LyingTongue):
    """Votes as it should, but lies about its head, and spoils the blocks that others ask it for."""

    def frames_for(self, link: SimulatedLink, frame: Frame) -> Sequence[Frame]:
        if isinstance(frame, Status):
            height = Height(max(0, frame.height + self.rng.choice((-1, 0, 0, 1, 5, 100))))
            return (replace(frame, height=height, head_hash=self.rng.choice((frame.head_hash, keccak(b"no block")))),)
        if isinstance(frame, Blocks):
            return self._spoil(frame)
        if isinstance(frame, ProposalTransactions):
            return self._spoil_transactions(frame)
        return (frame,)

    def _spoil_transactions(self, frame: ProposalTransactions) -> Sequence[Frame]:
        fate = self.rng.randrange(5)
        if fate == 0:
            return ()
        spoilt = ((), frame.encoded[:-1], frame.encoded[::-1], frame.encoded)[fate - 1]
        return (replace(frame, encoded=spoilt),)

    def _spoil(self, frame: Blocks) -> Sequence[Frame]:
        fate = self.rng.randrange(6)
        if fate == 0 or not frame.encoded:
            return ()
        if fate == 1:
            return (replace(frame, encoded=()),)
        if fate == 2:
            return (replace(frame, encoded=frame.encoded[: len(frame.encoded) // 2]),)
        if fate == 3:
            return (replace(frame, encoded=frame.encoded * 2),)
        if fate == 4:
            return (replace(frame, encoded=(*frame.encoded[:-1], self._without_seals(frame.encoded[-1]))),)
        return (frame,)

    def _without_seals(self, encoded: bytes) -> bytes:
        block = decode_block(encoded)
        extra = replace(decode_extra_data(block.header.extra_data), seals=())
        return encode_block(Block(replace(block.header, extra_data=encode_extra_data(extra)), block.transactions))


class _WrongRoot(_Equivocator):
    """Proposes blocks whose state is not what their transactions make, to all."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.victims = tuple(range(10))

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        if isinstance(message, Proposal):
            return super().say(link, message)
        digest = None if isinstance(message, RoundChange) else self._twins.get(message.payload.digest)
        return super().say(link, message) if digest is not None else (message,)

    def change(self, block: Block) -> Block:
        return Block(replace(block.header, state_root=keccak(block.header.state_root)), block.transactions)


class _Forger(_Busy):
    """Denies being locked, claims locks that it cannot prove, and proposes out of turn with what it has heard."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._heard: list[Message] = []

    def on_frame(self, frame: Frame) -> None:
        if isinstance(frame, ConsensusMessage) and len(self._heard) < _HEARD_MAX:
            self._heard.append(frame.decode())

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        if not isinstance(message, RoundChange):
            return (message,)
        payload = message.signed.payload
        denial = UnsignedRoundChange(payload=replace(payload, prepared=None), block=None, prepares=())
        claim = UnsignedRoundChange(
            payload=replace(payload, prepared=PreparedMetadata(Round(0), ZERO_HASH)),
            block=message.block,
            prepares=message.prepares,
        )
        return (message, self.sign(self.rng.choice((denial, claim))))

    def act(self) -> None:
        changes = [one for one in self._heard if isinstance(one, RoundChange)]
        proposals = [one for one in self._heard if isinstance(one, Proposal)]
        self._heard = self._heard[-_HEARD_MAX // 2 :]
        if not proposals:
            return
        proposal = self.rng.choice(proposals)
        round_number = Round(proposal.payload.round + self.rng.randrange(4))
        extra = replace(decode_extra_data(proposal.payload.block.header.extra_data), round=round_number)
        header = replace(
            proposal.payload.block.header,
            coinbase=self.rng.choice((proposal.payload.block.header.coinbase, self.machine.address)),
            extra_data=encode_extra_data(extra),
        )
        unsigned = UnsignedProposal(
            payload=replace(proposal.payload, round=round_number, block=Block(header, ())),
            round_changes=tuple(one.signed for one in self.rng.sample(changes, min(len(changes), 3))),
            prepares=proposal.prepares,
        )
        self.shout(ConsensusMessage.of(self.sign(unsigned)))


class _BadSeals(LyingTongue):
    """Commits with seals that are no signatures, or of something else, and spreads such late seals."""

    def say(self, link: SimulatedLink, message: Message) -> Sequence[Message]:
        if not isinstance(message, SignedCommit):
            return (message,)
        payload = replace(message.payload, commit_seal=self._bad_seal(message.payload.digest))
        return (replace(message, payload=payload), message) if self.rng.random() < 0.5 else (message,)

    def seals_for(self, link: SimulatedLink, frame: LateSeals) -> Sequence[Frame]:
        return (LateSeals(tuple(replace(seal, seal=self._bad_seal(seal.block_hash)) for seal in frame.seals)),)

    def _bad_seal(self, digest: Hash32) -> bytes:
        seals = (bytes(65), b"\xff" * 65, sign_digest(self.machine.key, keccak(digest)))
        return self.rng.choice(seals)


class _Flooder(_Busy):
    """Sends whatever costs others memory or work: far rounds, far heights, nonsense."""

    def act(self) -> None:
        head = self.machine.node.chain.head()
        for _ in range(20):
            height = Height(head.height + self.rng.choice((1, 1, 2, 5, 10, 11, 1000)))
            round_number = Round(self.rng.choice((1, 2, 7, 63, 64, 999, 1000)))
            digest = keccak(self.rng.randbytes(8))
            messages: tuple[UnsignedMessage, ...] = (
                PreparePayload(height=height, round=round_number, digest=digest),
                UnsignedCommit(height=height, round=round_number, digest=digest),
                UnsignedRoundChange(
                    payload=RoundChangePayload(height=height, round=round_number, prepared=None),
                    block=None,
                    prepares=(),
                ),
            )
            self.shout(ConsensusMessage.of(self.sign(self.rng.choice(messages))))
        if self.rng.random() < 0.2:
            self.shout(Transactions((self.rng.randbytes(100), b"", b"\xc0")))
        if self.rng.random() < 0.05:
            seal = LateSeal(height=head.height, block_hash=head.hash, round=Round(0), seal=self.rng.randbytes(65))
            self.shout(LateSeals((seal,) * 100))


class _Replayer(_Busy):
    """Repeats old messages of others, to whom they were not sent."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._heard: list[Frame] = []

    def on_frame(self, frame: Frame) -> None:
        if not isinstance(frame, Goodbye):
            self._heard.append(frame)
            if len(self._heard) > _HEARD_MAX:
                self._heard.pop(self.rng.randrange(_HEARD_MAX))

    def act(self) -> None:
        links = list(self.machine.links)
        for _ in range(10):
            if self._heard and links:
                self.rng.choice(links).send_as_is(self.rng.choice(self._heard))


_TONGUES: dict[Liar, Callable[[Machine], LyingTongue]] = {
    "silent": LyingTongue,
    "equivocator": _Equivocator,
    "two_tongues": _TwoTongues,
    "splitter": _Splitter,
    "turncoat": _Turncoat,
    "late_speaker": _LateSpeaker,
    "bad_server": _BadServer,
    "forger": _Forger,
    "wrong_root": _WrongRoot,
    "bad_seals": _BadSeals,
    "flooder": _Flooder,
    "replayer": _Replayer,
    "withholder": _Withholder,
}


def make_liar(kind: Liar, machine: Machine) -> LyingTongue:
    """A liar of a kind."""
    return _TONGUES[kind](machine)
