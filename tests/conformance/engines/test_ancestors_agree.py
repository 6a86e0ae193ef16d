"""BLOCKHASH reaches back 256 blocks on every engine, and no further."""

from pathlib import Path

from chain_node.core.genesis import GenesisAccount
from chain_node.core.types import Address
from chain_node.execution import CallRequest
from tests.conformance.engines.side import SIDES, genesis_of, hash_of_genesis
from tests.unit.execution.node_table import CHAIN_ID, COINBASE

READER = Address(bytes(18) + b"\xbb\x40")
READ = bytes.fromhex("6000354060005260206000f3")
"""The hash of the block whose number is in the call data."""
HEIGHTS = 260


def test_hash_of_an_ancestor_is_the_same_on_every_engine(tmp_path: Path) -> None:
    genesis = genesis_of("london", {READER: GenesisAccount(balance=0, nonce=1, code=READ, storage={})}, CHAIN_ID)
    answers = []
    for name, make in SIDES.items():
        side = make(genesis, tmp_path / name, hash_of_genesis(genesis))
        for _ in range(HEIGHTS):
            context = side.context(base_fee=0, coinbase=COINBASE)
            side.add((), context, side.execute((), context))
        context = side.context(base_fee=0, coinbase=COINBASE)
        numbers = (0, 4, 5, 6, HEIGHTS - 1, HEIGHTS, HEIGHTS + 1, HEIGHTS + 2, 2**64 - 1, 2**64, 2**256 - 1)
        requests = [CallRequest(to=READER, gas=50_000, data=number.to_bytes(32, "big")) for number in numbers]
        answers.append([side.engine.call(side.root, context, request) for request in requests])
        is_known = [any(answer.return_data) for answer in answers[-1]]
        assert is_known == [False, False, True, True, True, True, False, False, False, False, False], name
        assert answers[-1][5].return_data == side.block_hash(side.chain.head().height)
        side.close()
    assert all(each == answers[0] for each in answers)
