"""Executing transactions: from a state root and transactions to receipts and the next root.

`api.py` is the seam: a Protocol and types of our own. `pyevm_engine.py` is the engine of today; nothing outside the
modules named `pyevm_*` knows py-evm. State lives in Merkle-Patricia tries whose nodes an engine reads through
`NodeSource` and never writes: it returns the new nodes, and whoever decides the block stores them with it.
May import `core` only. Start reading with `api.py`, then `pyevm_engine.py`.
"""

from chain_node.core.types import StateChanges
from chain_node.execution.account import Account
from chain_node.execution.api import ExecutionEngine, NodeSource, StateView
from chain_node.execution.errors import (
    CreationFailedError,
    EngineFault,
    FaultyBlock,
    GasEstimateError,
    InvalidBlockTransactionError,
    MissingStateError,
    TransactionRefusedError,
)
from chain_node.execution.gas_estimate import estimate_gas
from chain_node.execution.trace import CallFrame, StructLog, Trace, TraceOptions
from chain_node.execution.types import (
    AccountOverride,
    AccountProof,
    BlockContext,
    BlockLimits,
    BuildResult,
    CallRequest,
    CallResult,
    ExecutionResult,
    SkippedTransaction,
    StorageProof,
)

__all__ = [
    "Account",
    "AccountOverride",
    "AccountProof",
    "BlockContext",
    "BlockLimits",
    "BuildResult",
    "CallFrame",
    "CallRequest",
    "CallResult",
    "CreationFailedError",
    "EngineFault",
    "ExecutionEngine",
    "ExecutionResult",
    "FaultyBlock",
    "GasEstimateError",
    "InvalidBlockTransactionError",
    "MissingStateError",
    "NodeSource",
    "SkippedTransaction",
    "StateChanges",
    "StateView",
    "StorageProof",
    "StructLog",
    "Trace",
    "TraceOptions",
    "TransactionRefusedError",
    "estimate_gas",
]
