"""web3.py's own test suites (`web3._utils.module_testing`) against a running node."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3._utils.module_testing.eth_module import EthModuleTest
from web3._utils.module_testing.net_module import NetModuleTest
from web3._utils.module_testing.web3_module import Web3ModuleTest
from web3.contract import Contract
from web3.middleware import ExtraDataToPOAMiddleware, SignAndSendRawMiddlewareBuilder
from web3.types import BlockData, TxReceipt

from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.core.types import FIRST_ROUND, Address
from tests.e2e.node_kit import Network, NodeProcess, account_number, tranchain_node

ARTIFACTS = json.loads((Path(__file__).parent / "web3_contracts" / "artifacts.json").read_text())
ACCOUNT: LocalAccount = account_number(77)
DOUBLE_WITH_INDEX = 9
"""Number of this event in the emitter."""

BLOCKS_NEEDED = 10
"""The suites ask for blocks by small numbers."""

NOT_OF_THIS_CHAIN = {
    "test_eth_sign": "the node keeps no accounts",
    "test_eth_sign_ens_names": "the node keeps no accounts",
    "test_eth_sign_typed_data": "the node keeps no accounts",
    "test_invalid_eth_sign_typed_data": "the node keeps no accounts",
    "test_eth_sign_transaction": "the node keeps no accounts",
    "test_eth_sign_transaction_legacy": "the node keeps no accounts",
    "test_eth_sign_transaction_hex_fees": "the node keeps no accounts",
    "test_eth_sign_transaction_ens_names": "the node keeps no accounts",
    "test_eth_accounts": "the node keeps no accounts",
    "test_solidity_keccak_ens": "fails inside web3.py's own name service",
    "test_eth_get_balance_with_ens_name": "fails inside web3.py's own name service",
    "test_eth_get_storage_at_ens_name": "fails inside web3.py's own name service",
    "test_eth_get_transaction_count_ens_name": "fails inside web3.py's own name service",
    "test_eth_get_code_ens_address": "fails inside web3.py's own name service",
    "test_eth_chain_id": "expects another chain id",
    "test_eth_send_raw_transaction": "expects another chain id",
    "test_eth_gas_price": "gas costs nothing and nobody is rewarded",
    "test_eth_get_balance_with_block_identifier": "gas costs nothing and nobody is rewarded",
    "test_eth_get_transaction_receipt_mined": "gas costs nothing and nobody is rewarded",
    "test_eth_wait_for_transaction_receipt_mined": "gas costs nothing and nobody is rewarded",
    "test_eth_getBlockByHash_pending": "the next block does not exist before it is decided",
    "test_eth_getBlockByNumber_pending": "the next block does not exist before it is decided",
    "test_eth_modify_transaction_legacy": "included before it is replaced",
    "test_eth_wait_for_transaction_receipt_unmined": "included before it is replaced",
    "test_eth_modify_transaction": "included before it is replaced",
    "test_eth_replace_transaction": "included before it is replaced",
    "test_eth_replace_transaction_gas_price_defaulting_minimum": "included before it is replaced",
    "test_eth_replace_transaction_gas_price_defaulting_strategy_higher": "included before it is replaced",
    "test_eth_replace_transaction_gas_price_defaulting_strategy_lower": "included before it is replaced",
    "test_eth_replace_transaction_gas_price_too_low": "included before it is replaced",
    "test_eth_replace_transaction_incorrect_nonce": "included before it is replaced",
    "test_eth_replace_transaction_legacy": "included before it is replaced",
    "test_eth_replace_transaction_non_existing_transaction": "included before it is replaced",
    "test_eth_replace_transaction_underpriced": "included before it is replaced",
    "test_eth_create_access_list": "not offered",
    "test_eth_call_with_override_param_type_check[params0]": "replacing all storage of an account is not offered",
    "test_eth_estimate_gas_with_override_param_type_check[params0]": "as for eth_call",
    "test_eth_simulate_v1": "not offered",
    "test_sign_authorization_send_raw_and_send_set_code_transactions": "of a later fork",
    "test_eth_max_priority_fee_with_fee_history_calculation": "needs fixtures of web3.py's own repository",
    "test_gas_price_from_strategy_bypassed_for_dynamic_fee_txn": "needs fixtures of web3.py's own repository",
}
"""Tests that ask for what this node does not do, each with the reason."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A network without a Consortium, in which one account is rich."""
    directory = tmp_path_factory.mktemp("suites")
    made = json.loads(tranchain_node("init", "--data-dir", directory / "data", "--json").stdout)
    validators = (Address(bytes.fromhex(made["validator"][2:])),)
    extra = ExtraData(vanity=EMPTY_VANITY, validators=validators, vote=None, round=FIRST_ROUND, seals=())
    genesis = {
        "config": {
            "chainId": 170919,
            "londonBlock": 0,
            "zeroBaseFee": True,
            "qbft": {"xblockperiodmilliseconds": 100, "emptyblockperiodseconds": 0},
        },
        "gasLimit": hex(60_000_000),
        "baseFeePerGas": "0x0",
        "extraData": "0x" + encode_extra_data(extra).hex(),
        "alloc": {ACCOUNT.address: {"balance": hex(10**24)}},
    }
    (directory / "genesis.json").write_text(json.dumps(genesis))
    network = Network(directory, directory / "genesis.json", directory / "data", ACCOUNT, ACCOUNT)
    with NodeProcess(network, options=["--no-vault"]) as running:
        yield running


@pytest.fixture(scope="module")
def w3(node: NodeProcess) -> Web3:
    connected = Web3(Web3.HTTPProvider(node.url))
    connected.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    connected.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(ACCOUNT), layer=0)
    # The suites take the first account of the node, which keeps none.
    connected.eth._accounts = lambda: (ACCOUNT.address,)  # type: ignore[method-assign, assignment]
    while connected.eth.block_number < BLOCKS_NEEDED:
        time.sleep(0.1)
    return connected


@pytest.fixture(autouse=True)
def _skip_what_is_not_of_this_chain(request: pytest.FixtureRequest) -> None:
    reason = NOT_OF_THIS_CHAIN.get(request.node.originalname) or NOT_OF_THIS_CHAIN.get(request.node.name)
    if reason is not None:
        pytest.skip(reason)


def deploy(w3: Web3, name: str) -> Contract:
    factory = w3.eth.contract(abi=ARTIFACTS[name]["abi"], bytecode=ARTIFACTS[name]["bytecode"])
    sent = factory.constructor().transact({"from": ACCOUNT.address})
    receipt = w3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.05)
    return w3.eth.contract(address=receipt["contractAddress"], abi=ARTIFACTS[name]["abi"])


@pytest.fixture(scope="module")
def math_contract(w3: Web3) -> Contract:
    return deploy(w3, "MathContract")


@pytest.fixture(scope="module")
def math_contract_deploy_txn_hash(w3: Web3) -> HexBytes:
    factory = w3.eth.contract(abi=ARTIFACTS["MathContract"]["abi"], bytecode=ARTIFACTS["MathContract"]["bytecode"])
    sent = factory.constructor().transact({"from": ACCOUNT.address})
    return w3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.05)["transactionHash"]


@pytest.fixture(scope="module")
def emitter_contract(w3: Web3) -> Contract:
    return deploy(w3, "EmitterContract")


@pytest.fixture(scope="module")
def storage_contract(w3: Web3) -> Contract:
    return deploy(w3, "StorageContract")


@pytest.fixture(scope="module")
def revert_contract(w3: Web3) -> Contract:
    return deploy(w3, "RevertContract")


@pytest.fixture(scope="module")
def panic_errors_contract(w3: Web3) -> Contract:
    return deploy(w3, "PanicErrorsContract")


@pytest.fixture(scope="module")
def offchain_lookup_contract(w3: Web3) -> Contract:
    return deploy(w3, "OffchainLookup")


@pytest.fixture(scope="module")
def math_contract_address(math_contract: Contract) -> ChecksumAddress:
    return math_contract.address


@pytest.fixture(scope="module")
def emitter_contract_address(emitter_contract: Contract) -> ChecksumAddress:
    return emitter_contract.address


@pytest.fixture(scope="module")
def keyfile_account_address() -> ChecksumAddress:
    return ACCOUNT.address


@pytest.fixture(scope="module")
def keyfile_account_address_dual_type() -> ChecksumAddress:
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
def block_with_txn(w3: Web3, receipt_with_log: TxReceipt) -> BlockData:
    return w3.eth.get_block(receipt_with_log["blockNumber"])


@pytest.fixture(scope="module")
def empty_block(w3: Web3) -> BlockData:
    return w3.eth.get_block(1)


class TestWeb3(Web3ModuleTest):
    def _check_web3_client_version(self, client_version: str) -> Any:
        assert client_version.startswith("tranchain-node/")


class TestNet(NetModuleTest):
    pass


class TestEth(EthModuleTest):
    pass


def test_skipped_tests_exist() -> None:
    """A test that web3.py renames must not stay on the list."""
    known = {*dir(EthModuleTest), *dir(Web3ModuleTest)}
    assert [name for name in NOT_OF_THIS_CHAIN if name.split("[")[0] not in known] == []
