"""Both chains made by another implementation replay to the same roots, receipts and gas."""

import json
from pathlib import Path

import pytest

from chain_node.core.codec import decode_blocks, encode_receipt
from chain_node.core.genesis import parse_genesis
from chain_node.core.trie import ordered_trie_root
from chain_node.core.types import Hash32, Height
from chain_node.execution import BlockContext
from chain_node.execution.pyevm_engine import PyEvmEngine
from tests.unit.execution.node_table import NodeTable

CHAINS = Path(__file__).parents[2] / "conformance" / "qbft" / "goquorum_chains"


@pytest.mark.parametrize("mode", ["header_mode", "contract_mode"])
def test_chain_of_another_implementation_executes_to_its_roots(mode: str) -> None:
    genesis = parse_genesis((CHAINS / mode / "genesis.json").read_text())
    expected = json.loads((CHAINS / mode / "expected.json").read_text())
    table = NodeTable()
    engine = PyEvmEngine(chain_id=genesis.chain_id, schedule=genesis.schedule, source=table)
    start = engine.initialise(genesis.alloc)
    table.add(start.changes)
    root = start.state_root
    hashes: dict[Height, Hash32] = {}
    with (CHAINS / mode / "chain.rlp").open("rb") as stream:
        blocks = list(decode_blocks(stream))
    assert blocks[0].header.state_root == root
    for block, described in zip(blocks[1:], expected[1:], strict=True):
        header = block.header
        hashes[Height(header.number - 1)] = header.parent_hash
        context = BlockContext(
            height=header.number,
            timestamp=header.timestamp,
            gas_limit=header.gas_limit,
            coinbase=header.coinbase,
            base_fee_per_gas=header.base_fee_per_gas,
            block_hash=lambda height: hashes.get(height),
        )
        result = engine.execute_block(root, block.transactions, context, gas_per_transaction=0)
        assert "0x" + result.state_root.hex() == described["stateRoot"]
        assert result.gas_used == described["gasUsed"]
        receipts_root = ordered_trie_root([encode_receipt(receipt) for receipt in result.receipts])
        assert receipts_root == header.receipts_root
        assert ordered_trie_root([transaction.raw for transaction in block.transactions]) == header.transactions_root
        assert result.logs_bloom == header.logs_bloom
        assert result.state_root == header.state_root
        table.add(result.changes)
        root = result.state_root
    assert sum(len(block.transactions) for block in blocks) == 130
