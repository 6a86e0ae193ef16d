"""Transactions of other nodes: taken when they can wait here, dropped when not now, refused only when malformed."""

import asyncio

import pytest

from chain_node.core.errors import InvalidInputError
from tests.unit.rpc.memory_node import ECHO, MemoryNode, sign


def take(node: MemoryNode, *raws: bytes) -> list[bytes]:
    """Give transactions as a peer would; those that began to wait."""
    return [transaction.raw for transaction in asyncio.run(node.intake.take_from_peer(raws))]


@pytest.fixture
def node() -> MemoryNode:
    return MemoryNode()


def test_transaction_that_can_wait_is_taken_once(node: MemoryNode) -> None:
    raw = sign(ECHO, nonce=0)
    assert take(node, raw)
    assert not take(node, raw)
    assert [transaction.raw for transaction in node.new] == [raw]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(sign(ECHO, nonce=40), id="nonce too far ahead"),
        pytest.param(sign(ECHO, nonce=0, gas=20_000), id="too little gas"),
        pytest.param(sign(ECHO, nonce=0, value=10**30), id="too little money"),
        pytest.param(sign(ECHO, nonce=0, gas=9_000_000), id="more gas than one may have here"),
    ],
)
def test_transaction_that_cannot_wait_now_is_nobodys_fault(node: MemoryNode, raw: bytes) -> None:
    assert not take(node, raw)
    assert (len(node.intake.pool), node.new) == (0, [])


def test_transaction_that_is_in_a_block_already_is_nobodys_fault(node: MemoryNode) -> None:
    raw = sign(ECHO, nonce=0)
    take(node, raw)
    node.mine()
    assert not take(node, raw)


@pytest.mark.parametrize("raw", [b"", b"\xc0", sign(ECHO, nonce=0)[:-1], b"\x05" + sign(ECHO, nonce=0)])
def test_malformed_transaction_is_an_error(node: MemoryNode, raw: bytes) -> None:
    with pytest.raises(InvalidInputError):
        take(node, raw)


def test_transaction_of_a_client_is_announced_and_that_of_a_peer_is_not() -> None:
    node = MemoryNode()
    announced: list[bytes] = []
    node.intake._on_submitted = lambda new: announced.extend(transaction.raw for transaction in new)
    first, second = sign(ECHO, nonce=0), sign(ECHO, nonce=1)
    take(node, first)
    node.intake.submit(second)
    node.intake.submit(second)
    assert announced == [second]
