"""What web3.py's suites expect to find: connections, contracts, blocks and transactions.

The suites carry a marker of a plugin that this project does not use; anyio's plugin runs their coroutines.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import AsyncHTTPProvider, AsyncWeb3, Web3, WebSocketProvider
from web3._utils.module_testing.utils import RequestMocker
from web3.contract import AsyncContract, Contract
from web3.middleware import ExtraDataToPOAMiddleware, SignAndSendRawMiddlewareBuilder
from web3.middleware.base import Web3MiddlewareBuilder
from web3.types import BlockData, RPCEndpoint, TxParams, TxReceipt, Wei

from tests.conformance.web3_suites.networks import ABSENT_VALIDATOR, ACCOUNT, run_node
from tests.conformance.web3_suites.not_of_this_chain import REASON_BY_TEST
from tests.e2e.node_kit import NodeProcess

GWEI = Wei(10**9)
ARTIFACTS = json.loads((Path(__file__).parent / "contracts" / "artifacts.json").read_text())
DOUBLE_WITH_INDEX = 9
"""Number of this event in the emitter."""

BLOCKS_NEEDED = 10
"""The suites ask for blocks by small numbers."""

OUR_LONG_EXTRA_DATA = "our long extra data"
"""Name of the middleware that makes web3.py accept it."""

BRINGS_IT_ITSELF = ("test_ExtraDataToPOAMiddleware", "test_async_extradata_poa_middleware_on_eth_subscription")
"""Tests of this middleware."""


@pytest.fixture(autouse=True)
def _skip_what_is_not_of_this_chain(request: pytest.FixtureRequest) -> None:
    reason = REASON_BY_TEST.get(request.node.originalname)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A network that runs."""
    with run_node(tmp_path_factory.mktemp("running")) as running:
        yield running


@pytest.fixture(scope="module")
def standing_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A network in which no block is decided."""
    with run_node(tmp_path_factory.mktemp("standing"), ABSENT_VALIDATOR) as running:
        yield running


class WithoutType(Web3MiddlewareBuilder):
    """Leaves the type to the fields: web3.py sends back the one it got, and its signing knows no type 0."""

    @staticmethod
    def build(w3: Any, *_: Any) -> "WithoutType":
        return WithoutType(w3)

    def request_processor(self, method: RPCEndpoint, params: Any) -> tuple[RPCEndpoint, Any]:
        if method == "eth_sendTransaction":
            params = [{name: value for name, value in params[0].items() if name != "type"}]
        return method, params

    async def async_request_processor(self, method: RPCEndpoint, params: Any) -> tuple[RPCEndpoint, Any]:
        return self.request_processor(method, params)


def connect(node: NodeProcess) -> Web3:
    connected = Web3(Web3.HTTPProvider(node.url))
    connected.middleware_onion.inject(ExtraDataToPOAMiddleware, OUR_LONG_EXTRA_DATA, layer=0)
    connected.middleware_onion.inject(WithoutType, layer=0)
    connected.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(ACCOUNT), layer=0)
    # The suites take the first account of the node, which keeps none.
    connected.eth._accounts = lambda: (ACCOUNT.address,)  # type: ignore[method-assign, assignment]
    return connected


def prepare(connected: AsyncWeb3[Any]) -> AsyncWeb3[Any]:
    """The same for an asynchronous connection."""

    async def accounts() -> tuple[ChecksumAddress]:
        return (ACCOUNT.address,)

    connected.middleware_onion.inject(ExtraDataToPOAMiddleware, OUR_LONG_EXTRA_DATA, layer=0)
    connected.middleware_onion.inject(WithoutType, layer=0)
    connected.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(ACCOUNT), layer=0)
    connected.eth._accounts = accounts  # type: ignore[method-assign, assignment]
    return connected


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def w3(node: NodeProcess) -> Web3:
    connected = connect(node)
    while connected.eth.block_number < BLOCKS_NEEDED:
        own: TxParams = {"from": ACCOUNT.address, "to": ACCOUNT.address, "gas": 21_000}
        sent = connected.eth.send_transaction({**own, "maxFeePerGas": 2 * GWEI, "maxPriorityFeePerGas": GWEI})
        connected.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.05)
    return connected


@pytest.fixture(autouse=True)
def _without_our_middleware(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.name not in BRINGS_IT_ITSELF:
        yield
        return
    onion = request.getfixturevalue("async_w3").middleware_onion
    onion.remove(OUR_LONG_EXTRA_DATA)
    yield
    onion.inject(ExtraDataToPOAMiddleware, OUR_LONG_EXTRA_DATA, layer=0)


@pytest.fixture(scope="module")
async def async_w3(node: NodeProcess) -> AsyncIterator[AsyncWeb3[Any]]:
    connected = prepare(AsyncWeb3(AsyncHTTPProvider(node.url)))
    yield connected
    await connected.provider.disconnect()


@pytest.fixture(scope="module")
async def socket_w3(node: NodeProcess) -> AsyncIterator[AsyncWeb3[Any]]:
    """A connection by WebSocket."""
    async with AsyncWeb3(WebSocketProvider(node.url.replace("http", "ws"))) as connected:
        yield prepare(connected)


@pytest.fixture(scope="module")
def request_mocker() -> type[RequestMocker]:
    return RequestMocker


@pytest.fixture(scope="module")
def skip_if_testrpc() -> Callable[[Web3], None]:
    return lambda _w3: None


@pytest.fixture(scope="module")
def async_skip_if_testrpc() -> Callable[[AsyncWeb3[Any]], None]:
    return lambda _w3: None


def deploy(w3: Web3, name: str) -> TxReceipt:
    factory = w3.eth.contract(abi=ARTIFACTS[name]["abi"], bytecode=ARTIFACTS[name]["bytecode"])
    sent = factory.constructor().transact({"from": ACCOUNT.address})
    return w3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.05)


def contract(w3: Web3, name: str) -> Contract:
    return w3.eth.contract(address=deploy(w3, name)["contractAddress"], abi=ARTIFACTS[name]["abi"])


@pytest.fixture(scope="module")
def math_contract_deploy_txn_hash(w3: Web3) -> HexBytes:
    return deploy(w3, "MathContract")["transactionHash"]


@pytest.fixture(scope="module")
def math_contract(w3: Web3, math_contract_deploy_txn_hash: HexBytes) -> Contract:
    receipt = w3.eth.get_transaction_receipt(math_contract_deploy_txn_hash)
    return w3.eth.contract(address=receipt["contractAddress"], abi=ARTIFACTS["MathContract"]["abi"])


def deployed(name: str) -> Any:
    """A fixture: a new contract of a module."""
    return pytest.fixture(scope="module")(lambda w3: contract(w3, name))


emitter_contract = deployed("EmitterContract")
storage_contract = deployed("StorageContract")
revert_contract = deployed("RevertContract")
panic_errors_contract = deployed("PanicErrorsContract")
offchain_lookup_contract = deployed("OffchainLookup")


def asynchronous(fixture: str) -> Any:
    """A fixture: the same contract for an asynchronous connection."""

    def again(async_w3: AsyncWeb3[Any], request: pytest.FixtureRequest) -> AsyncContract:
        same: Contract = request.getfixturevalue(fixture)
        return async_w3.eth.contract(address=same.address, abi=same.abi)

    return pytest.fixture(again)


async_math_contract = asynchronous("math_contract")
async_emitter_contract = asynchronous("emitter_contract")
async_storage_contract = asynchronous("storage_contract")
async_revert_contract = asynchronous("revert_contract")
async_panic_errors_contract = asynchronous("panic_errors_contract")
async_offchain_lookup_contract = asynchronous("offchain_lookup_contract")


@pytest.fixture(scope="module", name="math_contract_address")
def math_contract_address_(math_contract: Contract) -> ChecksumAddress:
    return math_contract.address


@pytest.fixture(scope="module")
def async_math_contract_address(math_contract: Contract) -> ChecksumAddress:
    return math_contract.address


@pytest.fixture(scope="module")
def emitter_contract_address(emitter_contract: Contract) -> ChecksumAddress:
    return emitter_contract.address


@pytest.fixture(scope="module")
def async_emitter_contract_address(emitter_contract: Contract) -> ChecksumAddress:
    return emitter_contract.address


@pytest.fixture(scope="module")
def keyfile_account_address() -> ChecksumAddress:
    return ACCOUNT.address


@pytest.fixture(scope="module")
def keyfile_account_address_dual_type() -> ChecksumAddress:
    return ACCOUNT.address


@pytest.fixture(scope="module")
def async_keyfile_account_address() -> ChecksumAddress:
    return ACCOUNT.address


@pytest.fixture(scope="module")
def async_keyfile_account_address_dual_type() -> ChecksumAddress:
    return ACCOUNT.address


@pytest.fixture(scope="module")
def keyfile_account_pkey() -> str:
    return "0x" + bytes(ACCOUNT.key).hex()


@pytest.fixture(scope="module")
def receipt_with_log(w3: Web3, emitter_contract: Contract) -> TxReceipt:
    sent = emitter_contract.functions.logDouble(DOUBLE_WITH_INDEX, 12345, 54321).transact({"from": ACCOUNT.address})
    return w3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.05)


@pytest.fixture(scope="module")
def txn_hash_with_log(receipt_with_log: TxReceipt) -> HexBytes:
    return receipt_with_log["transactionHash"]


@pytest.fixture(scope="module")
def mined_txn_hash(receipt_with_log: TxReceipt) -> HexBytes:
    return receipt_with_log["transactionHash"]


@pytest.fixture(scope="module")
def block_with_txn_with_log(w3: Web3, receipt_with_log: TxReceipt) -> BlockData:
    return w3.eth.get_block(receipt_with_log["blockNumber"])


@pytest.fixture(scope="module")
def block_with_txn(block_with_txn_with_log: BlockData) -> BlockData:
    return block_with_txn_with_log


@pytest.fixture(scope="module")
def async_block_with_txn_with_log(block_with_txn_with_log: BlockData) -> BlockData:
    return block_with_txn_with_log


@pytest.fixture(scope="module")
def async_block_with_txn(block_with_txn_with_log: BlockData) -> BlockData:
    return block_with_txn_with_log


@pytest.fixture(scope="module")
def empty_block(w3: Web3) -> BlockData:
    return w3.eth.get_block(1)


@pytest.fixture(scope="module")
def async_empty_block(empty_block: BlockData) -> BlockData:
    return empty_block


@pytest.fixture(scope="module")
def datadir(node: NodeProcess) -> str:
    return str(node.network.data_dir)
