"""Section 4.9: what went wrong in other implementations of this protocol, and must not here.

Bugs that belong to one rule are tested with that rule; `rules.md` lists where.
"""

import pytest

from chain_node.consensus.qbft.codec import decode_message, encode_message
from chain_node.consensus.qbft.effects import BuildBlock, SendToValidators, StartBlockTimer, StartRoundTimer
from chain_node.consensus.qbft.events import BlockBuilt, BlockTimerFired, RoundTimerFired
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import block_hash, with_round
from chain_node.consensus.qbft.messages import Proposal, RoundChange, SignedCommit, SignedPrepare
from chain_node.consensus.qbft.upon_new_block import state_from_record
from chain_node.consensus.qbft.voting import compute_round_timeout_ms
from chain_node.core.genesis import QbftConfig
from chain_node.core.limits import ROUND_MAX
from tests.unit.consensus.bench import (
    GENESIS,
    VALIDATORS,
    act,
    block_of,
    head,
    of_kind,
    prepare,
    proposal,
    round_change,
    run,
    state_of,
    validated,
)
from tests.unit.consensus.network import Network, assert_agreement, assert_no_double_vote

BLOCK = block_of(0)
OTHER = block_of(0, vanity=b"\x01" * 32)


def check_safety(network: Network) -> None:
    assert_agreement(network)
    for node in network.nodes.values():
        assert_no_double_vote(node)
        assert node.evidence == []
        assert all(not rejected.is_fault for rejected in node.rejected)


@pytest.mark.parametrize("last_round", [2, 3])
def test_block_prepared_in_a_later_round_is_proposed_again_and_committed(last_round: int) -> None:
    """besu#6613, #6732, #3785: re-proposal from preparedRound > 0 rejected."""
    network = Network(4)
    network.allows = lambda sender, receiver, message: (
        not (
            (isinstance(message, SignedPrepare) and message.payload.round == 0)
            or (isinstance(message, SignedCommit) and message.payload.round < last_round)
        )
    )
    network.run_to_height(1)
    check_safety(network)
    block = network.node(0).chain[0]
    assert network.round_of(network.node(0), 1) == last_round
    first = next(message for message in network.node(1).sent if isinstance(message, Proposal))
    assert block_hash(block.header) == block_hash(first.payload.block.header)
    again = [m for node in network.nodes.values() for m in node.sent if isinstance(m, Proposal) and m.prepares]
    prepared_rounds = {one.prepares[0].payload.round for one in again}
    assert prepared_rounds == set(range(1, last_round))
    assert {one.payload.block.header.coinbase for one in again} == {network.validators[1]}


def test_validators_in_different_rounds_meet_within_seconds() -> None:
    """besu#7642: validators in different rounds, huge timeouts, all-restart needed; commit fd0d535957: the f+1
    catch-up flag silently inert. Here it is always on, and rounds hardly differ.
    """
    network = Network(4)
    stuck = network.node(3)
    network.allows = lambda sender, receiver, message: isinstance(message, RoundChange) and receiver != stuck.address
    network.run(lambda: network.node(0).state.round >= 9)
    assert stuck.state.round <= 1
    network.crash(network.node(0))
    network.allows = lambda sender, receiver, message: True
    began_ms = network.now_ms
    alive = [network.node(index) for index in (1, 2, 3)]
    network.run(lambda: stuck.state.round >= 9 or len(stuck.chain) > 0)
    assert network.now_ms - began_ms < 6_000
    network.run_to_height(1, *alive)
    check_safety(network)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_network_whose_nodes_all_restart_goes_on(count: int) -> None:
    """besu#8307, #8308, #6457: single validator or the 2-node case do not resume after restart.

    4.9: validators with wiped data or single validator do not resume after restart; 2-node case.
    """
    network = Network(count)
    for height in (2, 4, 6):
        network.run_to_height(height)
        for node in network.nodes.values():
            network.crash(node)
        network.now_ms += 3_600_000
        for node in network.nodes.values():
            network.restart(node)
    began_ms = network.now_ms
    network.run_to_height(8)
    assert network.now_ms - began_ms < 30_000
    check_safety(network)


def test_validator_that_lost_its_data_resumes_when_it_has_the_blocks_again() -> None:
    """besu#8307: validators with wiped data do not resume after restart.

    4.9: validators with wiped data or single validator do not resume after restart; 2-node case.
    """
    network = Network(4)
    network.run_to_height(3)
    wiped = network.node(2)
    network.crash(wiped)
    network.run_to_height(6, network.node(0), network.node(1), network.node(3))
    wiped.chain.clear()
    wiped.log.clear()
    wiped.sent.clear()
    network.restart(wiped)
    network.give_blocks(network.node(0), wiped)
    height = len(wiped.chain)
    network.run_to_height(height + 8)
    check_safety(network)
    assert wiped.address in {block.header.coinbase for block in wiped.chain[height:]}


def test_several_validators_that_sync_from_one_peer_reach_the_head() -> None:
    """besu#10024: several validators syncing from one peer loop, stuck short of head."""
    network = Network(7)
    late = [network.node(index) for index in (1, 3)]
    for node in late:
        network.crash(node)
    source = network.node(0)
    network.run_to_height(10, source)
    for node in late:
        network.restart(node)
    network.run_to_height(len(source.chain) + 3)
    check_safety(network)


def test_round_timer_does_not_run_before_the_block_period_is_over() -> None:
    """besu#2095: round change before the block period elapsed."""
    for index in range(4):
        state, effects = state_from_record(VALIDATORS[index], GENESIS.qbft, head(), None)
        assert [type(effect) for effect in effects] == [StartBlockTimer]
        assert act(state, RoundTimerFired(1, 0)) == (state, ())
        _, effects = act(state, BlockTimerFired(1))
        assert of_kind(effects, StartRoundTimer) == [StartRoundTimer(1, 0, 4000)]


def test_round_change_builds_a_block_at_once_whatever_the_empty_period() -> None:
    """besu#10917: txs ignored in a round change with emptyblockperiodseconds.

    4.3: an empty block is withheld.
    """
    config = QbftConfig(**(_fields(GENESIS.qbft) | {"empty_block_period_seconds": 1800}))
    state, effects = state_from_record(VALIDATORS[1], config, head(), None)
    (timer,) = of_kind(effects, StartBlockTimer)
    assert (timer.earliest_ms, timer.latest_ms) == (1000, 1_800_000)
    state, _ = act(run(state, round_change(0, 1)), round_change(2, 1))
    _, effects = act(state, round_change(3, 1))
    assert len(of_kind(effects, BuildBlock)) == 1


def _fields(config: QbftConfig) -> dict[str, object]:
    return {name: getattr(config, name) for name in QbftConfig.__slots__}


def test_prepare_that_came_twice_is_once_in_the_round_change() -> None:
    """besu#2459: duplicate Prepares in RoundChange made it invalid."""
    first = prepare(0, BLOCK)
    state = run(state_of(3), proposal(0, BLOCK), first, first, validated(BLOCK), prepare(1, BLOCK), first)
    state = run(state, prepare(1, BLOCK), prepare(3, BLOCK), prepare(3, BLOCK))
    _, effects = act(state, RoundTimerFired(1, 0))
    (sent,) = of_kind(effects, SendToValidators)
    assert [one.author for one in sent.message.prepares] == [VALIDATORS[0], VALIDATORS[1], VALIDATORS[3]]


def test_block_built_for_what_is_over_is_never_proposed() -> None:
    """quorum#1630 (fix #1669): real chain fork with emptyblockperiodseconds: stale work proposed.

    4.9: **real chain fork** with emptyblockperiodseconds: stale work proposed.
    """
    state = run(state_of(0), BlockTimerFired(1), RoundTimerFired(1, 0))
    assert act(state, BlockBuilt(1, 0, BLOCK)) == (state, ())
    state = run(state_of(1), head(BLOCK.header), BlockTimerFired(2))
    assert state.is_proposing
    assert act(state, BlockBuilt(1, 0, OTHER)) == (state, ())
    assert act(state, BlockBuilt(2, 1, OTHER)) == (state, ())


def test_justification_lists_of_any_length_survive_the_wire() -> None:
    """quorum#1681, #1692, quorum-kubernetes#207: endless round changes; decode error on justification lists.

    4.9: endless round changes; logs show decode error on justification lists.
    """
    certificate = tuple(prepare(author, BLOCK) for author in (0, 1, 2))
    because = tuple(round_change(author, 1, prepared=BLOCK if author == 0 else None) for author in range(4))
    for round_changes in ((), because[:1], because):
        for prepares in ((), certificate[:1], certificate):
            message = proposal(1, with_round(BLOCK, 1), 1, because=round_changes, prepares=prepares)
            assert decode_message(*encode_message(message)) == message
    for one in because:
        assert decode_message(*encode_message(one)) == one


def test_timeouts_of_the_highest_rounds_neither_overflow_nor_vanish() -> None:
    """quorum#1664: maxRequestTimeoutSeconds overflow storm.

    4.3: overflow after ~33 rounds caused a round-change storm.
    """
    for round_number in (5, 33, 64, 1_000, ROUND_MAX):
        assert compute_round_timeout_ms(GENESIS.qbft, round_number) == 128_000


def test_lock_on_a_block_that_nobody_else_prepared_does_not_stop_the_chain() -> None:
    """quorum#305: IBFT1 lock design flaw (motivation for QBFT): a locked node accepts a justified other block."""
    network = Network(4)
    locked = network.node(3)
    network.allows = lambda sender, receiver, message: (
        not (isinstance(message, SignedPrepare) and message.payload.round == 0 and receiver != locked.address)
        and not (isinstance(message, RoundChange) and sender == locked.address)
        and not isinstance(message, SignedCommit)
    )
    network.run(lambda: locked.state.lock is not None and locked.state.lock.round > 0)
    assert locked.state.lock is not None
    first, second = (
        next(m for m in network.node(index).sent if isinstance(m, Proposal)).payload.block for index in (0, 1)
    )
    assert block_hash(first.header) != block_hash(second.header)
    assert block_hash(locked.state.lock.block.header) == block_hash(second.header)
    network.allows = lambda sender, receiver, message: True
    network.run_to_height(1)
    check_safety(network)
    assert block_hash(locked.chain[0].header) == block_hash(second.header)
    assert decode_extra_data(locked.chain[0].header.extra_data).round >= 1
