"""The chain over its store and its engine: what is read of it, and how a decided block is added.

Reads come from any thread. Blocks are added by one thread only. The head becomes visible when its block is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from chain_node.consensus.qbft.hashes import block_hash as hash_of_header
from chain_node.consensus.qbft.header_rules import compute_base_fee
from chain_node.core.codec import encode_block
from chain_node.core.errors import ConfigError, UnavailableError, invariant
from chain_node.core.genesis import Genesis
from chain_node.core.trie import BLOOM_SIZE_BYTES
from chain_node.core.types import Address, Block, Hash32, Header, Height
from chain_node.execution import (
    AccountOverride,
    BlockContext,
    CallRequest,
    CallResult,
    ExecutionEngine,
    ExecutionResult,
    StateView,
    estimate_gas,
)
from chain_node.execution.account import NO_ACCOUNT
from chain_node.execution.trace import Trace, TraceOptions
from chain_node.node.call_transaction import call_transaction, free_of_charge
from chain_node.node.recent import Recent
from chain_node.rpc import BlockReceipts, ChainBlock
from chain_node.storage import BlockCommit, ChainStore

_BLOCKS_CACHED_MAX = 32
"""Recent blocks and receipts kept decoded: what clients poll for."""

_TRANSACTIONS_CACHED_MAX = 20_000
"""Transactions in all blocks that are kept so, and receipts likewise: about a kilobyte each."""


class Chain:
    """Implements `ChainQueries` of the RPC."""

    def __init__(self, genesis: Genesis, store: ChainStore, engine: ExecutionEngine) -> None:
        """Open a chain whose genesis block is in the store.

        Raises:
            ConfigError: the state of the head is not in the store.
        """
        self.genesis = genesis
        self.chain_id = genesis.chain_id
        self.genesis_difficulty = genesis.difficulty
        self.engine = engine
        self._store = store
        self._blocks: Recent[Height, ChainBlock] = Recent(
            _BLOCKS_CACHED_MAX, lambda block: block.transaction_count, _TRANSACTIONS_CACHED_MAX
        )
        self._receipts: Recent[Height, BlockReceipts] = Recent(_BLOCKS_CACHED_MAX, len, _TRANSACTIONS_CACHED_MAX)
        stored = store.head()
        if stored is None:
            raise ConfigError("data_dir", "the store has no genesis block")
        self._head = self._load(stored.height)
        try:
            engine.open_state(self._head.header.state_root)
        except UnavailableError as error:
            raise ConfigError("data_dir", f"the state of block {stored.height} is missing: {error}") from error

    def head(self) -> ChainBlock:
        """The newest block."""
        return self._head

    def block_at(self, height: Height) -> ChainBlock | None:
        """The block at a height; None above the head."""
        if height == self._head.height:
            return self._head
        return None if height > self._head.height else self._load(height)

    def block_by_hash(self, block_hash: Hash32) -> ChainBlock | None:
        """The block with this hash."""
        height = self._store.height_of(block_hash)
        return None if height is None else self.block_at(height)

    def logs_blooms(self, first: Height, last: Height) -> Sequence[tuple[Height, bytes]]:
        """Height and log filter of the blocks of a range, both ends included."""
        return self._store.logs_blooms(first, last)

    def heights_with_logs(self, address: Address, first: Height, last: Height) -> Sequence[Height]:
        """Heights of a range, both ends included, in which a contract logged, ascending."""
        return self._store.heights_with_logs(address, first, last)

    def receipts(self, block: ChainBlock) -> BlockReceipts:
        """Receipts of a block, in the order of its transactions."""
        return self._receipts.get(block.height, self._load_receipts)

    def locate(self, transaction_hash: Hash32) -> tuple[Height, int] | None:
        """Height and index of an included transaction."""
        location = self._store.transaction_location(transaction_hash)
        if location is None or location.height > self._head.height:
            return None
        return location.height, location.index

    def state(self, root: Hash32) -> StateView:
        """The state with this root, for use in this thread."""
        return self.engine.open_state(root)

    def call(
        self, block: ChainBlock, request: CallRequest, overrides: Mapping[Address, AccountOverride] | None = None
    ) -> CallResult:
        """Execute one message on the state after a block, in the context of its header."""
        return self.engine.call(block.header.state_root, self.context_of(block.header), request, overrides)

    def estimate_gas(
        self, block: ChainBlock, request: CallRequest, overrides: Mapping[Address, AccountOverride] | None = None
    ) -> int:
        """Gas limit with which a message succeeds on the state after a block, and which a transaction may have."""
        gas_max = self.genesis.qbft.per_tx_gas_limit or request.gas
        bounded = replace(request, gas=min(request.gas, gas_max))
        context = self.context_of(block.header)
        return estimate_gas(self.engine, block.header.state_root, context, bounded, overrides)

    def trace_transaction(self, block: ChainBlock, index: int, options: TraceOptions) -> Trace:
        """Re-execute one transaction of a block and record its steps."""
        parent = self._load(Height(block.height - 1))
        transactions = [block.transaction(earlier) for earlier in range(index + 1)]
        context = self.context_of(block.header)
        return self.engine.trace_transaction(parent.header.state_root, transactions, context, options)

    def trace_call(self, block: ChainBlock, request: CallRequest, options: TraceOptions) -> Trace:
        """Execute one message on the state after a block, free of charge, and record its steps."""
        root, context = block.header.state_root, free_of_charge(self.context_of(block.header))
        account = self.engine.open_state(root).account(request.sender)
        transaction = call_transaction(request, account or NO_ACCOUNT, self.chain_id)
        return self.engine.trace_transaction(root, [transaction], context, options)

    def base_fee_after(self, block: ChainBlock) -> int | None:
        """Base fee per gas, in wei, of a child of this block; None before London."""
        return compute_base_fee(block.header, self.genesis)

    def context_of(self, header: Header) -> BlockContext:
        """What a transaction sees that is executed in the block of this header."""
        return context_of(header, self._store.block_hash)

    def encoded_block(self, height: Height) -> bytes:
        """Bytes of a block of the chain."""
        encoded = self._store.block(height)
        invariant(holds=encoded is not None, fact=f"block {height} below the head is in the store")
        return encoded or b""

    def add(self, block: Block, result: ExecutionResult) -> ChainBlock:
        """Add a decided and executed block, durable on return, and make it the head.

        Raises:
            StoreFullError: no room; nothing was changed.
        """
        block_hash = hash_of_header(block.header)
        encoded = encode_block(block)
        self._store.commit_block(make_commit(block, encoded, block_hash, result))
        added = ChainBlock.from_block(block, block_hash, size_bytes=len(encoded))
        self._blocks.put(added.height, added)
        self._head = added
        return added

    def _load(self, height: Height) -> ChainBlock:
        return self._blocks.get(height, self._load_from_store)

    def _load_from_store(self, height: Height) -> ChainBlock:
        block_hash = self._store.block_hash(height)
        invariant(holds=block_hash is not None, fact=f"hash of block {height} below the head is in the store")
        return ChainBlock.from_bytes(
            self.encoded_block(height), block_hash or Hash32(b""), self.engine.decode_transactions
        )

    def _load_receipts(self, height: Height) -> BlockReceipts:
        encoded = self._store.receipts(height)
        invariant(holds=encoded is not None, fact=f"receipts of block {height} below the head are in the store")
        return BlockReceipts(encoded or ())


def context_of(header: Header, ancestor_hash: Callable[[Height], Hash32 | None]) -> BlockContext:
    """What a transaction sees that is executed in the block of a header."""
    return BlockContext(
        height=header.number,
        timestamp=header.timestamp,
        gas_limit=header.gas_limit,
        coinbase=header.coinbase,
        base_fee_per_gas=header.base_fee_per_gas,
        difficulty=header.difficulty,
        block_hash=ancestor_hash,
    )


def make_commit(block: Block, encoded: bytes, block_hash: Hash32, result: ExecutionResult) -> BlockCommit:
    """What the store is to keep of a block."""
    return BlockCommit(
        height=block.header.number,
        block_hash=block_hash,
        block=encoded,
        receipts=result.encoded_receipts,
        transaction_hashes=[transaction.hash for transaction in block.transactions],
        changes=result.changes,
        logs_bloom=block.header.logs_bloom.to_bytes(BLOOM_SIZE_BYTES, "big"),
        log_addresses=result.log_addresses,
    )
