"""Runs scenarios and says what came out, in this process or in several."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

import structlog
from structlog.typing import EventDict

from tests.simulation.scenario import Scenario, draw_scenario
from tests.simulation.shortcuts import shortcuts
from tests.simulation.world import Outcome, World


@dataclass(frozen=True, slots=True)
class Result:
    """One run."""

    seed: int
    outcome: Outcome | None
    reason: str
    """One line that says why it failed; empty if it did not."""
    seconds: float


def play(scenario: Scenario) -> Outcome:
    """Run a scenario; raises `Violation`, or whatever else went wrong in it."""
    with ready():
        return World(scenario).run()


def play_traced(scenario: Scenario) -> tuple[list[str], str]:
    """Run a scenario and keep its trace; gives the lines and how it ended."""
    with ready():
        world = World(scenario, is_traced=True)
        try:
            return world.trace, str(world.run())
        except Exception:
            return world.trace, traceback.format_exc()


def run_seed(seed: int) -> Result:
    """Run the scenario of a seed."""
    started = time.perf_counter()
    outcome, reason = None, ""
    try:
        outcome = play(draw_scenario(seed))
    except Exception as error:
        reason = _describe(error)
    return Result(seed, outcome, reason, time.perf_counter() - started)


def run_seeds(seeds: range, jobs: int) -> Iterator[Result]:
    """Run the scenarios of many seeds, in order when there is one job."""
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(run_seed, seeds, chunksize=8)


@contextmanager
def ready() -> Iterator[None]:
    """Silence the nodes' logs, and take the shortcuts that change no answer."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), processors=[_drop])
    try:
        with shortcuts():
            yield
    finally:
        structlog.configure(**before)


def _drop(logger: object, method: str, event: EventDict) -> EventDict:
    raise structlog.DropEvent


def _describe(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".splitlines()[0]
