"""The envelope: what is JSON-RPC and what is not. Source: JSON-RPC 2.0."""

import json

import pytest

from chain_node.rpc import Limits
from tests.unit.rpc.memory_node import MemoryNode


@pytest.fixture(scope="module")
def node() -> MemoryNode:
    return MemoryNode()


def handle(node: MemoryNode, body: object) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = node.dispatcher.handle(raw)
    return json.loads(answer) if answer else None


def request(method: str = "eth_chainId", **members: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": [], **members}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1,", b"\xff\xfe", b"nonsense", b'{"jsonrpc":"2.0",}', b"[" * 5000 + b"]" * 5000, b'"\xff"', b"NaN"],
)
def test_body_that_is_not_json_is_a_parse_error(node: MemoryNode, body: bytes) -> None:
    answer = handle(node, body)
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == -32700
    assert answer["id"] is None


@pytest.mark.parametrize(
    "value",
    [
        1,
        "text",
        None,
        True,
        {},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "1.0", "id": 1, "method": "eth_chainId"},
        {"id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 1, "method": 7},
        {"jsonrpc": "2.0", "id": [1], "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": {"a": 1}, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": True, "method": "eth_chainId"},
    ],
)
def test_json_that_is_no_request_is_an_invalid_request(node: MemoryNode, value: object) -> None:
    answer = handle(node, value)
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == -32600


def test_unknown_method_is_named(node: MemoryNode) -> None:
    answer = handle(node, request("eth_mineGold"))
    assert isinstance(answer, dict)
    assert answer["error"] == {"code": -32601, "message": "the method eth_mineGold does not exist/is not available"}


def test_params_by_name_are_refused(node: MemoryNode) -> None:
    answer = handle(node, request(params={"a": 1}))
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == -32602


@pytest.mark.parametrize("request_id", [0, -1, 2**53, 1.5, "", "abc", None])
def test_id_comes_back_as_it_was(node: MemoryNode, request_id: object) -> None:
    answer = handle(node, request(id=request_id))
    assert answer == {"jsonrpc": "2.0", "id": request_id, "result": "0x29ba7"}


def test_notification_gets_no_answer(node: MemoryNode) -> None:
    assert handle(node, {"jsonrpc": "2.0", "method": "eth_chainId"}) is None
    assert handle(node, [{"jsonrpc": "2.0", "method": "eth_chainId"}]) is None


def test_batch_is_answered_in_order_with_errors_among_results(node: MemoryNode) -> None:
    batch = [request(id=1), 7, request("no_such", id=2), {"jsonrpc": "2.0", "method": "eth_chainId"}, request(id=3)]
    answers = handle(node, batch)
    assert isinstance(answers, list)
    assert [answer["id"] for answer in answers] == [1, None, 2, 3]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, -32600, -32601, None]


def test_empty_batch_is_an_invalid_request(node: MemoryNode) -> None:
    answer = handle(node, [])
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == -32600


def test_batch_above_the_limit_is_refused_whole() -> None:
    node = MemoryNode(Limits(batch_count=2))
    answer = handle(node, [request()] * 3)
    assert isinstance(answer, dict)
    assert answer["error"] == {"code": -32005, "message": "batch of 3, at most 2 allowed"}


def test_result_above_the_limit_is_an_error() -> None:
    node = MemoryNode(Limits(result_size_bytes=300))
    answer = handle(node, request("eth_getBlockByNumber", params=["latest", False]))
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == -32003


def test_batch_of_results_above_the_limit_is_an_error() -> None:
    node = MemoryNode(Limits(result_size_bytes=100))
    answer = handle(node, [request()] * 5)
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == -32003
