"""web3.py's suites over HTTP."""

from typing import Any

from web3._utils.module_testing.eth_module import EthModuleTest
from web3._utils.module_testing.go_ethereum_admin_module import GoEthereumAdminModuleTest
from web3._utils.module_testing.go_ethereum_debug_module import GoEthereumDebugModuleTest
from web3._utils.module_testing.go_ethereum_txpool_module import GoEthereumTxPoolModuleTest
from web3._utils.module_testing.net_module import NetModuleTest
from web3._utils.module_testing.web3_module import Web3ModuleTest

from tests.conformance.web3_suites.not_of_this_chain import without_standing


class TestWeb3(Web3ModuleTest):
    def _check_web3_client_version(self, client_version: str) -> Any:
        assert client_version.startswith("tranchain-node/")


class TestNet(NetModuleTest):
    pass


class TestEth(without_standing(EthModuleTest)):  # type: ignore[misc]  # made of a list
    pass


class TestAdmin(GoEthereumAdminModuleTest):
    pass


class TestDebug(GoEthereumDebugModuleTest):
    pass


class TestTransactionPool(GoEthereumTxPoolModuleTest):
    pass
