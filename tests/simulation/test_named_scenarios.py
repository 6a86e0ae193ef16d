"""What must come of the scenarios that people ask about, and that the checkers find what they are there for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from chain_node.network.frames import BLOCKS_PER_FRAME_MAX
from tests.simulation import named_scenarios as named
from tests.simulation.checkers import Violation
from tests.simulation.runner import play, ready
from tests.simulation.scenario import LIARS, Liar, Scenario
from tests.simulation.world import World

PERIOD_MS = 1_000
SLACK_MS = 400
"""Time to build, send, check and vote, and the grain of a timestamp in whole seconds."""

SILENCE_MS = 1_500
"""After which a link on which nothing comes is not live any more. Source: design 4.2."""

AMNESIA_STEPS = range(8, 36)
"""Doings of a machine in which it votes for a block and imports it."""


def played(scenario: Scenario) -> World:
    with ready():
        world = World(scenario)
        world.run()
    return world


def gaps_ms(world: World, since_ms: int, until_ms: int) -> list[int]:
    """Times between blocks, as the first machine had them."""
    times = [time for time in world.first_times_ms.values() if since_ms <= time <= until_ms]
    return [later - earlier for earlier, later in pairwise(times)]


def forks(*, forgets_votes: bool) -> list[int]:
    """The steps at which a crash of B forks the chain of three validators."""
    forked = []
    for step in AMNESIA_STEPS:
        try:
            play(named.amnesia(step, forgets_votes=forgets_votes))
        except Violation as violation:
            if "is not kept" not in str(violation) and "fork" not in str(violation):
                raise
            forked.append(step)
    return forked


def test_validators_without_a_durable_lock_fork() -> None:
    assert forks(forgets_votes=True)


def test_validators_with_a_durable_lock_do_not_fork() -> None:
    assert not forks(forgets_votes=False)


@pytest.mark.parametrize("seed", range(1, 9))
def test_block_that_was_prepared_is_not_swapped(seed: int) -> None:
    played(named.prepared_block_is_swapped(seed))


@pytest.mark.parametrize("step", range(1, 25))
def test_turncoat_gets_no_second_vote_of_who_has_restarted(step: int) -> None:
    played(named.turncoat_meets_a_restart(step))


@pytest.mark.parametrize("is_silent", [False, True])
@pytest.mark.parametrize(("validators", "machine"), [(3, 0), (3, 1), (3, 2), (4, 3)])
def test_dead_proposer_costs_no_timeout(validators: int, machine: int, *, is_silent: bool) -> None:
    world = played(named.dead_proposer(validators, machine, is_silent=is_silent))
    assert max(gaps_ms(world, 4_000, 30_000)) <= PERIOD_MS + SILENCE_MS + SLACK_MS
    later = gaps_ms(world, 9_000, 30_000)
    assert len(later) >= 20
    assert max(later) <= PERIOD_MS + SLACK_MS


@pytest.mark.parametrize("is_silent", [False, True])
@pytest.mark.parametrize("validators", [3, 4])
def test_kills_in_turn_stop_nobody_for_long(validators: int, *, is_silent: bool) -> None:
    world = played(named.killed_in_turn(validators, is_silent=is_silent))
    assert sum(machine.lives - 1 for machine in world.machines) == 20
    gaps = gaps_ms(world, 4_000, 90_000)
    assert max(gaps) <= PERIOD_MS + SILENCE_MS + SLACK_MS
    assert len(gaps) >= 80


@pytest.mark.parametrize("is_one_way", [False, True])
@pytest.mark.parametrize("validators", [3, 4])
def test_isolated_validator_does_not_drag_the_others_along(validators: int, *, is_one_way: bool) -> None:
    world = played(named.isolated(validators, is_one_way=is_one_way))
    alone, *others = (max(machine.rounds_seen) for machine in world.machines)
    assert alone <= 2, "it waits, one round ahead of the others"
    assert max(others) <= 1
    assert world.head.number >= 4


@pytest.mark.parametrize("is_one_way", [False, True])
@pytest.mark.parametrize(
    ("validators", "pairs"),
    [
        (3, ((0, 1),)),
        (3, ((0, 2),)),
        (4, ((0, 1), (2, 3))),
        (4, ((0, 1), (0, 2))),
        (4, ((0, 1), (0, 2), (1, 2))),
    ],
)
def test_missing_links_cost_nothing(validators: int, pairs: tuple[tuple[int, int], ...], *, is_one_way: bool) -> None:
    world = played(named.missing_links(validators, pairs, is_one_way=is_one_way))
    gaps = gaps_ms(world, 1_000, 40_000)
    assert max(gaps) <= 2 * PERIOD_MS + SILENCE_MS + SLACK_MS
    assert max(gaps[-20:]) <= PERIOD_MS + SLACK_MS


@pytest.mark.parametrize("by_ms", [-60_000, -2_000, 2_000, 60_000])
def test_wrong_clock_of_one_of_four_stops_nobody(by_ms: int) -> None:
    world = played(named.clocks_jump(by_ms))
    assert max(gaps_ms(world, 5_000, 15_000)) <= 3 * PERIOD_MS + SLACK_MS


def test_validators_join_and_leave_under_load() -> None:
    world = played(named.joins_and_leaves())
    validators = world.engine.validators_of(world.head.state_root)
    assert set(validators) == {world.machines[index].address for index in (0, 2, 3)}
    assert world.engine.records_of(world.head.state_root) == (0, 2, 3)
    assert max(gaps_ms(world, 1_000, 24_000)) <= 2 * PERIOD_MS + SLACK_MS


def test_validator_that_is_voted_in_but_not_there_stops_nobody() -> None:
    world = played(named.joiner_is_down())
    assert len(world.engine.validators_of(world.head.state_root)) == 4
    assert max(gaps_ms(world, 1_000, 20_000)) <= 2 * PERIOD_MS + SLACK_MS


@pytest.mark.parametrize("is_silent", [False, True])
@pytest.mark.parametrize("validators", [1, 2, 3, 4, 7])
def test_power_cut_of_all_loses_nothing(validators: int, *, is_silent: bool) -> None:
    played(named.all_restart(validators, is_silent=is_silent))


def test_halves_decide_nothing_and_go_on_when_they_meet() -> None:
    world = played(named.split_in_half())
    stalled = max(gaps_ms(world, 0, 60_000))
    assert 36_000 <= stalled <= 45_000


@pytest.mark.parametrize("validators", [3, 4])
def test_node_without_its_store_comes_back(validators: int) -> None:
    world = played(named.store_is_lost(validators))
    assert max(gaps_ms(world, 1_000, 30_000)) <= PERIOD_MS + SILENCE_MS + SLACK_MS


@pytest.mark.parametrize("is_served_badly", [False, True])
def test_node_far_behind_catches_up(*, is_served_badly: bool) -> None:
    world = played(named.far_behind(is_served_badly=is_served_badly))
    behind = world.machines[1]
    lateness_ms = [time - world.first_times_ms[height] for height, time in behind.import_times_ms.items()]
    assert sum(lateness > 2_000 for lateness in lateness_ms) > BLOCKS_PER_FRAME_MAX
    assert max(lateness_ms[-5:]) <= SLACK_MS


@pytest.mark.parametrize("validators", [4, 7])
@pytest.mark.parametrize("kind", LIARS)
def test_liars_up_to_the_bound_break_nothing(kind: Liar, validators: int) -> None:
    world = played(named.lying(kind, validators))
    assert world.head.number >= 5


def test_liar_who_says_both_is_in_the_evidence() -> None:
    world = played(named.lying("two_tongues", 4))
    named_ones = {one.validator for machine in world.honest for one in machine.node.evidence.all()}
    assert named_ones == {world.machines[1].address}


@pytest.mark.parametrize("kind", LIARS)
def test_finality_against_liars_stands_one_liar_of_three(kind: Liar) -> None:
    played(named.one_liar_of_three(kind))


def test_fork_by_one_liar_of_three_halts_both_sides_with_the_evidence() -> None:
    """What no three validators can prevent is noticed as soon as the two sides meet, and remembered."""
    world = played(named.forked_by_one_of_three())
    one, other = world.honest
    assert one.store.block_hash(1) != other.store.block_hash(1)
    assert one.lives == 2
    for machine in world.honest:
        assert machine.node.driver.halt_reason is not None
        (evidence,) = machine.node.evidence.all()
        assert (evidence.kind, evidence.validator) == ("block", world.machines[1].address)
        assert machine.node.chain.head().height == 1, "nothing was signed on top of it"
