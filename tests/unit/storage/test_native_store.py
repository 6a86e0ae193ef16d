"""What the native store does when it is somebody else's, in use, on a full disk, damaged, or pruned."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chain_node.core.types import Hash32, Height
from chain_node.execution import MissingStateError
from chain_node.storage import (
    LmdbStore,
    StoreFullError,
    StoreIdentityError,
    StoreLockedError,
    StoreUnreadableError,
)
from tests.engines import ENGINES
from tests.unit.storage.commits import IDENTITY
from tests.unit.storage.native_chain import NativeChain

pytestmark = pytest.mark.skipif("native" not in ENGINES, reason="the native engine is not built, or not asked for")

ROOT = Path(__file__).parents[3]


def commit_blocks(chain: NativeChain, count: int) -> None:
    head = chain.store.head()
    first = 0 if head is None else head.height + 1
    for height in range(first, first + count):
        chain.store.commit_block(chain.make_commit(height))


def test_reopened_store_has_every_block_and_state(tmp_path: Path) -> None:
    chain = NativeChain(tmp_path)
    commit_blocks(chain, 5)
    chain.store.close()
    chain = NativeChain(tmp_path)
    for height in range(5):
        chain.check(Height(height))
    chain.store.close()


def test_store_of_another_network_is_refused(tmp_path: Path) -> None:
    NativeChain(tmp_path).store.close()
    with pytest.raises(StoreIdentityError, match=r"genesis hash 0x0101.*expected 0x0202"):
        NativeChain(tmp_path, Hash32(b"\x02" * 32))
    NativeChain(tmp_path).store.close()


def test_store_of_the_other_engine_is_refused_both_ways(tmp_path: Path) -> None:
    LmdbStore(tmp_path / "py-evm", IDENTITY).close()
    with pytest.raises(StoreIdentityError, match="engine some engine, expected native"):
        NativeChain(tmp_path / "py-evm")
    NativeChain(tmp_path / "native").store.close()
    with pytest.raises(StoreIdentityError, match="engine native, expected some engine"):
        LmdbStore(tmp_path / "native", IDENTITY)


def test_store_in_use_is_refused(tmp_path: Path) -> None:
    first = NativeChain(tmp_path)
    with pytest.raises(StoreLockedError, match="in use by another process"):
        NativeChain(tmp_path)
    first.store.close()
    NativeChain(tmp_path).store.close()


def test_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"not a store" * 1000)
    with pytest.raises(StoreUnreadableError):
        NativeChain(tmp_path)


def test_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    chain = NativeChain(tmp_path, slot_count=50)
    commit_blocks(chain, 9)
    chain.store.close()
    data = tmp_path / "data.mdb"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    with pytest.raises(StoreUnreadableError, match="bytes, expected"):
        NativeChain(tmp_path)


def test_damaged_pages_are_errors_and_nothing_wrong_is_believed(tmp_path: Path) -> None:
    chain = NativeChain(tmp_path / "whole")
    commit_blocks(chain, 4)
    chain.store.close()
    (tmp_path / "damaged").mkdir()
    command = [sys.executable, "-m", "tests.unit.storage.damaged_reader", tmp_path / "whole" / "data.mdb"]
    done = subprocess.run([*command, tmp_path / "damaged", "3"], cwd=ROOT, capture_output=True, text=True, check=False)
    found = {line.split()[1] for line in done.stdout.splitlines()}
    assert done.returncode == 0, done.stderr
    assert {"whole", "EngineFault", "StoreUnreadableError"} <= found
    # An index from which a page is gone just finds less.
    assert found <= {"whole", "EngineFault", "StoreUnreadableError", "MissingStateError", "LookupError"}


def test_full_disk_refuses_the_block_and_loses_nothing(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    chain = NativeChain(small_disk / "chain", slot_count=150)
    with pytest.raises(StoreFullError, match="free some space"):
        commit_blocks(chain, 1_000)
    head = chain.store.head()
    assert head is not None
    assert head.height > 3
    chain.store.close()
    chain = NativeChain(small_disk / "chain", slot_count=150)
    assert chain.store.head() == head
    for height in range(head.height + 1):
        chain.check(Height(height))
    with pytest.raises(StoreFullError):
        commit_blocks(chain, 1)
    ballast.unlink()
    commit_blocks(chain, 1)
    chain.check(Height(head.height + 1))
    chain.store.close()


def test_store_on_a_disk_that_is_already_full_says_so(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes((4 << 20) - 16_384))
    with pytest.raises(StoreFullError):
        NativeChain(small_disk / "chain")


def test_state_that_was_never_committed_is_missing(tmp_path: Path) -> None:
    chain = NativeChain(tmp_path)
    commit_blocks(chain, 2)
    with pytest.raises(MissingStateError):
        chain.engine.open_state(Hash32(b"\x07" * 32)).account(IDENTITY.genesis_hash[:20])
    chain.store.close()


def test_block_that_is_being_added_is_not_called_damaged(tmp_path: Path) -> None:
    chain = NativeChain(tmp_path)
    commit_blocks(chain, 1)
    wanted: list[Hash32] = []
    is_over = False

    def read() -> int:
        found = 0
        while not is_over:
            for transaction_hash in wanted[-1:]:
                found += chain.store.transaction_location(transaction_hash) is not None
        return found

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        for height in range(1, 200):
            commit = chain.make_commit(height)
            wanted.append(commit.transaction_hashes[0])
            chain.store.commit_block(commit)
        is_over = True
        assert reader.result() > 0
    chain.store.close()
