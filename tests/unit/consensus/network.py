"""Several machines in one process, with a clock that only moves when nothing else can happen.

The driver does what `effects.py` demands of one: effects in order, votes durable before anything is sent, a node's own
messages back to itself. Blocks have no transactions; a block is valid unless its vanity says otherwise.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chain_node.consensus.qbft.codec import decode_message, encode_message
from chain_node.consensus.qbft.effects import (
    BuildBlock,
    CommitBlock,
    Effect,
    KeepSeal,
    PersistVote,
    RecordEvidence,
    RejectMessage,
    RequestSync,
    SendLateSeal,
    SendToValidators,
    StartBlockTimer,
    StartCatchUpTimer,
    StartResendTimer,
    StartRoundTimer,
    ValidateBlock,
)
from chain_node.consensus.qbft.events import (
    BlockBuilt,
    BlockImported,
    BlockTimerFired,
    BlockValidated,
    CatchUpTimerFired,
    Event,
    LinksChanged,
    ResendTimerFired,
    RoundTimerFired,
)
from chain_node.consensus.qbft.extra_data import ExtraData, decode_extra_data, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash, proposal_digest
from chain_node.consensus.qbft.header_rules import validate_header
from chain_node.consensus.qbft.machine import event_of, step
from chain_node.consensus.qbft.message_log import height_of, round_of
from chain_node.consensus.qbft.messages import Message, PreparePayload, Proposal, RoundChange, UnsignedProposal
from chain_node.consensus.qbft.record import VoteRecord, decode_entry, encode_entry, record_after
from chain_node.consensus.qbft.seals import recover_sealers, validate_seals
from chain_node.consensus.qbft.signing import sign_message
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.upon_new_block import state_from_record
from chain_node.core.crypto import address_of
from chain_node.core.errors import InvalidInputError
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import EMPTY_OMMERS_HASH, ZERO_HASH, Address, Block, Header, Height, Round

GENESIS_JSON = """{"config": {"chainId": 1337, "berlinBlock": 0, "qbft": {"blockperiodseconds": 1,
"requesttimeoutseconds": 4, "epochlength": 30000}}, "gasLimit": "0x5f5e100", "extraData": "0x%s", "alloc": {}}"""

SYNC_DELAY_MS = 500
"""A node asks for blocks only when they have not come by themselves."""


def key_of(index: int) -> bytes:
    """Private key of a test validator."""
    return (index + 1).to_bytes(32, "big")


def keys_by_address(count: int) -> dict[Address, bytes]:
    """Private keys of a test network, ascending by address."""
    keys = [key_of(index) for index in range(count)]
    return dict(sorted((address_of(key), key) for key in keys))


def genesis_of(validators: tuple[Address, ...]) -> Genesis:
    """A header-mode network of these validators."""
    extra = ExtraData(vanity=bytes(32), validators=validators, vote=None, round=0, seals=())
    return parse_genesis(GENESIS_JSON % encode_extra_data(extra).hex())


def build(effect: BuildBlock, coinbase: Address, now_seconds: int) -> Block:
    """An empty block as the effect demands."""
    return Block(
        Header(
            parent_hash=effect.parent_hash,
            ommers_hash=EMPTY_OMMERS_HASH,
            coinbase=coinbase,
            state_root=ZERO_HASH,
            transactions_root=EMPTY_TRIE_ROOT,
            receipts_root=EMPTY_TRIE_ROOT,
            logs_bloom=0,
            difficulty=1,
            number=Height(effect.parent.number + 1),
            gas_limit=effect.parent.gas_limit,
            gas_used=0,
            timestamp=max(effect.timestamp_min, now_seconds),
            extra_data=effect.extra_data,
            mix_hash=effect.parent.mix_hash,
            nonce=bytes(8),
        ),
        (),
    )


@dataclass
class Node:
    """One validator: its machine, its disk and its chain."""

    key: bytes
    state: State
    log: list[bytes] = field(default_factory=list)
    """The durable vote record."""
    chain: list[Block] = field(default_factory=list)
    """Imported blocks, genesis excluded; durable."""
    is_up: bool = True
    evidence: list[RecordEvidence] = field(default_factory=list)
    rejected: list[RejectMessage] = field(default_factory=list)
    sync_requests: list[RequestSync] = field(default_factory=list)
    kept: list[KeepSeal] = field(default_factory=list)
    late_seals: list[SendLateSeal] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    """Everything it ever signed, restarts included."""

    @property
    def address(self) -> Address:
        return self.state.identity


class Network:
    """A deterministic network. `allows` decides which messages arrive; `seed` shuffles and duplicates them."""

    def __init__(self, count: int, *, seed: int | None = None, build_delay_ms: int = 0) -> None:
        self._keys = keys_by_address(count)
        self.validators = tuple(self._keys)
        self.genesis, self.root = self.begin()
        self.now_ms = 1_000_000
        self.allows: Callable[[Address, Address, Message], bool] = lambda sender, receiver, message: True
        self.random = random.Random(seed)
        self._is_disorderly = seed is not None
        self._build_delay_ms = build_delay_ms
        self._queue: list[tuple[int, int, Address, Event | RequestSync]] = []
        self._order = 0
        self.nodes: dict[Address, Node] = {}
        for address, key in self._keys.items():
            state, effects = self._start(address, None, self._imported(self.root))
            self.nodes[address] = Node(key=key, state=state)
            self._perform(self.nodes[address], effects)

    def begin(self) -> tuple[Genesis, Header]:
        """Genesis, and the header of block 0."""
        genesis = genesis_of(self.validators)
        return genesis, genesis.build_header(ZERO_HASH)

    def validators_after(self, header: Header) -> tuple[Address, ...]:
        """The set that decides the height after a block."""
        return self.validators

    def build(self, node: Node, effect: BuildBlock) -> Block:
        """The block that a node would propose."""
        return build(effect, node.address, self.now_ms // 1000)

    def validate(self, node: Node, block: Block) -> None:
        """What a node checks of a proposed block."""
        parent = node.chain[-1].header if node.chain else self.root
        validate_header(
            block.header,
            parent,
            validators=self.validators_after(parent),
            genesis=self.genesis,
            now_seconds=self.now_ms // 1000 + 1,
        )

    def add(self, node: Node, block: Block) -> None:
        """What a node does with a decided block that follows its chain."""
        node.chain.append(block)

    def node(self, index: int) -> Node:
        return self.nodes[self.validators[index]]

    def run(self, until: Callable[[], bool], *, steps_max: int = 200_000) -> None:
        """Handle events in order of time until the condition holds."""
        for _ in range(steps_max):
            if until():
                return
            assert self._queue, "nothing left to happen"
            self.now_ms, _, address, event = heapq.heappop(self._queue)
            node = self.nodes[address]
            if isinstance(event, RequestSync):
                self.give_blocks(self.nodes[event.author], node)
            elif node.is_up:
                self.apply(node, event)
        raise AssertionError(f"not reached in {steps_max} steps: {[n.state.round for n in self.nodes.values()]}")

    def run_to_height(self, height: int, *nodes: Node) -> None:
        """Until each of these nodes, or all that are up, has the block."""
        self.run(lambda: all(len(n.chain) >= height for n in nodes or self.nodes.values() if n.is_up or nodes))

    def run_for(self, duration_ms: int) -> None:
        """Until the clock has moved on by so much."""
        end = self.now_ms + duration_ms
        self._push(end, self.validators[0], RoundTimerFired(Height(0), 0))
        self.run(lambda: self.now_ms >= end)

    def apply(self, node: Node, event: Event) -> tuple[Effect, ...]:
        node.state, effects = step(node.state, event)
        self._perform(node, effects)
        return effects

    def crash(self, node: Node) -> None:
        """Forget everything that is not on disk."""
        node.is_up = False
        self._queue = [entry for entry in self._queue if entry[2] != node.address]
        heapq.heapify(self._queue)

    def restart(self, node: Node) -> None:
        """Start again from the vote record and the chain."""
        record: VoteRecord | None = None
        for entry in node.log:
            record = record_after(record, *decode_entry(entry))
        head = node.chain[-1].header if node.chain else self.root
        node.is_up = True
        node.state, effects = self._start(node.address, record, self._imported(head))
        self._perform(node, effects)

    def tell_links(self) -> None:
        """Let every node know who is up and not cut off from it; until this is called nobody has links."""
        probe = sign_message(key_of(0), PreparePayload(height=Height(0), round=Round(0), digest=ZERO_HASH))
        for node in self.nodes.values():
            others = (other for other in self.nodes.values() if other is not node and other.is_up)
            linked = (one.address for one in others if self.allows(one.address, node.address, probe))
            self._push(self.now_ms, node.address, LinksChanged(tuple(sorted(linked))))

    def round_of(self, node: Node, height: int) -> int:
        """Round in which a node's block was committed."""
        return decode_extra_data(node.chain[height - 1].header.extra_data).round

    def give_blocks(self, source: Node, target: Node) -> None:
        """What block sync would do."""
        for block in source.chain[len(target.chain) :]:
            self._import(target, block)

    def deliver(self, receiver: Node, message: Message) -> None:
        """Put a message into a node's queue, through its bytes."""
        event = event_of(decode_message(*encode_message(message)))
        delay_ms = self.random.randrange(1, 400) if self._is_disorderly else 1
        self._push(self.now_ms + delay_ms, receiver.address, event)
        if self._is_disorderly and self.random.random() < 0.2:
            self._push(self.now_ms + self.random.randrange(1, 3000), receiver.address, event)

    def forge_proposal(self, liar: Node, proposal: Proposal, *, vanity: bytes) -> Message:
        """A second proposal of the same author for the same round."""
        payload = replace(proposal.payload, block=with_vanity(proposal.payload.block, vanity))
        unsigned = UnsignedProposal(payload=payload, round_changes=proposal.round_changes, prepares=proposal.prepares)
        return sign_message(liar.key, unsigned)

    def _start(
        self, address: Address, record: VoteRecord | None, head: BlockImported
    ) -> tuple[State, tuple[Effect, ...]]:
        return state_from_record(address, self.genesis.qbft, head, record)

    def _imported(self, header: Header) -> BlockImported:
        return imported(header, self.validators_after(header), now_ms=self.now_ms)

    def _perform(self, node: Node, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            self._perform_one(node, effect)

    def _perform_one(self, node: Node, effect: Effect) -> None:
        match effect:
            case RejectMessage():
                node.rejected.append(effect)
            case RecordEvidence():
                node.evidence.append(effect)
            case KeepSeal():
                node.kept.append(effect)
            case SendLateSeal():
                node.late_seals.append(effect)
            case StartBlockTimer() | StartRoundTimer() | StartResendTimer() | StartCatchUpTimer():
                self._start_timer(node, effect)
            case _:
                self._act(node, effect)

    def _start_timer(
        self, node: Node, effect: StartBlockTimer | StartRoundTimer | StartResendTimer | StartCatchUpTimer
    ) -> None:
        match effect:
            case StartBlockTimer():
                at_ms = max(self.now_ms, effect.earliest_ms)
                self._push(at_ms, node.address, BlockTimerFired(effect.height))
            case StartRoundTimer(height, round_number, delay_ms):
                self._push(self.now_ms + delay_ms, node.address, RoundTimerFired(height, round_number))
            case StartResendTimer(height, round_number, delay_ms):
                self._push(self.now_ms + delay_ms, node.address, ResendTimerFired(height, round_number))
            case StartCatchUpTimer(height, author, delay_ms):
                self._push(self.now_ms + delay_ms, node.address, CatchUpTimerFired(height, author))

    def _act(self, node: Node, effect: Effect) -> None:
        match effect:
            case PersistVote(vote, lock):
                node.log.append(encode_entry(vote, lock))
            case SendToValidators(unsigned):
                message = sign_message(node.key, unsigned)
                node.sent.append(message)
                self._push(self.now_ms, node.address, event_of(message))
                for other in self.nodes.values():
                    if other is not node and self.allows(node.address, other.address, message):
                        self.deliver(other, message)
            case BuildBlock():
                block = self.build(node, effect)
                event = BlockBuilt(effect.height, effect.round, block)
                at_ms = max(self.now_ms + self._build_delay_ms, effect.timestamp_min * 1000)
                self._push(at_ms, node.address, event)
            case ValidateBlock():
                reason = self._invalidity(node, effect.block)
                answer = BlockValidated(effect.height, effect.round, effect.digest, reason)
                self._push(self.now_ms, node.address, answer)
            case CommitBlock(block):
                self._import(node, block)
            case RequestSync():
                node.sync_requests.append(effect)
                self._push(self.now_ms + SYNC_DELAY_MS, node.address, effect)

    def _invalidity(self, node: Node, block: Block) -> str | None:
        try:
            self.validate(node, block)
        except InvalidInputError as error:
            return str(error)
        return None

    def _import(self, node: Node, block: Block) -> None:
        if block.header.number <= len(node.chain):
            known = node.chain[block.header.number - 1]
            assert block_hash(known.header) == block_hash(block.header)
            return
        parent = node.chain[-1].header if node.chain else self.root
        validate_seals(block.header, self.validators_after(parent))
        self.add(node, block)
        self._push(self.now_ms, node.address, self._imported(block.header))

    def _push(self, at_ms: int, address: Address, event: Event | RequestSync) -> None:
        self._order += 1
        heapq.heappush(self._queue, (at_ms, self._order, address, event))


def assert_agreement(network: Network) -> None:
    """No two nodes have different blocks at one height."""
    chains = [[block_hash(block.header) for block in node.chain] for node in network.nodes.values()]
    for chain in chains:
        longest = max(chains, key=len)
        assert chain == longest[: len(chain)]


def assert_no_double_vote(node: Node) -> None:
    """Of one (height, round, kind) a node has signed one thing only, restarts included."""
    said: dict[tuple[str, int, int], object] = {}
    for message in node.sent:
        if isinstance(message, Proposal):
            value: object = proposal_digest(message.payload.block)
        elif isinstance(message, RoundChange):
            value = message.signed.payload.prepared
        else:
            value = message.payload.digest
        key = (type(message).__name__, height_of(message), round_of(message))
        assert said.setdefault(key, value) == value


def imported(header: Header, validators: tuple[Address, ...], *, now_ms: int, is_tip: bool = True) -> BlockImported:
    """What the machine is told of a block in the store."""
    return BlockImported(
        header=header,
        block_hash=block_hash(header),
        round=decode_extra_data(header.extra_data).round,
        sealers=recover_sealers(header),
        validators=validators,
        is_tip=is_tip,
        now_ms=now_ms,
    )


def with_vanity(block: Block, vanity: bytes) -> Block:
    """Another block that differs in nothing but its vanity."""
    extra = replace(decode_extra_data(block.header.extra_data), vanity=vanity)
    return Block(replace(block.header, extra_data=encode_extra_data(extra)), block.transactions)
