"""Tests of web3.py's suites that need a transaction to wait: on a network in which no block is decided."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from web3 import AsyncHTTPProvider, AsyncWeb3, Web3
from web3._utils.module_testing.eth_module import AsyncEthModuleTest, EthModuleTest

from tests.conformance.web3_suites.conftest import connect, prepare
from tests.conformance.web3_suites.not_of_this_chain import of_standing
from tests.e2e.node_kit import NodeProcess

pytestmark = pytest.mark.conformance


class TestEth(of_standing(EthModuleTest)):  # type: ignore[misc]  # made of a list
    @pytest.fixture
    def w3(self, standing_node: NodeProcess) -> Web3:
        return connect(standing_node)


@pytest.mark.anyio
class TestAsyncEth(of_standing(AsyncEthModuleTest)):  # type: ignore[misc]  # made of a list
    @pytest.fixture
    async def async_w3(self, standing_node: NodeProcess) -> AsyncIterator[AsyncWeb3[Any]]:
        connected = prepare(AsyncWeb3(AsyncHTTPProvider(standing_node.url)))
        yield connected
        await connected.provider.disconnect()


@pytest.fixture
def empty_block() -> None:
    """Asked for by a test of the next block, which does not use it."""


@pytest.fixture
def async_empty_block() -> None:
    """As above."""
