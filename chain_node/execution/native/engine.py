"""The native engine: `ExecutionEngine` over the library. See `execution/api.py` for the contract.

Everything here hands whole blocks over the border; the library releases the interpreter's lock while it works.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

from chain_node.core.errors import InvalidInputError
from chain_node.core.genesis import ForkSchedule, GenesisAccount
from chain_node.core.types import Address, Hash32, Transaction
from chain_node.execution.errors import CreationFailedError, EngineFault, FaultyBlock, InvalidBlockTransactionError
from chain_node.execution.native.border import Border
from chain_node.execution.native.plain import (
    make_alloc,
    make_result,
    make_trace,
    make_transaction,
    plain_alloc,
    plain_context,
    plain_overrides,
)
from chain_node.execution.native.state import NativeStateView
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

if TYPE_CHECKING:
    from chain_node.execution.native._native import BlockExecution, Database

_CHUNK_COUNT = 128
"""Candidates handed over at a time."""

_CHUNK_GAS = 20_000_000
"""Gas after which the proposer's time budget is looked at again; some 20 ms."""


class NativeEngine:
    """`ExecutionEngine` with the library. One per store."""

    name = "native"

    def __init__(self, database: Database, border: Border, *, chain_id: int, schedule: ForkSchedule) -> None:
        self._database = database
        self._border = border
        self._chain_id = chain_id
        self._schedule = schedule
        self._block_lock = Lock()

    def open_state(self, root: Hash32) -> NativeStateView:
        """Read access to the state with this root."""
        return NativeStateView(root, self._database, self._border)

    def build_block(
        self, parent_root: Hash32, candidates: Iterable[Transaction], context: BlockContext, limits: BlockLimits
    ) -> BuildResult:
        """Execute candidates in their order, leaving out those that cannot be included."""
        included: list[Transaction] = []
        skipped: list[SkippedTransaction] = []
        with self._block_lock, _witness(parent_root, context, included):
            block = self._start_block(parent_root, context, limits.gas_per_transaction)
            size_left_bytes = limits.size_bytes
            waiting = iter(candidates)
            chunk = list(islice(waiting, _CHUNK_COUNT))
            while chunk and not limits.should_stop():
                reached, refusals = self._execute(block, chunk, _CHUNK_GAS, size_left_bytes)
                if reached == 0:
                    break  # the block is full
                reason_by_index = {index: (reason, is_final) for index, reason, is_final in refusals}
                for index, transaction in enumerate(chunk[:reached]):
                    if index in reason_by_index:
                        reason, is_final = reason_by_index[index]
                        skipped.append(SkippedTransaction(transaction=transaction, reason=reason, is_final=is_final))
                    else:
                        included.append(transaction)
                        size_left_bytes -= len(transaction.raw)
                chunk = chunk[reached:] or list(islice(waiting, _CHUNK_COUNT))
            execution = make_result(self._border.call(block.finish))
        return BuildResult(included=tuple(included), skipped=tuple(skipped), execution=execution)

    def execute_block(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        *,
        gas_per_transaction: int,
    ) -> ExecutionResult:
        """Execute all transactions of a block that someone else built."""
        with self._block_lock, _witness(parent_root, context, transactions):
            block = self._start_block(parent_root, context, gas_per_transaction)
            _, refusals = self._execute(block, transactions, None, 0)
            if refusals:
                index, reason, _ = refusals[0]
                raise InvalidBlockTransactionError(index, transactions[index].hash, reason)
            return make_result(self._border.call(block.finish))

    def decode_transactions(self, raws: Sequence[bytes]) -> list[Transaction | InvalidInputError]:
        """Decode signed transactions and recover their senders, on all cores."""
        return [
            make_transaction(fields) for fields in self._border.call(self._border.library.decode_transactions, raws)
        ]

    def call(
        self,
        root: Hash32,
        context: BlockContext,
        request: CallRequest,
        overrides: Mapping[Address, AccountOverride] | None = None,
    ) -> CallResult:
        """Execute one message on a state and forget what it changed."""
        status, return_data, gas_used, error = self._border.call(
            self._database.call,
            root,
            plain_context(context),
            request.to,
            request.gas,
            request.sender,
            request.data,
            request.value,
            request.gas_price,
            request.access_list,
            plain_overrides(overrides or {}),
        )
        return CallResult(status=status, return_data=return_data, gas_used=gas_used, error=error)

    def trace_transaction(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        options: TraceOptions,
    ) -> Trace:
        """Execute the block's transactions up to the last one given, and record that one step by step."""
        found = self._border.call(
            self._database.trace,
            parent_root,
            plain_context(context),
            [transaction.raw for transaction in transactions],
            [transaction.sender for transaction in transactions],
            (
                options.is_step_recorded,
                options.is_stack_recorded,
                options.is_memory_recorded,
                options.is_storage_recorded,
                options.steps_max,
            ),
        )
        return make_trace(found)

    def initialise(self, alloc: Mapping[Address, GenesisAccount]) -> ExecutionResult:
        """The state that a genesis allocation describes, as the result of a block without transactions."""
        return make_result(self._border.call(self._database.initialise, plain_alloc(alloc)))

    def run_on_alloc(
        self,
        alloc: Mapping[Address, GenesisAccount],
        request: CallRequest,
        context: BlockContext,
        *,
        create_at: Address | None = None,
    ) -> dict[Address, GenesisAccount]:
        """Run one call on a genesis allocation and keep what it changed."""
        (_, return_data, _, error), changed = self._border.call(
            self._border.library.run_on_alloc,
            self._chain_id,
            self._schedule.fork_at(context.height),
            plain_context(context),
            plain_alloc(alloc),
            request.to,
            create_at,
            request.gas,
            request.sender,
            request.data,
            request.value,
        )
        if error is not None:
            raise CreationFailedError(create_at or request.to or request.sender, error, return_data)
        return make_alloc(changed)

    def _start_block(self, parent_root: Hash32, context: BlockContext, gas_per_transaction: int) -> BlockExecution:
        return self._border.call(
            self._database.start_block, parent_root, plain_context(context), gas_per_transaction or context.gas_limit
        )

    def _execute(
        self, block: BlockExecution, chunk: Sequence[Transaction], gas_budget: int | None, size_left_bytes: int
    ) -> tuple[int, list[tuple[int, str, bool]]]:
        return self._border.call(
            block.execute,
            [transaction.raw for transaction in chunk],
            [transaction.sender for transaction in chunk],
            gas_budget,
            size_left_bytes,
        )


@contextmanager
def _witness(parent_root: Hash32, context: BlockContext, transactions: Sequence[Transaction]) -> Iterator[None]:
    """Note with a fault what was being executed."""
    try:
        yield
    except EngineFault as fault:
        fault.block = fault.block or FaultyBlock(
            parent_root=parent_root,
            context=context,
            transactions=[transaction.raw for transaction in transactions],
            results={},
        )
        raise
