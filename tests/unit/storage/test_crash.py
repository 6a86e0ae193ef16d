"""kill -9 at random moments: every acknowledged block is there, heights are contiguous, the store opens."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from chain_node.core.types import Height
from chain_node.storage import LmdbStore
from tests.engines import ENGINES
from tests.unit.storage.commits import IDENTITY, make_commit
from tests.unit.storage.native_chain import NativeChain

KILLS = 50
NATIVE_KILLS = 6
SLOT_COUNT = 60
ROOT = Path(__file__).parents[3]


def test_store_killed_fifty_times_loses_no_acknowledged_block(tmp_path: Path) -> None:
    random = Random(9)
    acknowledged = -1
    for run in range(KILLS):
        is_killed_early = run % 5 == 4
        delay_seconds = random.uniform(0.05, 0.4) if is_killed_early else random.uniform(0.0, 0.06)
        command = ["-m", "tests.unit.storage.crash_writer", str(tmp_path)]
        acknowledged = max(acknowledged, run_until_killed(command, delay_seconds, is_killed_early=is_killed_early))
        store = LmdbStore(tmp_path, IDENTITY)
        head = store.head()
        assert head is not None
        assert head.height in (acknowledged, acknowledged + 1)
        acknowledged = head.height
        store.close()
    store = LmdbStore(tmp_path, IDENTITY)
    for height in range(acknowledged + 1):
        commit = make_commit(height, node_count=60, node_size_bytes=500)
        assert store.block(Height(height)) == commit.block
        assert store.block_hash(Height(height)) == commit.block_hash
        assert all(store.read_node(key) == raw for key, raw in commit.state_changes().nodes.items())
        assert store.receipts(Height(height)) == tuple(commit.receipts)
    assert store.block(Height(acknowledged + 1)) is None
    store.close()


@pytest.mark.skipif("native" not in ENGINES, reason="the native engine is not built, or not asked for")
def test_native_store_killed_again_and_again_loses_no_acknowledged_block_or_state(tmp_path: Path) -> None:
    random = Random(10)
    acknowledged = -1
    for _ in range(NATIVE_KILLS):
        command = ["-m", "tests.unit.storage.native_crash_writer", str(tmp_path), str(SLOT_COUNT)]
        killed = run_until_killed(command, random.uniform(0.0, 0.1), is_killed_early=False)
        acknowledged = max(acknowledged, killed)
        chain = NativeChain(tmp_path, slot_count=SLOT_COUNT)
        head = chain.store.head()
        assert head is not None
        assert head.height in (acknowledged, acknowledged + 1)
        acknowledged = head.height
        chain.store.close()
    chain = NativeChain(tmp_path, slot_count=SLOT_COUNT)
    for height in range(acknowledged + 1):
        chain.check(Height(height))
    assert chain.store.block(Height(acknowledged + 1)) is None
    chain.store.commit_block(chain.make_commit(acknowledged + 1))
    chain.check(Height(acknowledged + 1))
    chain.store.close()


def run_until_killed(command: list[str], delay_seconds: float, *, is_killed_early: bool) -> int:
    """The last height the writer acknowledged before it was killed; -1 if none.

    The delay counts from the first acknowledgement, or from the start of the process, so that opening is hit too.
    """
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        heights = [-1] if is_killed_early else [int(writer.stdout.readline())]
        time.sleep(delay_seconds)
        writer.kill()
        heights += [int(line) for line in writer.stdout if line.endswith("\n")]
    return heights[-1]
