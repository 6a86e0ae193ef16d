"""Node records: read from the Consortium, asked again when its storage has changed, none where nobody knows any."""

from pathlib import Path

import pytest

from chain_node.core.crypto import address_of
from chain_node.core.genesis import Genesis
from chain_node.network.api import NodeRecord
from chain_node.node.chain import Chain
from chain_node.node.node_records import NodeRecords
from tests.unit.node.nodes_in_process import make_genesis, make_machine, tls_key_hash, validator_key
from tests.unit.rpc.memory_node import ECHO, MemoryNode


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return make_genesis(3)


def test_records_are_those_of_the_contract_in_the_order_of_keys(genesis: Genesis, tmp_path: Path) -> None:
    machine = make_machine(genesis, tmp_path, 0)
    records = NodeRecords(Chain(genesis, machine.chain.store, machine.chain.engine))
    expected = [
        NodeRecord(
            tls_key_hash=tls_key_hash(index),
            validator=address_of(validator_key(index)),
            organisation=index + 1,
            endpoint=f"127.0.0.1:{30_000 + index}",
        )
        for index in range(3)
    ]
    assert list(records.newest()) == sorted(expected, key=lambda record: record.tls_key_hash)


def test_contract_is_asked_again_only_when_its_storage_has_changed(
    genesis: Genesis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = make_machine(genesis, tmp_path, 0)
    chain = Chain(genesis, machine.chain.store, machine.chain.engine)
    records = NodeRecords(chain)
    before = records.newest()
    monkeypatch.setattr(type(chain.engine), "call", lambda *_: pytest.fail("the contract was asked again"))
    records.on_head(chain.head())
    assert records.newest() is before


def test_network_without_a_consortium_has_no_records() -> None:
    node = MemoryNode()
    assert NodeRecords(node.chain).newest() == ()


def test_contract_that_knows_no_nodes_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A genesis of before: the call answers nothing."""
    node = MemoryNode()
    node.send(ECHO, bytes.fromhex("01" * 32), nonce=0)
    monkeypatch.setattr("chain_node.node.node_records.CONSORTIUM", ECHO)
    records = NodeRecords(node.chain)
    node.mine()
    records.on_head(node.chain.head())
    assert records.newest() == ()
