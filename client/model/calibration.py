"""Scores, levels and the probability of default (PD) of each score, in integers that anyone can recompute. No I/O."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import PPM, Int64Array
from client.model.errors import SpecError

SCORE_COUNT: Final = 100
LEVEL_COUNT: Final = 10
PD_FLOOR_PPM: Final = 1_000
"""No score promises less than one default in a thousand."""
MARGIN_FLOOR_PPM: Final = 1_050_000
"""The least prudence margin on PD."""


def scores_of(outputs: Int64Array, cut_points: Int64Array) -> NDArray[np.uint8]:
    """Turn network outputs into scores: 1 + number of cut points <= output, so 1 to 100, higher is riskier."""
    return (1 + np.searchsorted(cut_points, outputs, side="right")).astype(np.uint8)


def levels_of(scores: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn scores 1 to 100 into levels 1 to 10: ceil(score / 10)."""
    return ((scores + 9) // 10).astype(np.uint8)


def monotone_pd_ppm(totals: Sequence[int], defaults: Sequence[int]) -> tuple[int, ...]:
    """Compute the PD of each score from counts: the smallest change of the observed rates that never falls.

    Neighbouring scores whose rates fall are pooled until none does; a pooled rate is rounded up to the next ppm and
    is at least PD_FLOOR_PPM. Rates are compared by cross-multiplication.

    Args:
        totals: loans per score, each at least 1.
        defaults: how many of them defaulted.

    Raises:
        SpecError: lengths differ, or a count is impossible.
    """
    if len(totals) != len(defaults):
        raise SpecError(part="calibration", got=f"{len(totals)} totals", expected=f"{len(defaults)}, one per score")
    pools: list[tuple[int, int, int]] = []
    for total, bad in zip(totals, defaults, strict=True):
        if total < 1 or not 0 <= bad <= total:
            raise SpecError(part="calibration", got=f"{bad} defaults of {total}", expected="0 to all of at least 1")
        width = 1
        while pools and pools[-1][1] * total >= bad * pools[-1][0]:
            earlier_total, earlier_bad, earlier_width = pools.pop()
            total, bad, width = total + earlier_total, bad + earlier_bad, width + earlier_width
        pools.append((total, bad, width))
    rates = [max(PD_FLOOR_PPM, -(-bad * PPM // total)) for total, bad, _ in pools]
    return tuple(rate for rate, (_, _, width) in zip(rates, pools, strict=True) for _ in range(width))


def by_level(per_score: Sequence[int]) -> tuple[int, ...]:
    """Add up counts per score to counts per level."""
    return tuple(sum(per_score[start : start + LEVEL_COUNT]) for start in range(0, SCORE_COUNT, LEVEL_COUNT))
