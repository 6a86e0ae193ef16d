"""Traces of blocks and calls, access lists, and what is given in its own bytes."""

import pytest

from chain_node.core.codec import decode_block, decode_header, decode_receipt
from chain_node.core.hashing import keccak
from chain_node.core.types import Address
from chain_node.rpc import Limits
from chain_node.rpc.views import contract_address
from tests.unit.rpc.memory_node import ACCOUNT, ECHO, REVERTER, SPINNER, MemoryNode, hex_of, sign

STRANGER = Address(b"\x99" * 20)
CONTRACT = contract_address(ACCOUNT, 0)

READS = bytes.fromhex("600554507399" + "99" * 19 + "3150")
"""Slot 5, and a stranger's balance."""
CALLS_ECHO = bytes.fromhex("6000600060206000600073" + ECHO.hex() + "5af150")
DELEGATES_TO_ECHO = bytes.fromhex("600060006020600073" + ECHO.hex() + "5af450")
CREATES = bytes.fromhex("65600160075500" + "600052" + "6006601a6000f050")
"""A contract whose constructor sets slot 7."""
SHA256 = bytes.fromhex("60006000600060006002" + "5afa50")
FAILS_TO_CREATE = bytes.fromhex("65600160085" + "5fe" + "600052" + "6006601a6000f050")
"""A contract whose constructor sets slot 8 and fails."""


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def creation(code: bytes) -> bytes:
    """Constructor of a contract with this code."""
    return bytes.fromhex(f"61{len(code):04x}80600a3d393df3") + code


@pytest.fixture
def node(node_on_each_engine: MemoryNode) -> MemoryNode:
    return node_on_each_engine


def install(node: MemoryNode, code: bytes) -> None:
    node.send(None, creation(code), nonce=0)
    node.mine()
    assert node.result("eth_getCode", hex_of(CONTRACT)) == hex_of(code)


def access_list(node: MemoryNode, **call: str) -> dict[str, list[int]]:
    result = node.result("eth_createAccessList", call)
    return {entry["address"]: [int(key, 16) for key in entry["storageKeys"]] for entry in result["accessList"]}


def test_access_list_names_what_the_call_touches(node: MemoryNode) -> None:
    install(node, READS + CALLS_ECHO + DELEGATES_TO_ECHO + CREATES + SHA256)
    created = contract_address(CONTRACT, 1)
    assert access_list(node, to=hex_of(CONTRACT)) == {
        hex_of(STRANGER): [],
        hex_of(ECHO): [0],
        hex_of(CONTRACT): [0, 5],
        hex_of(created): [7],
    }


def test_access_list_leaves_out_sender_target_and_precompiles_without_slots(node: MemoryNode) -> None:
    install(node, SHA256 + bytes.fromhex("3331503031") + b"\x50")
    assert access_list(node, to=hex_of(CONTRACT), **{"from": hex_of(ACCOUNT)}) == {}


def test_access_list_leaves_out_a_contract_that_was_not_created(node: MemoryNode) -> None:
    install(node, FAILS_TO_CREATE)
    assert access_list(node, to=hex_of(CONTRACT)) == {}


def test_access_list_of_a_creation_is_of_the_new_contract(node: MemoryNode) -> None:
    assert access_list(node, data="0x600160075500", **{"from": hex_of(ACCOUNT)}) == {hex_of(CONTRACT): [7]}


def test_access_list_makes_the_transaction_that_uses_it_cost_what_it_says(node: MemoryNode) -> None:
    install(node, CALLS_ECHO + READS)
    made = node.result("eth_createAccessList", {"to": hex_of(CONTRACT)})
    with_list = {"to": hex_of(CONTRACT), "accessList": made["accessList"]}
    frame = node.result("debug_traceCall", with_list, "latest")
    assert frame["gas"] == int(made["gasUsed"], 16)
    assert "error" not in made


def test_access_list_of_a_call_that_fails_says_why(node: MemoryNode) -> None:
    made = node.result("eth_createAccessList", {"to": hex_of(REVERTER), "data": "0x01"})
    assert (made["accessList"], made["error"]) == ([], "execution reverted")


def test_access_list_of_an_endless_call_is_refused(node: MemoryNode) -> None:
    error = node.error("eth_createAccessList", {"to": hex_of(SPINNER), "gas": hex(500_000)})
    assert (error["code"], error["message"][:38]) == (-32005, "the call takes more than 100000 steps,")


def test_trace_of_large_memories_or_stacks_is_cut_short(node: MemoryNode) -> None:
    # 20,001 words of memory, then 500 steps, each of which would copy all of it.
    code = bytes.fromhex("60006209c40052" + "5b" * 500)
    call = {"data": hex_of(code), "gas": hex(5_000_000)}
    trace = node.result("debug_traceCall", call, "latest", {"enableMemory": True, "disableStack": True})
    assert (trace["truncated"], len(trace["structLogs"])) == (True, 3 + -(-800_000 // 20_001))
    assert not trace["failed"]
    assert len(node.result("debug_traceCall", call, "latest")["structLogs"]) == 504


def test_trace_of_messages_with_too_much_data_is_refused(node: MemoryNode) -> None:
    # Calls a precompile for ever with 20,001 words of memory.
    code = bytes.fromhex("60006209c40052" + "5b" + "600060006209c420600060045afa50" + "600756")
    call = {"data": hex_of(code), "gas": hex(12_000_000)}
    error = node.error("debug_traceCall", call, "latest", {"tracer": "callTracer"})
    assert error == {"code": -32003, "message": "response too large"}
    few = node.result("debug_traceCall", {**call, "gas": hex(2_000_000)}, "latest", {"tracer": "callTracer"})
    assert len(few["calls"][0]["input"]) == 2 + 2 * 640_032


def test_call_that_cannot_be_paid_is_refused_before_it_is_traced(node: MemoryNode) -> None:
    call = {"from": hex_of(STRANGER), "to": hex_of(ECHO), "value": "0x1"}
    assert "insufficient funds" in node.error("debug_traceCall", call, "latest")["message"]
    assert "intrinsic gas" in node.error("eth_createAccessList", {"to": hex_of(ECHO), "gas": "0x1"})["message"]


def test_call_is_traced_on_a_past_state(node: MemoryNode) -> None:
    install(node, READS)
    call = {"to": hex_of(CONTRACT)}

    def operations(block: str) -> set[str]:
        return {step["op"] for step in node.result("debug_traceCall", call, block)["structLogs"]}

    assert "SLOAD" in operations("latest")
    assert "SLOAD" not in operations("0x0")
    frame = node.result("debug_traceCall", call, "latest", {"tracer": "callTracer"})
    assert (frame["type"], frame["to"]) == ("CALL", hex_of(CONTRACT))


def test_whole_block_is_traced(node: MemoryNode) -> None:
    sent = [node.send(ECHO, word(number), nonce=number) for number in range(2)]
    head = node.mine()
    traced = node.result("debug_traceBlockByNumber", "latest", {"tracer": "callTracer"})
    assert [one["txHash"] for one in traced] == sent
    assert [one["result"]["input"] for one in traced] == [hex_of(word(0)), hex_of(word(1))]
    assert node.result("debug_traceBlockByHash", hex_of(head.hash), {"tracer": "callTracer"}) == traced
    assert node.result("debug_traceBlockByNumber", "0x0") == []


def test_large_block_is_not_traced_as_a_whole() -> None:
    node = MemoryNode(Limits(traced_transactions=1))
    for nonce in range(2):
        node.send(ECHO, word(nonce), nonce=nonce)
    node.mine()
    assert node.error("debug_traceBlockByNumber", "latest")["code"] == -32005


def test_raw_bytes_are_those_of_the_chain(node: MemoryNode) -> None:
    sent = node.send(ECHO, word(1), nonce=0)
    assert node.result("debug_getRawTransaction", sent) == hex_of(sign(ECHO, word(1), nonce=0))
    head = node.mine()
    block = decode_block(bytes.fromhex(node.result("debug_getRawBlock", "latest")[2:]))
    header = bytes.fromhex(node.result("debug_getRawHeader", "latest")[2:])
    assert decode_header(header) == block.header == head.header
    assert keccak(header) != head.hash, "a block is known by its header without round and seals"
    (receipt,) = node.result("debug_getRawReceipts", "latest")
    assert decode_receipt(bytes.fromhex(receipt[2:])) == node.chain.receipts(head)[0]
    assert node.result("debug_getRawTransaction", sent) == hex_of(block.transactions[0].raw)
    assert node.result("debug_getRawTransaction", hex_of(bytes(32))) is None
    assert node.error("debug_getRawBlock", "0x9")["message"] == "header not found"


def test_state_override_replaces_all_slots_or_some(node: MemoryNode) -> None:
    # The code gives slots 0 and 1.
    code = "0x60005460005260015460205260406000f3"
    echo = {"to": hex_of(ECHO)}
    node.send(ECHO, word(3), nonce=0)
    node.mine()

    def slots(override: dict[str, object]) -> list[int]:
        given = bytes.fromhex(node.result("eth_call", echo, "latest", {hex_of(ECHO): {"code": code, **override}})[2:])
        return [int.from_bytes(given[:32], "big"), int.from_bytes(given[32:], "big")]

    change = {hex_of(word(1)): hex_of(word(8))}
    assert slots({}) == [3, 0]
    assert slots({"stateDiff": change}) == [3, 8]
    assert slots({"state": change}) == [0, 8]
    assert slots({"state": {}}) == [0, 0]
    both = {hex_of(ECHO): {"state": {}, "stateDiff": {}}}
    assert node.error("eth_call", echo, "latest", both)["code"] == -32602
    assert node.result("eth_call", {**echo, "gas": "0x30000"}, "latest", {hex_of(STRANGER): {"state": change}}) == "0x"


def test_pool_of_one_sender(node: MemoryNode) -> None:
    waiting, behind = node.send(ECHO, word(1), nonce=0), node.send(ECHO, word(1), nonce=2)
    content = node.result("txpool_contentFrom", hex_of(ACCOUNT))
    assert (content["pending"]["0"]["hash"], content["queued"]["2"]["hash"]) == (waiting, behind)
    assert node.result("txpool_contentFrom", hex_of(STRANGER)) == {"pending": {}, "queued": {}}


def test_admin_methods_only_read(node: MemoryNode) -> None:
    info = node.result("admin_nodeInfo")
    assert (info["name"], info["protocols"]["qbft"]["network"]) == ("test/v1", 170919)
    assert node.result("admin_datadir") == "/data"
    assert node.result("admin_peers") == []
    for name in ("admin_addPeer", "admin_startHTTP", "personal_unlockAccount", "debug_setHead", "eth_sendTransaction"):
        assert node.error(name)["code"] == -32601
