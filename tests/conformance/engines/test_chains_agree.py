"""Chains that others made, on every engine: each block executes to what its header says."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from chain_node.core.codec import decode_blocks
from chain_node.core.genesis import parse_genesis
from chain_node.core.types import Address, Block, Height
from chain_node.execution import BlockContext
from tests.conformance.engines.compare import facts_of_result, facts_of_state, first_difference
from tests.conformance.engines.side import SIDES, Side, hash_of_genesis

CHAINS = Path(__file__).parents[1] / "qbft" / "goquorum_chains"
MAIN_JOB = Path(__file__).parent / "main_job"


@pytest.mark.parametrize("mode", ["header_mode", "contract_mode"])
def test_chain_of_another_implementation_is_the_same_on_every_engine(mode: str, tmp_path: Path) -> None:
    assert replay_chain(CHAINS / mode / "genesis.json", CHAINS / mode / "chain.rlp", tmp_path) == 130


def test_chain_of_the_main_job_is_the_same_on_every_engine(tmp_path: Path) -> None:
    assert replay_chain(MAIN_JOB / "genesis.json", MAIN_JOB / "chain.rlp.gz", tmp_path) == 85


def replay_chain(genesis_file: Path, chain_file: Path, directory: Path) -> int:
    """Execute every block on every engine and compare; gives the count of transactions."""
    genesis = parse_genesis(genesis_file.read_text())
    genesis_hash = hash_of_genesis(genesis)
    sides = {name: make(genesis, directory / name, genesis_hash) for name, make in SIDES.items()}
    count = 0
    try:
        for block in read_blocks(chain_file):
            if block.header.number:
                count += len(block.transactions)
                _replay_block(sides, block)
    finally:
        for side in sides.values():
            side.close()
    return count


def read_blocks(path: Path) -> Iterator[Block]:
    """The blocks of a file, compressed or not."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        yield from decode_blocks(cast(BinaryIO, stream))


def _replay_block(sides: dict[str, Side], block: Block) -> None:
    header = block.header
    facts = {}
    for name, side in sides.items():
        result = side.engine.execute_block(side.root, block.transactions, _context(side, block), gas_per_transaction=0)
        where = f"block {header.number} on {name}"
        assert result.state_root == header.state_root, where
        assert (result.receipts_root, result.transactions_root) == (header.receipts_root, header.transactions_root), (
            where
        )
        assert (result.gas_used, result.logs_bloom) == (header.gas_used, header.logs_bloom), where
        side.chain.add(block, result)
        touched = {Address(log.address) for receipt in result.receipts for log in receipt.logs}
        touched |= {transaction.sender for transaction in block.transactions}
        facts[name] = (facts_of_result(result), facts_of_state(side, result.state_root, sorted(touched), (0, 1)))
    (reference, expected), *others = facts.items()
    for name, found in others:
        difference = first_difference(found, expected)
        assert difference is None, f"block {header.number}: {name} and {reference} differ:{difference}"


def _context(side: Side, block: Block) -> BlockContext:
    header = block.header
    return BlockContext(
        height=Height(header.number),
        timestamp=header.timestamp,
        gas_limit=header.gas_limit,
        coinbase=header.coinbase,
        base_fee_per_gas=header.base_fee_per_gas,
        difficulty=header.difficulty,
        block_hash=side.block_hash,
    )
