"""Reading the state with one root from tries, with caches. No I/O of its own: nodes come from a `NodeSource`."""

from collections.abc import Sequence
from functools import lru_cache

from chain_node.core.hashing import keccak
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Address, Hash32
from chain_node.execution.account import EMPTY_CODE_HASH, NO_ACCOUNT, Account, decode_account
from chain_node.execution.api import NodeSource
from chain_node.execution.errors import MissingStateError
from chain_node.execution.trie_nodes import Node, decode_node, item_bounds
from chain_node.execution.trie_read import prove_leaf, read_leaf
from chain_node.execution.types import AccountProof, StorageProof

NODES_CACHED_MAX = 16_384
"""Decoded trie nodes kept: the upper levels of every trie in use, about 1 kB each."""

CODES_CACHED_MAX = 256
"""Contract codes kept, at most 24 kB each."""


class StateReader:
    """Nodes, codes and key hashes with caches that all views of one engine share. Safe from any thread."""

    def __init__(self, source: NodeSource) -> None:
        def read_node(node_hash: Hash32) -> Node:
            raw = source.read_node(node_hash)
            if raw is None:
                raise MissingStateError(node_hash)
            return decode_node(raw)

        def read_code(code_hash: Hash32) -> bytes:
            code = source.read_code(code_hash)
            if code is None:
                raise MissingStateError(code_hash)
            return code

        self.read_node = lru_cache(NODES_CACHED_MAX)(read_node)
        self.read_code = lru_cache(CODES_CACHED_MAX)(read_code)
        self.hash_address = lru_cache(4096)(keccak)


class TrieStateView:
    """A `StateView` over tries. Caches what it has read; use from one thread at a time."""

    def __init__(self, root: Hash32, reader: StateReader) -> None:
        self.root = root
        self.reader = reader
        self._accounts: dict[Address, Account | None] = {}
        self._slots: dict[tuple[Address, int], int] = {}
        if root != EMPTY_TRIE_ROOT:
            reader.read_node(root)

    def account(self, address: Address) -> Account | None:
        """The account's record, or None if it does not exist."""
        if address not in self._accounts:
            raw = read_leaf(self.reader.read_node, self.root, self.reader.hash_address(address))
            self._accounts[address] = None if raw is None else decode_account(raw)
        return self._accounts[address]

    def code(self, address: Address) -> bytes:
        """The contract's code; empty if there is none."""
        account = self.account(address)
        return b"" if account is None else self.code_by_hash(account.code_hash)

    def code_by_hash(self, code_hash: Hash32) -> bytes:
        """Code by its hash."""
        return b"" if code_hash == EMPTY_CODE_HASH else self.reader.read_code(code_hash)

    def storage(self, address: Address, slot: int) -> int:
        """The value of one slot; 0 if it was never set."""
        key = (address, slot)
        value = self._slots.get(key)
        if value is None:
            account = self.account(address)
            value = 0 if account is None else self._read_slot(account.storage_root, slot)
            self._slots[key] = value
        return value

    def prove(self, address: Address, slots: Sequence[int]) -> AccountProof:
        """Merkle proofs of the account and of some of its slots."""
        account = self.account(address) or NO_ACCOUNT
        read_node = self.reader.read_node
        return AccountProof(
            account=account,
            nodes=prove_leaf(read_node, self.root, keccak(address)),
            storage=tuple(
                StorageProof(
                    slot=slot,
                    value=self._read_slot(account.storage_root, slot),
                    nodes=prove_leaf(read_node, account.storage_root, slot_key(slot)),
                )
                for slot in slots
            ),
        )

    def _read_slot(self, storage_root: Hash32, slot: int) -> int:
        raw = read_leaf(self.reader.read_node, storage_root, slot_key(slot))
        if raw is None:
            return 0
        start, end = item_bounds(raw, 0)
        return int.from_bytes(raw[start:end], "big")


def slot_key(slot: int) -> bytes:
    """The key of a slot in its account's storage trie."""
    return keccak(slot.to_bytes(32, "big"))
