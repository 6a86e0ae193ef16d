"""What one engine says of a chain, in plain values: two engines agree if these are equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chain_node.core.types import Address, Hash32, Transaction
from chain_node.execution import (
    AccountOverride,
    BlockContext,
    BuildResult,
    CallRequest,
    ExecutionResult,
    GasEstimateError,
    TraceOptions,
    TransactionRefusedError,
    estimate_gas,
)
from tests.conformance.engines.side import Side


def facts_of_result(result: ExecutionResult) -> dict[str, Any]:
    """Roots, gas, logs and receipts."""
    return {
        "state root": result.state_root.hex(),
        "transactions root": result.transactions_root.hex(),
        "receipts root": result.receipts_root.hex(),
        "gas used": result.gas_used,
        "logs bloom": hex(result.logs_bloom),
        "log addresses": [address.hex() for address in result.log_addresses],
        "receipts": [_readable(receipt) for receipt in result.receipts],
        "encoded receipts": [receipt.hex() for receipt in result.encoded_receipts],
    }


def facts_of_build(built: BuildResult) -> dict[str, Any]:
    """What was taken, what was left and why, and what that gave."""
    return {
        "included": [transaction.hash.hex() for transaction in built.included],
        "skipped": [(each.transaction.hash.hex(), each.reason, each.is_final) for each in built.skipped],
        **facts_of_result(built.execution),
    }


def facts_of_call(
    side: Side, context: BlockContext, request: CallRequest, overrides: Mapping[Address, AccountOverride] | None = None
) -> Any:
    """The result of a call on the last block's state, or why it is refused."""
    try:
        return side.engine.call(side.root, context, request, overrides)
    except TransactionRefusedError as error:
        return error.reason, error.is_final


def facts_of_estimate(side: Side, context: BlockContext, request: CallRequest) -> Any:
    """The gas a call needs, or why none suffices."""
    try:
        return estimate_gas(side.engine, side.root, context, request)
    except GasEstimateError as error:
        return error.result
    except TransactionRefusedError as error:
        return error.reason


def facts_of_state(side: Side, root: Hash32, addresses: Iterable[Address], slots: Sequence[int]) -> dict[str, Any]:
    """Accounts, code, slots and their proofs."""
    view = side.engine.open_state(root)
    return {
        address.hex(): (
            view.account(address),
            view.code(address),
            [view.storage(address, slot) for slot in slots],
            view.prove(address, slots),
        )
        for address in addresses
    }


def facts_of_trace(
    side: Side, parent_root: Hash32, transactions: Sequence[Transaction], context: BlockContext, options: TraceOptions
) -> dict[str, Any]:
    """A trace of the last one; the frames of the steps in the order of execution."""
    trace = side.engine.trace_transaction(parent_root, transactions, context, options)
    return {
        "gas used": trace.gas_used,
        "is failed": trace.is_failed,
        "return data": trace.return_data.hex(),
        "is truncated": trace.is_truncated,
        "call": trace.call,
        "steps": trace.steps,
    }


def first_difference(ours: Any, theirs: Any, path: str = "") -> str | None:
    """Where two facts differ first, and how; None if they do not."""
    if ours == theirs:
        return None
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        pairs = [(f"{path} {key}", ours[key], theirs[key]) for key in ours]
    elif isinstance(ours, tuple | list) and isinstance(theirs, tuple | list) and type(ours) is type(theirs):
        pairs = [(f"{path} [{index}]", *pair) for index, pair in enumerate(zip(ours, theirs, strict=False))]
    else:
        fields = getattr(ours, "__dataclass_fields__", None)
        if fields is None or type(ours) is not type(theirs):
            return f"{path}: {ours!r} != {theirs!r}"
        pairs = [(f"{path}.{name}", getattr(ours, name), getattr(theirs, name)) for name in fields]
    for inner, left, right in pairs:
        found = first_difference(left, right, inner)
        if found is not None:
            return found
    return f"{path}: {len(ours)} != {len(theirs)} items"


def _readable(receipt: Any) -> dict[str, Any]:
    return {name: getattr(receipt, name) for name in receipt.__dataclass_fields__}
