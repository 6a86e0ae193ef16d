"""A node in this process, on each engine that is here."""

from collections.abc import Iterator

import pytest

from chain_node.core.genesis import parse_genesis
from chain_node.node.opening import open_scratch
from tests.engines import ENGINES
from tests.unit.rpc.memory_node import MemoryNode, genesis_text


@pytest.fixture(params=ENGINES)
def node_on_each_engine(request: pytest.FixtureRequest) -> Iterator[MemoryNode]:
    with open_scratch(parse_genesis(genesis_text()), request.param) as opened:
        yield MemoryNode(opened=opened)
