"""web3.py's asynchronous suites over a WebSocket, with subscriptions."""

from typing import Any

import pytest
from web3 import AsyncWeb3
from web3._utils.module_testing import persistent_connection_provider
from web3._utils.module_testing.eth_module import AsyncEthModuleTest
from web3._utils.module_testing.persistent_connection_provider import PersistentConnectionProviderTest

from tests.conformance.web3_suites.not_of_this_chain import without_standing

pytestmark = [pytest.mark.anyio, pytest.mark.conformance]


@pytest.fixture(scope="module")
async def async_w3(socket_w3: AsyncWeb3[Any]) -> AsyncWeb3[Any]:
    return socket_w3


class TestEth(without_standing(AsyncEthModuleTest)):  # type: ignore[misc]  # made of a list
    pass


class TestSubscriptions(PersistentConnectionProviderTest):
    @pytest.fixture(autouse=True)
    def _fields_of_london(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Withdrawals came with a later fork."""
        known = [key for key in persistent_connection_provider.SOME_BLOCK_KEYS if key != "withdrawalsRoot"]
        monkeypatch.setattr(persistent_connection_provider, "SOME_BLOCK_KEYS", known)
