"""Engines under test. Add an engine here and every behaviour test runs on it."""

from collections.abc import Callable

import pytest

from chain_node.core.genesis import Fork
from chain_node.execution import ExecutionEngine, NodeSource
from chain_node.execution.pyevm_engine import PyEvmEngine
from tests.unit.execution.node_table import CHAIN_ID, schedule_of

EngineMaker = Callable[[NodeSource, Fork], ExecutionEngine]


def _make_pyevm(source: NodeSource, fork: Fork) -> ExecutionEngine:
    return PyEvmEngine(chain_id=CHAIN_ID, schedule=schedule_of(fork), source=source)


@pytest.fixture(params=[pytest.param(_make_pyevm, id="py-evm")])
def make_engine(request: pytest.FixtureRequest) -> EngineMaker:
    maker: EngineMaker = request.param
    return maker
