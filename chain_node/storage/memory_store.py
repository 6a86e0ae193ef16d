"""A chain store in memory, for simulations and tests. Behaves as the one on disk, except that it forgets."""

from collections.abc import Sequence

from chain_node.core.errors import LocalProtocolError
from chain_node.core.types import Address, Hash32, Height
from chain_node.storage.api import SEALED_HEIGHTS_KEPT, BlockCommit, LateSeal, StoredHead, TransactionLocation


class MemoryStore:
    """A `ChainStore` in dictionaries."""

    def __init__(self) -> None:
        self._commits: list[BlockCommit] = []
        self._heights: dict[Hash32, Height] = {}
        self._locations: dict[Hash32, TransactionLocation] = {}
        self._seals: dict[tuple[Height, Hash32, int, Address], LateSeal] = {}
        self._nodes: dict[Hash32, bytes] = {}
        self._codes: dict[Hash32, bytes] = {}

    def close(self) -> None:
        """Nothing to release."""

    def head(self) -> StoredHead | None:
        """The last committed block."""
        return StoredHead(self._commits[-1].height, self._commits[-1].block_hash) if self._commits else None

    def commit_block(self, commit: BlockCommit) -> None:
        """Store a block with everything it adds."""
        if commit.height != len(self._commits):
            raise LocalProtocolError(f"commit of height {commit.height}, expected {len(self._commits)}")
        changes = commit.state_changes()
        self._commits.append(commit)
        self._heights[commit.block_hash] = commit.height
        for index, transaction_hash in enumerate(commit.transaction_hashes):
            self._locations[transaction_hash] = TransactionLocation(commit.height, index)
        self._nodes.update(changes.nodes)
        self._codes.update(changes.codes)
        self._drop_old_seals()

    def block(self, height: Height) -> bytes | None:
        """The encoded block."""
        commit = self._commit_at(height)
        return None if commit is None else commit.block

    def block_hash(self, height: Height) -> Hash32 | None:
        """The hash of the block at this height."""
        commit = self._commit_at(height)
        return None if commit is None else commit.block_hash

    def height_of(self, block_hash: Hash32) -> Height | None:
        """The height of a block."""
        return self._heights.get(block_hash)

    def receipts(self, height: Height) -> tuple[bytes, ...] | None:
        """The encoded receipts of a block."""
        commit = self._commit_at(height)
        return None if commit is None else tuple(commit.receipts)

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        """Where a transaction was included."""
        return self._locations.get(transaction_hash)

    def logs_blooms(self, first: Height, last: Height) -> tuple[tuple[Height, bytes], ...]:
        """Height and filter of each block of the range, both ends included."""
        return tuple((commit.height, commit.logs_bloom) for commit in self._commits[first : last + 1])

    def heights_with_logs(self, address: Address, first: Height, last: Height) -> tuple[Height, ...]:
        """Heights in the range, both ends included, at which the contract logged; ascending."""
        return tuple(commit.height for commit in self._commits[first : last + 1] if address in commit.log_addresses)

    def put_seals(self, seals: Sequence[LateSeal]) -> None:
        """Add late seals."""
        for seal in seals:
            self._seals[seal.height, seal.block_hash, seal.round, seal.signer] = seal
        self._drop_old_seals()

    def seals(self, height: Height) -> tuple[LateSeal, ...]:
        """Late seals of a height, by block hash, round and signer."""
        return tuple(seal for key, seal in sorted(self._seals.items(), key=lambda item: item[0]) if key[0] == height)

    def read_node(self, node_hash: Hash32) -> bytes | None:
        """The encoding of a trie node."""
        return self._nodes.get(node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        """A contract's code."""
        return self._codes.get(code_hash)

    def _commit_at(self, height: Height) -> BlockCommit | None:
        return self._commits[height] if 0 <= height < len(self._commits) else None

    def _drop_old_seals(self) -> None:
        oldest = len(self._commits) - SEALED_HEIGHTS_KEPT
        self._seals = {key: seal for key, seal in self._seals.items() if key[0] >= oldest}
