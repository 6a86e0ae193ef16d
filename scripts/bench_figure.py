"""What a benchmark gives."""

import statistics
from dataclasses import dataclass


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
