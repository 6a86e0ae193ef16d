"""Nodes that several tests share; starting one takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.node_kit import Enrolled, NodeProcess, account_number, make_network

ACCOUNT_COUNT = 12


@pytest.fixture(scope="module", params=["london", "berlin"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A running node with 100 ms blocks and a few enrolled accounts, under both sets of rules."""
    directory: Path = tmp_path_factory.mktemp(f"node-{request.param}")
    accounts = [Enrolled(account_number(number), ("DEPLOYER",)) for number in range(ACCOUNT_COUNT)]
    network = make_network(directory, accounts, "--fork", request.param, "--block-period-ms", "100")
    with NodeProcess(network) as running:
        yield running
