"""What the methods ask of the node: seams and the data they speak in. Types only.

The node implements them (`chain_node/node/`); tests of the dispatcher implement them over a memory chain. All of it
must answer from any thread, except where a method says "event loop only".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chain_node.core.errors import ChainError
from chain_node.core.types import Address, Hash32, Height, Transaction
from chain_node.execution import (
    AccountOverride,
    CallRequest,
    CallResult,
    StateView,
)
from chain_node.execution.trace import Trace, TraceOptions
from chain_node.rpc.block_receipts import BlockReceipts
from chain_node.rpc.chain_block import ChainBlock
from chain_node.rpc.node_status import NodeStatus

Finality = Literal["crash_final", "byzantine_final"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBlock:
    """What is known of the block to come before it is decided."""

    height: Height
    parent: ChainBlock
    timestamp: int
    """Seconds since 1970, at the earliest."""
    gas_limit: int
    base_fee_per_gas: int | None
    """Wei; None before London."""


class ChainQueries(Protocol):
    """The chain and its states, by height or hash."""

    chain_id: int
    genesis_difficulty: int
    """Difficulty of block 0, where the total difficulty starts."""

    def head(self) -> ChainBlock:
        """The newest block. O(1)."""
        ...

    def block_at(self, height: Height) -> ChainBlock | None:
        """The block at a height; None above the head. Costs a read and, when not cached, a decoding."""
        ...

    def block_by_hash(self, block_hash: Hash32) -> ChainBlock | None:
        """The block with this hash."""
        ...

    def encoded_block(self, height: Height) -> bytes:
        """Bytes of a block at most as high as the head."""
        ...

    def base_fee_after(self, block: ChainBlock) -> int | None:
        """Base fee per gas, in wei, of a child of this block; None before London."""
        ...

    def logs_blooms(self, first: Height, last: Height) -> Sequence[tuple[Height, bytes]]:
        """Height and log filter of the blocks of a range, both ends included, without reading the blocks."""
        ...

    def heights_with_logs(self, address: Address, first: Height, last: Height) -> Sequence[Height]:
        """Heights of a range, both ends included, in which a contract logged, ascending."""
        ...

    def receipts(self, block: ChainBlock) -> BlockReceipts:
        """Receipts of a block, in the order of its transactions."""
        ...

    def locate(self, transaction_hash: Hash32) -> tuple[Height, int] | None:
        """Height and index of an included transaction."""
        ...

    def state(self, root: Hash32) -> StateView:
        """The state with this root, for use in this thread.

        Raises:
            MissingStateError: it is not in the store.
        """
        ...

    def call(
        self, block: ChainBlock, request: CallRequest, overrides: Mapping[Address, AccountOverride] | None
    ) -> CallResult:
        """Execute one message on the state after a block, in the context of its header; may take seconds."""
        ...

    def estimate_gas(
        self, block: ChainBlock, request: CallRequest, overrides: Mapping[Address, AccountOverride] | None
    ) -> int:
        """Gas limit with which a message succeeds on the state after a block; may take seconds."""
        ...

    def trace_transaction(self, block: ChainBlock, index: int, options: TraceOptions) -> Trace:
        """Re-execute one transaction of a block and record its steps; may take seconds."""
        ...

    def trace_call(self, block: ChainBlock, request: CallRequest, options: TraceOptions) -> Trace:
        """Execute one message on the state after a block, free of charge, and record its steps.

        Raises:
            TransactionRefusedError: the gas does not cover the intrinsic gas, or the sender lacks the value.
        """
        ...


class TransactionIntake(Protocol):
    """The pool as the RPC sees it. Event loop only."""

    def submit(self, raw: bytes) -> Hash32:
        """Take a signed transaction; the same bytes again give the same hash, included or not.

        Raises:
            DecodeError: not a transaction.
            InvalidTransactionError: refused, with the reason.
            PoolFullError: no room now.
        """
        ...

    async def submit_all(self, raws: Sequence[bytes]) -> Sequence[Hash32 | ChainError]:
        """Take many, in their order; for each one what `submit` gives or raises."""
        ...

    def get(self, transaction_hash: Hash32) -> Transaction | None:
        """A waiting transaction."""
        ...

    def next_block(self) -> NextBlock:
        """The block to come."""
        ...

    def next_nonce(self, sender: Address) -> int:
        """The sender's transaction count with its waiting executable transactions."""
        ...

    def content(self) -> tuple[dict[Address, list[Transaction]], dict[Address, list[Transaction]]]:
        """Executable transactions and those behind a missing nonce, by sender."""
        ...

    def check_sender(self, sender: Address, to: Address | None) -> None:
        """Judge the sender rule on the newest state.

        Raises:
            SenderNotPermittedError: with the reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class SignerMetric:
    """Blocks that one validator proposed in a range."""

    address: Address
    proposed_block_count: int
    last_proposed_height: Height


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFinality:
    """How final one block is. Source: design, "Two levels of finality"."""

    finality: Finality
    signers: tuple[Address, ...]
    """Distinct validators whose seals count for the block, ascending."""
    validator_count: int
    quorum: int
    """Seals that make a block of the chain."""
    byzantine_quorum: int | None
    """Seals that make a block final even if validators lie; None where no number suffices (one validator)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two different signed messages of one validator for the same step."""

    validator: Address
    height: Height
    round: int
    kind: str
    """What was signed twice: proposal, prepare, commit or roundChange."""
    messages: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One connected node, as this node sees it."""

    tls_key_hash: bytes
    """What it is called on the network."""
    validator: Address | None
    """Key it signs blocks with; None for a node that only follows, and for one that cannot be judged yet."""
    organisation: int | None
    """Id of the member that runs it; None while it cannot be judged."""
    endpoint: str
    """HOST:PORT of its record, otherwise of the connection."""
    client_version: str
    is_outbound: bool
    """Whether this node dialled."""
    is_live: bool
    """Whether something came from it lately."""
    height: Height
    """Of the head it last spoke of."""
    latency_ms: int | None
    """Time from the last Ping to its Pong; None before the first."""
    misdeed_points: int
    """What is counted against it."""


class ConsensusQueries(Protocol):
    """What the consensus knows. Answers from any thread."""

    is_contract_mode: bool
    request_timeout_seconds: int

    def validators_of(self, height: Height) -> tuple[Address, ...]:
        """The validator set that decided the block at a height up to head + 1, ascending."""
        ...

    def finality(self, block: ChainBlock) -> BlockFinality:
        """How final a block of the chain is."""
        ...

    def evidence(self) -> Sequence[Evidence]:
        """What was kept of validators that contradicted themselves."""
        ...

    def peers(self) -> Sequence[Peer]:
        """Connected nodes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """Who this node is."""

    client_version: str
    validator: Address
    """Address of this node's validator key, in the set or not."""
    genesis_hash: Hash32
    engine: str
    vault_id: str | None
    """Identity of the embedded vault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one caller may ask for."""

    body_size_bytes: int = 8 * 1024 * 1024
    """One HTTP body or WebSocket message."""
    batch_count: int = 1_000
    """Requests in a batch."""
    result_size_bytes: int = 64 * 1024 * 1024
    """One answer, a batch's together."""
    log_blocks: int = 10_000
    """Blocks that one log query may span."""
    log_count: int = 10_000
    """Logs that one query may give."""
    fee_history_blocks: int = 1_024
    """Blocks of one eth_feeHistory."""
    fee_reward_blocks: int = 128
    """The same, with rewards: every transaction is looked at."""
    call_gas: int = 50_000_000
    """Gas of one eth_call."""
    proof_slots: int = 1_024
    """Slots of one eth_getProof."""
    traced_transactions: int = 100
    """Transactions of a block that is traced as a whole; each is run after all that precede it."""
    filter_count: int = 1_000
    """Installed filters, of all callers."""
    filter_idle_ms: int = 5 * 60 * 1000
    """A filter that nobody polls for this long is removed."""
    session_count: int = 500
    """Open WebSockets."""
    subscription_count: int = 100
    """Subscriptions of one WebSocket."""
    queue_count: int = 4_096
    """Messages waiting for one WebSocket; a consumer slower than that is disconnected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Everything the methods may use."""

    chain: ChainQueries
    pool: TransactionIntake
    consensus: ConsensusQueries
    node: NodeInfo
    status: Callable[[], NodeStatus]
    """The state of the node for its operator. Event loop only."""
    limits: Limits
    now_ms: Callable[[], int]
    """A clock for the age of filters; never part of an answer."""
