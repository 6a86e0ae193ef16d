"""Two engines that must agree: every block is executed by both before it is voted for or stored.

For networks that would rather stand still than follow one engine's mistake. The first engine answers everything; the
second has a store of its own, which follows the first one's and is caught up at start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.verification import validate_result
from chain_node.core.codec import decode_block
from chain_node.core.errors import ConfigError, InvalidInputError, LocalProtocolError, describe
from chain_node.core.genesis import Genesis, GenesisAccount
from chain_node.core.types import Address, Block, Hash32, Header, Height, Transaction
from chain_node.execution import (
    AccountOverride,
    BlockContext,
    BlockLimits,
    BuildResult,
    CallRequest,
    CallResult,
    EngineFault,
    ExecutionEngine,
    ExecutionResult,
    FaultyBlock,
    InvalidBlockTransactionError,
    StateView,
)
from chain_node.execution.trace import Trace, TraceOptions
from chain_node.node.chain import context_of, make_commit
from chain_node.rpc import ChainBlock
from chain_node.storage import BlockCommit, ChainStore, StoredHead

_Outcome = ExecutionResult | InvalidBlockTransactionError
_COMPARED = (
    "state_root",
    "transactions_root",
    "receipts_root",
    "gas_used",
    "logs_bloom",
    "log_addresses",
    "encoded_receipts",
)


@dataclass(frozen=True, slots=True)
class _PairedChanges:
    first: object
    second: object


class PairedEngine:
    """An `ExecutionEngine` that believes its first engine only where the second one agrees."""

    def __init__(self, first: ExecutionEngine, second: ExecutionEngine) -> None:
        self.name = f"{first.name}, verified with {second.name}"
        self._first = first
        self._second = second

    def initialise(self, alloc: Mapping[Address, GenesisAccount]) -> ExecutionResult:
        """The state that a genesis allocation describes; the root is part of the genesis hash, which is compared."""
        first, second = self._first.initialise(alloc), self._second.initialise(alloc)
        return replace(first, changes=_PairedChanges(first.changes, second.changes))

    def decode_transactions(self, raws: Sequence[bytes]) -> list[Transaction | InvalidInputError]:
        """Decode signed transactions; both engines must find the same senders, or both refuse."""
        firsts, seconds = self._first.decode_transactions(raws), self._second.decode_transactions(raws)
        for raw, first, second in zip(raws, firsts, seconds, strict=True):
            is_same = first == second if isinstance(first, Transaction) else isinstance(second, InvalidInputError)
            if not is_same:
                raise EngineFault(f"the engines decode a transaction differently: 0x{raw.hex()}")
        return firsts

    def open_state(self, root: Hash32) -> StateView:
        """Read access to the state with this root."""
        return self._first.open_state(root)

    def build_block(
        self, parent_root: Hash32, candidates: Iterable[Transaction], context: BlockContext, limits: BlockLimits
    ) -> BuildResult:
        """Execute candidates, then what was included once more."""
        built = self._first.build_block(parent_root, candidates, context, limits)
        second = _attempt(
            self._second,
            parent_root,
            built.included,
            context,
            gas_per_transaction=limits.gas_per_transaction,
        )
        execution = self._agree(parent_root, built.included, context, built.execution, second)
        return replace(built, execution=execution)

    def execute_block(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        *,
        gas_per_transaction: int,
    ) -> ExecutionResult:
        """Execute a block that someone else built, twice; it is refused only if both engines refuse it."""
        first, second = (
            _attempt(engine, parent_root, transactions, context, gas_per_transaction=gas_per_transaction)
            for engine in (self._first, self._second)
        )
        return self._agree(parent_root, transactions, context, first, second)

    def call(
        self,
        root: Hash32,
        context: BlockContext,
        request: CallRequest,
        overrides: Mapping[Address, AccountOverride] | None = None,
    ) -> CallResult:
        """Execute one message on a state."""
        return self._first.call(root, context, request, overrides)

    def trace_transaction(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        options: TraceOptions,
    ) -> Trace:
        """Record one transaction step by step."""
        return self._first.trace_transaction(parent_root, transactions, context, options)

    def run_on_alloc(
        self,
        alloc: Mapping[Address, GenesisAccount],
        request: CallRequest,
        context: BlockContext,
        *,
        create_at: Address | None = None,
    ) -> dict[Address, GenesisAccount]:
        """Run one call on a genesis allocation and keep what it changed."""
        return self._first.run_on_alloc(alloc, request, context, create_at=create_at)

    def _agree(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        first: _Outcome,
        second: _Outcome,
    ) -> ExecutionResult:
        if isinstance(first, InvalidBlockTransactionError) and isinstance(second, InvalidBlockTransactionError):
            raise first
        results = {self._first.name: first, self._second.name: second}
        if isinstance(first, ExecutionResult) and isinstance(second, ExecutionResult):
            difference = _difference(first, second)
            if difference is None:
                return replace(first, changes=_PairedChanges(first.changes, second.changes))
        else:
            difference = "whether it is valid"
        raise EngineFault(
            f"{self._first.name} and {self._second.name} disagree about block {context.height}: {difference}",
            _describe_block(parent_root, transactions, context, results),
        )


class PairedStore:
    """A `ChainStore` of which all is kept twice, once for each engine; reads are the first one's."""

    def __init__(self, first: ChainStore, second: ChainStore) -> None:
        self._first = first
        self._second = second
        self.block = first.block
        self.block_hash = first.block_hash
        self.height_of = first.height_of
        self.receipts = first.receipts
        self.transaction_location = first.transaction_location
        self.logs_blooms = first.logs_blooms
        self.heights_with_logs = first.heights_with_logs
        self.put_seals = first.put_seals
        self.seals = first.seals

    def head(self) -> StoredHead | None:
        """The last block that both have."""
        return self._second.head()

    def commit_block(self, commit: BlockCommit) -> None:
        """Store a block in both. Cut short between the two, it is done again, or caught up at the next start."""
        changes = commit.changes
        if not isinstance(changes, _PairedChanges):
            raise LocalProtocolError(f"block {commit.height} was executed by one engine, expected two")
        for store, part in ((self._first, changes.first), (self._second, changes.second)):
            head = store.head()
            if head is None or head.height < commit.height:
                store.commit_block(replace(commit, changes=part))

    def close(self) -> None:
        """Release the files of both."""
        self._first.close()
        self._second.close()


def catch_up(
    genesis: Genesis,
    source: ChainStore,
    target: ChainStore,
    engine: ExecutionEngine,
    progress: Callable[[Height], None],
) -> None:
    """Execute with `engine` the blocks that `source` has and `target` lacks, and store them there.

    Raises:
        EngineFault: the engine makes something else of a block than its header says.
        ConfigError: the second store belongs to a longer chain.
    """
    newest, height = _head_height(source), _head_height(target)
    if height > newest:
        raise ConfigError("verify_with", f"the second store has {height} blocks, the chain {newest}; delete it")
    while height < newest:
        parent = ChainBlock.from_bytes(source.block(height) or b"", Hash32(b"")).header
        height = Height(height + 1)
        encoded = source.block(height) or b""
        block = decode_block(encoded)
        result = _execute_again(genesis, source, engine, block, encoded, parent)
        target.commit_block(make_commit(block, encoded, block_hash(block.header), result))
        progress(height)


def _execute_again(
    genesis: Genesis, source: ChainStore, engine: ExecutionEngine, block: Block, encoded: bytes, parent: Header
) -> ExecutionResult:
    context = context_of(block.header, source.block_hash)
    result = _attempt(
        engine,
        parent.state_root,
        block.transactions,
        context,
        gas_per_transaction=genesis.qbft.per_tx_gas_limit,
    )
    try:
        if isinstance(result, InvalidBlockTransactionError):
            raise result
        validate_result(block.header, result)
    except InvalidInputError as error:
        faulty = _describe_block(parent.state_root, block.transactions, context, {engine.name: result})
        fault = EngineFault(f"{engine.name} disagrees about block {block.header.number} of the chain: {error}", faulty)
        fault.encoded_block = encoded
        raise fault from error
    return result


def _attempt(
    engine: ExecutionEngine,
    parent_root: Hash32,
    transactions: Sequence[Transaction],
    context: BlockContext,
    *,
    gas_per_transaction: int,
) -> _Outcome:
    try:
        return engine.execute_block(parent_root, transactions, context, gas_per_transaction=gas_per_transaction)
    except InvalidBlockTransactionError as error:
        return error


def _difference(first: ExecutionResult, second: ExecutionResult) -> str | None:
    for name in _COMPARED:
        ours, theirs = getattr(first, name), getattr(second, name)
        if ours != theirs:
            return f"{name} {describe(ours)} and {describe(theirs)}"
    return None


def _describe_block(
    parent_root: Hash32, transactions: Sequence[Transaction], context: BlockContext, outcomes: Mapping[str, _Outcome]
) -> FaultyBlock:
    return FaultyBlock(
        parent_root=parent_root,
        context=context,
        transactions=[transaction.raw for transaction in transactions],
        results={
            name: str(outcome) if isinstance(outcome, InvalidBlockTransactionError) else outcome
            for name, outcome in outcomes.items()
        },
    )


def _head_height(store: ChainStore) -> Height:
    head = store.head()
    return Height(0) if head is None else head.height
