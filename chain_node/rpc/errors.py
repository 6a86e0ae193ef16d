"""JSON-RPC errors: codes, and which error of the node is answered with which code. No I/O.

Source: JSON-RPC 2.0, section 5.1; EIP-1474 (error codes); geth (code 3 for a revert, -32000 for refused
transactions, -32003 for large answers); Besu (-32604).
"""

from __future__ import annotations

from chain_node.core.errors import (
    BadSignatureError,
    ChainError,
    ConfigError,
    DecodeError,
    InvalidBlockError,
    InvalidInputError,
    InvalidMessageError,
    InvalidRequestError,
    InvalidTransactionError,
    LocalProtocolError,
    RemoteProtocolError,
    UnavailableError,
)
from chain_node.execution import CallResult, GasEstimateError, TransactionRefusedError
from chain_node.rpc.json_value import JsonValue
from chain_node.rpc.revert_reason import decode_revert_reason

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
METHOD_NOT_ENABLED = -32604
SERVER_ERROR = -32000
RESOURCE_NOT_FOUND = -32001
RESOURCE_UNAVAILABLE = -32002
RESPONSE_TOO_LARGE = -32003
LIMIT_EXCEEDED = -32005
EXECUTION_REVERTED = 3


class RPCError(InvalidRequestError):
    """An error with its JSON-RPC code and, for reverts, its data."""

    def __init__(self, code: int, message: str, data: JsonValue = None) -> None:
        self.code = code
        self.data = data
        super().__init__(message)


class InvalidParamsError(RPCError):
    """A parameter is missing or not what the method takes; the message names the parameter and what it expects."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(INVALID_PARAMS, f"invalid params: {name}: expected {expected}")


class ExecutionFailedError(RPCError):
    """A call or estimate failed: code 3 with data for a revert, a server error for anything else."""

    def __init__(self, result: CallResult) -> None:
        message = result.error or "execution failed"
        if message != "execution reverted":
            super().__init__(SERVER_ERROR, message)
            return
        reason = decode_revert_reason(result.return_data)
        super().__init__(
            EXECUTION_REVERTED,
            message if reason is None else f"{message}: {reason}",
            f"0x{result.return_data.hex()}",
        )


CODE_BY_ERROR: dict[type[ChainError], int] = {
    ChainError: SERVER_ERROR,
    InvalidInputError: SERVER_ERROR,
    DecodeError: INVALID_PARAMS,
    BadSignatureError: SERVER_ERROR,
    InvalidMessageError: SERVER_ERROR,
    InvalidBlockError: SERVER_ERROR,
    InvalidTransactionError: SERVER_ERROR,
    TransactionRefusedError: SERVER_ERROR,
    RemoteProtocolError: SERVER_ERROR,
    InvalidRequestError: SERVER_ERROR,
    UnavailableError: RESOURCE_UNAVAILABLE,
    LocalProtocolError: INTERNAL_ERROR,
    ConfigError: INTERNAL_ERROR,
}
"""Code of each error that is expected in normal work; a subclass has its parent's code unless it is listed."""


def to_rpc_error(error: ChainError) -> RPCError:
    """Translate an error of the node into the one its caller is told."""
    if isinstance(error, RPCError):
        return error
    if isinstance(error, GasEstimateError):
        return ExecutionFailedError(error.result)
    code = next(CODE_BY_ERROR[parent] for parent in type(error).__mro__ if parent in CODE_BY_ERROR)
    if code == INTERNAL_ERROR:
        return RPCError(INTERNAL_ERROR, "internal error")
    return RPCError(code, str(error))
