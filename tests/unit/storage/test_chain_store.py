"""What every chain store must do. Runs on the one on disk and the one in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_node.core.errors import LocalProtocolError
from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32, Height, Round
from chain_node.storage import ChainStore, LateSeal, LmdbStore, MemoryStore, StoredHead, TransactionLocation
from tests.unit.storage.commits import IDENTITY, address, make_commit


@pytest.fixture(params=["lmdb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChainStore]:
    made: ChainStore = LmdbStore(tmp_path / "chain", IDENTITY) if request.param == "lmdb" else MemoryStore()
    yield made
    made.close()


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


def test_committed_block_is_found_by_every_key(store: ChainStore) -> None:
    for height in range(3):
        store.commit_block(make_commit(height))
    commit = make_commit(1)
    assert store.head() == StoredHead(Height(2), keccak(b"block 2"))
    assert store.block(Height(1)) == commit.block
    assert store.block_hash(Height(1)) == commit.block_hash
    assert store.height_of(commit.block_hash) == 1
    assert store.receipts(Height(1)) == tuple(commit.receipts)
    assert store.transaction_location(commit.transaction_hashes[2]) == TransactionLocation(Height(1), 2)
    assert {key: store.read_node(key) for key in commit.state_changes().nodes} == commit.state_changes().nodes
    assert {key: store.read_code(key) for key in commit.state_changes().codes} == commit.state_changes().codes


def test_unknown_keys_give_none(store: ChainStore) -> None:
    store.commit_block(make_commit(0))
    unknown = Hash32(b"\xff" * 32)
    assert store.block(Height(1)) is None
    assert store.block_hash(Height(1)) is None
    assert store.receipts(Height(7)) is None
    assert store.height_of(unknown) is None
    assert store.transaction_location(unknown) is None
    assert store.read_node(unknown) is None
    assert store.read_code(unknown) is None


@pytest.mark.parametrize("height", [0, 2, 7])
def test_commit_that_does_not_follow_the_head_is_refused(store: ChainStore, height: int) -> None:
    store.commit_block(make_commit(0))
    with pytest.raises(LocalProtocolError, match=f"height {height}, expected 1"):
        store.commit_block(make_commit(height))
    assert store.head() == StoredHead(Height(0), keccak(b"block 0"))


def test_block_without_transactions_has_no_receipts(store: ChainStore) -> None:
    commit = make_commit(0)
    empty = type(commit)(
        **{name: getattr(commit, name) for name in commit.__slots__} | {"receipts": [], "transaction_hashes": []}
    )
    store.commit_block(empty)
    assert store.receipts(Height(0)) == ()


def test_log_indexes_cover_a_range_with_both_ends(store: ChainStore) -> None:
    for height in range(10):
        store.commit_block(make_commit(height))
    assert store.heights_with_logs(address(1), Height(1), Height(7)) == (1, 4, 7)
    assert store.heights_with_logs(address(1), Height(2), Height(6)) == (4,)
    assert store.heights_with_logs(address(100), Height(8), Height(99)) == (8, 9)
    assert store.heights_with_logs(address(55), Height(0), Height(9)) == ()
    assert store.logs_blooms(Height(8), Height(20)) == ((8, bytes(255) + b"\x08"), (9, bytes(255) + b"\x09"))


def test_late_seals_are_kept_in_order_and_once(store: ChainStore) -> None:
    store.commit_block(make_commit(0))
    store.put_seals([seal(0, 3), seal(0, 1, round_number=2), seal(0, 2)])
    store.put_seals([seal(0, 3), seal(0, 3, block=b"\x11" * 32), seal(1, 9)])
    expected = (seal(0, 3, block=b"\x11" * 32), seal(0, 2), seal(0, 3), seal(0, 1, round_number=2))
    assert store.seals(Height(0)) == expected
    assert store.seals(Height(1)) == (seal(1, 9),)
    assert store.seals(Height(2)) == ()


def test_late_seals_far_below_the_head_are_dropped(store: ChainStore) -> None:
    store.commit_block(make_commit(0))
    store.put_seals([seal(0, 1), seal(1, 1)])
    for height in range(1, 256):
        store.commit_block(make_commit(height, node_count=1))
    assert store.seals(Height(0)) == (seal(0, 1),)
    store.commit_block(make_commit(256, node_count=1))
    assert store.seals(Height(0)) == ()
    assert store.seals(Height(1)) == (seal(1, 1),)
    store.put_seals([seal(0, 2)])
    assert store.seals(Height(0)) == ()
