"""Monitoring against the integer reference: random months, random measures, triggers that come and go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from client.sdk.chain import ChainClient
from client.sdk.errors import TamperedError
from client.sdk.monitoring import Entry, State
from client.sdk.monitoring.entries import NEXT
from client.sdk.monitoring.on_chain import replay
from tests.contracts.monitoring_scene import (
    Scene,
    assert_equal,
    client_of,
    grant_system,
    make_assets,
    monitor_pack,
)
from tests.contracts.suite import Suite

COUNT = 101


@contextmanager
def undone(suite: Suite) -> Iterator[None]:
    """Take back what is sent inside."""
    suite.chain.tester.mine_blocks()
    snapshot = suite.chain.tester.take_snapshot()
    try:
        yield
    finally:
        suite.chain.tester.revert_to_snapshot(snapshot)


@pytest.fixture(scope="module")
def issued(module_suite: Suite) -> Scene:
    """A monitored pack whose terms every example sets anew."""
    grant_system(module_suite, "newcomer")
    return monitor_pack(module_suite, make_assets(COUNT))


def random_entry(random: Random, before: Entry, stress: float, mark: State | None) -> Entry:
    """Something that may follow; the more stress, the more arrears and defaults."""
    if mark is not None:
        return Entry(mark)
    if not before.state.has_balance:
        return before
    following = sorted(NEXT[before.state] - {State.SUBSTITUTED, State.REPURCHASED})
    state = before.state if random.random() > 0.15 + stress / 2 else random.choice(following)
    if before.state.is_live and random.random() < stress / 3:
        state = State.DEFAULTED
    if not state.has_balance:
        return Entry(state)
    grown = before.balance_class + (state in (State.HOLIDAY, State.MODIFIED) and random.randint(0, 2))
    balance_class = max(1, grown - random.choice([0, 0, 1, 2]))
    band = random.choice([0, 0, 0, 1, 2, 3, 4]) if random.random() < stress else 0
    return Entry(state, band, balance_class)


def live_through(scene: Scene, random: Random, months: int) -> None:
    """Months of rising and falling stress, with measures in between; every one compared."""
    suite, measures = scene.suite, scene.suite.account["newcomer"]
    for month in range(1, months + 1):
        stress = random.choice([0.0, 0.1, 0.5])
        marks: dict[int, State] = {}
        if random.random() < 0.4:
            state = random.choice([State.REPURCHASED, State.SUBSTITUTED])
            marks = dict.fromkeys(sorted(random.sample(scene.live(), min(3, len(scene.live())))), state)
            suite.chain.send(scene.monitoring.markLeaving(scene.pack_id, list(marks), state), measures)
            if state is State.SUBSTITUTED:
                assets = [(random.randint(1, 100), random.randint(1, 40)) for _ in range(2)]
                words = [score << 24 | balance_class for score, balance_class in assets]
                suite.chain.send(scene.monitoring.admit(scene.pack_id, words), measures)
                for score, balance_class in assets:
                    scene.pool.admit(score, balance_class)
        before = scene.pool.periods[-1].entries
        changes = {index: random_entry(random, entry, stress, marks.get(index)) for index, entry in enumerate(before)}
        unmeasured = random.sample(scene.live(), 1) if scene.live() and random.random() < 0.3 else []
        changes |= {index: Entry(State.REPURCHASED) for index in unmeasured if index not in marks}
        entries, totals = scene.month(changes, recovered_cents=random.choice([0, 0, 350_000]))
        scene.run(entries, totals, marks)
        assert_equal(scene, month)


def compare(scene: Scene, seed: int, months: int) -> None:
    """Live through some months on chain, then rebuild the pool from the chain."""
    with undone(scene.suite):
        del scene.pool.periods[1:], scene.pool.assets[COUNT:]
        live_through(scene, Random(seed), months)
        assert replay(client_of(scene.suite), scene.pack_id).periods == scene.pool.periods


@pytest.mark.parametrize("seed", [11, pytest.param(3, marks=pytest.mark.slow)])
def test_every_figure_equals_the_reference(issued: Scene, seed: int) -> None:
    compare(issued, seed, 4)


@pytest.mark.slow
@settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Stage.explicit, Stage.generate]
)
@given(seed=st.integers(0, 10**6), months=st.integers(1, 15))
def test_every_figure_of_random_lives_equals_the_reference(issued: Scene, seed: int, months: int) -> None:
    compare(issued, seed, months)


class Liar(ChainClient):
    """A client of a node that adds one to a figure."""

    lie = ("", "")

    def call(self, contract: Any, function: str, *args: Any, block: int | None = None) -> Any:
        answer = super().call(contract, function, *args, block=block)
        name, field = self.lie
        return answer._replace(**{field: getattr(answer, field) + 1}) if function == name and args[-1] else answer


@pytest.mark.parametrize(
    ("lie", "figure"),
    [
        (("period", "cumulativeGrossCents"), "cumulative figures"),
        (("period", "clearPeriods"), "alert"),
    ],
)
def test_figure_that_its_entries_do_not_give_is_found(issued: Scene, lie: tuple[str, str], figure: str) -> None:
    with undone(issued.suite):
        del issued.pool.periods[1:], issued.pool.assets[COUNT:]
        issued.run(*issued.month({}))
        client = client_of(issued.suite)
        client.__class__ = Liar
        client.lie = lie
        with pytest.raises(TamperedError, match=figure):
            replay(client, issued.pack_id)
