"""Every engine makes the same genesis of the same constructors and calls, or refuses them alike."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from chain_node.core.genesis import Fork, GenesisAccount
from chain_node.core.types import Address
from chain_node.execution import BlockContext, CallRequest, CreationFailedError, TransactionRefusedError
from tests.conformance.engines.compare import first_difference
from tests.conformance.engines.random_chain import PHOENIX, SMALL, RandomChain
from tests.conformance.engines.side import SIDES, Side, genesis_of, hash_of_genesis
from tests.unit.execution.node_table import CHAIN_ID, COINBASE
from tests.unit.execution.random_programs import CONTRACTS, random_program

FORKS: tuple[Fork, ...] = ("istanbul", "berlin", "london")
STEPS = 40
CREATOR = Address(bytes(18) + b"\xcc\x01")
Alloc = dict[Address, GenesisAccount]


@pytest.mark.parametrize("fork", FORKS)
def test_constructors_and_calls_leave_the_same_allocation_on_every_engine(fork: Fork, tmp_path: Path) -> None:
    drawn = RandomChain(55, fork)
    genesis = genesis_of(fork, drawn.alloc, CHAIN_ID)
    genesis_hash = hash_of_genesis(genesis)
    sides = {name: make(genesis, tmp_path / name, genesis_hash) for name, make in SIDES.items()}
    alloc, succeeded = dict(drawn.alloc), 0
    for step in range(STEPS):
        (reference, expected), *others = [
            (name, _attempt(side, alloc, Random(f"{fork} {step}"))) for name, side in sides.items()
        ]
        for name, found in others:
            difference = first_difference(found, expected)
            assert difference is None, f"{fork} step {step}: {name} and {reference} differ:{difference}"
        if isinstance(expected, dict):
            assert all(list(found) == list(expected) for _, found in others)
            alloc, succeeded = expected, succeeded + 1
    assert 5 < succeeded < STEPS
    roots = {side.engine.initialise(alloc).state_root for side in sides.values()}
    assert len(roots) == 1
    for side in sides.values():
        side.close()


def _attempt(side: Side, alloc: Alloc, random: Random) -> Any:
    """The allocation after one constructor or call, or why it failed."""
    context = _context(side)
    try:
        if random.random() < 0.5:
            address = Address(bytes(18) + bytes((0xDD, random.randrange(6))))
            init_code = random.choice((PHOENIX, random_program(random), b"", b"\x60\x01\x60\x00\xf3"))
            request = CallRequest(to=None, gas=context.gas_limit, data=init_code, sender=CREATOR)
            return side.engine.run_on_alloc(alloc, request, context, create_at=address)
        name = random.choice(("store", "create2", "create"))
        targets = (Address(random.choice(CONTRACTS)), SMALL[name][0])
        data = random.randrange(4).to_bytes(32, "big") + random.randrange(2).to_bytes(32, "big") + PHOENIX
        request = CallRequest(
            to=random.choice(targets), gas=random.choice((20_000, 400_000)), sender=CREATOR, data=data
        )
        return side.engine.run_on_alloc(alloc, request, context)
    except CreationFailedError as error:
        return error.address, error.return_data, str(error)
    except TransactionRefusedError as error:
        return error.reason, error.is_final


def _context(side: Side) -> BlockContext:
    return side.context(
        base_fee=0 if side.chain.genesis.schedule.london_height is not None else None, coinbase=COINBASE
    )
