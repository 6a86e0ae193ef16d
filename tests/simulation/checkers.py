"""What must hold whatever happens. Each checker is told of every step that concerns it; a violation ends the run.

They watch from outside: bytes on the wire, bytes on disk, blocks in stores. Only `check_bounds` looks into a node.
Liars are not watched; what they make honest machines do is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import block_hash, proposal_digest, seal_hash, with_round
from chain_node.consensus.qbft.header_rules import validate_sealed_header
from chain_node.consensus.qbft.message_log import height_of, round_of
from chain_node.consensus.qbft.messages import (
    COMMIT_CODE,
    PREPARE_CODE,
    PROPOSAL_CODE,
    ROUND_CHANGE_CODE,
    Message,
    Proposal,
    RoundChange,
    SignedCommit,
    SignedPrepare,
)
from chain_node.consensus.qbft.state import State
from chain_node.core import rlp
from chain_node.core.codec import decode_block
from chain_node.core.crypto import recover_address
from chain_node.core.errors import InvalidInputError
from chain_node.core.genesis import Genesis
from chain_node.core.limits import FUTURE_MESSAGES_MAX, RESEND_MS, VOTES_PER_VALIDATOR_MAX
from chain_node.core.types import ZERO_HASH, Address, Block, Hash32, Header, Height, Round
from chain_node.network.frames import ConsensusMessage, Frame, LateSeal, LateSeals
from chain_node.storage import MemoryDisk
from chain_node.storage.api import BlockCommit
from chain_node.storage.vote_record import VoteRecord as VoteLog

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

EVENTS_WAITING_MAX = 2_000
"""Messages that may wait for a driver: what all links can bring while a block is being imported."""

SENDS_PER_ROUND_MAX = 5
"""Messages of one validator in one round, to one peer: one of each kind, and a Proposal made again after a restart."""

_SILENCE = "no answer to"
"""How the reasons begin that a lost frame is enough for."""

VoteKey = tuple[int, int, int]
"""(kind, height, round)."""


class Violation(AssertionError):
    """Something that must never happen has."""


@dataclass
class _Sends:
    """What a machine has said to a peer about a height."""

    first_ms: int
    links_made: int
    """Of the machine, at that time."""
    rounds: int = 0
    count: int = 0


@dataclass
class _Watch:
    """What is known of one machine over all its lives."""

    signed: dict[VoteKey, bytes] = field(default_factory=dict)
    """What it signed; never two values for one key."""
    durable: dict[VoteKey, None] = field(default_factory=dict)
    """What was found durable when it was first sent; a decided height may be compacted away since."""
    asked: dict[int, int] = field(default_factory=dict)
    """By height, the highest round it has asked for."""
    seen: dict[bytes, None] = field(default_factory=dict)
    """Messages already looked at."""
    sends: dict[tuple[int, int], _Sends] = field(default_factory=dict)
    """By height and peer."""


class Checkers:
    """All of them, over one simulation."""

    def __init__(
        self,
        genesis: Genesis,
        now_ms: Callable[[], int],
        validators_after: Callable[[Header], Sequence[Address]],
        *,
        is_safe_in_theory: bool,
    ) -> None:
        """Take what they look at.

        Args:
            validators_after: who decides the block after a header, read from what all stores hold together.
            is_safe_in_theory: false when more validators lie than any protocol can stand.
        """
        self._genesis = genesis
        self._now_ms = now_ms
        self._validators_after = validators_after
        self._is_safe_in_theory = is_safe_in_theory
        self.violation: Violation | None = None
        self._watches: dict[int, _Watch] = {}
        self.chain: dict[int, Hash32] = {}
        """The one block of each height."""
        self._headers: dict[Hash32, Header] = {}
        self._final: dict[int, Hash32] = {}
        self._sealed: dict[tuple[int, int, Hash32], dict[Address, None]] = {}
        self._block_by_digest: dict[Hash32, Hash32] = {}
        self._decided: dict[int, Hash32] = {}
        self._noted: dict[bytes, None] = {}

    def on_genesis(self, header: Header) -> None:
        """The block that all have."""
        self.chain[0] = block_hash(header)
        self._headers[self.chain[0]] = header

    def raise_first(self) -> None:
        """Raise the first violation that was found, if any."""
        if self.violation is not None:
            raise self.violation

    def _found(self, what: str) -> None:
        """Keep the first violation; not raised here, since a node might swallow it."""
        if self.violation is None:
            self.violation = Violation(what)

    def header_of(self, found: Hash32) -> Header | None:
        """The header of a block that somebody honest has."""
        return self._headers.get(found)

    def on_sent(self, machine: Machine, peer: Machine, frame: Frame) -> None:
        """A frame leaves a machine."""
        if isinstance(frame, ConsensusMessage):
            self._note_block(frame)
        if machine.liar is not None:
            return
        if isinstance(frame, ConsensusMessage):
            self._on_message(machine, peer, frame)
        elif isinstance(frame, LateSeals):
            for seal in frame.seals:
                self._on_late_seal(machine, seal)

    def on_commit(self, machine: Machine, commit: BlockCommit) -> None:
        """A block is durable in a machine's store."""
        if machine.liar is not None or commit.height == 0:
            return
        block = _decode_block(commit.block)
        self._check_agreement(machine, commit)
        self._check_header(machine, block)
        self._headers.setdefault(commit.block_hash, block.header)

    def on_final(self, machine: Machine, height: Height, found: Hash32) -> None:
        """A machine calls a block byzantine_final."""
        known = self._final.setdefault(height, found)
        if known != found:
            self._found(f"finality revoked: {machine.name} has {_short(found)} final at {height}, was {_short(known)}")

    def on_punished(self, machine: Machine, peer: Machine, reason: str, *, is_shut_out: bool) -> None:
        """No honest machine blames another but for its silence, and none is shut out for that either."""
        is_between_honest = machine.liar is None and peer.liar is None and self._is_safe_in_theory
        if is_between_honest and (is_shut_out or not reason.startswith(_SILENCE)):
            self._found(f"{machine.name} punishes honest {peer.name}: {reason}")

    def check_bounds(self, machine: Machine, state: State, events_waiting: int) -> None:
        """Nothing in a node grows without bound."""
        count = len(state.validators)
        kept: dict[str, Sequence[SignedPrepare | SignedCommit | RoundChange]] = {
            "prepares": state.prepares,
            "commits": state.commits,
            "round changes": state.round_changes,
        }
        for what, log in kept.items():
            authors = [one.author for one in log]
            if len(authors) > 0 and max(map(authors.count, authors)) > VOTES_PER_VALIDATOR_MAX:
                self._found(f"{machine.name} keeps {len(log)} {what} of {count} validators")
        if len(state.future) > FUTURE_MESSAGES_MAX:
            self._found(f"{machine.name} keeps {len(state.future)} messages for later")
        if events_waiting > EVENTS_WAITING_MAX:
            self._found(f"{machine.name} has {events_waiting} events waiting")

    def _note_block(self, frame: ConsensusMessage) -> None:
        if frame.message_code != PROPOSAL_CODE or frame.encoded in self._noted:
            return
        self._noted[frame.encoded] = None
        with suppress(InvalidInputError):
            message = frame.decode()
            if isinstance(message, Proposal):
                block = message.payload.block
                self._block_by_digest[proposal_digest(block)] = block_hash(block.header)

    def _on_message(self, machine: Machine, peer: Machine, frame: ConsensusMessage) -> None:
        watch = self._watches.setdefault(machine.index, _Watch())
        message = frame.decode()
        if message.author != machine.address:
            return
        self._check_count(machine, peer, message, watch)
        if frame.encoded in watch.seen:
            return
        watch.seen[frame.encoded] = None
        kind, value = _kind_and_value(message)
        key = kind, height_of(message), round_of(message)
        self._check_promise(machine, watch, key)
        self._check_vote(machine, watch, key, value)
        if kind == COMMIT_CODE:
            self._on_seal(machine.address, key, Hash32(value))

    def _on_late_seal(self, machine: Machine, seal: LateSeal) -> None:
        header = self._headers.get(seal.block_hash)
        if header is None:
            return  # an invention of a liar's, passed on unchecked
        digest = _digest_in_round(header, seal.round)
        signer = recover_address(digest, seal.seal, is_low_s_required=False)
        if signer != machine.address:
            return
        watch = self._watches.setdefault(machine.index, _Watch())
        if seal.seal not in watch.seen:
            watch.seen[seal.seal] = None
            self._check_commits(machine, watch, seal)
            self._check_vote(machine, watch, (COMMIT_CODE, seal.height, seal.round), digest)

    def _check_vote(self, machine: Machine, watch: _Watch, key: VoteKey, value: bytes) -> None:
        if machine.forgets_votes:
            return
        known = watch.signed.setdefault(key, value)
        if known != value:
            self._found(f"double vote: {machine.name} signed {_short(value)} and {_short(known)} for {_say(key)}")
        durable = machine.durable_votes.read(machine.votes_on_disk())
        if key not in watch.durable and durable.get(key) != value:
            self._found(f"{machine.name} sent {_short(value)} for {_say(key)} before its record was durable")
        watch.durable[key] = None

    def _check_promise(self, machine: Machine, watch: _Watch, key: VoteKey) -> None:
        """Who has asked for a round votes in no earlier one any more, but for what it had signed before."""
        kind, height, round_number = key
        asked = watch.asked.get(height, -1)
        if round_number < asked and key not in watch.signed and not machine.forgets_votes:
            self._found(f"{machine.name} signs {_say(key)} after it has asked for round {asked}")
        if kind == ROUND_CHANGE_CODE:
            watch.asked[height] = max(asked, round_number)

    def _check_commits(self, machine: Machine, watch: _Watch, seal: LateSeal) -> None:
        """Who has committed to another block of the height, in whatever round, does not seal this one."""
        if (COMMIT_CODE, seal.height, seal.round) in watch.signed:
            return  # the seal of a Commit, made for a proposal that was justified
        for (kind, height, round_number), digest in watch.signed.items():
            if (kind, height) == (COMMIT_CODE, seal.height):
                committed = self._block_by_digest.get(Hash32(digest), seal.block_hash)
                if committed != seal.block_hash:
                    self._found(
                        f"{machine.name} seals {_short(seal.block_hash)} late, but committed "
                        f"{_short(committed)} in round {round_number} of height {height}"
                    )

    def _check_count(self, machine: Machine, peer: Machine, message: Message, watch: _Watch) -> None:
        """Each round, each repetition and each link that comes up may cost a message of every kind, no more."""
        now_ms, height = self._now_ms(), height_of(message)
        sends = watch.sends.setdefault((height, peer.index), _Sends(now_ms, machine.links_made))
        sends.rounds = max(sends.rounds, round_of(message) + 1)
        sends.count += 1
        repetitions = (now_ms - sends.first_ms) // RESEND_MS + 1
        links = machine.links_made - sends.links_made + 1
        allowed = SENDS_PER_ROUND_MAX * (sends.rounds + repetitions + links + machine.lives)
        if sends.count > allowed:
            self._found(f"{machine.name} sent {sends.count} messages of height {height}, allowed {allowed}")

    def _on_seal(self, author: Address, key: VoteKey, digest: Hash32) -> None:
        """A quorum of Commits decides, whether or not anybody has imported the block yet."""
        _, height, round_number = key
        sealers = self._sealed.setdefault((height, round_number, digest), {})
        sealers[author] = None
        decided = self._block_by_digest.get(digest)
        parent = self._headers.get(self.chain.get(height - 1, ZERO_HASH))
        if decided is None or parent is None or not self._is_safe_in_theory:
            return
        validators = self._validators_after(parent)
        if len([one for one in sealers if one in validators]) < quorum_of(len(validators)):
            return
        for known in (self._decided.setdefault(height, decided), self.chain.get(height, decided)):
            if known != decided:
                self._found(f"a decided block is not kept: {_short(decided)} and {_short(known)} at {height}")

    def _check_header(self, machine: Machine, block: Block) -> None:
        header = block.header
        parent = self._headers.get(header.parent_hash)
        if parent is None:
            self._found(f"{machine.name} has block {header.number} without a parent")
            return
        validators = tuple(self._validators_after(parent))
        try:
            sealers = validate_sealed_header(
                header, parent, validators=validators, genesis=self._genesis, now_seconds=None
            )
        except InvalidInputError as error:
            self._found(f"{machine.name} imported an invalid block {header.number}: {error}")
            return
        if len(dict.fromkeys(sealers)) < quorum_of(len(validators)):
            self._found(f"{machine.name} imported block {header.number} with {len(sealers)} seals")

    def _check_agreement(self, machine: Machine, commit: BlockCommit) -> None:
        final = self._final.get(commit.height, commit.block_hash)
        if final != commit.block_hash:
            self._found(f"{machine.name} has another block at {commit.height} than the final {_short(final)}")
        known = self.chain.setdefault(commit.height, commit.block_hash)
        if self._is_safe_in_theory and known != commit.block_hash:
            self._found(
                f"fork: {machine.name} has {_short(commit.block_hash)} at {commit.height}, another has {_short(known)}"
            )
        decided = self._decided.get(commit.height, commit.block_hash)
        if decided != commit.block_hash:
            self._found(f"a decided block is not kept: {_short(decided)} at {commit.height}")


def quorum_of(count: int) -> int:
    """Two thirds, rounded up; on purpose not the node's own function."""
    return -(-2 * count // 3)


class DurableVotes:
    """What a vote log would restore after a crash at this moment."""

    def __init__(self) -> None:
        self._content = b""
        self._values: dict[VoteKey, bytes] = {}

    def read(self, content: bytes) -> dict[VoteKey, bytes]:
        """Votes by key, of the durable bytes of the log."""
        if not content.startswith(self._content):
            self._content, self._values = b"", {}
        if len(content) > len(self._content):
            payloads = VoteLog(MemoryDisk(content[len(self._content) :])).payloads
            self._values.update(_entry_key(payload) for payload in payloads)
            self._content = content
        return self._values


def _entry_key(payload: bytes) -> tuple[VoteKey, bytes]:
    """Key and digest of an entry, without taking apart its blocks. Source: chain_node.consensus.qbft.record."""
    height, round_number, kind, digest = (rlp.decode(part) for part in rlp.split_items(payload, items_max=6)[:4])
    numbers = [int.from_bytes(part, "big") for part in (kind, height, round_number) if isinstance(part, bytes)]
    return (numbers[0], numbers[1], numbers[2]), bytes(digest)  # type: ignore[arg-type]


def _kind_and_value(message: Message) -> tuple[int, bytes]:
    match message:
        case Proposal():
            return PROPOSAL_CODE, proposal_digest(message.payload.block)
        case SignedPrepare():
            return PREPARE_CODE, message.payload.digest
        case SignedCommit():
            return COMMIT_CODE, message.payload.digest
        case RoundChange():
            prepared = message.signed.payload.prepared
            return ROUND_CHANGE_CODE, ZERO_HASH if prepared is None else prepared.digest


@lru_cache(maxsize=1024)
def _decode_block(encoded: bytes) -> Block:
    return decode_block(encoded)


@lru_cache(maxsize=4096)
def _digest_in_round(header: Header, round_number: Round) -> Hash32:
    if decode_extra_data(header.extra_data).round == round_number:
        return seal_hash(header)
    return proposal_digest(with_round(Block(header, ()), round_number))


def _short(value: bytes) -> str:
    return value.hex()[:8]


def _say(key: VoteKey) -> str:
    kind, height, round_number = key
    names = {
        PROPOSAL_CODE: "Proposal",
        PREPARE_CODE: "Prepare",
        COMMIT_CODE: "Commit",
        ROUND_CHANGE_CODE: "RoundChange",
    }
    return f"{names[kind]} of height {height} round {round_number}"
