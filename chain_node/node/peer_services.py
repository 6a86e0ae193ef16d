"""What other nodes get of this one, and what they bring: the node's side of the network."""

from __future__ import annotations

from collections.abc import Sequence

from chain_node.consensus.qbft.messages import Message
from chain_node.core.codec import decode_block
from chain_node.core.errors import invariant
from chain_node.core.types import Address, Block, Hash32, Height, Transaction
from chain_node.network.api import HeadView, NodeRecord
from chain_node.network.frames import ConsensusMessage, LateSeal
from chain_node.node.chain import Chain
from chain_node.node.decoding import Decoded
from chain_node.node.driver import Driver
from chain_node.node.intake import Intake
from chain_node.node.node_records import NodeRecords
from chain_node.node.seal_table import SealTable
from chain_node.storage import ChainStore


class PeerServices:
    """Implements `NodeServices`."""

    def __init__(
        self,
        *,
        chain: Chain,
        store: ChainStore,
        driver: Driver,
        intake: Intake,
        seals: SealTable,
        records: NodeRecords,
        validator: Address,
    ) -> None:
        self._chain = chain
        self._store = store
        self._driver = driver
        self._intake = intake
        self._seals = seals
        self._records = records
        self._validator = validator

    def head(self) -> HeadView:
        """The last imported block."""
        head = self._chain.head()
        return HeadView(head.height, head.hash)

    def node_records(self) -> Sequence[NodeRecord]:
        """Every node of the members, by the newest state."""
        return self._records.newest()

    def block_hash(self, height: Height) -> Hash32:
        """Hash of a block up to the head."""
        block_hash = self._store.block_hash(height)
        invariant(holds=block_hash is not None, fact=f"hash of block {height} up to the head is in the store")
        return block_hash or Hash32(b"")

    def encoded_block(self, height: Height) -> bytes:
        """Bytes of a block up to the head."""
        return self._chain.encoded_block(height)

    def own_seals(self) -> Sequence[LateSeal]:
        """This validator's seal of the head, if it is not in the header."""
        return self._seals.own_of(self._chain.head().height, self._validator)

    def waiting_transactions(self) -> Sequence[bytes]:
        """Transactions of the pool, encoded, each sender's in the order of nonces."""
        pending, queued = self._intake.content()
        return [one.raw for side in (pending, queued) for waiting in side.values() for one in waiting]

    def known_transactions(self, hashes: Sequence[Hash32]) -> Sequence[Transaction | None]:
        """Transactions that wait here or came lately, by their hashes."""
        return self._intake.find(hashes)

    async def decode_transactions(self, encoded: Sequence[bytes]) -> Sequence[Decoded]:
        """Decode transactions, beside the event loop when they are many."""
        return await self._intake.decoder.decode_soon(encoded)

    async def decode_message(self, frame: ConsensusMessage) -> Message:
        """Decode a consensus message with a large block beside the event loop."""
        return await self._driver.decode(frame.decode, self._intake.decoder.decode)

    async def decode_blocks(self, encoded: Sequence[bytes]) -> list[Block]:
        """Decode blocks beside the event loop."""
        return await self._driver.decode(self._decode_blocks, encoded)

    def _decode_blocks(self, encoded: Sequence[bytes]) -> list[Block]:
        return [decode_block(one, self._intake.decoder.decode_included) for one in encoded]

    def on_message(self, message: Message) -> None:
        """A consensus message, decoded, its author recovered."""
        self._driver.on_message(message)

    async def on_transactions(self, encoded: Sequence[bytes]) -> Sequence[bytes]:
        """Transactions from a peer; returns those that were new here."""
        return [transaction.raw for transaction in await self._intake.take_from_peer(encoded)]

    def on_seals(self, seals: Sequence[LateSeal]) -> Sequence[LateSeal]:
        """Late seals from a peer; returns those that were found good."""
        return self._seals.add(seals)

    def on_links_changed(self, validators: tuple[Address, ...]) -> None:
        """The validators with which this node has a live link now."""
        self._driver.on_links_changed(validators)

    async def import_blocks(self, blocks: Sequence[Block]) -> None:
        """Verify, execute and add blocks that follow the head."""
        await self._driver.import_blocks(blocks)

    def on_conflict(self, theirs: Block) -> None:
        """A peer has another block than ours at a height up to the head."""
        self._driver.on_conflict(theirs)
