"""Fees and the block to come, on a network where gas costs something."""

import json

import pytest
from eth_account import Account

from chain_node.core.types import Address
from chain_node.rpc import Limits
from tests.unit.rpc.memory_node import ACCOUNT, ACCOUNT_KEY, CHAIN_ID, MemoryNode, genesis_text, hex_of

GWEI = 10**9
TARGET = Address(b"\x77" * 20)


@pytest.fixture
def node() -> MemoryNode:
    genesis = json.loads(genesis_text())
    genesis["config"]["zeroBaseFee"] = False
    return MemoryNode(genesis=json.dumps({**genesis, "baseFeePerGas": hex(GWEI)}))


def send(node: MemoryNode, nonce: int, fields: dict[str, int], data: bytes = b"") -> None:
    transaction = {"chainId": CHAIN_ID, "nonce": nonce, "to": hex_of(TARGET), "value": 0, "gas": 100_000, "data": data}
    signed = Account.from_key(ACCOUNT_KEY).sign_transaction({**transaction, **fields})
    node.result("eth_sendRawTransaction", hex_of(signed.raw_transaction))


def test_gas_price_is_the_base_fee_of_the_next_block(node: MemoryNode) -> None:
    assert int(node.result("eth_gasPrice"), 16) == GWEI - GWEI // 8
    node.mine()
    assert int(node.result("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16) == GWEI - GWEI // 8
    assert node.result("eth_maxPriorityFeePerGas") == "0x0"


def test_fee_history_ends_with_the_base_fee_of_the_next_block(node: MemoryNode) -> None:
    node.mine()
    node.mine()
    fees = [int(fee, 16) for fee in node.result("eth_feeHistory", "0x2", "latest", [])["baseFeePerGas"]]
    assert fees == [GWEI * 7 // 8, GWEI * 49 // 64, GWEI * 343 // 512]
    earlier = node.result("eth_feeHistory", "0x1", "0x1", [])["baseFeePerGas"]
    assert [int(fee, 16) for fee in earlier] == fees[:2]


def test_rewards_are_weighted_by_gas(node: MemoryNode) -> None:
    base_fee = GWEI * 7 // 8
    send(node, 0, {"maxFeePerGas": 2 * GWEI, "maxPriorityFeePerGas": 3})
    send(node, 1, {"maxFeePerGas": base_fee + 5, "maxPriorityFeePerGas": 100})
    send(node, 2, {"gasPrice": base_fee + 9}, data=b"\x01" * 2_000)
    node.mine()
    history = node.result("eth_feeHistory", "0x2", "latest", [0, 40, 50, 100])
    # gas: 21,000 at 3, 21,000 at 5, 53,000 at 9
    assert history["reward"] == [["0x0"] * 4, ["0x3", "0x5", "0x9", "0x9"]]


def test_rewards_are_given_for_fewer_blocks() -> None:
    node = MemoryNode(Limits(fee_reward_blocks=2))
    for _ in range(3):
        node.mine()
    history = node.result("eth_feeHistory", "0x400", "latest", [50])
    assert (history["oldestBlock"], history["reward"]) == ("0x2", [["0x0"]] * 2)
    assert len(node.result("eth_feeHistory", "0x400", "latest")["gasUsedRatio"]) == 4


def test_pending_block_is_the_next_one_without_transactions(node: MemoryNode) -> None:
    head = node.mine()
    send(node, 0, {"gasPrice": GWEI})
    block = node.result("eth_getBlockByNumber", "pending", True)
    assert (block["number"], block["parentHash"], block["hash"]) == ("0x2", hex_of(head.hash), None)
    assert int(block["baseFeePerGas"], 16) == GWEI * 49 // 64
    assert int(block["timestamp"], 16) > head.header.timestamp
    assert (block["transactions"], block["gasUsed"]) == ([], "0x0")
    assert block["stateRoot"] == hex_of(head.header.state_root)
    assert node.result("eth_getBlockTransactionCountByNumber", "pending") == "0x0"
    assert node.result("eth_getTransactionByBlockNumberAndIndex", "pending", "0x0") is None
    assert node.result("eth_getBlockReceipts", "pending") == []
    assert node.result("eth_getTransactionCount", hex_of(ACCOUNT), "pending") == "0x1"
    included = node.mine()
    assert set(node.result("eth_getBlockByNumber", "latest", True)) == set(block)
    assert included.transaction_count == 1
