"""Our types as the plain tuples that cross the border, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from chain_node.core.errors import DecodeError, InvalidInputError, InvalidTransactionError
from chain_node.core.genesis import GenesisAccount
from chain_node.core.types import Address, Hash32, Transaction
from chain_node.execution.trace import CallFrame, StructLog, Trace
from chain_node.execution.types import AccountOverride, BlockContext, ExecutionResult

if TYPE_CHECKING:
    from chain_node.execution.native import _native


def plain_context(context: BlockContext) -> _native.PlainContext:
    """What a message can see of its block."""
    return (
        context.height,
        context.timestamp,
        context.gas_limit,
        context.coinbase,
        context.base_fee_per_gas,
        context.difficulty,
    )


def plain_overrides(overrides: Mapping[Address, AccountOverride]) -> list[_native.PlainOverride]:
    """Pretended state."""
    return [
        (
            address,
            pretended.balance,
            pretended.nonce,
            pretended.code,
            pretended.is_storage_replaced,
            list(pretended.storage.items()),
        )
        for address, pretended in overrides.items()
    ]


def plain_alloc(alloc: Mapping[Address, GenesisAccount]) -> list[_native.PlainAccount]:
    """A genesis allocation."""
    return [
        (address, account.balance, account.nonce, account.code, list(account.storage.items()))
        for address, account in alloc.items()
    ]


def make_alloc(accounts: list[_native.PlainAccount]) -> dict[Address, GenesisAccount]:
    """A genesis allocation, in the order given."""
    return {
        Address(address): GenesisAccount(balance=balance, nonce=nonce, code=code, storage=dict(slots))
        for address, balance, nonce, code, slots in accounts
    }


def make_result(executed: _native.Executed) -> ExecutionResult:
    """The result of a block."""
    return ExecutionResult(
        state_root=Hash32(executed.state_root),
        transactions_root=Hash32(executed.transactions_root),
        receipts_root=Hash32(executed.receipts_root),
        gas_used=executed.gas_used,
        logs_bloom=int.from_bytes(executed.logs_bloom, "big"),
        log_addresses=tuple(map(Address, executed.log_addresses)),
        encoded_receipts=tuple(executed.receipts()),
        changes=executed,
    )


_SET_TRANSACTION_FIELDS = [getattr(Transaction, field.name).__set__ for field in fields(Transaction)]
"""Sets one field each. The constructor of a frozen class takes three times as long, for every transaction there is."""


def make_transaction(found: _native.DecodedTransaction | _native.Flaw) -> Transaction | InvalidInputError:
    """A transaction, or why it is none."""
    if len(found) == 3:  # kind, offset, reason
        kind, offset, reason = found
        return DecodeError(offset=offset, expected=reason) if kind == "decode" else InvalidTransactionError(reason)
    transaction = object.__new__(Transaction)
    for set_field, value in zip(_SET_TRANSACTION_FIELDS, found, strict=True):
        set_field(transaction, value)
    return transaction


def make_trace(found: _native.PlainTrace) -> Trace:
    """The record of one transaction."""
    gas_used, is_failed, return_data, steps, is_truncated, call = found
    return Trace(
        gas_used=gas_used,
        is_failed=is_failed,
        return_data=return_data,
        steps=tuple(map(_make_step, steps)),
        is_truncated=is_truncated,
        call=_make_frame(call),
    )


def _make_step(found: _native.Step) -> StructLog:
    counter, operation, gas, gas_cost, depth, stack, memory, storage, error = found
    return StructLog(
        program_counter=counter,
        operation=operation,
        gas=gas,
        gas_cost=gas_cost,
        depth=depth,
        stack=stack,
        memory=memory,
        storage=storage,
        error=error,
    )


def _make_frame(found: _native.Frame) -> CallFrame:
    kind, sender, to, value, gas, gas_used, call_data, return_data, error, calls = found
    return CallFrame(
        kind=kind,
        sender=sender,
        to=to,
        value=value,
        gas=gas,
        gas_used=gas_used,
        call_data=call_data,
        return_data=return_data,
        error=error,
        calls=tuple(map(_make_frame, calls)),
    )
