"""Whatever comes in, one well-formed answer comes out, and never an internal error."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_node.rpc import METHODS
from tests.unit.rpc.memory_node import ACCOUNT, ECHO, MemoryNode, hex_of

NODE = MemoryNode()
NODE.send(ECHO, b"\x07".rjust(32, b"\0"), nonce=0)
NODE.mine()

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        [
            "0x",
            "0x0",
            "0x1",
            "0x01",
            "0xzz",
            "0x" + "f" * 64,
            "0x" + "f" * 65,
            "0x" + "00" * 32,
            hex_of(ACCOUNT),
            hex_of(ECHO),
            "latest",
            "pending",
            "earliest",
            "logs",
            "newHeads",
            hex_of(NODE.chain.head().hash),
        ]
    ),
)
_KEYS = st.sampled_from(
    [
        "to",
        "from",
        "data",
        "input",
        "gas",
        "value",
        "gasPrice",
        "accessList",
        "address",
        "topics",
        "fromBlock",
        "toBlock",
        "blockHash",
        "blockNumber",
        "code",
        "stateDiff",
        "balance",
        "tracer",
    ]
) | st.text(max_size=5)
JSON_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=600, deadline=None)
@given(method=st.sampled_from(sorted(METHODS)), params=st.lists(JSON_VALUES, max_size=4))
def test_any_parameters_give_a_result_or_a_named_error(method: str, params: list[object]) -> None:
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    answer = json.loads(NODE.dispatcher.handle(raw))
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == 1
    assert ("result" in answer) != ("error" in answer)
    if "error" in answer:
        assert answer["error"]["code"] in {-32602, -32601, -32604, -32000, -32001, -32002, -32003, -32005, 3}
        assert answer["error"]["message"]
        assert len(answer["error"]["message"]) < 1000


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body_gives_well_formed_json_or_nothing(body: bytes) -> None:
    answer = NODE.dispatcher.handle(body)
    if not answer:
        return
    decoded = json.loads(answer)
    for one in decoded if isinstance(decoded, list) else [decoded]:
        assert one["jsonrpc"] == "2.0"
        assert "result" in one or one["error"]["code"] in {-32700, -32600, -32601, -32602}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_method_without_parameters_never_fails_inside(method: str) -> None:
    answer = NODE.request(method)
    assert answer.get("error", {}).get("code") != -32603
