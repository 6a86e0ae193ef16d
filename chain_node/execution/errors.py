"""Errors of execution. The tree they belong to is drawn in `core/errors.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain_node.core.errors import (
    ConfigError,
    InvalidBlockError,
    InvalidInputError,
    InvalidRequestError,
    InvariantViolation,
    UnavailableError,
)
from chain_node.core.types import Address, Hash32
from chain_node.execution.types import BlockContext, CallResult, ExecutionResult


class TransactionRefusedError(InvalidInputError):
    """A transaction or call cannot be executed on this state; it leaves no trace.

    `is_final` is true if no later state of this chain can take it (its nonce is used, its gas can never suffice).
    """

    def __init__(self, reason: str, *, is_final: bool) -> None:
        self.reason = reason
        self.is_final = is_final
        super().__init__(reason)


class InvalidBlockTransactionError(InvalidBlockError):
    """A block holds a transaction that cannot be included there."""

    def __init__(self, index: int, transaction_hash: Hash32, reason: str) -> None:
        self.index = index
        self.transaction_hash = transaction_hash
        super().__init__(f"transaction {index} (0x{transaction_hash.hex()}): {reason}")


class MissingStateError(UnavailableError):
    """The store has no trie node or code of this hash, so the state asked for cannot be read."""

    def __init__(self, missing_hash: Hash32) -> None:
        self.missing_hash = missing_hash
        super().__init__(f"state 0x{missing_hash.hex()}")


class GasEstimateError(InvalidRequestError):
    """No amount of gas up to the cap lets the call succeed; `result` is what it did with the whole cap."""

    def __init__(self, result: CallResult) -> None:
        self.result = result
        super().__init__(result.error or "execution failed")


class CreationFailedError(ConfigError):
    """Code that was to be run for a genesis allocation failed."""

    def __init__(self, address: Address, reason: str, return_data: bytes) -> None:
        self.address = address
        self.return_data = return_data
        super().__init__(f"alloc.0x{address.hex()}", f"{reason} (0x{return_data.hex()})")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyBlock:
    """What an engine was executing when it failed: enough to do it again."""

    parent_root: Hash32
    context: BlockContext
    transactions: Sequence[bytes]
    """Encoded, in their order."""
    results: Mapping[str, ExecutionResult | str]
    """By engine: what it made of them, or why it refused them; without those that did not come to an end."""


class EngineFault(InvariantViolation):
    """An engine failed, or two of them disagree: nothing may be signed or stored any more, and the node stops."""

    def __init__(self, reason: str, block: FaultyBlock | None = None) -> None:
        self.reason = reason
        self.block = block
        self.encoded_block: bytes | None = None
        """Bytes of the block, where whoever asked for the execution knows them."""
        super().__init__(reason)
