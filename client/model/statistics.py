"""Stability and separation of scores, from counts per score, in integers that anyone can recompute. Pure: no I/O."""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Final

from client.model.arithmetic import PPM
from client.model.calibration import by_level

_DECIMAL: Final = Context(prec=40)
"""Logarithms are correctly rounded to 40 digits: the same on every machine."""


def psi_ppm(reference: Sequence[int], found: Sequence[int]) -> int:
    """Return the population stability index of the ten levels: sum of (p - q) ln(p / q), rounded to the ppm.

    Half a loan is added to every level of both, so that an empty one can be compared.

    Args:
        reference: loans per score when the model was calibrated.
        found: loans per score now.
    """
    before = [2 * count + 1 for count in by_level(reference)]
    now = [2 * count + 1 for count in by_level(found)]
    total_before, total_now = sum(before), sum(now)
    index = Decimal(0)
    for p, q in zip(now, before, strict=True):
        difference = Decimal(p * total_before - q * total_now)
        logarithm = _DECIMAL.ln(_DECIMAL.divide(Decimal(p * total_before), Decimal(q * total_now)))
        index = _DECIMAL.add(index, _DECIMAL.multiply(difference, logarithm))
    return int(_DECIMAL.divide(index * PPM, Decimal(total_before * total_now)).to_integral_value())


def ks_ppm(totals: Sequence[int], defaults: Sequence[int]) -> int | None:
    """Return the largest distance between the distributions of bad and good loans over the scores, rounded down."""
    bad, good = sum(defaults), sum(totals) - sum(defaults)
    if not bad or not good:
        return None
    largest = bad_below = good_below = 0
    for total, count in zip(totals, defaults, strict=True):
        bad_below, good_below = bad_below + count, good_below + total - count
        largest = max(largest, abs(good_below * bad - bad_below * good))
    return largest * PPM // (bad * good)


def auc_ppm(totals: Sequence[int], defaults: Sequence[int]) -> int | None:
    """Return the chance that a bad loan scores above a good one, ties counting half, rounded down."""
    bad, good = sum(defaults), sum(totals) - sum(defaults)
    if not bad or not good:
        return None
    doubled = good_below = 0
    for total, count in zip(totals, defaults, strict=True):
        doubled += count * (2 * good_below + total - count)
        good_below += total - count
    return doubled * PPM // (2 * bad * good)
