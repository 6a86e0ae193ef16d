"""The seam between the node and whatever executes transactions: a Protocol over the types of `types.py`. No I/O.

An engine is deterministic: the same root, transactions and context give the same result on every machine. It reads
state by root through a `NodeSource`, at any root whose nodes are there, and writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from chain_node.core.errors import InvalidInputError
from chain_node.core.genesis import GenesisAccount
from chain_node.core.types import Address, Hash32, Transaction
from chain_node.execution.account import Account
from chain_node.execution.trace import Trace, TraceOptions
from chain_node.execution.types import (
    AccountOverride,
    AccountProof,
    BlockContext,
    BlockLimits,
    BuildResult,
    CallRequest,
    CallResult,
    ExecutionResult,
)


class NodeSource(Protocol):
    """Where trie nodes and contract code are kept, by hash. Must answer from any thread."""

    def read_node(self, node_hash: Hash32) -> bytes | None:
        """The encoding of a trie node, or None."""
        ...

    def read_code(self, code_hash: Hash32) -> bytes | None:
        """The code with this hash, or None."""
        ...


class StateView(Protocol):
    """Read access to one state, by trie lookups, without executing anything. Use from one thread at a time."""

    root: Hash32

    def account(self, address: Address) -> Account | None:
        """The account's record, or None if it does not exist. O(depth of the trie), cached per view."""
        ...

    def code(self, address: Address) -> bytes:
        """The contract's code; empty if there is none."""
        ...

    def storage(self, address: Address, slot: int) -> int:
        """The value of one slot; 0 if it was never set."""
        ...

    def prove(self, address: Address, slots: Sequence[int]) -> AccountProof:
        """Merkle proofs of the account and of some of its slots. Source: EIP-1186."""
        ...


class ExecutionEngine(Protocol):
    """Runs transactions.

    Every method may be called from any thread; building and executing blocks wait for one another. All raise
    MissingStateError when the root given is not (or no longer) in the store.
    """

    name: str
    """Recorded in the store, which refuses to be opened with another engine."""

    def initialise(self, alloc: Mapping[Address, GenesisAccount]) -> ExecutionResult:
        """The state that a genesis allocation describes, as the result of a block without transactions."""
        ...

    def decode_transactions(self, raws: Sequence[bytes]) -> list[Transaction | InvalidInputError]:
        """Decode signed transactions and recover their senders, many at a time; for each one, or why it is none.

        Strict as `decode_transaction` of the core, and says the same.
        """
        ...

    def run_on_alloc(
        self,
        alloc: Mapping[Address, GenesisAccount],
        request: CallRequest,
        context: BlockContext,
        *,
        create_at: Address | None = None,
    ) -> dict[Address, GenesisAccount]:
        """Run one call on a genesis allocation and keep what it changed, for writing a genesis.

        Args:
            create_at: where a creation puts its contract; by default where the sender's next one would go. The code
                sees it as its own address, so immutables that hold it are right, and calls to other contracts of
                `alloc` work.

        Returns:
            A new allocation with the code and storage this left, in ascending order of address.

        Raises:
            CreationFailedError: the call failed, or the place of the contract has code.
        """
        ...

    def open_state(self, root: Hash32) -> StateView:
        """Read access to the state with this root."""
        ...

    def build_block(
        self, parent_root: Hash32, candidates: Iterable[Transaction], context: BlockContext, limits: BlockLimits
    ) -> BuildResult:
        """Execute candidates in their order, leaving out those that cannot be included.

        Stops when the block is full or `limits.should_stop` says so; candidates not reached are not in `skipped`.
        O(gas); may take seconds, so call it from a worker.
        """
        ...

    def execute_block(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        *,
        gas_per_transaction: int,
    ) -> ExecutionResult:
        """Execute all transactions of a block that someone else built.

        Raises:
            InvalidBlockTransactionError: one of them cannot be included; nothing is kept.
        """
        ...

    def call(
        self,
        root: Hash32,
        context: BlockContext,
        request: CallRequest,
        overrides: Mapping[Address, AccountOverride] | None = None,
    ) -> CallResult:
        """Execute one message on a state and forget what it changed.

        Nonce, gas price and the gas limit of the block are not checked; a failed call is a result, not an error.

        Raises:
            TransactionRefusedError: the gas does not cover the intrinsic gas, or the sender lacks the value.
        """
        ...

    def trace_transaction(
        self,
        parent_root: Hash32,
        transactions: Sequence[Transaction],
        context: BlockContext,
        options: TraceOptions,
    ) -> Trace:
        """Execute the block's transactions up to the last one given, and record that one step by step."""
        ...
