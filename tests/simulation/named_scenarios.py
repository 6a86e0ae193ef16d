"""Scenarios that people ask about, each with a name; `test_named_scenarios.py` says what must come of them."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.messages import COMMIT_CODE
from tests.simulation.engine import ADD_RECORD, ADD_VALIDATOR, REMOVE_RECORD, REMOVE_VALIDATOR
from tests.simulation.scenario import FOR_EVER_MS, ClockJump, Crash, Governance, Liar, Partition, Scenario, Weather


def amnesia(step: int, *, forgets_votes: bool) -> Scenario:
    """The fork of a consensus without a durable lock.

    A and B commit X; A imports it; B loses power at its `step`-th doing before it has imported, and A is cut off. B
    and C then agree on Y, if B does not remember what it has signed.

    Source: spec of QBFT implementations, 4.8.
    """
    first, second, third = 0, 1, 2
    return Scenario(
        seed=step,
        validators=3,
        clients=0,
        timeout_seconds=1,
        faults_end_ms=8_000,
        forgets_votes=forgets_votes,
        events=(
            Partition(0, 1_900, (third,), (first, second)),
            Crash(900, second, step, 1_000, is_silent=False),
            Partition(1_900, 8_000, (first,), (second, third)),
        ),
    )


def turncoat_meets_a_restart(step: int) -> Scenario:
    """A validator votes, loses power, and is then shown another block for the same round; no Commit gets through."""
    return Scenario(
        seed=step,
        validators=4,
        clients=0,
        timeout_seconds=2,
        weather=Weather(lost_kind=COMMIT_CODE, kind_loss=1.0),
        faults_end_ms=9_000,
        liars=((3, "turncoat"),),
        events=(Crash(900, 0, step, 20), Crash(900, 2, step, 20)),
    )


def prepared_block_is_swapped(seed: int) -> Scenario:
    """All have prepared and sealed a block, no Commit gets through, and the next proposer offers another block."""
    return Scenario(
        seed=seed,
        validators=4,
        clients=0,
        timeout_seconds=1,
        weather=Weather(lost_kind=COMMIT_CODE, kind_loss=1.0),
        faults_end_ms=8_000,
        liars=((1, "equivocator"),),
    )


def dead_proposer(validators: int, machine: int, *, is_silent: bool) -> Scenario:
    """One validator dies under load and stays dead; transactions are always waiting."""
    return Scenario(
        seed=machine,
        validators=validators,
        clients=6,
        empty_period_seconds=60,
        timeout_seconds=4,
        faults_end_ms=30_000,
        events=(Crash(5_000, machine, 1, FOR_EVER_MS, is_silent=is_silent),),
    )


def killed_in_turn(validators: int, *, is_silent: bool) -> Scenario:
    """One machine after the other dies under load and comes back, twenty times."""
    crashes = tuple(
        Crash(5_000 + 4_170 * kill, kill % validators, 1 + kill, 1_500, is_silent=is_silent) for kill in range(20)
    )
    return Scenario(
        seed=1,
        validators=validators,
        clients=6,
        empty_period_seconds=60,
        timeout_seconds=4,
        faults_end_ms=90_000,
        events=crashes,
    )


def isolated(validators: int, *, is_one_way: bool) -> Scenario:
    """One validator is cut off for a long time, in both directions or so that it only speaks, from an idle chain."""
    others = tuple(range(1, validators))
    return Scenario(
        seed=1,
        validators=validators,
        clients=0,
        empty_period_seconds=60,
        timeout_seconds=1,
        faults_end_ms=150_000,
        events=(Partition(1_500, 149_000, others, (0,), is_two_way=not is_one_way),),
    )


def missing_links(validators: int, pairs: tuple[tuple[int, int], ...], *, is_one_way: bool) -> Scenario:
    """Some pairs of nodes cannot reach one another, or only the second the first: others must pass on."""
    return Scenario(
        seed=1,
        validators=validators,
        clients=4,
        empty_period_seconds=60,
        timeout_seconds=4,
        faults_end_ms=40_000,
        events=tuple(Partition(2_000, 40_000, (one,), (other,), is_two_way=not is_one_way) for one, other in pairs),
    )


def joins_and_leaves() -> Scenario:
    """A follower becomes a validator under load, a founder leaves and comes back, and its record goes last."""
    return Scenario(
        seed=1,
        validators=3,
        followers=1,
        clients=3,
        faults_end_ms=24_000,
        events=(
            Governance(1_000, ADD_RECORD, 3),
            Governance(4_000, ADD_VALIDATOR, 3),
            Governance(8_000, REMOVE_VALIDATOR, 0),
            Governance(12_000, ADD_VALIDATOR, 0),
            Governance(16_000, REMOVE_VALIDATOR, 1),
            Governance(18_000, REMOVE_RECORD, 1),
        ),
    )


def joiner_is_down() -> Scenario:
    """A validator that is not there is voted in: the rest is still a quorum."""
    return Scenario(
        seed=1,
        validators=3,
        followers=1,
        clients=2,
        faults_end_ms=20_000,
        events=(
            Crash(500, 3, 1, FOR_EVER_MS),
            Governance(1_000, ADD_VALIDATOR, 3),
        ),
    )


def clocks_jump(by_ms: int) -> Scenario:
    """One of four clocks is set wrong, then right."""
    return Scenario(seed=1, validators=4, clients=2, faults_end_ms=15_000, events=(ClockJump(4_000, 2, by_ms),))


def all_restart(validators: int, *, is_silent: bool) -> Scenario:
    """The power of all machines fails at once, and comes back."""
    crashes = tuple(Crash(5_000, machine, 1 + machine, 2_000, is_silent=is_silent) for machine in range(validators))
    return Scenario(seed=1, validators=validators, clients=2, faults_end_ms=9_000, events=crashes)


def split_in_half() -> Scenario:
    """Two and two: nobody can decide anything until the halves meet again."""
    return Scenario(
        seed=1,
        validators=4,
        clients=2,
        faults_end_ms=40_000,
        events=(Partition(3_000, 40_000, (0, 1), (2, 3)),),
    )


def store_is_lost(validators: int) -> Scenario:
    """A machine comes back without its chain, far behind, and with the record of its votes."""
    return Scenario(
        seed=1,
        validators=validators,
        clients=2,
        faults_end_ms=30_000,
        events=(Crash(20_000, 1, 1, 500, loses_store=True),),
    )


def far_behind(*, is_served_badly: bool) -> Scenario:
    """A machine is down for more blocks than one answer holds; of those that have them one may spoil its answers."""
    return Scenario(
        seed=1,
        validators=7 if is_served_badly else 3,
        period_ms=500,
        clients=1,
        faults_end_ms=42_000,
        liars=((2, "bad_server"),) if is_served_badly else (),
        events=(Crash(2_000, 1, 1, 37_000),),
    )


def lying(kind: Liar, validators: int) -> Scenario:
    """As many liars of a kind as the protocol stands."""
    bound = (validators - 1) // 3
    return Scenario(
        seed=1,
        validators=validators,
        clients=2,
        faults_end_ms=12_000,
        liars=tuple((1 + machine, kind) for machine in range(bound)),
    )


def one_liar_of_three(kind: Liar) -> Scenario:
    """More than three validators stand: agreement may break, what was final for good may not."""
    return replace(lying(kind, 3), liars=((1, kind),))


def forked_by_one_of_three() -> Scenario:
    """A liar stands between two honest validators that cannot hear each other, and votes with each for its block."""
    return Scenario(
        seed=2,
        validators=3,
        clients=2,
        faults_end_ms=12_000,
        liars=((1, "equivocator"),),
        events=(Partition(0, 8_000, (0,), (2,)), Crash(9_500, 0, 1, 500)),
    )
