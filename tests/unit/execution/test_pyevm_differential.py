"""Random blocks give the same roots, receipts and gas on this engine and on py-evm's own state."""

from random import Random

import pytest

from chain_node.core.crypto import address_of
from chain_node.core.genesis import Fork, GenesisAccount
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Transaction
from chain_node.execution.pyevm_engine import PyEvmEngine
from tests.unit.execution.node_table import (
    CHAIN_ID,
    NodeTable,
    context_at,
    key_of,
    schedule_of,
    sign,
    sign_typed,
)
from tests.unit.execution.random_programs import CONTRACTS, random_program
from tests.unit.execution.reference_chain import ReferenceChain

SENDERS = [key_of(f"sender {index}") for index in range(3)]


@pytest.mark.parametrize("fork", ["istanbul", "berlin", "london"])
@pytest.mark.parametrize("seed", range(12))
def test_engine_on_random_blocks_agrees_with_plain_py_evm(fork: Fork, seed: int) -> None:
    random = Random(seed)
    alloc = {Address(contract): _contract(random) for contract in CONTRACTS}
    alloc |= {address_of(key): GenesisAccount(balance=10**18, nonce=0, code=b"", storage={}) for key in SENDERS}
    table = NodeTable()
    engine = PyEvmEngine(chain_id=CHAIN_ID, schedule=schedule_of(fork), source=table)
    genesis = engine.initialise(alloc)
    table.add(genesis.changes)
    reference = ReferenceChain(fork, alloc, context_at(0, fork))
    assert reference.root == genesis.state_root
    root = genesis.state_root
    nonces = dict.fromkeys(SENDERS, 0)
    for height in range(1, 4):
        context = context_at(height, fork, block_hash=lambda h: keccak(b"block %d" % h))
        transactions = [_transaction(random, fork, nonces) for _ in range(6)]
        result = engine.execute_block(root, transactions, context, gas_per_transaction=0)
        expected_root, outcomes = reference.execute_block(transactions, context)
        assert [receipt.status for receipt in result.receipts] == [success for success, _, _ in outcomes]
        assert result.gas_used == sum(gas for _, gas, _ in outcomes)
        ours = [[(log.address, log.topics, log.data) for log in receipt.logs] for receipt in result.receipts]
        theirs = [
            [(a, tuple(t.to_bytes(32, "big") for t in topics), d) for a, topics, d in logs] for _, _, logs in outcomes
        ]
        assert ours == theirs
        assert result.state_root == expected_root
        table.add(result.changes)
        root = result.state_root


def _contract(random: Random) -> GenesisAccount:
    storage = {slot: random.getrandbits(8) + 1 for slot in range(3)}
    return GenesisAccount(balance=random.choice((0, 50)), nonce=1, code=random_program(random), storage=storage)


def _transaction(random: Random, fork: Fork, nonces: dict[bytes, int]) -> Transaction:
    key = random.choice(SENDERS)
    nonce = nonces[key]
    nonces[key] += 1
    gas = random.choice((60_000, 200_000, 600_000))
    data = random.randbytes(random.choice((0, 4, 68)))
    to = Address(random.choice(CONTRACTS))
    if random.random() < 0.1:
        code = random_program(random)
        return sign(key, nonce=nonce, to=None, data=code, gas=600_000, gas_price=1)
    if fork != "istanbul" and random.random() < 0.3:
        access_list = ((to, (bytes(32), bytes(31) + b"\x01")), (Address(bytes(19) + b"\x77"), ()))
        priority = random.choice((0, 2)) if fork == "london" else None
        return sign_typed(
            key, nonce=nonce, to=to, data=data, gas=gas, max_fee=2, priority_fee=priority, access_list=access_list
        )
    value = random.choice((0, 0, 3))
    return sign(key, nonce=nonce, to=to, data=data, value=value, gas=gas, gas_price=random.choice((0, 0, 1)))
