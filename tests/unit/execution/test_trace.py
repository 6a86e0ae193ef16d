"""Traces of one transaction: steps, limits and the tree of messages."""

from itertools import pairwise

import pytest

from chain_node.core.genesis import Fork
from chain_node.core.hashing import keccak
from chain_node.core.types import Address
from chain_node.execution import Trace, TraceOptions
from tests.unit.execution.conftest import GroundMaker
from tests.unit.execution.test_engine_behaviour import ALICE, BOB, PROBE, PROBE_CODE, Chain, call_data


@pytest.fixture
def chain(make_ground: GroundMaker) -> Chain:
    return Chain(make_ground)


def trace(chain: Chain, data: bytes, *, to: Address | None = PROBE, options: TraceOptions | None = None) -> Trace:
    before = chain.sign(PROBE, call_data("set(uint256)", 11))
    transactions = [before, chain.sign(to, data, gas=3_000_000)]
    context = chain.context(len(chain.roots))
    return chain.engine.trace_transaction(chain.root, transactions, context, options or TraceOptions())


def test_trace_uses_the_gas_that_execution_used(chain: Chain) -> None:
    traced = trace(chain, call_data("deep(uint256)", 3))
    chain.nonce = 0
    result = chain.add_block(
        [
            chain.sign(PROBE, call_data("set(uint256)", 11)),
            chain.sign(PROBE, call_data("deep(uint256)", 3), gas=3_000_000),
        ]
    )
    assert traced.gas_used == result.gas_used - result.receipts[0].cumulative_gas_used
    assert traced.return_data == (11).to_bytes(32, "big")
    assert not traced.is_failed


def test_trace_of_every_fork_works(make_ground: GroundMaker) -> None:
    forks: tuple[Fork, ...] = ("istanbul", "berlin", "london")
    for fork in forks:
        assert trace(Chain(make_ground, fork), call_data("value()")).return_data == (11).to_bytes(32, "big")


def test_steps_account_for_all_gas_of_the_message(chain: Chain) -> None:
    steps = trace(chain, call_data("set(uint256)", 3)).steps
    assert steps[0].program_counter == 0
    assert all(step.depth == 1 for step in steps)
    for step, following in pairwise(steps):
        assert step.gas - step.gas_cost == following.gas
    store = next(step for step in steps if step.operation == "SSTORE")
    assert store.storage == ((0, 3),)
    assert store.stack is not None
    assert store.stack[-2:] == (3, 0)


def test_steps_of_inner_messages_come_after_the_one_that_sent_them(chain: Chain) -> None:
    steps = trace(chain, call_data("deep(uint256)", 2)).steps
    depths = [step.depth for step in steps]
    assert max(depths) == 3
    call = next(index for index, step in enumerate(steps) if step.operation == "CALL")
    assert (depths[call], depths[call + 1]) == (1, 2)


def test_trace_records_what_the_options_ask_for(chain: Chain) -> None:
    options = TraceOptions(is_stack_recorded=False, is_memory_recorded=True, is_storage_recorded=False)
    steps = trace(chain, call_data("set(uint256)", 3), options=options).steps
    assert all(step.stack is None and step.storage is None for step in steps)
    assert steps[-1].memory is not None
    assert len(steps[-1].memory) % 32 == 0
    assert trace(chain, b"", options=TraceOptions(is_step_recorded=False)).steps == ()


def test_trace_stops_recording_at_the_limit(chain: Chain) -> None:
    traced = trace(chain, call_data("burn()"), options=TraceOptions(steps_max=100))
    assert (len(traced.steps), traced.is_truncated, traced.is_failed) == (100, True, True)
    assert traced.gas_used == 3_000_000


def test_failed_step_says_why(chain: Chain) -> None:
    traced = trace(chain, call_data("refuse(uint256)", 1))
    assert traced.is_failed
    assert traced.return_data == call_data("Refused(uint256)", 1)
    assert traced.steps[-1].operation == "REVERT"
    assert traced.steps[-1].error is not None


def test_call_tree_names_kinds_and_failures(chain: Chain) -> None:
    chain.add_block([chain.sign(None, PROBE_CODE, gas=3_000_000)])
    frame = trace(chain, call_data("tryRefuse(address)", "0x" + PROBE.hex())).call
    (inner,) = frame.calls
    assert (frame.kind, frame.sender, frame.to, frame.error) == ("CALL", ALICE, PROBE, None)
    assert (inner.kind, inner.sender, inner.error) == ("CALL", PROBE, "execution reverted")
    assert inner.return_data == call_data("Refused(uint256)", 5)


def test_call_tree_shows_creation_and_precompiles(chain: Chain) -> None:
    created = trace(chain, call_data("create(bytes32,bytes)", bytes(32), PROBE_CODE)).call.calls[0]
    assert created.kind == "CREATE2"
    assert created.to == keccak(b"\xff" + PROBE + bytes(32) + keccak(PROBE_CODE))[12:]
    power = trace(chain, call_data("power(uint256,uint256,uint256)", 2, 3, 5)).call.calls[0]
    assert (power.kind, power.to) == ("STATICCALL", Address(bytes(19) + b"\x05"))
    deployed = trace(chain, PROBE_CODE, to=None).call
    assert (deployed.kind, deployed.sender) == ("CREATE", ALICE)


def test_call_tree_shows_self_destruction(chain: Chain) -> None:
    (last,) = trace(chain, call_data("die(address)", "0x" + BOB.hex())).call.calls
    assert (last.kind, last.sender, last.to) == ("SELFDESTRUCT", PROBE, BOB)
