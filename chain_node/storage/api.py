"""The seam between the node and its chain store: a Protocol and its types, over bytes. No I/O.

Heights are contiguous from 0. A height that has been committed never changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chain_node.core.errors import LocalProtocolError
from chain_node.core.limits import LATE_SEAL_HEIGHTS_MAX
from chain_node.core.types import Address, Hash32, Height, Round, StateChanges

FORMAT_VERSION = 1
"""Version of the layout of stored data; another version is refused."""

SEALED_HEIGHTS_KEPT = LATE_SEAL_HEIGHTS_MAX
"""Late seals are kept for this many heights below the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIdentity:
    """What a store belongs to. Written when it is created, compared whenever it is opened."""

    genesis_hash: Hash32
    engine_name: str


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The last committed block."""

    height: Height
    block_hash: Hash32


@dataclass(frozen=True, slots=True)
class TransactionLocation:
    """Where a transaction was included."""

    height: Height
    index: int
    """Place in the block, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateSeal:
    """A commit seal that arrived after the block was decided. Identified by all fields but the seal."""

    height: Height
    block_hash: Hash32
    round: Round
    signer: Address
    seal: bytes
    """65 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCommit:
    """Everything a decided block adds to the store."""

    height: Height
    block_hash: Hash32
    block: bytes
    """Encoded block with its seals."""
    receipts: Sequence[bytes]
    """Encoded, in the order of the transactions."""
    transaction_hashes: Sequence[Hash32]
    changes: object
    """What the block changes in the state, in the words of the engine that executed it."""
    logs_bloom: bytes
    """256 bytes."""
    log_addresses: Sequence[Address]
    """Contracts that logged in this block, each once."""

    def state_changes(self) -> StateChanges:
        """The changes, for a store that keeps trie nodes by hash.

        Raises:
            LocalProtocolError: the block was executed by an engine that keeps its state otherwise.
        """
        if not isinstance(self.changes, StateChanges):
            raise LocalProtocolError(f"block {self.height} was executed by an engine with another kind of store")
        return self.changes


class ChainStore(Protocol):
    """Blocks with their state, all or nothing. Every method may be called from any thread; one writer at a time."""

    def head(self) -> StoredHead | None:
        """The last committed block; None for a store without genesis."""
        ...

    def commit_block(self, commit: BlockCommit) -> None:
        """Store a block with everything it adds, in one transaction, durable on return.

        Raises:
            LocalProtocolError: the height does not follow the head.
            StoreFullError: no room; the store is as it was before.
        """
        ...

    def block(self, height: Height) -> bytes | None:
        """The encoded block."""
        ...

    def block_hash(self, height: Height) -> Hash32 | None:
        """The hash of the block at this height."""
        ...

    def height_of(self, block_hash: Hash32) -> Height | None:
        """The height of a block."""
        ...

    def receipts(self, height: Height) -> tuple[bytes, ...] | None:
        """The encoded receipts of a block."""
        ...

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        """Where a transaction was included."""
        ...

    def logs_blooms(self, first: Height, last: Height) -> tuple[tuple[Height, bytes], ...]:
        """Height and filter of each block of the range, both ends included."""
        ...

    def heights_with_logs(self, address: Address, first: Height, last: Height) -> tuple[Height, ...]:
        """Heights in the range, both ends included, at which the contract logged; ascending."""
        ...

    def put_seals(self, seals: Sequence[LateSeal]) -> None:
        """Add late seals; those far below the head are dropped here and on every commit. Errors as commit_block."""
        ...

    def seals(self, height: Height) -> tuple[LateSeal, ...]:
        """Late seals of a height, by block hash, round and signer."""
        ...

    def close(self) -> None:
        """Release files; nothing may be called afterwards."""
        ...
