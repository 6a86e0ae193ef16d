"""What every chain store must do. Runs on the ones on disk and the one in memory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from chain_node.core.errors import LocalProtocolError
from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32, Height, Round
from chain_node.storage import (
    BlockCommit,
    ChainStore,
    LateSeal,
    LmdbStore,
    MemoryStore,
    StoredHead,
    TransactionLocation,
)
from tests.engines import ENGINES
from tests.unit.storage.commits import IDENTITY, address, make_commit
from tests.unit.storage.native_chain import NativeChain


class Chain(Protocol):
    """A store, and commits for it in their order."""

    store: ChainStore

    def make_commit(self, height: int, *, is_empty: bool = False) -> BlockCommit: ...


class HashChain:
    """A store that keeps trie nodes by hash takes whatever it is given."""

    def __init__(self, store: ChainStore) -> None:
        self.store = store

    def make_commit(self, height: int, *, is_empty: bool = False) -> BlockCommit:
        commit = make_commit(height, node_count=1 if is_empty else 5)
        return replace(commit, receipts=[], transaction_hashes=[]) if is_empty else commit


@pytest.fixture
def hash_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LmdbStore | MemoryStore]:
    made = LmdbStore(tmp_path / "chain", IDENTITY) if request.param == "lmdb" else MemoryStore()
    yield made
    made.close()


@pytest.fixture(params=["lmdb", "memory", "native"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    if request.param == "native":
        if "native" not in ENGINES:
            pytest.skip("the native engine is not built, or these tests are run for the other one")
        made: Chain = NativeChain(tmp_path / "chain")
    else:
        made = HashChain(LmdbStore(tmp_path / "chain", IDENTITY) if request.param == "lmdb" else MemoryStore())
    yield made
    made.store.close()


@pytest.fixture
def store(chain: Chain) -> ChainStore:
    return chain.store


def commit_blocks(chain: Chain, count: int) -> list[BlockCommit]:
    commits: list[BlockCommit] = []
    for height in range(count):
        commits.append(chain.make_commit(height))
        chain.store.commit_block(commits[-1])
    return commits


def seal(height: int, signer: int, *, round_number: int = 0, block: bytes = b"\x22" * 32) -> LateSeal:
    return LateSeal(
        height=Height(height),
        block_hash=Hash32(block),
        round=Round(round_number),
        signer=address(signer),
        seal=bytes((signer,)) * 65,
    )


def test_new_store_has_no_head(store: ChainStore) -> None:
    assert store.head() is None


def test_committed_block_is_found_by_every_key(chain: Chain) -> None:
    store, commit = chain.store, commit_blocks(chain, 3)[1]
    assert store.head() == StoredHead(Height(2), keccak(b"block 2"))
    assert store.block(Height(1)) == commit.block
    assert store.block_hash(Height(1)) == commit.block_hash
    assert store.height_of(commit.block_hash) == 1
    assert store.receipts(Height(1)) == tuple(commit.receipts)
    assert len(commit.transaction_hashes) == 3
    assert store.transaction_location(commit.transaction_hashes[2]) == TransactionLocation(Height(1), 2)


@pytest.mark.parametrize("hash_store", ["lmdb", "memory"], indirect=True)
def test_committed_nodes_and_codes_are_found_by_hash(hash_store: LmdbStore | MemoryStore) -> None:
    for height in range(3):
        hash_store.commit_block(make_commit(height))
    changes = make_commit(1).state_changes()
    assert {key: hash_store.read_node(key) for key in changes.nodes} == changes.nodes
    assert {key: hash_store.read_code(key) for key in changes.codes} == changes.codes
    assert hash_store.read_node(Hash32(b"\xff" * 32)) is None
    assert hash_store.read_code(Hash32(b"\xff" * 32)) is None


def test_unknown_keys_give_none(chain: Chain) -> None:
    store = chain.store
    commit_blocks(chain, 1)
    unknown = Hash32(b"\xff" * 32)
    assert store.block(Height(1)) is None
    assert store.block_hash(Height(1)) is None
    assert store.receipts(Height(7)) is None
    assert store.height_of(unknown) is None
    assert store.transaction_location(unknown) is None


@pytest.mark.parametrize("height", [0, 2, 7])
def test_commit_that_does_not_follow_the_head_is_refused(chain: Chain, height: int) -> None:
    commit_blocks(chain, 1)
    with pytest.raises(LocalProtocolError, match=f"height {height}, expected 1"):
        chain.store.commit_block(chain.make_commit(height, is_empty=True))
    assert chain.store.head() == StoredHead(Height(0), keccak(b"block 0"))


def test_block_without_transactions_has_no_receipts(chain: Chain) -> None:
    chain.store.commit_block(chain.make_commit(0, is_empty=True))
    assert chain.store.receipts(Height(0)) == ()


def test_log_indexes_cover_a_range_with_both_ends(chain: Chain) -> None:
    store, commits = chain.store, commit_blocks(chain, 10)
    assert store.heights_with_logs(address(1), Height(1), Height(7)) == (1, 4, 7)
    assert store.heights_with_logs(address(1), Height(2), Height(6)) == (4,)
    assert store.heights_with_logs(address(100), Height(8), Height(99)) == (8, 9)
    assert store.heights_with_logs(address(55), Height(0), Height(9)) == ()
    blooms = [commits[height].logs_bloom for height in (8, 9)]
    assert blooms[0] != blooms[1]
    assert store.logs_blooms(Height(8), Height(20)) == ((8, blooms[0]), (9, blooms[1]))


def test_late_seals_are_kept_in_order_and_once(chain: Chain) -> None:
    store = chain.store
    commit_blocks(chain, 1)
    store.put_seals([seal(0, 3), seal(0, 1, round_number=2), seal(0, 2)])
    store.put_seals([seal(0, 3), seal(0, 3, block=b"\x11" * 32), seal(1, 9)])
    expected = (seal(0, 3, block=b"\x11" * 32), seal(0, 2), seal(0, 3), seal(0, 1, round_number=2))
    assert store.seals(Height(0)) == expected
    assert store.seals(Height(1)) == (seal(1, 9),)
    assert store.seals(Height(2)) == ()


def test_late_seals_far_below_the_head_are_dropped(chain: Chain) -> None:
    store = chain.store
    commit_blocks(chain, 1)
    store.put_seals([seal(0, 1), seal(1, 1)])
    for height in range(1, 256):
        store.commit_block(chain.make_commit(height, is_empty=True))
    assert store.seals(Height(0)) == (seal(0, 1),)
    store.commit_block(chain.make_commit(256, is_empty=True))
    assert store.seals(Height(0)) == ()
    assert store.seals(Height(1)) == (seal(1, 1),)
    store.put_seals([seal(0, 2)])
    assert store.seals(Height(0)) == ()
