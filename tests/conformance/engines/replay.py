"""One random chain on every engine, block by block, with everything asked of each after each block."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from chain_node.core.crypto import address_of
from chain_node.core.genesis import Fork
from chain_node.core.types import Address, Transaction
from chain_node.execution import AccountOverride, BlockLimits, CallRequest, InvalidBlockTransactionError, TraceOptions
from tests.conformance.engines.compare import (
    facts_of_build,
    facts_of_call,
    facts_of_estimate,
    facts_of_result,
    facts_of_state,
    facts_of_trace,
    first_difference,
)
from tests.conformance.engines.precompile_inputs import precompile_input
from tests.conformance.engines.random_chain import GAS_TRANSACTION_MAX, PHOENIX, SENDERS, SMALL, RandomChain
from tests.conformance.engines.side import GAS_LIMIT, SIDES, Side, SideMaker, genesis_of, hash_of_genesis
from tests.unit.execution.node_table import CHAIN_ID, COINBASE
from tests.unit.execution.random_programs import CONTRACTS

_GAS_DEEP = 10**13
"""Enough for 1,024 calls inside one another, each of which hands on 63/64."""
SLOTS = (0, 1, 2, 3, 5, 7, 11)


def replay(fork: Fork, seed: int, *, blocks: int, directory: Path, sides: dict[str, SideMaker] = SIDES) -> int:
    """Run the chain of a seed on all engines; gives how many transactions were included.

    Raises:
        AssertionError: two engines differ; the message says where.
    """
    drawn = RandomChain(seed, fork)
    genesis = genesis_of(fork, drawn.alloc, CHAIN_ID)
    genesis_hash = hash_of_genesis(genesis)
    open_sides = {name: make(genesis, directory / name, genesis_hash) for name, make in sides.items()}
    try:
        return sum(_replay_block(open_sides, drawn, Random(f"{fork} {seed} {number}")) for number in range(blocks))
    finally:
        for side in open_sides.values():
            side.close()


def _replay_block(sides: dict[str, Side], drawn: RandomChain, random: Random) -> int:
    where = f"{drawn.fork} {drawn.seed}"
    candidates = drawn.draw_candidates(random.choice((0, 1, 6, 10, 14)))
    gas_limit = random.choice((GAS_LIMIT, GAS_LIMIT, GAS_LIMIT, 900_000))
    size_bytes = random.choice((1 << 20, 1 << 20, 1 << 20, 2_000))
    is_late = random.random() < 0.05
    context = {
        name: side.context(base_fee=drawn.base_fee, coinbase=COINBASE, gas_limit=gas_limit)
        for name, side in sides.items()
    }
    where += f" block {next(iter(context.values())).height}"
    built = {
        name: side.build(candidates, context[name], _limits(size_bytes, is_late=is_late))
        for name, side in sides.items()
    }
    _assert_same(f"{where} build", {name: facts_of_build(each) for name, each in built.items()})
    first_name, first = next(iter(built.items()))
    executed = {
        name: built[name].execution
        if name == first_name and random.random() < 0.7
        else side.execute(first.included, context[name])
        for name, side in sides.items()
    }
    facts = {name: facts_of_result(each) for name, each in executed.items()}
    _assert_same(f"{where} execute", {"as built": facts_of_result(first.execution), **facts})
    if first.skipped:
        refused = (*first.included, first.skipped[0].transaction)
        _assert_same(f"{where} refuse", {name: _refusal(side, refused, context[name]) for name, side in sides.items()})
    if first.included and random.random() < 0.5:
        traced = first.included[: random.randrange(len(first.included)) + 1]
        options = random.choice(
            (TraceOptions(), TraceOptions(is_memory_recorded=True, steps_max=300), TraceOptions(is_step_recorded=False))
        )
        _assert_same(
            f"{where} trace of {len(traced) - 1}",
            {name: facts_of_trace(side, side.root, traced, context[name], options) for name, side in sides.items()},
        )
    parent_root = next(iter(sides.values())).root
    headers = {name: side.add(first.included, context[name], executed[name]) for name, side in sides.items()}
    _assert_same(f"{where} header", headers)
    for skipped in reversed(first.skipped):
        drawn.note_skipped(skipped.transaction)
    for transaction in reversed(candidates[len(first.included) + len(first.skipped) :]):
        drawn.note_skipped(transaction)
    for root in (parent_root, first.execution.state_root):
        facts = {name: facts_of_state(side, root, drawn.addresses(), SLOTS) for name, side in sides.items()}
        _assert_same(f"{where} state", facts)
    _compare_calls(where, sides, drawn, random)
    return len(first.included)


def _compare_calls(where: str, sides: dict[str, Side], drawn: RandomChain, random: Random) -> None:
    requests = [_request(random) for _ in range(2)]
    overrides = {
        Address(random.choice(CONTRACTS)): AccountOverride(
            balance=random.choice((None, 0, 10**20)),
            nonce=random.choice((None, 9)),
            code=random.choice((None, None, b"", SMALL["call"][1])),
            storage={random.randrange(4): random.choice((0, 77)) for _ in range(2)},
            is_storage_replaced=random.random() < 0.3,
        )
    }
    contexts = {name: side.context(base_fee=drawn.base_fee, coinbase=COINBASE) for name, side in sides.items()}
    for request, given in zip(requests, (None, overrides), strict=True):
        facts = {name: facts_of_call(side, contexts[name], request, given) for name, side in sides.items()}
        _assert_same(f"{where} call {request} {given}", facts)
    if random.random() < 0.2 and requests[0].gas < _GAS_DEEP:
        facts = {name: facts_of_estimate(side, contexts[name], requests[0]) for name, side in sides.items()}
        _assert_same(f"{where} estimate {requests[0]}", facts)


def _request(random: Random) -> CallRequest:
    sender = random.choice((address_of(SENDERS[0]), Address(bytes(20)), Address(CONTRACTS[0])))
    gas = random.choice((20_000, 53_100, 200_000, 200_000))
    value = random.choice((0, 0, 1, 10**30))
    kind = random.randrange(4)
    if random.random() < 0.03:
        depth = random.choice((3, 1023, 1024, 1100))
        return CallRequest(to=SMALL["descend"][0], gas=_GAS_DEEP, sender=sender, data=depth.to_bytes(32, "big"))
    if kind == 0:
        number, data = precompile_input(random)
        return CallRequest(to=Address(number.to_bytes(20, "big")), gas=gas, sender=sender, data=data)
    if kind == 1:
        return CallRequest(to=None, gas=gas, sender=sender, data=PHOENIX, value=value)
    to, data = Address(random.choice(CONTRACTS)), random.randbytes(random.choice((0, 4, 40)))
    listed = ((to, (bytes(32),)),) if kind == 3 else ()
    return CallRequest(to=to, gas=gas, sender=sender, data=data, value=value, gas_price=kind, access_list=listed)


def _limits(size_bytes: int, *, is_late: bool) -> BlockLimits:
    return BlockLimits(gas_per_transaction=GAS_TRANSACTION_MAX, size_bytes=size_bytes, should_stop=lambda: is_late)


def _refusal(side: Side, transactions: tuple[Transaction, ...], context: Any) -> Any:
    try:
        return facts_of_result(side.execute(transactions, context))
    except InvalidBlockTransactionError as error:
        return error.index, error.transaction_hash.hex(), str(error)


def _assert_same(where: str, facts: dict[str, Any]) -> None:
    (reference, expected), *others = facts.items()
    for name, found in others:
        difference = first_difference(found, expected)
        assert difference is None, f"{where}: {name} and {reference} differ:{difference}"
