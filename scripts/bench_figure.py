"""What a benchmark gives."""

import statistics
import time
from dataclasses import dataclass

_PACE_LOOPS = 9
_PACE_STEPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure."""

    value: float
    """Median of the runs, unless the conditions say otherwise."""
    unit: str
    bound: str
    runs: list[float]
    conditions: str


def median_figure(runs: list[float], unit: str, bound: str, conditions: str, *, digits: int = 1) -> Figure:
    """A figure whose value is the median of the runs."""
    rounded = [round(run, digits) for run in runs]
    return Figure(value=statistics.median(rounded), unit=unit, bound=bound, runs=rounded, conditions=conditions)


def worst_figure(runs: list[float], unit: str, bound: str, conditions: str, *, digits: int = 2) -> Figure:
    """A figure whose value is the greatest of the runs."""
    rounded = [round(run, digits) for run in runs]
    return Figure(value=max(rounded), unit=unit, bound=bound, runs=rounded, conditions=conditions)


def measure_pace_ms() -> int:
    """How long a fixed loop takes now: a machine that shares its cores may be a third slower an hour later."""
    times_s = []
    for _ in range(_PACE_LOOPS):
        begun, total = time.perf_counter(), 0
        for step in range(_PACE_STEPS):
            total += step * step
        times_s.append(time.perf_counter() - begun)
    return round(1000 * statistics.median(times_s))
