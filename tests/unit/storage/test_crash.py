"""kill -9 at random moments: every acknowledged block is there, heights are contiguous, the store opens."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

from chain_node.core.types import Height
from chain_node.storage import LmdbStore
from tests.unit.storage.commits import IDENTITY, make_commit

KILLS = 50
ROOT = Path(__file__).parents[3]


def test_store_killed_fifty_times_loses_no_acknowledged_block(tmp_path: Path) -> None:
    random = Random(9)
    acknowledged = -1
    for run in range(KILLS):
        is_killed_early = run % 5 == 4
        delay_seconds = random.uniform(0.05, 0.4) if is_killed_early else random.uniform(0.0, 0.06)
        acknowledged = max(acknowledged, run_until_killed(tmp_path, delay_seconds, is_killed_early=is_killed_early))
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


def run_until_killed(path: Path, delay_seconds: float, *, is_killed_early: bool) -> int:
    """The last height the writer acknowledged before it was killed; -1 if none.

    The delay counts from the first acknowledgement, or from the start of the process, so that opening is hit too.
    """
    command = [sys.executable, "-m", "tests.unit.storage.crash_writer", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        heights = [-1] if is_killed_early else [int(writer.stdout.readline())]
        time.sleep(delay_seconds)
        writer.kill()
        heights += [int(line) for line in writer.stdout if line.endswith("\n")]
    return heights[-1]
