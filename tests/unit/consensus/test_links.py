"""Design 4.2, "A dead proposer costs no timeout", and what a validator hears that comes back.

Four validators unless the test says otherwise; round 0 belongs to validator 0, round 1 to validator 1, and so on.
"""

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_node.consensus.qbft.effects import PersistVote, SendToValidators, StartRoundTimer
from chain_node.consensus.qbft.events import (
    BlockBuilt,
    BlockTimerFired,
    LinksChanged,
    ResendTimerFired,
    RoundTimerFired,
)
from chain_node.consensus.qbft.messages import PreparePayload, UnsignedCommit, UnsignedProposal, UnsignedRoundChange
from chain_node.consensus.qbft.state import State
from chain_node.core.codec import decode_transaction
from chain_node.core.limits import PROPOSAL_RESEND_SIZE_BYTES_MAX
from chain_node.core.types import Block
from tests.unit.consensus.bench import (
    VALIDATORS,
    act,
    authors,
    block_of,
    commit,
    head,
    of_kind,
    prepare,
    proposal,
    round_change,
    run,
    state_of,
    validated,
)
from tests.unit.consensus.network import Network, assert_agreement, assert_no_double_vote, keys_by_address

BLOCK = block_of(0)
BASE_TIMEOUT_MS = 4000
TRANSACTION = bytes(
    Account.from_key(b"\x05" * 32)
    .sign_transaction({"chainId": 1337, "nonce": 0, "gas": 21_000, "gasPrice": 0, "value": 0, "data": b""})
    .raw_transaction
)


def links(*indexes: int) -> LinksChanged:
    return LinksChanged(tuple(authors(*indexes)))


def rounds_asked_for(effects: Any) -> list[int]:
    messages = [effect.message for effect in of_kind(effects, SendToValidators)]
    return [message.payload.round for message in messages if isinstance(message, UnsignedRoundChange)]


def test_round_of_a_proposer_without_a_link_is_left_as_soon_as_it_begins() -> None:
    """Design 4.2: When the link to the proposer is down (closed, or silent for 1.5 s), a validator asks for the next
    round at once.
    """
    state, effects = act(run(state_of(3), links(1, 2)), BlockTimerFired(1))
    assert (state.round, rounds_asked_for(effects)) == (1, [1])
    kinds = [type(effect) for effect in effects]
    assert kinds.index(PersistVote) < kinds.index(SendToValidators)


def test_round_is_left_when_the_link_to_its_proposer_goes_down() -> None:
    """Design 4.2: When the link to the proposer is down (closed, or silent for 1.5 s), a validator asks for the next
    round at once.
    """
    state, effects = act(run(state_of(3), links(0, 1, 2), BlockTimerFired(1)), links(1, 2))
    assert (state.round, rounds_asked_for(effects)) == (1, [1])


def test_proposer_with_a_link_is_waited_for() -> None:
    state, effects = act(run(state_of(3), links(0, 2)), BlockTimerFired(1))
    assert (state.round, rounds_asked_for(effects)) == (0, [])


@pytest.mark.parametrize("linked", [(), (1,), (2,)])
def test_node_that_is_cut_off_waits_the_full_timeout(linked: tuple[int, ...]) -> None:
    """Design 4.2: only while it is linked to ≥ quorum − 1 other validators; otherwise the full timeout."""
    state, effects = act(run(state_of(3), links(*linked)), BlockTimerFired(1))
    assert state.round == 0
    assert of_kind(effects, StartRoundTimer) == [StartRoundTimer(1, 0, BASE_TIMEOUT_MS)]
    assert run(state, RoundTimerFired(1, 0)).round == 1


def test_link_to_somebody_who_is_no_validator_does_not_count() -> None:
    """Design 4.2: only while it is linked to ≥ quorum − 1 other validators."""
    state = run(state_of(3), LinksChanged((*authors(1), b"\xfe" * 20)), BlockTimerFired(1))
    assert state.round == 0


def test_own_turn_is_never_skipped_nor_any_round_after_it() -> None:
    """Design 4.2: never past its own turn."""
    state = run(state_of(1), links(2, 3), BlockTimerFired(1))
    assert state.round == 1
    state = run(state, round_change(2, 2), round_change(3, 2), links(0, 1))
    assert state.round == 2
    assert run(state, links(0, 3)).round == 2


def test_several_dead_proposers_in_a_row_are_skipped_together() -> None:
    """Design 4.2: at most n − 1 times per height."""
    validators = tuple(keys_by_address(7))
    state = replace(state_of(3), validators=validators, identity=validators[6])
    state = run(state, LinksChanged(validators[2:6]))
    state, effects = act(state, BlockTimerFired(1))
    assert (state.round, rounds_asked_for(effects)) == (2, [1, 2])


def test_proposal_that_came_is_finished_without_its_author() -> None:
    state = run(state_of(3), links(0, 1, 2), BlockTimerFired(1), proposal(0, BLOCK), links(1, 2))
    assert state.round == 0
    state = run(state, validated(BLOCK), prepare(0, BLOCK), prepare(1, BLOCK), prepare(3, BLOCK))
    assert state.lock is not None


def test_proposal_that_did_not_come_everywhere_is_left_with_whoever_left_it() -> None:
    """Who skipped the round does not vote in it any more; without its author the others might not be enough."""
    state = run(state_of(3), links(0, 1, 2), BlockTimerFired(1), proposal(0, BLOCK), links(1, 2))
    state, effects = act(state, round_change(1, 1))
    assert (state.round, rounds_asked_for(effects)) == (1, [1])


def test_proposal_of_a_linked_author_is_not_left_for_one_round_change() -> None:
    state = run(state_of(3), links(0, 1, 2), BlockTimerFired(1), proposal(0, BLOCK), round_change(1, 1))
    assert state.round == 0


def test_nothing_is_skipped_before_the_block_timer_or_after_the_decision() -> None:
    assert run(state_of(3), links(1, 2)).round == 0
    decided = run(state_of(3), proposal(0, BLOCK), validated(BLOCK), *(commit(author, BLOCK) for author in (0, 1, 2)))
    assert decided.is_committed
    assert act(decided, links(1, 2))[1] == ()


def test_node_that_is_no_validator_skips_nothing() -> None:
    observer = replace(state_of(3), identity=bytes(20))
    assert run(observer, links(1, 2), BlockTimerFired(1)).round == 0


def test_links_are_remembered_from_height_to_height() -> None:
    state = run(state_of(3), links(0, 2), head(BLOCK.header))
    assert state.links == tuple(authors(0, 2))
    assert run(state, BlockTimerFired(2)).round == 1


EVENTS = [
    *[links(*linked) for linked in ((), (0,), (1, 2), (0, 1), (0, 1, 2), (2,), (0, 2))],
    *[round_change(author, target) for author in range(3) for target in range(1, 8)],
    *[proposal(0, BLOCK), validated(BLOCK), BlockTimerFired(1)],
]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 3), st.lists(st.sampled_from(range(len(EVENTS))), max_size=40))
def test_links_alone_never_move_a_node_more_than_n_minus_1_rounds(index: int, order: list[int]) -> None:
    """Design 4.2: at most n − 1 times per height and never past its own turn."""
    state: State = run(state_of(index), BlockTimerFired(1))
    skipped = 0
    for position in order:
        before = state.round
        state, effects = act(state, EVENTS[position])
        if isinstance(EVENTS[position], LinksChanged):
            skipped += len(rounds_asked_for(effects)) if state.round > before else 0
            assert state.round in (before, *range(state.own_first_turn + 1))
    assert skipped <= len(VALIDATORS) - 1


# What a validator hears that comes back.


def test_validator_that_comes_back_is_told_the_proposal_and_the_votes_again() -> None:
    state = run(state_of(0), links(1), BlockTimerFired(1), BlockBuilt(1, 0, BLOCK), proposal(0, BLOCK))
    state = run(state, validated(BLOCK))
    after, effects = act(state, links(1, 2))
    said = [effect.message for effect in of_kind(effects, SendToValidators)]
    assert isinstance(said[0], UnsignedProposal)
    assert said[0].payload == proposal(0, BLOCK).payload
    assert said[1:] == list(state.own_messages)
    assert len(said) == 2
    assert of_kind(effects, PersistVote) == []
    assert after == replace(state, links=tuple(authors(1, 2)))


def proposing_state(block: Block) -> State:
    state = run(state_of(0), BlockTimerFired(1), BlockBuilt(1, 0, block), proposal(0, block))
    return run(state, validated(block))


def said_again(state: State) -> list[type]:
    _, effects = act(state, ResendTimerFired(1, 0))
    return [type(effect.message) for effect in of_kind(effects, SendToValidators)]


def test_proposal_is_said_again_until_a_quorum_has_prepared_it() -> None:
    """What a validator dropped for want of room must not cost the round."""
    state = proposing_state(BLOCK)
    assert said_again(state) == [UnsignedProposal, PreparePayload]
    state = run(state, *(prepare(author, BLOCK) for author in (0, 1, 2)))
    assert said_again(state) == [PreparePayload, UnsignedCommit]


def test_large_proposal_is_said_again_only_to_a_validator_that_comes_back() -> None:
    raw = bytes(PROPOSAL_RESEND_SIZE_BYTES_MAX + 1)
    transaction = replace(decode_transaction(TRANSACTION), raw=raw)
    state = proposing_state(Block(BLOCK.header, (transaction,)))
    assert said_again(state) == [PreparePayload]
    _, effects = act(state, links(1))
    assert [type(effect.message) for effect in of_kind(effects, SendToValidators)] == [UnsignedProposal, PreparePayload]


def test_nobody_is_told_anything_again_when_a_link_is_lost() -> None:
    state = run(state_of(0), links(1, 2), BlockTimerFired(1), BlockBuilt(1, 0, BLOCK), proposal(0, BLOCK))
    assert act(state, links(1))[1] == ()


# Whole networks.


@pytest.mark.parametrize("count", [3, 4, 7])
def test_network_with_a_dead_validator_loses_no_timeout(count: int) -> None:
    """4.7: a dead proposer costs one base timeout per turn (besu#6398) - but not here.

    4.1: any round whose proposer is the dead node costs one request timeout.
    4.7: no skipping of known-dead proposers (#6398).
    """
    network = Network(count)
    network.run_to_height(1)
    network.crash(network.node(2))
    network.tell_links()
    began_ms = network.now_ms
    network.run_to_height(1 + 2 * count)
    assert network.now_ms - began_ms < (2 * count + 1) * 1000 + 1000
    assert_agreement(network)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_proposer_that_dies_in_its_turn_costs_no_timeout(moment: str) -> None:
    """Its proposal has come to nobody yet, or to one validator of three only."""
    network = Network(4)
    proposer = network.node(0)
    reached = network.validators[:2] if moment == "after" else network.validators[:1]
    network.allows = lambda sender, receiver, message: sender != proposer.address or receiver in reached
    network.tell_links()
    network.run(lambda: len(proposer.sent) == 1)
    network.run_for(5)
    network.crash(proposer)
    died_ms = network.now_ms
    network.tell_links()
    network.run_to_height(1)
    assert network.now_ms - died_ms < BASE_TIMEOUT_MS
    assert_agreement(network)


def test_node_cut_off_for_hours_meets_the_others_in_its_round() -> None:
    """Design 4.2: an isolated node must not drag the others through a thousand rounds; besu#7642.

    4.9: validators in different rounds, huge timeouts, all-restart needed.
    """
    network = Network(3)
    alone, *others = (network.node(index) for index in range(3))
    for node in others:
        network.crash(node)
    network.tell_links()
    network.run_for(2 * 3600 * 1000)
    assert alone.state.round == 1
    network.restart(others[0])
    network.tell_links()
    began_ms = network.now_ms
    network.run_to_height(3, alone, others[0])
    assert network.now_ms - began_ms < 12_000
    for node in network.nodes.values():
        assert_no_double_vote(node)


def test_node_that_comes_back_from_isolation_moves_nobody() -> None:
    """Design 4.2: an isolated node must not drag the others through a thousand rounds."""
    network = Network(3)
    network.run_to_height(2)
    isolated = network.node(1)
    network.allows = lambda sender, receiver, message: isolated.address not in (sender, receiver)
    network.tell_links()
    network.run_for(200_000)
    assert len(isolated.chain) <= 3
    network.allows = lambda sender, receiver, message: True
    network.tell_links()
    others = [network.node(0), network.node(2)]
    height = len(others[0].chain)
    assert height > 150
    network.run_to_height(height + 6)
    assert max(network.round_of(node, at) for node in others for at in range(height + 2, height + 6)) == 0


def test_validators_that_start_one_after_another_decide_the_first_block_in_round_0() -> None:
    """besu#10917: the first block misses round 0."""
    network = Network(4)
    late = [network.node(index) for index in (1, 2, 3)]
    for node in late:
        network.crash(node)
    network.tell_links()
    network.run(lambda: len(network.node(0).sent) > 0)
    for node in late:
        network.restart(node)
        network.tell_links()
        network.run_for(200)
    network.run_to_height(1)
    assert {network.round_of(node, 1) for node in network.nodes.values()} == {0}
