"""The timers: blocks on demand, replacement, and times that have passed."""

import asyncio

import pytest

from chain_node.consensus.qbft.effects import StartBlockTimer, StartRoundTimer
from chain_node.consensus.qbft.events import BlockTimerFired, Event, RoundTimerFired
from chain_node.core.types import Height, Round
from chain_node.node.clock import now_ms
from chain_node.node.timers import Timers

HEIGHT = Height(5)


class Scene:
    """Timers on a real loop, with what they emitted."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.has_transactions = False
        self.timers = Timers(self.events.append, now_ms, lambda: self.has_transactions)
        self.started_ms = now_ms()

    def start_block_timer(self, earliest_ms: int, latest_ms: int) -> None:
        self.timers.start(
            StartBlockTimer(
                height=HEIGHT, earliest_ms=self.started_ms + earliest_ms, latest_ms=self.started_ms + latest_ms
            )
        )


async def scene_block_waits_for_a_transaction() -> None:
    scene = Scene()
    scene.start_block_timer(20, 10_000)
    await asyncio.sleep(0.05)
    assert scene.events == []
    scene.has_transactions = True
    scene.timers.on_transaction()
    assert scene.events == [BlockTimerFired(HEIGHT)]
    scene.timers.on_transaction()
    assert len(scene.events) == 1


async def scene_transaction_does_not_hurry_the_period() -> None:
    scene = Scene()
    scene.has_transactions = True
    scene.start_block_timer(40, 10_000)
    scene.timers.on_transaction()
    assert scene.events == []
    await asyncio.sleep(0.08)
    assert scene.events == [BlockTimerFired(HEIGHT)]


async def scene_empty_block_comes_at_the_end_of_its_period() -> None:
    scene = Scene()
    scene.start_block_timer(10, 60)
    await asyncio.sleep(0.03)
    assert scene.events == []
    await asyncio.sleep(0.06)
    assert scene.events == [BlockTimerFired(HEIGHT)]


async def scene_time_that_has_passed_fires_at_once() -> None:
    scene = Scene()
    scene.start_block_timer(-10, -5)
    assert scene.events == [BlockTimerFired(HEIGHT)]


async def scene_new_round_timer_replaces_the_old_one() -> None:
    scene = Scene()
    scene.timers.start(StartRoundTimer(HEIGHT, Round(0), 20))
    scene.timers.start(StartRoundTimer(HEIGHT, Round(1), 40))
    await asyncio.sleep(0.08)
    assert scene.events == [RoundTimerFired(HEIGHT, Round(1))]


@pytest.mark.parametrize("scene", [value for name, value in list(globals().items()) if name.startswith("scene_")])
def test_timers(scene) -> None:  # type: ignore[no-untyped-def]
    asyncio.run(scene())
