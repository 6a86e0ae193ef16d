"""What goes into an execution engine and what comes out. No I/O.

Everything is frozen; libraries' objects never appear here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chain_node.core.codec import decode_receipt
from chain_node.core.types import (
    ZERO_ADDRESS,
    AccessList,
    Address,
    Hash32,
    Height,
    Receipt,
    Transaction,
)
from chain_node.execution.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContext:
    """What a transaction can see of the block it is in."""

    height: Height
    timestamp: int
    """Seconds since 1970."""
    gas_limit: int
    """Gas the block may use."""
    coinbase: Address
    base_fee_per_gas: int | None
    """Wei; None before London."""
    difficulty: int = 1
    block_hash: Callable[[Height], Hash32 | None]
    """Hash of an ancestor for BLOCKHASH; asked for the last 256 heights only. None where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLimits:
    """When to stop filling a block."""

    gas_per_transaction: int
    """Gas one transaction may ask for; 0 means up to the block's limit."""
    size_bytes: int
    """Sum of the encoded transactions."""
    should_stop: Callable[[], bool]
    """Asked before every few transactions; the proposer's time budget. The engine has no clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """What a block's transactions did."""

    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    gas_used: int
    logs_bloom: int
    """Union of the receipts' filters."""
    log_addresses: tuple[Address, ...]
    """Contracts that logged, each once, ascending."""
    encoded_receipts: tuple[bytes, ...]
    """In the order of the transactions."""
    changes: object
    """For the store of the same engine, which alone knows what it is."""

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Decoded whenever they are asked for; most blocks need it never."""
        return tuple(decode_receipt(receipt) for receipt in self.encoded_receipts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedTransaction:
    """A candidate that was not included."""

    transaction: Transaction
    reason: str
    is_final: bool
    """True if it can never be included on top of this state (drop it); False if it may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A block body and what executing it gave."""

    included: tuple[Transaction, ...]
    skipped: tuple[SkippedTransaction, ...]
    execution: ExecutionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """A message to execute on a state without changing it."""

    to: Address | None
    """Called account; None runs `data` as creation code."""
    gas: int
    """Gas limit; the caller bounds it."""
    sender: Address = ZERO_ADDRESS
    data: bytes = b""
    value: int = 0
    """Wei; the sender must have it."""
    gas_price: int = 0
    """Wei per gas; seen by the contract, not paid."""
    access_list: AccessList = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOverride:
    """Pretended state of one account during a call; None leaves what is there."""

    balance: int | None = None
    nonce: int | None = None
    code: bytes | None = None
    storage: Mapping[int, int] = field(default_factory=dict)
    """Slots to change."""
    is_storage_replaced: bool = False
    """Whether all other slots are 0; otherwise they stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What a call did."""

    status: int
    """1 success, 0 failure."""
    return_data: bytes
    """Returned by success, or by REVERT; empty for other failures."""
    gas_used: int
    """With the intrinsic gas, after refunds."""
    error: str | None
    """Why it failed; "execution reverted" for REVERT, None for success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageProof:
    """One slot and the trie nodes that prove it against the account's storage root."""

    slot: int
    value: int
    nodes: tuple[bytes, ...]
    """From the root down; they prove absence if the value is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProof:
    """One account and the trie nodes that prove it against the state root."""

    account: Account
    """All zero and empty for an account that does not exist."""
    nodes: tuple[bytes, ...]
    """From the root down; they prove absence if the account does not exist."""
    storage: tuple[StorageProof, ...]
    """In the order asked for."""
