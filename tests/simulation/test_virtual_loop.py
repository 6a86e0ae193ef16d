"""The loop, the disk and the worker that everything else stands on."""

import asyncio
import random

import pytest

from tests.simulation.disk import SimulatedFile
from tests.simulation.virtual_loop import Incarnation, VirtualLoop, Worker


def test_timers_fire_in_order_of_time_then_of_making() -> None:
    loop = VirtualLoop()
    fired: list[str] = []
    for delay, name in ((2.0, "c"), (1.0, "a"), (1.0, "b")):
        loop.call_later(delay, fired.append, name)
    assert not loop.run_until(lambda: False, 10_000_000)
    assert fired == ["a", "b", "c"]
    assert loop.time() == 10.0


def test_tasks_sleep_without_waiting() -> None:
    loop, woken = VirtualLoop(), []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(loop.time())

    loop.create_task(sleeper(3600))
    assert loop.run_until(lambda: bool(woken), 4_000_000_000)
    assert woken == [3600.0]


def test_worker_does_one_thing_after_the_other() -> None:
    loop, done = VirtualLoop(), []
    worker = Worker(lambda: 1_000_000)

    async def work(name: str) -> None:
        done.append((await loop.run_in_executor(worker, lambda: name), loop.time()))

    loop.create_task(work("first"))
    loop.create_task(work("second"))
    loop.run_until(lambda: len(done) == 2, 10_000_000)
    assert done == [("first", 1.0), ("second", 2.0)]


def test_end_of_a_life_ends_its_timers_tasks_and_work() -> None:
    loop, done = VirtualLoop(), []
    life = Incarnation("machine")
    worker = Worker(lambda: 1_000_000)

    async def work() -> None:
        await loop.run_in_executor(worker, lambda: done.append("work"))

    def begin() -> None:
        loop.call_later(1.0, done.append, "timer")
        loop.create_task(work())

    life.context.run(begin)
    loop.call_later(0.5, life.end)
    loop.call_later(3.0, done.append, "other")
    loop.run_until(lambda: False, 5_000_000)
    assert done == ["other"]


def test_exception_of_a_callback_ends_the_simulation() -> None:
    loop = VirtualLoop()
    loop.call_soon(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        loop.run_until(lambda: False, 1)


def test_file_keeps_what_was_synced_and_any_part_of_the_rest() -> None:
    synced, rest = b"synced" * 20, bytes(range(1, 200))
    survivors = set()
    for seed in range(50):
        file = SimulatedFile(lambda _: None, lambda: None)
        file.append(synced)
        file.sync()
        file.append(rest)
        file.lose_power(random.Random(seed))
        content = file.read_all()
        assert content.startswith(synced)
        assert file.durable == content
        survivors.add(content[len(synced) :])
    assert {b"", rest} < survivors
    assert len(survivors) > 10
