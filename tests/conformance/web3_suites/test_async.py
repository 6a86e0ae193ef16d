"""web3.py's asynchronous suites over HTTP."""

from typing import Any

import pytest
from web3._utils.module_testing.eth_module import AsyncEthModuleTest
from web3._utils.module_testing.go_ethereum_admin_module import GoEthereumAsyncAdminModuleTest
from web3._utils.module_testing.go_ethereum_debug_module import GoEthereumAsyncDebugModuleTest
from web3._utils.module_testing.go_ethereum_txpool_module import GoEthereumAsyncTxPoolModuleTest
from web3._utils.module_testing.net_module import AsyncNetModuleTest
from web3._utils.module_testing.web3_module import AsyncWeb3ModuleTest

from tests.conformance.web3_suites.not_of_this_chain import SOCKET_ONLY, without_standing

pytestmark = [pytest.mark.anyio, pytest.mark.conformance]


class TestWeb3(AsyncWeb3ModuleTest):
    def _check_web3_client_version(self, client_version: str) -> Any:
        assert client_version.startswith("tranchain-node/")


class TestNet(AsyncNetModuleTest):
    pass


class TestEth(without_standing(AsyncEthModuleTest, *SOCKET_ONLY)):  # type: ignore[misc]  # made of a list
    pass


class TestAdmin(GoEthereumAsyncAdminModuleTest):
    pass


class TestDebug(GoEthereumAsyncDebugModuleTest):
    pass


class TestTransactionPool(GoEthereumAsyncTxPoolModuleTest):
    pass
