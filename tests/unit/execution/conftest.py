"""Engines under test, each with what keeps its states. Add an engine here and every behaviour test runs on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pytest

from chain_node.core.genesis import Fork
from chain_node.core.types import Hash32, Height
from chain_node.execution import ExecutionEngine, ExecutionResult
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.node.native_store import open_native
from chain_node.storage import BlockCommit
from tests.engines import ENGINES
from tests.unit.execution.node_table import CHAIN_ID, NodeTable, hash_at, schedule_of


class Ground(Protocol):
    """An engine, and the states that it can be asked about."""

    engine: ExecutionEngine

    def keep(self, result: ExecutionResult) -> None:
        """Let the state after this block be opened; blocks come in their order, genesis first."""
        ...


GroundMaker = Callable[[Fork], Ground]


class PyEvmGround:
    def __init__(self, fork: Fork) -> None:
        self.table = NodeTable()
        self.engine: ExecutionEngine = PyEvmEngine(chain_id=CHAIN_ID, schedule=schedule_of(fork), source=self.table)

    def keep(self, result: ExecutionResult) -> None:
        self.table.add(result.changes)


class NativeGround:
    def __init__(self, fork: Fork, path: Path) -> None:
        genesis_hash = Hash32(b"\x01" * 32)
        self.store, self.engine = open_native(
            path, genesis_hash, chain_id=CHAIN_ID, schedule=schedule_of(fork), cache_mb=8
        )
        self._height = Height(0)

    def keep(self, result: ExecutionResult) -> None:
        self.store.commit_block(
            BlockCommit(
                height=self._height,
                block_hash=hash_at(self._height),
                block=b"",
                receipts=(),
                transaction_hashes=(),
                changes=result.changes,
                logs_bloom=bytes(256),
                log_addresses=(),
            )
        )
        self._height = Height(self._height + 1)


@pytest.fixture(params=ENGINES)
def make_ground(request: pytest.FixtureRequest) -> Iterator[GroundMaker]:
    with ExitStack() as stack:

        def make(fork: Fork) -> Ground:
            if request.param == "py-evm":
                return PyEvmGround(fork)
            ground = NativeGround(fork, Path(stack.enter_context(TemporaryDirectory())))
            stack.callback(ground.store.close)
            return ground

        yield make
