"""A chain of three validators by another implementation, imported block by block: validators, finality, receipts."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.core.codec import decode_blocks, encode_block
from chain_node.core.genesis import parse_genesis
from chain_node.core.types import Block, Height
from chain_node.node.block_maker import BlockMaker
from chain_node.node.chain import Chain, make_commit
from chain_node.node.opening import make_engine
from chain_node.node.validators import Validators
from chain_node.rpc.views import block_view, receipt_views
from chain_node.storage import MemoryStore

CHAINS = Path(__file__).parents[2] / "conformance" / "qbft" / "goquorum_chains"
MODES = ["header_mode", "contract_mode"]


@cache
def imported(mode: str) -> tuple[Chain, Validators, list[dict[str, Any]]]:
    genesis = parse_genesis((CHAINS / mode / "genesis.json").read_text())
    store = MemoryStore()
    engine = make_engine(genesis, store)
    initial = engine.initialise(genesis.alloc)
    first = Block(genesis.build_header(initial.state_root), ())
    store.commit_block(make_commit(first, encode_block(first), block_hash(first.header), initial))
    chain = Chain(genesis, store, engine)
    validators = Validators(chain, store)
    maker = BlockMaker(genesis, engine, store.block_hash)
    with (CHAINS / mode / "chain.rlp").open("rb") as file:
        for block in list(decode_blocks(file))[1:]:
            expected = validators.of(block.header.number)
            result = maker.execute(block, chain.head().header)
            assert validators.after(chain.add(block, result)) == expected
    return chain, validators, json.loads((CHAINS / mode / "expected.json").read_text())


@pytest.mark.parametrize("mode", MODES)
def test_imported_chain_has_the_expected_blocks(mode: str) -> None:
    chain, _, expected = imported(mode)
    assert chain.head().height == len(expected) - 1
    for one in expected:
        block = chain.block_at(Height(one["number"]))
        assert block is not None
        view = block_view(block, is_full=False, genesis_difficulty=1)
        assert (view["hash"], view["stateRoot"], view["miner"]) == (one["hash"], one["stateRoot"], one["coinbase"])
        assert len(receipt_views(block, chain.receipts(block))) == one["transactions"]


@pytest.mark.parametrize("mode", MODES)
def test_block_is_byzantine_final_once_all_three_have_sealed_it_or_a_descendant(mode: str) -> None:
    chain, validators, expected = imported(mode)
    sealers = [{bytes.fromhex(sealer[2:]) for sealer in one["sealers"]} for one in expected]
    for height in range(len(expected)):
        block = chain.block_at(Height(height))
        assert block is not None
        finality = validators.finality(block)
        signed = set().union(*sealers[height:])
        assert (finality.finality == "byzantine_final") == (len(signed) == 3)
        assert set(finality.signers) <= signed
        assert (finality.validator_count, finality.quorum, finality.byzantine_quorum) == (3, 2, 3)
    assert {finality_of(mode, height) for height in range(len(expected))} == {"byzantine_final", "crash_final"}


def finality_of(mode: str, height: int) -> str:
    chain, validators, _ = imported(mode)
    block = chain.block_at(Height(height))
    assert block is not None
    return validators.finality(block).finality


def test_restart_counts_the_votes_of_headers_again() -> None:
    chain, validators, _ = imported("header_mode")
    restarted = Validators(chain, validators._seals)
    assert restarted.after(chain.head()) == validators.of(Height(chain.head().height + 1))
