"""`tranchain_status` over a real chain in memory."""

from typing import Any

import pytest

from chain_node.core.crypto import address_of
from chain_node.core.types import Block, Height, Round
from chain_node.rpc.node_status import NodeStatus
from tests.unit.rpc.memory_node import ECHO, VALIDATOR_KEY, MemoryNode, hex_of

VALIDATOR = hex_of(address_of(VALIDATOR_KEY))


@pytest.fixture
def node() -> MemoryNode:
    return MemoryNode()


def status_of(node: MemoryNode) -> NodeStatus:
    return NodeStatus.model_validate(node.result("tranchain_status"))


def test_status_of_a_new_chain_shows_genesis_and_no_blocks(node: MemoryNode) -> None:
    status = status_of(node)
    assert (status.head.number, status.blocks, status.head.signers) == (0, (), ())
    assert status.round.number == 1
    assert status.finality.byzantine_final_number is None


def test_status_shows_blocks_with_proposer_and_seals(node: MemoryNode) -> None:
    node.send(ECHO, b"", nonce=0)
    node.mine()
    node.mine()
    status = status_of(node)
    assert [(one.number, one.transaction_count) for one in status.blocks] == [(2, 0), (1, 1)]
    assert status.head == status.blocks[0]
    assert status.head.hash == node.result("eth_getBlockByNumber", "latest", False)["hash"]
    assert status.head.signers == (VALIDATOR,)
    (validator,) = status.validators
    assert (validator.sealed_blocks, validator.counted_blocks, validator.last_proposed) == (2, 2, 2)
    assert validator.is_self
    assert validator.is_linked
    assert status.is_validator


def test_status_counts_the_last_hundred_blocks(node: MemoryNode) -> None:
    for _ in range(103):
        node.mine()
    status = status_of(node)
    assert len(status.blocks) == 10
    assert (status.validators[0].counted_blocks, status.validators[0].last_sealed) == (100, 103)


def test_status_shows_the_pool(node: MemoryNode) -> None:
    node.send(ECHO, b"", nonce=0)
    node.send(ECHO, b"", nonce=2)
    pool = status_of(node).pool
    assert (pool.pending, pool.queued) == (1, 1)
    assert pool.size_bytes > 0


def test_status_shows_the_newest_proposal_that_was_refused(node: MemoryNode) -> None:
    assert status_of(node).last_refusal is None
    node.heads.on_refused(Height(4), Round(2), address_of(VALIDATOR_KEY), "state root differs")
    refusal = status_of(node).last_refusal
    assert refusal is not None
    assert (refusal.number, refusal.round, refusal.proposer) == (4, 2, VALIDATOR)
    assert refusal.reason == "state root differs"


def test_status_tells_a_full_disk_from_a_conflict(node: MemoryNode) -> None:
    node.mine()
    ours = node.chain.head()
    node.halt_reason = "no room"
    halt = status_of(node).halt
    assert halt is not None
    assert (halt.kind, halt.reason) == ("disk_full", "no room")
    block = Block(ours.header, ours.transactions())
    node.evidence.add_conflict(block, block)
    status = status_of(node)
    assert status.halt is not None
    assert (status.halt.kind, status.evidence_count) == ("conflict", 1)
    assert status.evidence[0].validator == VALIDATOR
    assert status.diagnosis is not None
    assert status.diagnosis.findings[0].kind == "conflict"


def test_status_uses_camel_case_and_plain_numbers(node: MemoryNode) -> None:
    shown: dict[str, Any] = node.result("tranchain_status")
    assert shown["nowMs"] == node.now_ms
    assert shown["finality"] == {"quorum": 1, "byzantineQuorum": None, "byzantineFinalNumber": None}
    assert shown["diagnosis"]["findings"][0]["kind"] == "one_validator"


def test_syncing_is_false_while_nothing_is_fetched(node: MemoryNode) -> None:
    assert node.result("eth_syncing") is False


def test_syncing_tells_how_far_as_other_nodes_do(node: MemoryNode) -> None:
    node.mine()
    node.peers_ahead = 40
    assert node.result("eth_syncing") == {"startingBlock": "0x1", "currentBlock": "0x1", "highestBlock": "0x28"}
