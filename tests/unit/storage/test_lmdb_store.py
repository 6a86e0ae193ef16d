"""What only the store on disk can do: be somebody else's, be in use, grow, fill its disk."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from chain_node.core.types import Hash32, Height
from chain_node.storage import (
    BlockCommit,
    LmdbStore,
    StoreFullError,
    StoreIdentityError,
    StoreLockedError,
    StoreUnreadableError,
    lmdb_store,
)
from tests.unit.storage.commits import IDENTITY, make_commit


def test_reopened_store_has_what_was_committed(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, IDENTITY)
    for height in range(4):
        store.commit_block(make_commit(height))
    store.close()
    reopened = LmdbStore(tmp_path, IDENTITY)
    head = reopened.head()
    assert head is not None
    assert (head.height, head.block_hash) == (3, make_commit(3).block_hash)
    assert [reopened.block(Height(height)) for height in range(4)] == [make_commit(h).block for h in range(4)]
    reopened.close()


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        (replace(IDENTITY, genesis_hash=Hash32(b"\x02" * 32)), "genesis hash 0x0101.*expected 0x0202"),
        (replace(IDENTITY, engine_name="another"), "engine some engine, expected another"),
    ],
)
def test_store_of_another_network_or_engine_is_refused(tmp_path: Path, identity: object, message: str) -> None:
    LmdbStore(tmp_path, IDENTITY).close()
    with pytest.raises(StoreIdentityError, match=message):
        LmdbStore(tmp_path, identity)  # type: ignore[arg-type]
    LmdbStore(tmp_path, IDENTITY).close()


def test_store_of_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LmdbStore(tmp_path, IDENTITY).close()
    monkeypatch.setattr(lmdb_store, "FORMAT_VERSION", 2)
    with pytest.raises(StoreIdentityError, match="format version 1, expected 2"):
        LmdbStore(tmp_path, IDENTITY)


def test_store_in_use_is_refused(tmp_path: Path) -> None:
    first = LmdbStore(tmp_path, IDENTITY)
    with pytest.raises(StoreLockedError, match="in use by another process"):
        LmdbStore(tmp_path, IDENTITY)
    first.close()
    LmdbStore(tmp_path, IDENTITY).close()


def test_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"not a store" * 1000)
    with pytest.raises(StoreUnreadableError):
        LmdbStore(tmp_path, IDENTITY)


def test_map_grows_while_other_threads_read(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, IDENTITY, map_size_bytes_start=1 << 20)
    store.commit_block(make_commit(0))
    keys = list(make_commit(0).state_changes().nodes)

    def read_often() -> int:
        return sum(store.read_node(key) is not None for _ in range(500) for key in keys)

    with ThreadPoolExecutor(2) as readers:
        counts = [readers.submit(read_often) for _ in range(2)]
        for height in range(1, 12):
            store.commit_block(make_commit(height, node_count=50, node_size_bytes=20_000))
        assert [count.result() for count in counts] == [500 * len(keys)] * 2
    store.close()
    assert (tmp_path / "data.mdb").stat().st_size > 1 << 20


def test_map_at_its_greatest_size_refuses_the_block_and_keeps_the_rest(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, IDENTITY, map_size_bytes_start=1 << 20, map_size_bytes_max=2 << 20)
    store.commit_block(make_commit(0))
    with pytest.raises(StoreFullError, match="greatest size"):
        store.commit_block(make_commit(1, node_count=100, node_size_bytes=50_000))
    assert store.block(Height(1)) is None
    store.commit_block(make_commit(1))
    assert store.block(Height(1)) == make_commit(1).block
    store.close()


def large_commit(height: int) -> BlockCommit:
    return make_commit(height, node_count=40, node_size_bytes=4_000)


def commit_until_refused(store: LmdbStore) -> None:
    for height in range(1_000):
        store.commit_block(large_commit(height))


def test_full_disk_refuses_the_block_and_loses_nothing(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    store = LmdbStore(small_disk / "chain", IDENTITY)
    with pytest.raises(StoreFullError, match="free some space"):
        commit_until_refused(store)
    head = store.head()
    assert head is not None
    assert head.height > 3
    store.close()
    reopened = LmdbStore(small_disk / "chain", IDENTITY)
    assert reopened.head() == head
    for height in range(head.height + 1):
        commit = large_commit(height)
        assert reopened.block(Height(height)) == commit.block
        assert all(reopened.read_node(key) == raw for key, raw in commit.state_changes().nodes.items())
    assert reopened.block(Height(head.height + 1)) is None
    with pytest.raises(StoreFullError):
        reopened.commit_block(large_commit(head.height + 1))
    ballast.unlink()
    reopened.commit_block(large_commit(head.height + 1))
    assert reopened.block(Height(head.height + 1)) == large_commit(head.height + 1).block
    reopened.close()


def test_store_on_a_disk_that_is_already_full_says_so(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes((4 << 20) - 16_384))
    with pytest.raises(StoreFullError):
        LmdbStore(small_disk / "chain", IDENTITY)
