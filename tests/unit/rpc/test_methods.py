"""The methods over a real chain in memory: shapes, values, refusals."""

import pytest
from eth_abi.abi import encode

from chain_node.core.hashing import keccak
from chain_node.core.types import Address
from chain_node.rpc import Limits
from tests.unit.rpc.memory_node import ACCOUNT, ECHO, REVERTER, SPINNER, TOPIC, MemoryNode, hex_of, sign


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.fixture
def node() -> MemoryNode:
    return MemoryNode()


@pytest.fixture
def busy(node_on_each_engine: MemoryNode) -> MemoryNode:
    """Three blocks: two logs, one log, none."""
    node = node_on_each_engine
    node.send(ECHO, word(1), nonce=0)
    node.send(ECHO, word(2), nonce=1)
    node.mine()
    node.send(ECHO, word(3), nonce=2)
    node.mine()
    node.mine()
    return node


def test_receipt_tells_what_a_transaction_did(busy: MemoryNode) -> None:
    block = busy.result("eth_getBlockByNumber", "0x1", False)
    receipt = busy.result("eth_getTransactionReceipt", block["transactions"][1])
    assert receipt["status"] == "0x1"
    assert receipt["blockHash"] == block["hash"]
    assert (receipt["transactionIndex"], receipt["logs"][0]["logIndex"]) == ("0x1", "0x1")
    assert receipt["logs"][0]["data"] == hex_of(word(2))
    assert receipt["contractAddress"] is None
    assert int(receipt["cumulativeGasUsed"], 16) > int(receipt["gasUsed"], 16)
    assert receipt["effectiveGasPrice"] == "0x0"
    assert busy.result("eth_getBlockReceipts", "0x1")[1] == receipt


def test_creation_has_a_contract_address(node: MemoryNode) -> None:
    sent = node.send(None, bytes.fromhex("600160005260016000f3"), nonce=0)
    node.mine()
    receipt = node.result("eth_getTransactionReceipt", sent)
    expected = keccak(bytes.fromhex("d694") + ACCOUNT + b"\x80")[12:]
    assert receipt["contractAddress"] == hex_of(expected)
    assert receipt["to"] is None


def test_block_has_every_field_and_its_transactions(busy: MemoryNode) -> None:
    block = busy.result("eth_getBlockByNumber", "0x1", True)
    assert block == busy.result("eth_getBlockByHash", block["hash"], True)
    assert [transaction["nonce"] for transaction in block["transactions"]] == ["0x0", "0x1"]
    assert block["transactions"][0]["from"] == hex_of(ACCOUNT)
    assert (block["totalDifficulty"], block["baseFeePerGas"], block["uncles"]) == ("0x2", "0x0", [])
    assert int(block["size"], 16) == len(busy.chain.encoded_block(busy.chain.block_at(1).height))  # type: ignore[union-attr]
    assert busy.result("eth_getBlockByNumber", "0x99", False) is None
    assert busy.result("eth_getBlockByHash", hex_of(bytes(32)), False) is None


@pytest.mark.parametrize("tag", ["latest", "safe", "finalized", "0x3"])
def test_block_tags_mean_the_newest_block(busy: MemoryNode, tag: str) -> None:
    assert busy.result("eth_getBlockByNumber", tag, False)["number"] == "0x3"


def test_transactions_are_found_by_hash_height_and_index(busy: MemoryNode) -> None:
    block = busy.result("eth_getBlockByNumber", "0x1", True)
    second = block["transactions"][1]
    assert busy.result("eth_getTransactionByHash", second["hash"]) == second
    assert busy.result("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x1") == second
    assert busy.result("eth_getTransactionByBlockHashAndIndex", block["hash"], "0x1") == second
    assert busy.result("eth_getRawTransactionByHash", second["hash"]) == hex_of(sign(ECHO, word(2), nonce=1))
    assert busy.result("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x2") is None
    assert busy.result("eth_getTransactionByHash", hex_of(bytes(32))) is None
    assert busy.result("eth_getBlockTransactionCountByNumber", "0x1") == "0x2"
    assert busy.result("eth_getBlockTransactionCountByHash", block["hash"]) == "0x2"


def test_waiting_transaction_has_no_block(node: MemoryNode) -> None:
    sent = node.send(ECHO, word(1), nonce=0)
    found = node.result("eth_getTransactionByHash", sent)
    assert (found["blockHash"], found["blockNumber"], found["transactionIndex"]) == (None, None, None)
    assert node.result("eth_getTransactionReceipt", sent) is None
    assert node.result("eth_getTransactionCount", hex_of(ACCOUNT), "latest") == "0x0"
    assert node.result("eth_getTransactionCount", hex_of(ACCOUNT), "pending") == "0x1"
    assert node.result("txpool_status") == {"pending": "0x1", "queued": "0x0"}
    assert node.result("txpool_content")["pending"][hex_of(ACCOUNT)]["0"]["hash"] == sent
    assert "wei" in node.result("txpool_inspect")["pending"][hex_of(ACCOUNT)]["0"]


def test_send_of_identical_bytes_answers_with_the_same_hash_before_and_after_inclusion(node: MemoryNode) -> None:
    sent = node.send(ECHO, word(1), nonce=0)
    assert node.send(ECHO, word(1), nonce=0) == sent
    assert len(node.new) == 1
    node.mine()
    assert node.send(ECHO, word(1), nonce=0) == sent


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (sign(ECHO, nonce=0, gas=20_000), -32000, "intrinsic gas too low"),
        (sign(ECHO, nonce=0, gas=9_000_000), -32000, "exceeds gas limit per transaction"),
        (sign(ECHO, nonce=0, gas=60_000_001), -32000, "exceeds block gas limit"),
        (sign(ECHO, nonce=0, value=10**19), -32000, "insufficient funds for gas * price + value"),
        (sign(ECHO, nonce=17), -32000, "nonce too high"),
        (b"\x05" + sign(ECHO, nonce=0), -32000, "transaction type 5 is not supported"),
        (sign(ECHO, nonce=0) + b"\x00", -32602, "byte"),
        (sign(ECHO, nonce=0)[:-1], -32602, "byte"),
        (b"", -32602, "byte 0: expected a transaction"),
    ],
)
def test_send_of_a_bad_transaction_says_why(node: MemoryNode, raw: bytes, code: int, message: str) -> None:
    error = node.error("eth_sendRawTransaction", hex_of(raw))
    assert error["code"] == code
    assert error["message"].startswith(message)
    assert node.new == []


def test_send_with_a_used_nonce_is_too_low(busy: MemoryNode) -> None:
    error = busy.error("eth_sendRawTransaction", hex_of(sign(ECHO, word(9), nonce=1)))
    assert error == {"code": -32000, "message": "nonce too low: next nonce 3, tx nonce 1"}


def test_call_reads_the_state_of_the_block_it_names(busy: MemoryNode) -> None:
    for height, value in (("0x0", 0), ("0x1", 2), ("0x2", 3), ("latest", 3)):
        assert busy.result("eth_getStorageAt", hex_of(ECHO), "0x0", height) == hex_of(word(value))
    old = busy.result("eth_getBlockByNumber", "0x1", False)["hash"]
    assert busy.result("eth_getStorageAt", hex_of(ECHO), "0x0", {"blockHash": old}) == hex_of(word(2))


def test_call_that_reverts_carries_data_and_reason(node: MemoryNode) -> None:
    data = bytes.fromhex("08c379a0") + encode(["string"], ["no more"])
    error = node.error("eth_call", {"to": hex_of(REVERTER), "data": hex_of(data)}, "latest")
    assert error == {"code": 3, "message": "execution reverted: no more", "data": hex_of(data)}
    assert node.error("eth_estimateGas", {"to": hex_of(REVERTER), "data": hex_of(data)}) == error


def test_call_that_runs_out_of_gas_is_a_server_error(node: MemoryNode) -> None:
    error = node.error("eth_call", {"to": hex_of(SPINNER), "gas": hex(100_000)}, "latest")
    assert error["code"] == -32000
    assert "gas" in error["message"]


def test_call_with_overrides_pretends_a_state(node: MemoryNode) -> None:
    code = bytes.fromhex("60005460005260206000f3")
    overrides = {hex_of(ECHO): {"code": hex_of(code), "stateDiff": {hex_of(word(0)): hex_of(word(77))}}}
    assert node.result("eth_call", {"to": hex_of(ECHO)}, "latest", overrides) == hex_of(word(77))
    assert (
        node.error("eth_call", {"to": hex_of(ECHO)}, "latest", {hex_of(ECHO): {"movePrecompile": "0x1"}})["code"]
        == -32602
    )


def test_estimate_is_enough_to_send_and_at_most_a_64th_too_much(node: MemoryNode) -> None:
    estimate = int(node.result("eth_estimateGas", {"to": hex_of(ECHO), "data": hex_of(word(5))}), 16)
    sent = node.send(ECHO, word(5), nonce=0, gas=estimate)
    node.mine()
    receipt = node.result("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    assert int(receipt["gasUsed"], 16) <= estimate <= int(receipt["gasUsed"], 16) * 65 // 64


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ({"fromBlock": "0x0"}, [1, 2, 3]),
        ({"fromBlock": "0x0", "toBlock": "0x1"}, [1, 2]),
        ({"fromBlock": "0x2", "toBlock": "0x99"}, [3]),
        ({}, []),
        ({"fromBlock": "0x0", "address": hex_of(ECHO)}, [1, 2, 3]),
        ({"fromBlock": "0x0", "address": [hex_of(REVERTER), hex_of(ECHO)]}, [1, 2, 3]),
        ({"fromBlock": "0x0", "address": hex_of(REVERTER)}, []),
        ({"fromBlock": "0x0", "address": []}, [1, 2, 3]),
        ({"fromBlock": "0x0", "topics": [hex_of(TOPIC)]}, [1, 2, 3]),
        ({"fromBlock": "0x0", "topics": [None, hex_of(b"\xcd" * 32)]}, [1, 2, 3]),
        ({"fromBlock": "0x0", "topics": [[hex_of(bytes(32)), hex_of(TOPIC)]]}, [1, 2, 3]),
        ({"fromBlock": "0x0", "topics": [hex_of(b"\xcd" * 32)]}, []),
        ({"fromBlock": "0x0", "topics": [None, None, None]}, []),
    ],
)
def test_logs_match_address_and_topics_by_position(
    busy: MemoryNode, query: dict[str, object], values: list[int]
) -> None:
    assert [int(log["data"], 16) for log in busy.result("eth_getLogs", query)] == values


def test_logs_of_one_block_by_hash(busy: MemoryNode) -> None:
    block_hash = busy.result("eth_getBlockByNumber", "0x1", False)["hash"]
    assert len(busy.result("eth_getLogs", {"blockHash": block_hash})) == 2
    assert busy.error("eth_getLogs", {"blockHash": block_hash, "fromBlock": "0x0"})["code"] == -32602
    assert busy.error("eth_getLogs", {"blockHash": hex_of(bytes(32))})["message"] == "header not found"


def test_logs_above_the_limits_are_refused_with_a_way_out(busy: MemoryNode) -> None:
    few = MemoryNode(Limits(log_count=1, log_blocks=2))
    for nonce in range(3):
        few.send(ECHO, word(nonce), nonce=nonce)
        few.mine()
    assert few.error("eth_getLogs", {"fromBlock": "0x0"})["message"] == "the range covers 4 blocks, at most 2"
    error = few.error("eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x2"})
    assert error["code"] == -32005
    assert error["message"].startswith("query returned more than 1 results")
    assert busy.error("eth_getLogs", {"fromBlock": "0x2", "toBlock": "0x1"})["code"] == -32602


def test_filters_give_only_what_is_new(node: MemoryNode) -> None:
    logs = node.result("eth_newFilter", {"address": hex_of(ECHO)})
    blocks = node.result("eth_newBlockFilter")
    pending = node.result("eth_newPendingTransactionFilter")
    sent = node.send(ECHO, word(1), nonce=0)
    node.dispatcher.filters.on_pending(node.new[:1])
    head = node.mine()
    assert [int(log["data"], 16) for log in node.result("eth_getFilterChanges", logs)] == [1]
    assert node.result("eth_getFilterChanges", blocks) == [hex_of(head.hash)]
    assert node.result("eth_getFilterChanges", pending) == [sent]
    for installed in (logs, blocks, pending):
        assert node.result("eth_getFilterChanges", installed) == []
    node.send(ECHO, word(2), nonce=1)
    node.mine()
    assert [int(log["data"], 16) for log in node.result("eth_getFilterChanges", logs)] == [2]
    assert node.error("eth_getFilterLogs", blocks)["message"].startswith("filter not found")
    assert node.result("eth_uninstallFilter", logs) is True
    assert node.result("eth_uninstallFilter", logs) is False
    assert node.error("eth_getFilterChanges", logs) == {"code": -32000, "message": "filter not found"}


def test_filter_from_an_old_block_gives_the_past_first(busy: MemoryNode) -> None:
    installed = busy.result("eth_newFilter", {"fromBlock": "0x0", "toBlock": "0x1"})
    assert len(busy.result("eth_getFilterLogs", installed)) == 2
    assert len(busy.result("eth_getFilterChanges", installed)) == 2
    assert busy.result("eth_getFilterChanges", installed) == []


def test_filters_that_nobody_polls_are_forgotten() -> None:
    node = MemoryNode(Limits(filter_count=1))
    installed = node.result("eth_newBlockFilter")
    assert node.error("eth_newBlockFilter")["code"] == -32005
    node.now_ms += 5 * 60 * 1000 + 1
    assert node.error("eth_getFilterChanges", installed)["message"] == "filter not found"
    node.result("eth_newBlockFilter")


def test_proof_names_account_and_slots(busy: MemoryNode) -> None:
    proof = busy.result("eth_getProof", hex_of(ECHO), ["0x0", hex_of(word(9))], "latest")
    assert [slot["value"] for slot in proof["storageProof"]] == ["0x3", "0x0"]
    assert proof["storageProof"][0]["key"] == "0x0"
    root = busy.result("eth_getBlockByNumber", "latest", False)["stateRoot"]
    assert hex_of(keccak(bytes.fromhex(proof["accountProof"][0][2:]))) == root


def test_fee_history_has_a_base_fee_more_than_blocks(busy: MemoryNode) -> None:
    history = busy.result("eth_feeHistory", "0x2", "latest", [10, 50])
    assert history["oldestBlock"] == "0x2"
    assert history["baseFeePerGas"] == ["0x0"] * 3
    assert len(history["gasUsedRatio"]) == 2
    assert history["reward"] == [["0x0", "0x0"]] * 2
    assert busy.result("eth_feeHistory", 100, "latest")["oldestBlock"] == "0x0"
    assert busy.error("eth_feeHistory", "0x1", "latest", [50, 10])["code"] == -32602


def test_trace_gives_steps_or_calls(busy: MemoryNode) -> None:
    sent = busy.result("eth_getBlockByNumber", "0x1", False)["transactions"][1]
    trace = busy.result("debug_traceTransaction", sent)
    assert [step["op"] for step in trace["structLogs"]][:3] == ["PUSH1", "CALLDATALOAD", "PUSH1"]
    assert trace["failed"] is False
    frame = busy.result("debug_traceTransaction", sent, {"tracer": "callTracer"})
    assert (frame["type"], frame["to"], frame["input"]) == ("CALL", hex_of(ECHO), hex_of(word(2)))
    receipt = busy.result("eth_getTransactionReceipt", sent)
    assert (frame["gas"], frame["gasUsed"]) == (hex(200_000), receipt["gasUsed"])
    assert busy.error("debug_traceTransaction", sent, {"tracer": "jsTracer"})["code"] == -32602
    assert busy.error("debug_traceTransaction", hex_of(bytes(32)))["message"] == "transaction not found"


def test_trace_that_cannot_hold_all_steps_says_so(busy: MemoryNode) -> None:
    sent = busy.result("eth_getBlockByNumber", "0x1", False)["transactions"][0]
    trace = busy.result("debug_traceTransaction", sent, {"limit": 2, "disableStack": True})
    assert (len(trace["structLogs"]), trace["truncated"]) == (2, True)
    assert "stack" not in trace["structLogs"][0]


def test_finality_of_one_validator_is_never_byzantine(busy: MemoryNode) -> None:
    finality = busy.result("tranchain_getFinality", "0x1")
    assert finality["finality"] == "crash_final"
    assert (finality["validatorCount"], finality["crashQuorum"], finality["byzantineQuorum"]) == (1, 1, None)
    assert len(finality["signers"]) == 1


def test_qbft_methods_speak_as_besu(busy: MemoryNode) -> None:
    validators = busy.result("qbft_getValidatorsByBlockNumber", "latest")
    assert busy.result("qbft_getValidatorsByBlockNumber", "pending") == validators
    block_hash = busy.result("eth_getBlockByNumber", "0x1", False)["hash"]
    assert busy.result("qbft_getValidatorsByBlockHash", block_hash) == validators
    assert busy.result("qbft_getSignerMetrics") == [
        {"address": validators[0], "proposedBlockCount": "0x3", "lastProposedBlockNumber": "0x3"}
    ]
    assert busy.result("qbft_getRequestTimeoutSeconds") == 1
    assert busy.error("qbft_proposeValidatorVote", validators[0], True)["code"] == -32604


def test_node_methods(busy: MemoryNode) -> None:
    assert busy.result("web3_sha3", "0x68656c6c6f") == hex_of(keccak(b"hello"))
    assert busy.result("net_version") == "170919"
    assert busy.result("eth_accounts") == []
    assert busy.result("eth_syncing") is False
    assert busy.result("eth_mining") is True
    assert busy.result("tranchain_peers") == []
    assert busy.result("tranchain_evidence") == []
    assert busy.result("tranchain_nodeInfo")["headNumber"] == "0x3"


def test_subscription_needs_a_connection(node: MemoryNode) -> None:
    assert node.error("eth_subscribe", "newHeads")["code"] == -32601


@pytest.mark.parametrize(
    ("method", "params", "named"),
    [
        ("eth_getBalance", [], "address"),
        ("eth_getBalance", ["0x12"], "address: expected 20 bytes in hex with 0x, got '0x12'"),
        ("eth_getBalance", [5], "address"),
        ("eth_getBalance", [hex_of(ACCOUNT), "newest"], "block"),
        ("eth_getBalance", [hex_of(ACCOUNT), "12"], "block"),
        ("eth_getStorageAt", [hex_of(ACCOUNT), "0x" + "f" * 65], "slot"),
        ("eth_getTransactionByHash", ["0x00"], "hash"),
        ("eth_getBlockByNumber", ["latest", "yes"], "full transactions: expected true or false"),
        ("eth_call", ["0x"], "call: expected an object"),
        ("eth_call", [{"to": hex_of(ECHO), "gas": 5}], "gas"),
        ("eth_call", [{"to": hex_of(ECHO), "data": "0x0"}], "data"),
        ("eth_call", [{"to": hex_of(ECHO), "data": "0x00", "input": "0x01"}], "data and input"),
        ("eth_getLogs", [{"topics": "0x"}], "topics: expected an array"),
        ("eth_getLogs", [{"topics": [[["0x"]]]}], "topic"),
        ("eth_getLogs", [{"topics": [None] * 5}], "topics: expected at most 4"),
        ("eth_getFilterChanges", [1], "id: expected a string"),
        ("eth_sendRawTransaction", ["f86b"], "signed transaction"),
    ],
)
def test_bad_parameter_is_named_with_what_was_expected(
    node: MemoryNode, method: str, params: list[object], named: str
) -> None:
    error = node.error(method, *params)
    assert error["code"] == -32602
    assert error["message"].startswith("invalid params: ")
    assert named in error["message"]


def test_state_of_an_unknown_block_is_not_found(node: MemoryNode) -> None:
    assert node.error("eth_getBalance", hex_of(ACCOUNT), "0x5") == {"code": -32001, "message": "header not found"}


def test_unknown_account_is_empty(node: MemoryNode) -> None:
    nobody = hex_of(Address(b"\x99" * 20))
    assert node.result("eth_getBalance", nobody, "latest") == "0x0"
    assert node.result("eth_getCode", nobody, "latest") == "0x"
    assert node.result("eth_getTransactionCount", nobody) == "0x0"
