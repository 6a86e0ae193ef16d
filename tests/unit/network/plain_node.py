"""A node without execution, for tests of `Peers`: its blocks are headers that follow one another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.messages import Message
from chain_node.core.codec import decode_block, decode_transaction, encode_block
from chain_node.core.crypto import address_of
from chain_node.core.errors import InvalidBlockError, InvalidInputError, InvalidTransactionError
from chain_node.core.hashing import keccak
from chain_node.core.types import (
    EMPTY_OMMERS_HASH,
    FIRST_ROUND,
    ZERO_HASH,
    Address,
    Block,
    Hash32,
    Header,
    Height,
    Transaction,
)
from chain_node.network.admission import Identity
from chain_node.network.api import HeadView, NodeRecord, TlsKeyHash
from chain_node.network.frames import ConsensusMessage, LateSeal
from chain_node.network.peers import Peers
from tests.unit.network.memory_link import MemoryLink, connect

_EXTRA = encode_extra_data(ExtraData(vanity=EMPTY_VANITY, validators=(), vote=None, round=FIRST_ROUND, seals=()))
BAD_TRANSACTION = b"bad"
VALIDATOR_KEY = b"\x01" * 32
"""Of the node with index 0."""
GENESIS_HASH = Hash32(b"\x01" * 32)


def make_block(parent_hash: Hash32, number: int, *, timestamp: int = 0) -> Block:
    """A header that follows another; `timestamp` tells blocks of one height apart."""
    header = Header(
        parent_hash=parent_hash,
        ommers_hash=EMPTY_OMMERS_HASH,
        coinbase=Address(bytes(20)),
        state_root=ZERO_HASH,
        transactions_root=ZERO_HASH,
        receipts_root=ZERO_HASH,
        logs_bloom=0,
        difficulty=1,
        number=Height(number),
        gas_limit=0,
        gas_used=0,
        timestamp=timestamp,
        extra_data=_EXTRA,
        mix_hash=bytes(32),
        nonce=bytes(8),
    )
    return Block(header, ())


GENESIS = make_block(ZERO_HASH, 0)


def record_of(index: int) -> NodeRecord:
    return NodeRecord(
        tls_key_hash=TlsKeyHash(keccak(b"node %d" % index)),
        validator=address_of(bytes((index + 1,)) * 32),
        organisation=index + 1,
        endpoint=f"127.0.0.1:{20_000 + index}",
    )


@dataclass
class PlainNode:
    """Implements `NodeServices`, and keeps what it is told."""

    index: int
    records: Sequence[NodeRecord] = ()
    blocks: list[Block] = field(default_factory=lambda: [GENESIS])
    chain_id: int = 7
    genesis_hash: Hash32 = GENESIS_HASH
    seals: tuple[LateSeal, ...] = ()
    waiting: tuple[bytes, ...] = ()
    bad_timestamp: int | None = None
    """Blocks with this timestamp are refused."""
    messages: list[Message] = field(default_factory=list)
    transactions: list[bytes] = field(default_factory=list)
    known: dict[Hash32, Transaction] = field(default_factory=dict)
    """What it holds already, by hash."""
    heard_seals: list[LateSeal] = field(default_factory=list)
    link_changes: list[tuple[Address, ...]] = field(default_factory=list)
    imports: list[int] = field(default_factory=list)
    conflicts: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = record_of(self.index).tls_key_hash
        identity = Identity(
            chain_id=self.chain_id,
            genesis_hash=self.genesis_hash,
            client_version="plain/v1",
            tls_key_hash=self.key,
            validator=record_of(self.index).validator or Address(bytes(20)),
        )
        self.peers = Peers(identity, self)

    @property
    def height(self) -> int:
        return self.blocks[-1].header.number

    def grow(self, count: int, *, timestamp: int = 0) -> None:
        """Add blocks of its own making."""
        for _ in range(count):
            self.blocks.append(make_block(self.head().block_hash, self.height + 1, timestamp=timestamp))
        self.peers.on_head()

    def head(self) -> HeadView:
        return HeadView(Height(self.height), block_hash(self.blocks[-1].header))

    def node_records(self) -> Sequence[NodeRecord]:
        return self.records

    def block_hash(self, height: Height) -> Hash32:
        return block_hash(self.blocks[height].header)

    def encoded_block(self, height: Height) -> bytes:
        return encode_block(self.blocks[height])

    def own_seals(self) -> Sequence[LateSeal]:
        return self.seals

    def waiting_transactions(self) -> Sequence[bytes]:
        return self.waiting

    def known_transactions(self, hashes: Sequence[Hash32]) -> Sequence[Transaction | None]:
        return [self.known.get(one) for one in hashes]

    async def decode_transactions(self, encoded: Sequence[bytes]) -> Sequence[Transaction | InvalidInputError]:
        await asyncio.sleep(0)
        return [_decode(raw) for raw in encoded]

    async def decode_message(self, frame: ConsensusMessage) -> Message:
        return frame.decode()

    async def decode_blocks(self, encoded: Sequence[bytes]) -> list[Block]:
        return [decode_block(one) for one in encoded]

    def on_message(self, message: Message) -> None:
        self.messages.append(message)

    async def on_transactions(self, encoded: Sequence[bytes]) -> Sequence[bytes]:
        if BAD_TRANSACTION in encoded:
            raise InvalidTransactionError("bad")
        new = [one for one in encoded if one not in self.transactions]
        self.transactions += new
        return new

    def on_seals(self, seals: Sequence[LateSeal]) -> Sequence[LateSeal]:
        self.heard_seals += seals
        return seals

    def on_links_changed(self, validators: tuple[Address, ...]) -> None:
        self.link_changes.append(validators)

    async def import_blocks(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            await asyncio.sleep(0)
            if block.header.number <= self.height:
                continue
            if (block.header.number, block.header.parent_hash) != (self.height + 1, self.head().block_hash):
                raise InvalidBlockError(f"block {block.header.number} does not follow block {self.height}")
            if block.header.timestamp == self.bad_timestamp:
                raise InvalidBlockError("bad timestamp")
            self.blocks.append(block)
            self.imports.append(block.header.number)
            self.peers.on_head()

    def on_conflict(self, theirs: Block) -> None:
        if block_hash(theirs.header) == self.block_hash(theirs.header.number):
            raise InvalidBlockError("it is ours")
        self.conflicts.append(theirs)


def _decode(raw: bytes) -> Transaction | InvalidInputError:
    try:
        return decode_transaction(raw)
    except InvalidInputError as error:
        return error


def make_nodes(count: int) -> list[PlainNode]:
    """Nodes that know one another's records."""
    records = tuple(record_of(index) for index in range(count))
    return [PlainNode(index, records) for index in range(count)]


def join(one: PlainNode, two: PlainNode) -> tuple[MemoryLink, MemoryLink]:
    """Connect two nodes that accept each other."""
    ends = connect((one.peers, one.key), (two.peers, two.key), delay_seconds=0.001)
    assert isinstance(ends, tuple), ends
    return ends
