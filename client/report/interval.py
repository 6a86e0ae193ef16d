"""How far a realised bad rate may lie from the expected one when each loan defaults or not by itself. Pure: no I/O.

A parametric bootstrap: in each draw every loan defaults with its probability, independently; the interval holds 95 % of
the draws. It is sampling noise alone: loans of one pool share their economy, so what happens can lie further away.
Random bits come from PCG64's raw stream, which numpy keeps the same for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

DRAWS: Final = 400
_LOW_PLACE: Final = DRAWS * 25 // 1000
_SHIFT: Final = 44
_RANGE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of the draws, in ppm."""

    low_ppm: int
    high_ppm: int


def simulate_intervals(
    sizes: Sequence[int], pd_ppm: Sequence[int], removed_counts: Sequence[int], *, seed: int
) -> list[Interval]:
    """Return the interval of the bad rate of what is left when the first loans are removed.

    Args:
        sizes: weight of each loan, the riskiest first.
        pd_ppm: its probability of default.
        removed_counts: how many loans are removed, one interval for each; fewer than all.
        seed: of the draws.
    """
    generator = np.random.PCG64(seed)
    weights = np.array(sizes, dtype=np.int64)
    thresholds = np.array([pd * _RANGE // 1_000_000 for pd in pd_ppm], dtype=np.uint64)
    left = np.concatenate(([0], np.cumsum(weights[::-1])))[::-1]
    at = np.array(removed_counts, dtype=np.int64)
    rates = np.empty((DRAWS, len(at)), dtype=np.int64)
    for draw in range(DRAWS):
        bits = generator.random_raw(len(weights)) >> np.uint64(_SHIFT)
        bad = np.where(bits < thresholds, weights, 0)
        bad_left = np.concatenate(([0], np.cumsum(bad[::-1])))[::-1]
        rates[draw] = bad_left[at] * 1_000_000 // np.maximum(left[at], 1)
    rates.sort(axis=0)
    low, high = rates[_LOW_PLACE], rates[DRAWS - 1 - _LOW_PLACE]
    return [Interval(int(a), int(b)) for a, b in zip(low, high, strict=True)]
