"""Integer arithmetic that every executor shares: division toward zero and ratios in ppm. No I/O, no floats."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from client.model.schema import MISSING

Int64Array = NDArray[np.int64]

PPM: Final = 1_000_000
RATIO_LIMIT: Final = 9 * 10**12
"""Operands of a ratio are clamped to this size; times 10^6 it still fits an int64."""


def divide_truncating(dividend: Int64Array, divisor: Int64Array | int) -> Int64Array:
    """Divide toward zero, as ONNX Div and Solidity do (numpy's // rounds down). No divisor may be 0."""
    quotient: Int64Array = dividend // divisor
    if not (quotient < 0).any():
        return quotient
    inexact_negative = (quotient < 0) & (quotient * divisor != dividend)
    result: Int64Array = quotient + inexact_negative
    return result


def ratio_ppm(numerator: Int64Array, denominator: Int64Array) -> Int64Array:
    """Compute num * 10^6 / den, truncating toward zero, MISSING where an operand is missing or den is 0."""
    missing = (numerator == MISSING) | (denominator == MISSING) | (denominator == 0)
    num = np.clip(numerator, -RATIO_LIMIT, RATIO_LIMIT) * PPM
    den = np.where(missing, 1, np.clip(denominator, -RATIO_LIMIT, RATIO_LIMIT))
    return np.where(missing, MISSING, divide_truncating(num, den))
