"""What happens in one simulation, as data: the same scenario always gives the same run.

`draw_scenario` makes one from a seed. Changing it gives every seed another scenario, so what once failed is kept in
`regressions.py` as the scenario itself.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, get_args

from chain_node.consensus.qbft.messages import COMMIT_CODE, PREPARE_CODE, PROPOSAL_CODE
from tests.simulation.engine import ADD_RECORD, ADD_VALIDATOR, REMOVE_VALIDATOR

Liar = Literal[
    "silent",
    "equivocator",
    "two_tongues",
    "forger",
    "wrong_root",
    "bad_seals",
    "flooder",
    "replayer",
    "withholder",
    "splitter",
    "turncoat",
    "late_speaker",
    "bad_server",
]
LIARS: tuple[Liar, ...] = get_args(Liar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What the network does to frames while faults last."""

    latency_ms: int = 2
    """Least time a frame takes."""
    jitter_ms: int = 3
    """Up to so much more; frames of one link still arrive in order."""
    loss: float = 0.0
    """Share of frames that never arrive although their link lives."""
    duplication: float = 0.0
    """Share of frames that arrive twice."""
    reordering: float = 0.0
    """Share of frames that arrive up to a second late, behind later ones."""
    lost_kind: int = 0
    """Code of consensus messages that get lost more often than others."""
    kind_loss: float = 0.0
    """Share of them."""
    relinks: float = 0.0
    """Links that break by themselves, for each link and second."""


FAIR = Weather()
_CLOCK_JUMPS_MS = (-60_000, -3_000, -1_500, 1_500, 3_000, 60_000)
FOR_EVER_MS = 1_000_000_000
"""A fault until then is not mended; the others must live with it."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The power of a machine fails at the `step`-th thing it does with disk or wire after `at_ms`; it comes back."""

    at_ms: int
    machine: int
    step: int
    down_ms: int
    is_silent: bool = False
    """The machine vanishes without closing its connections."""
    loses_store: bool = False
    """It comes back without its chain store, but with its vote record."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Frames from one group to the other do not arrive; one-way unless `is_two_way`.

    Two machines may be parted for ever, if others can pass on what they say.
    """

    at_ms: int
    until_ms: int
    from_group: tuple[int, ...]
    to_group: tuple[int, ...]
    is_two_way: bool = True


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A machine's clock is set forward or back, and right again when faults end."""

    at_ms: int
    machine: int
    by_ms: int


@dataclass(frozen=True, slots=True)
class Governance:
    """A transaction that changes the register: `action` of engine.py on a machine."""

    at_ms: int
    action: int
    machine: int


@dataclass(frozen=True, slots=True)
class DiskFull:
    """A machine's disk takes nothing for a while."""

    at_ms: int
    machine: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Slow:
    """Every piece of a machine's work with blocks and disk takes so much longer for a while."""

    at_ms: int
    machine: int
    until_ms: int
    by_ms: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """A machine stands still for a while, then goes on as if nothing had been; its links stay open."""

    at_ms: int
    machine: int
    until_ms: int


Event = Crash | Partition | ClockJump | Governance | DiskFull | Slow | Freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that is decided before the run."""

    seed: int
    """For what is drawn on the way: latencies, losses, what survives on disks."""
    validators: int
    """Founders: machines 0 to validators - 1."""
    followers: int = 0
    """Further machines, which may become validators."""
    period_ms: int = 1000
    empty_period_seconds: int = 0
    timeout_seconds: int = 1
    clients: int = 2
    """Accounts that send one transaction after the other."""
    weather: Weather = FAIR
    faults_end_ms: int = 10_000
    """From here on the weather is fair, and what is broken was mended."""
    quiet_ms: int = 4_000
    """Time in which nothing else happens after the chain was found alive."""
    skews_ms: tuple[int, ...] = ()
    """By machine; the rest have none."""
    drifts_ppm: tuple[int, ...] = ()
    """By machine; the rest have none."""
    liars: tuple[tuple[int, Liar], ...] = ()
    """Machines that are validators and lie."""
    events: tuple[Event, ...] = ()
    forgets_votes: bool = False
    """Disks lose even what was synced: validators without a durable lock."""


def draw_scenario(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = random.Random(f"{seed}/scenario")
    validators = rng.choices((1, 2, 3, 4, 5, 7), (3, 5, 43, 37, 6, 6))[0]
    followers = rng.choices((0, 1, 2), (7, 2, 1))[0]
    machines = validators + followers
    end_ms = rng.randrange(6_000, 14_000) if rng.random() < 0.85 else rng.randrange(20_000, 60_000)
    liars = _draw_liars(rng, validators)
    events = [
        *_draw_crashes(rng, machines, end_ms, is_store_spare=validators >= 3 and not liars),
        *_draw_partitions(rng, validators, machines, end_ms),
        *_draw_clocks(rng, validators, end_ms),
        *(_draw_trouble(rng, machines, end_ms) for _ in range(rng.choice((0, 0, 0, 1, 2)))),
        *_draw_governance(rng, validators, followers, end_ms, is_removal_safe=not liars),
    ]
    return Scenario(
        seed=seed,
        validators=validators,
        followers=followers,
        period_ms=rng.choice((1000, 1000, 500, 2000)),
        empty_period_seconds=rng.choice((0, 0, 3, 60)),
        timeout_seconds=rng.choice((1, 2)),
        clients=rng.choice((0, 1, 2, 3)),
        weather=_draw_weather(rng),
        faults_end_ms=end_ms,
        skews_ms=tuple(rng.randrange(-400, 400) if rng.random() < 0.3 else 0 for _ in range(machines)),
        drifts_ppm=tuple(rng.randrange(-200, 200) if rng.random() < 0.3 else 0 for _ in range(machines)),
        liars=liars,
        events=tuple(sorted(events, key=lambda event: event.at_ms)),
    )


def _draw_weather(rng: random.Random) -> Weather:
    latency_ms = rng.choice((1, 5, 30, 120))
    return Weather(
        latency_ms=latency_ms,
        jitter_ms=rng.choice((1, latency_ms, 5 * latency_ms)),
        loss=rng.choice((0.0, 0.0, 0.02, 0.1, 0.3)),
        duplication=rng.choice((0.0, 0.0, 0.1)),
        reordering=rng.choice((0.0, 0.0, 0.05, 0.2)),
        relinks=rng.choice((0.0, 0.0, 0.1, 0.5)),
        lost_kind=rng.choice((PREPARE_CODE, COMMIT_CODE, COMMIT_CODE, COMMIT_CODE, PROPOSAL_CODE)),
        kind_loss=rng.choice((0.0, 0.0, 0.4, 0.7, 0.9)),
    )


def _draw_liars(rng: random.Random, validators: int) -> tuple[tuple[int, Liar], ...]:
    """Up to f; now and then one among three, which is more than the protocol stands."""
    if validators == 3 and rng.random() < 0.1:
        return ((rng.randrange(validators), rng.choice(LIARS)),)
    bound = (validators - 1) // 3
    if bound == 0 or rng.random() < 0.5:
        return ()
    machines = rng.sample(range(validators), rng.randint(1, bound))
    return tuple((machine, rng.choice(LIARS)) for machine in machines)


def _draw_crashes(rng: random.Random, machines: int, end_ms: int, *, is_store_spare: bool) -> list[Crash]:
    """One machine may lose its store, again and again.

    A validator without its store is silent until it has the blocks again that it signed for, so it counts as down.
    """
    loser = rng.randrange(machines) if is_store_spare else None
    crashes = [_draw_crash(rng, machines, end_ms, loser) for _ in range(rng.choice((0, 1, 2, 4, 8, 16)))]
    if rng.random() < 0.1:
        at_ms = rng.randrange(end_ms)
        crashes += [Crash(at_ms, machine, rng.randrange(1, 30), rng.randrange(2_000)) for machine in range(machines)]
    return crashes


def _draw_crash(rng: random.Random, machines: int, end_ms: int, loser: int | None) -> Crash:
    machine = rng.randrange(machines)
    return Crash(
        at_ms=rng.randrange(end_ms),
        machine=machine,
        step=rng.randrange(1, 40),
        down_ms=rng.choice((0, 50, 500, 2_000, 8_000)),
        is_silent=rng.random() < 0.3,
        loses_store=machine == loser and rng.random() < 0.3,
    )


def _draw_partitions(rng: random.Random, validators: int, machines: int, end_ms: int) -> list[Partition]:
    partitions = [_draw_partition(rng, machines, end_ms) for _ in range(rng.choice((0, 0, 1, 2, 4)))]
    if validators >= 3 and rng.random() < 0.1:
        one, other = rng.sample(range(validators), 2)
        is_two_way = rng.random() < 0.7
        partitions.append(Partition(rng.randrange(end_ms), FOR_EVER_MS, (one,), (other,), is_two_way))
    return partitions


def _draw_partition(rng: random.Random, machines: int, end_ms: int) -> Partition:
    at_ms = rng.randrange(end_ms)
    order = rng.sample(range(machines), machines)
    cut = rng.randrange(machines)
    is_pair = rng.random() < 0.4
    return Partition(
        at_ms=at_ms,
        until_ms=min(end_ms, at_ms + rng.choice((300, 2_000, 5_000, 20_000))),
        from_group=tuple(order[:1]) if is_pair else tuple(sorted(order[:cut])),
        to_group=tuple(order[1:2]) if is_pair else tuple(sorted(order[cut:])),
        is_two_way=rng.random() < 0.7,
    )


def _draw_clocks(rng: random.Random, validators: int, end_ms: int) -> list[ClockJump]:
    """As many clocks are set as the chain can do without: if most were ahead, its time would be, too."""
    if rng.random() > 0.2:
        return []
    spare = validators - (2 * validators + 2) // 3
    machines = rng.sample(range(validators), rng.randint(0, spare))
    return [ClockJump(rng.randrange(end_ms), machine, rng.choice(_CLOCK_JUMPS_MS)) for machine in machines]


def _draw_trouble(rng: random.Random, machines: int, end_ms: int) -> DiskFull | Slow | Freeze:
    at_ms, machine = rng.randrange(end_ms), rng.randrange(machines)
    until_ms = min(end_ms, at_ms + rng.choice((500, 3_000, 10_000)))
    kind = rng.randrange(3)
    if kind == 0:
        return DiskFull(at_ms, machine, until_ms)
    if kind == 1:
        return Slow(at_ms, machine, until_ms, rng.choice((50, 400, 1_500)))
    return Freeze(at_ms, machine, until_ms)


def _draw_governance(
    rng: random.Random, validators: int, followers: int, end_ms: int, *, is_removal_safe: bool
) -> list[Governance]:
    """Followers become validators; some leave, as long as that leaves no more liars than the protocol stands."""
    if not followers:
        return []
    joiners = range(validators, validators + followers)
    events = [Governance(0, ADD_RECORD, joiner) for joiner in joiners]
    for _ in range(rng.choice((0, 1, 2, 5))):
        is_removal = is_removal_safe and rng.random() < 0.4
        machine = rng.randrange(validators + followers) if is_removal else rng.choice(joiners)
        events.append(Governance(rng.randrange(end_ms), REMOVE_VALIDATOR if is_removal else ADD_VALIDATOR, machine))
    return events
