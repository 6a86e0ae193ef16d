"""Whole networks of machines: progress, round changes, crashes and disorder."""

import pytest

from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.messages import Message, Proposal, RoundChange, SignedCommit, SignedPrepare
from chain_node.consensus.qbft.quorum import compute_quorum
from chain_node.core.types import Address
from tests.unit.consensus.network import Network, Node, assert_agreement, assert_no_double_vote

SIZES = [1, 3, 4, 7]


def rounds_of(node: Node) -> list[int]:
    return [decode_extra_data(block.header.extra_data).round for block in node.chain]


def proposer_of_next(network: Network) -> Node:
    state = network.node(0).state
    return network.nodes[state.proposer(state.round)]


def check_safety(network: Network) -> None:
    assert_agreement(network)
    for node in network.nodes.values():
        assert_no_double_vote(node)


@pytest.mark.parametrize("count", SIZES)
def test_network_without_faults_commits_every_block_in_round_0_by_rotating_proposers(count: int) -> None:
    """4.2: if the parent's coinbase is at index i: proposer(r) = v[(i + 1 + r) mod n]; block 1 round 0 is v[0].

    4.2: So block 1 round 0 is v[0].
    """
    network = Network(count)
    network.run_to_height(2 * count)
    check_safety(network)
    for node in network.nodes.values():
        assert rounds_of(node)[: 2 * count] == [0] * (2 * count)
        assert [block.header.coinbase for block in node.chain[: 2 * count]] == list(network.validators) * 2
        assert all(not rejected.is_fault for rejected in node.rejected)
        assert node.evidence == []
        seals = [len(decode_extra_data(block.header.extra_data).seals) for block in node.chain]
        assert min(seals) >= compute_quorum(count)


def test_single_validator_signs_proposal_prepare_and_commit_of_every_block() -> None:
    """n = 1 goes through the same rules: its own votes come back to it and are counted.

    4.1: Proposer's own Prepare and Commit count.
    """
    network = Network(1)
    network.run_to_height(3)
    kinds = [type(message) for message in network.node(0).sent]
    assert kinds[:9] == [Proposal, SignedPrepare, SignedCommit] * 3
    assert len(network.node(0).log) == len(network.node(0).sent)


@pytest.mark.parametrize("count", [3, 4, 7])
def test_silent_proposer_costs_one_round(count: int) -> None:
    """4.4: on round timeout at round r: enter r+1, send RoundChange(r+1); the proposer of r+1 proposes."""
    network = Network(count)
    silent = network.node(0)
    network.crash(silent)
    others = [node for node in network.nodes.values() if node is not silent]
    network.run_to_height(1, *others)
    check_safety(network)
    assert {rounds_of(node)[0] for node in others} == {1}
    assert {node.chain[0].header.coinbase for node in others} == {network.validators[1]}


def test_network_of_four_stops_with_two_down_and_goes_on_when_one_returns() -> None:
    """4.1: quorum(4) = 3."""
    network = Network(4)
    network.run_to_height(2)
    down = [network.node(2), network.node(3)]
    for node in down:
        network.crash(node)
    up = [network.node(0), network.node(1)]
    network.run_for(60_000)
    stuck_at = len(up[0].chain)
    network.run_for(60_000)
    assert [len(node.chain) for node in up] == [stuck_at, stuck_at]
    network.restart(down[0])
    network.give_blocks(up[0], down[0])
    network.run_to_height(stuck_at + 2, *up, down[0])
    check_safety(network)


@pytest.mark.parametrize(("count", "crashes"), [(2, 0), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (8, 2), (9, 3)])
def test_network_decides_with_as_many_down_as_the_table_says_and_not_with_one_more(count: int, crashes: int) -> None:
    """4.1: | crashes tolerated | 0 | 0 | **1** | 1 | 1 | 2 | 2 | 2 | 3 | 3 |."""
    network = Network(count)
    for index in range(crashes):
        network.crash(network.node(2 * index + 1))
    network.tell_links()
    network.run_to_height(3)
    network.crash(network.node(0))
    network.tell_links()
    network.run_for(5_000)
    height = max(len(node.chain) for node in network.nodes.values())
    network.run_for(60_000)
    assert max(len(node.chain) for node in network.nodes.values()) == height
    check_safety(network)


def test_prepared_block_is_proposed_again_in_the_next_round_with_its_coinbase() -> None:
    """3.5: take the highest preparedRound; 3.4: only the round changes, coinbase stays the original proposer."""
    network = Network(4)
    network.allows = lambda sender, receiver, message: (
        not (isinstance(message, SignedCommit) and message.payload.round == 0)
    )
    network.run(lambda: all(node.state.lock is not None for node in network.nodes.values()))
    locked = network.node(0).state.lock
    assert locked is not None
    network.run_to_height(1)
    check_safety(network)
    first = network.node(0).chain[0]
    assert decode_extra_data(first.header.extra_data).round == 1
    assert first.header.coinbase == network.validators[0]
    assert block_hash(first.header) == block_hash(locked.block.header)
    proposal = next(one for one in network.node(1).sent if isinstance(one, Proposal))
    assert proposal.prepares != ()
    assert len(proposal.round_changes) >= 3


def test_lock_of_one_node_is_carried_to_the_next_round() -> None:
    """Only one node sees the quorum of Prepares; its RoundChange alone must bring the block back."""
    network = Network(4)
    lucky = network.validators[2]
    network.allows = lambda sender, receiver, message: (
        not (isinstance(message, SignedPrepare) and message.payload.round == 0 and receiver != lucky)
    )
    network.run(lambda: network.nodes[lucky].state.lock is not None)
    locked = network.nodes[lucky].state.lock
    assert locked is not None
    # The author of round 1 must hear of the lock before it can propose; so the first three to ask include its holder.
    last = network.validators[3]
    network.allows = lambda sender, receiver, message: not (isinstance(message, RoundChange) and sender == last)
    network.run_to_height(1)
    check_safety(network)
    assert block_hash(network.node(0).chain[0].header) == block_hash(locked.block.header)


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("seed", range(4))
def test_network_agrees_and_goes_on_when_messages_are_reordered_and_doubled(count: int, seed: int) -> None:
    network = Network(count, seed=seed, build_delay_ms=300)
    network.run_to_height(5)
    check_safety(network)
    assert all(not rejected.is_fault for node in network.nodes.values() for rejected in node.rejected)
    assert all(node.evidence == [] for node in network.nodes.values())


@pytest.mark.parametrize("count", [3, 4, 7])
@pytest.mark.parametrize("seed", range(4))
def test_network_agrees_while_a_third_of_the_messages_is_lost(count: int, seed: int) -> None:
    network = Network(count, seed=seed)
    generator = network.random
    network.allows = lambda sender, receiver, message: generator.random() > 0.3
    network.run_for(60_000)
    check_safety(network)
    assert max(len(node.chain) for node in network.nodes.values()) > 0
    network.allows = lambda sender, receiver, message: True
    best = max(network.nodes.values(), key=lambda node: len(node.chain))
    for node in network.nodes.values():
        network.give_blocks(best, node)
    network.run_to_height(len(best.chain) + 2)
    check_safety(network)


@pytest.mark.parametrize("seed", range(6))
def test_network_with_crashes_at_any_moment_never_signs_twice(seed: int) -> None:
    """4.8: a node that fsyncs its lock and what it signed before sending is strictly safer.

    Design 4.2: Prepared lock, round and everything it signed are durable before anything is sent.
    """
    network = Network(4, seed=seed)
    generator = network.random
    for _ in range(15):
        network.run_for(generator.randrange(1, 3000))
        victim = network.node(generator.randrange(4))
        network.crash(victim)
        if generator.random() < 0.5:
            network.run_for(generator.randrange(1, 6000))
        network.restart(victim)
        best = max(network.nodes.values(), key=lambda node: len(node.chain))
        network.give_blocks(best, victim)
        check_safety(network)
    height = max(len(node.chain) for node in network.nodes.values())
    network.run_for(100_000)
    best = max(network.nodes.values(), key=lambda node: len(node.chain))
    assert len(best.chain) > height
    check_safety(network)


def test_three_validators_do_not_fork_when_one_forgets_its_import() -> None:
    """4.8: A and B commit X in round 0; A imports; B crashes before import; A is partitioned; B and C go on.

    4.8: A and B commit X in round 0; A imports; B crashes before import and forgets.
    """
    network = Network(3)
    a, b, c = network.node(0), network.node(1), network.node(2)
    network.allows = lambda sender, receiver, message: (
        receiver != c.address and not (isinstance(message, SignedCommit) and receiver == b.address)
    )
    network.run_to_height(1, a)
    assert b.chain == c.chain == []
    network.crash(b)
    network.crash(a)
    network.restart(b)
    network.allows = lambda sender, receiver, message: True
    network.run_to_height(1, b, c)
    assert block_hash(b.chain[0].header) == block_hash(a.chain[0].header)
    check_safety(network)


def test_restarted_node_with_one_validator_finishes_the_block_it_had_begun() -> None:
    """besu#8307: a single validator must resume after a restart; here after every possible last durable vote.

    4.9: validators with wiped data or single validator do not resume after restart; 2-node case.
    """
    for durable_votes in (1, 2, 3):
        network = Network(1)
        node = network.node(0)
        network.run(lambda node=node, count=durable_votes: len(node.log) == count)  # type: ignore[misc]
        network.crash(node)
        network.now_ms += 10_000
        network.restart(node)
        network.run_to_height(2)
        assert_no_double_vote(node)
        first = next(message for message in node.sent if isinstance(message, Proposal))
        assert block_hash(node.chain[0].header) == block_hash(first.payload.block.header)


def test_equivocating_proposer_is_seen_and_cannot_split_four_validators() -> None:
    """Two proposals of one author for one round: one is accepted, the other is evidence."""
    network = Network(4)
    liar = network.node(0)
    network.run(lambda: any(isinstance(message, Proposal) for message in liar.sent))
    first = next(message for message in liar.sent if isinstance(message, Proposal))
    second = network.forge_proposal(liar, first, vanity=b"\x01" * 32)
    for index in (1, 2, 3):
        network.deliver(network.node(index), second)
    network.run_to_height(1)
    assert_agreement(network)
    assert all(len(network.node(index).evidence) == 1 for index in (1, 2, 3))
    evidence = network.node(1).evidence[0]
    assert {evidence.first, evidence.second} == {first, second}


def test_validators_that_drifted_apart_meet_without_waiting_for_the_longest_timeout() -> None:
    """4.4: f+1 catch-up: validators in different rounds re-align by round changes, not only by timers.

    Design 4.2: f+1 catch-up is on, round timeout is capped, and the current RoundChange is re-sent.
    """
    network = Network(4)
    late, lost = network.node(0), network.node(3)
    network.crash(late)
    network.allows = lambda sender, receiver, message: isinstance(message, RoundChange)
    network.run(lambda: network.node(1).state.round >= 5)
    isolated: set[Address] = set(network.validators)
    network.allows = lambda sender, receiver, message: sender not in isolated and receiver not in isolated
    network.crash(lost)
    network.restart(late)
    network.run_for(400_000)
    rounds = [network.node(index).state.round for index in range(3)]
    assert rounds[0] == 1
    assert min(rounds[1:]) >= 5
    isolated.clear()
    before_ms = network.now_ms
    network.run_to_height(1, *(network.node(index) for index in range(3)))
    assert network.now_ms - before_ms < 12_000
    check_safety(network)


def test_message_kinds_of_a_network_cover_all_four() -> None:
    """Guards the tests above: a fault-free height needs three kinds, a silent proposer the fourth."""
    network = Network(4)
    network.crash(network.node(0))
    network.run_to_height(1, network.node(1))
    kinds: set[type[Message]] = {type(message) for message in network.node(1).sent}
    assert kinds == {Proposal, SignedPrepare, SignedCommit, RoundChange}
