"""Two engines that must agree: what happens when they do not, and how the second store follows the first."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.core.codec import encode_block
from chain_node.core.errors import InvalidBlockError
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.types import Block, Hash32, Height, Transaction
from chain_node.execution import BlockContext, EngineFault, ExecutionResult, InvalidBlockTransactionError
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.node.block_maker import BlockMaker
from chain_node.node.chain import Chain, make_commit
from chain_node.node.engine_evidence import keep_evidence
from chain_node.node.opening import OpenChain, make_engine
from chain_node.node.paired_engines import PairedEngine, PairedStore, catch_up
from chain_node.storage import BlockCommit, MemoryStore, StoreFullError
from tests.unit.rpc.memory_node import ACCOUNT, ECHO, MemoryNode, genesis_text

GENESIS = parse_genesis(genesis_text())


class WrongEngine(PyEvmEngine):
    """Counts a unit of gas too much, or refuses every transaction."""

    name = "wrong"
    is_refusing = False

    def execute_block(
        self, parent_root: Hash32, transactions: Sequence[Transaction], context: BlockContext, **limits: Any
    ) -> ExecutionResult:
        if self.is_refusing and transactions:
            raise InvalidBlockTransactionError(0, transactions[0].hash, "I do not like it")
        result = super().execute_block(parent_root, transactions, context, **limits)
        return replace(result, gas_used=result.gas_used + 1) if transactions else result


def open_in_memory(engine_class: type[PyEvmEngine], genesis: Genesis = GENESIS) -> OpenChain:
    store = MemoryStore()
    engine = engine_class(chain_id=genesis.chain_id, schedule=genesis.schedule, source=store)
    initial = engine.initialise(genesis.alloc)
    block = Block(genesis.build_header(initial.state_root), ())
    store.commit_block(make_commit(block, encode_block(block), block_hash(block.header), initial))
    return OpenChain(store, engine)


def pair(first: OpenChain, second: OpenChain) -> OpenChain:
    return OpenChain(PairedStore(first.store, second.store), PairedEngine(first.engine, second.engine))


def mine_one(node: MemoryNode) -> Block:
    """A block with one transaction, made by the node and added to its chain."""
    node.send(ECHO, b"\x01" * 32, nonce=node.intake.next_nonce(ACCOUNT))
    mined = node.mine()
    return Block(mined.header, mined.transactions())


def test_engines_that_agree_store_every_block_twice() -> None:
    first, second = open_in_memory(PyEvmEngine), open_in_memory(PyEvmEngine)
    node = MemoryNode(opened=pair(first, second))
    block = mine_one(node)
    assert node.engine.name == "py-evm, verified with py-evm"
    for opened in (first, second):
        assert opened.store.block_hash(Height(1)) == block_hash(block.header)
        assert opened.engine.open_state(block.header.state_root).storage(ECHO, 0) == int.from_bytes(b"\x01" * 32, "big")


def test_block_that_the_engines_execute_differently_is_a_fault_and_is_not_stored() -> None:
    first = open_in_memory(PyEvmEngine)
    node = MemoryNode(opened=pair(first, open_in_memory(WrongEngine)))
    with pytest.raises(EngineFault, match="py-evm and wrong disagree about block 1: gas_used"):
        mine_one(node)
    assert first.store.block(Height(1)) is None


def test_evidence_has_the_block_and_both_results(tmp_path: Path) -> None:
    block = mine_one(MemoryNode(opened=open_in_memory(PyEvmEngine)))
    paired = pair(open_in_memory(PyEvmEngine), open_in_memory(WrongEngine))
    maker = BlockMaker(GENESIS, paired.engine, paired.store.block_hash)
    parent = GENESIS.build_header(open_in_memory(PyEvmEngine).engine.initialise(GENESIS.alloc).state_root)
    with pytest.raises(EngineFault) as caught:
        maker.execute(block, parent)
    path = keep_evidence(caught.value, tmp_path, paired.engine.name)
    assert path == tmp_path / "engine-fault-1.json"
    kept = json.loads(path.read_text())
    assert kept["block"] == f"0x{encode_block(block).hex()}"
    assert kept["execution"]["transactions"] == [f"0x{block.transactions[0].raw.hex()}"]
    results = kept["execution"]["results"]
    assert results["wrong"]["gasUsed"] == results["py-evm"]["gasUsed"] + 1
    assert results["wrong"]["stateRoot"] == results["py-evm"]["stateRoot"] == f"0x{block.header.state_root.hex()}"


def test_block_that_one_engine_refuses_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WrongEngine, "is_refusing", True)
    node = MemoryNode(opened=pair(open_in_memory(PyEvmEngine), open_in_memory(WrongEngine)))
    with pytest.raises(EngineFault, match="whether it is valid") as caught:
        mine_one(node)
    assert caught.value.block is not None
    assert "I do not like it" in str(caught.value.block.results["wrong"])


def test_block_that_both_engines_refuse_is_invalid() -> None:
    block = mine_one(MemoryNode(opened=open_in_memory(PyEvmEngine)))
    twice = Block(block.header, (*block.transactions, *block.transactions))
    paired = pair(open_in_memory(PyEvmEngine), open_in_memory(PyEvmEngine))
    maker = BlockMaker(GENESIS, paired.engine, paired.store.block_hash)
    parent = GENESIS.build_header(paired.engine.initialise(GENESIS.alloc).state_root)
    with pytest.raises(InvalidBlockError, match="nonce too low"):
        maker.execute(twice, parent)


class FullOnce(MemoryStore):
    """A store that has no room for its second block the first time."""

    is_full = True

    def commit_block(self, commit: BlockCommit) -> None:
        if commit.height == 1 and self.is_full:
            self.is_full = False
            raise StoreFullError("there", "for a test")
        super().commit_block(commit)


def test_commit_cut_short_between_the_stores_is_done_again() -> None:
    first, second = open_in_memory(PyEvmEngine), open_in_memory(PyEvmEngine)
    full = FullOnce()
    full.__dict__.update(second.store.__dict__)
    paired = pair(first, OpenChain(full, make_engine(GENESIS, full)))
    chain = Chain(GENESIS, paired.store, paired.engine)
    block = mine_one(MemoryNode(opened=open_in_memory(PyEvmEngine)))
    result = BlockMaker(GENESIS, paired.engine, paired.store.block_hash).execute(block, chain.head().header)
    with pytest.raises(StoreFullError):
        chain.add(block, result)
    assert (first.store.head() or pytest.fail("no head")).height == 1
    assert (full.head() or pytest.fail("no head")).height == 0
    chain.add(block, result)
    assert full.head() == first.store.head()


def test_second_store_is_caught_up_by_executing_the_chain() -> None:
    first = open_in_memory(PyEvmEngine)
    node = MemoryNode(opened=first)
    blocks = [mine_one(node) for _ in range(3)]
    second = open_in_memory(PyEvmEngine)
    heights: list[Height] = []
    catch_up(GENESIS, first.store, second.store, second.engine, heights.append)
    assert heights == [1, 2, 3]
    assert second.store.head() == first.store.head()
    assert second.engine.open_state(blocks[-1].header.state_root).account(ACCOUNT).nonce == 3  # type: ignore[union-attr]


def test_second_engine_that_disagrees_about_the_past_is_a_fault_with_the_block() -> None:
    first = open_in_memory(PyEvmEngine)
    block = mine_one(MemoryNode(opened=first))
    second = open_in_memory(WrongEngine)
    with pytest.raises(EngineFault, match="wrong disagrees about block 1 of the chain: header gas_used") as caught:
        catch_up(GENESIS, first.store, second.store, second.engine, lambda _: None)
    assert caught.value.encoded_block == encode_block(block)
    assert second.store.block(Height(1)) is None
