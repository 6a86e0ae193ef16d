"""The execution engine of today: py-evm's instructions and gas rules over our own state. See `api.py` for the contract.

py-evm's chain, block and transaction classes are not used; no block reward is paid.
"""

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

from chain_node.core.codec import decode_transaction
from chain_node.core.errors import InvalidInputError
from chain_node.core.genesis import Fork, ForkSchedule, GenesisAccount
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Address, Hash32, Receipt, Transaction
from chain_node.execution.api import NodeSource
from chain_node.execution.block_result import make_result
from chain_node.execution.errors import (
    CreationFailedError,
    InvalidBlockTransactionError,
    TransactionRefusedError,
)
from chain_node.execution.genesis_state import initial_result, read_alloc, write_alloc
from chain_node.execution.pyevm_state import STATE_BY_FORK, State
from chain_node.execution.pyevm_trace import Recorder
from chain_node.execution.pyevm_transaction import (
    apply_call,
    apply_transaction,
    compute_intrinsic_gas,
    make_call_result,
    make_receipt,
    validate_transaction,
)
from chain_node.execution.state_view import StateReader, TrieStateView
from chain_node.execution.trace import Trace, TraceOptions
from chain_node.execution.types import (
    AccountOverride,
    BlockContext,
    BlockLimits,
    BuildResult,
    CallRequest,
    CallResult,
    ExecutionResult,
    SkippedTransaction,
)

_GAS_TRANSACTION_MIN = compute_intrinsic_gas(data=b"", access_list=(), is_creation=False)


class PyEvmEngine:
    """`ExecutionEngine` with py-evm. One per store."""

    name = "py-evm"

    def __init__(self, *, chain_id: int, schedule: ForkSchedule, source: NodeSource) -> None:
        self._chain_id = chain_id
        self._schedule = schedule
        self._reader = StateReader(source)
        self._block_lock = Lock()

    def open_state(self, root: Hash32) -> TrieStateView:
        """Read access to the state with this root."""
        return TrieStateView(root, self._reader)

    def build_block(
        self, parent_root: Hash32, candidates: Iterable[Transaction], context: BlockContext, limits: BlockLimits
    ) -> BuildResult:
        """Execute candidates in their order, leaving out those that cannot be included."""
        with self._block_lock:
            block = self._start_block(parent_root, context, limits.gas_per_transaction)
            included: list[Transaction] = []
            skipped: list[SkippedTransaction] = []
            size_left_bytes = limits.size_bytes
            for transaction in candidates:
                if block.gas_left < _GAS_TRANSACTION_MIN or limits.should_stop():
                    break
                try:
                    if len(transaction.raw) > size_left_bytes:
                        raise TransactionRefusedError("no room left in the block", is_final=False)
                    block.execute(transaction)
                except TransactionRefusedError as error:
                    skipped.append(
                        SkippedTransaction(transaction=transaction, reason=error.reason, is_final=error.is_final)
                    )
                else:
                    included.append(transaction)
                    size_left_bytes -= len(transaction.raw)
            return BuildResult(included=tuple(included), skipped=tuple(skipped), execution=block.finish())

    def execute_block(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        *,
        gas_per_transaction: int,
    ) -> ExecutionResult:
        """Execute all transactions of a block that someone else built."""
        with self._block_lock:
            block = self._start_block(parent_root, context, gas_per_transaction)
            for index, transaction in enumerate(transactions):
                try:
                    block.execute(transaction)
                except TransactionRefusedError as error:
                    raise InvalidBlockTransactionError(index, transaction.hash, error.reason) from error
            return block.finish()

    def call(
        self,
        root: Hash32,
        context: BlockContext,
        request: CallRequest,
        overrides: Mapping[Address, AccountOverride] | None = None,
    ) -> CallResult:
        """Execute one message on a state and forget what it changed."""
        state = self._make_state(self.open_state(root), context)
        _apply_overrides(state, overrides or {})
        return make_call_result(apply_call(state, request, self._schedule.fork_at(context.height)))

    def trace_transaction(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        options: TraceOptions,
    ) -> Trace:
        """Execute the block's transactions up to the last one given, and record that one step by step."""
        fork = self._schedule.fork_at(context.height)
        state = self._make_state(self.open_state(parent_root), context)
        for transaction in transactions[:-1]:
            apply_transaction(state, transaction, fork)
        recorder = Recorder(options)
        state.computation_class = recorder.trace_class(fork)
        return recorder.finish(apply_transaction(state, transactions[-1], fork))

    def decode_transactions(self, raws: Sequence[bytes]) -> list[Transaction | InvalidInputError]:
        """Decode signed transactions and recover their senders, one by one."""
        return [_decode_or_refuse(raw) for raw in raws]

    def initialise(self, alloc: Mapping[Address, GenesisAccount]) -> ExecutionResult:
        """The state that a genesis allocation describes, as the result of a block without transactions."""
        return initial_result(alloc, self._reader)

    def run_on_alloc(
        self,
        alloc: Mapping[Address, GenesisAccount],
        request: CallRequest,
        context: BlockContext,
        *,
        create_at: Address | None = None,
    ) -> dict[Address, GenesisAccount]:
        """Run one call on a genesis allocation and keep what it changed."""
        state = self._make_state(self.open_state(EMPTY_TRIE_ROOT), context)
        write_alloc(state, alloc)
        fork = self._schedule.fork_at(context.height)
        result = make_call_result(apply_call(state, request, fork, create_address=create_at))
        if result.error is not None:
            raise CreationFailedError(create_at or request.to or request.sender, result.error, result.return_data)
        return read_alloc(state)

    def _make_state(self, view: TrieStateView, context: BlockContext) -> State:
        return STATE_BY_FORK[self._schedule.fork_at(context.height)](view, context, self._chain_id)

    def _start_block(self, parent_root: Hash32, context: BlockContext, gas_per_transaction: int) -> "_BlockExecution":
        state = self._make_state(self.open_state(parent_root), context)
        fork = self._schedule.fork_at(context.height)
        return _BlockExecution(state, fork, self._chain_id, gas_per_transaction or context.gas_limit)


class _BlockExecution:
    """One block being filled or replayed."""

    def __init__(self, state: State, fork: Fork, chain_id: int, gas_per_transaction: int) -> None:
        self._state = state
        self._fork = fork
        self._chain_id = chain_id
        self._gas_per_transaction = gas_per_transaction
        self._transactions: list[Transaction] = []
        self._receipts: list[Receipt] = []
        self._gas_used = 0

    @property
    def gas_left(self) -> int:
        return self._state.context.gas_limit - self._gas_used

    def execute(self, transaction: Transaction) -> None:
        """Raises TransactionRefusedError and changes nothing if the transaction cannot be included here."""
        validate_transaction(
            self._state,
            transaction,
            fork=self._fork,
            chain_id=self._chain_id,
            gas_available=self.gas_left,
            gas_max=self._gas_per_transaction,
        )
        outcome = apply_transaction(self._state, transaction, self._fork)
        self._gas_used += outcome.gas_used
        self._transactions.append(transaction)
        self._receipts.append(
            make_receipt(outcome, transaction_type=transaction.type, cumulative_gas_used=self._gas_used)
        )

    def finish(self) -> ExecutionResult:
        state_root, changes = self._state.compute_changes()
        return make_result(state_root, self._transactions, self._receipts, changes)


def _decode_or_refuse(raw: bytes) -> Transaction | InvalidInputError:
    try:
        return decode_transaction(raw)
    except InvalidInputError as error:
        return error


def _apply_overrides(state: State, overrides: Mapping[Address, AccountOverride]) -> None:
    for address, override in overrides.items():
        if override.balance is not None:
            state.set_balance(address, override.balance)
        if override.nonce is not None:
            state.set_nonce(address, override.nonce)
        if override.code is not None:
            state.set_code(address, override.code)
        if override.is_storage_replaced:
            state.delete_storage(address)
        for slot, value in override.storage.items():
            state.set_storage(address, slot, value)
