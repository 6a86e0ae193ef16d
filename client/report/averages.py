"""Weighted averages of loans, in integers. Pure: no I/O."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final

from client.report.figures import divide_half_up
from client.sdk.pack.asset_row import AssetRow

_EXACT: Final = Context(prec=34, rounding=ROUND_HALF_EVEN)


def total_cents(rows: Iterable[AssetRow]) -> int:
    """Return the principal at cut-off."""
    return sum(row.known("balance_cents") for row in rows)


def weighted(rows: Sequence[AssetRow], field: str, *, scale: int = 1) -> int:
    """Return the mean of a field weighted by principal, times `scale`, rounded half up; 0 for no principal."""
    total = sum(row.known("balance_cents") * row.known(field) for row in rows)
    return divide_half_up(scale * total, total_cents(rows))


def remaining_months(row: AssetRow) -> int:
    """Return the payments still to come by schedule, at least one."""
    return max(row.known("term_months") - row.known("months_on_book"), 1)


def weighted_remaining_hundredths(rows: Sequence[AssetRow]) -> int:
    """Return the mean remaining term weighted by principal, in hundredths of a month."""
    total = sum(row.known("balance_cents") * remaining_months(row) for row in rows)
    return divide_half_up(100 * total, total_cents(rows))


def average_life_hundredths(rows: Sequence[AssetRow]) -> int:
    """Return the weighted average life of the scheduled principal, in hundredths of a month.

    No prepayment, no loss.
    """
    total = sum(
        row.known("balance_cents") * _life_hundredths(remaining_months(row), row.known("rate_ppm")) for row in rows
    )
    return divide_half_up(total, total_cents(rows))


@lru_cache(maxsize=65_536)
def _life_hundredths(months: int, rate_ppm: int) -> int:
    """Average life with equal monthly payments: (n·a − 1) / i, i the monthly rate, a = i / (1 − (1+i)^−n)."""
    if rate_ppm == 0:
        return 50 * (months + 1)
    monthly = _EXACT.divide(Decimal(rate_ppm), Decimal(12_000_000))
    grown = _EXACT.power(_EXACT.add(Decimal(1), monthly), months)
    payment = _EXACT.divide(_EXACT.multiply(monthly, grown), _EXACT.subtract(grown, Decimal(1)))
    life = _EXACT.divide(_EXACT.subtract(_EXACT.multiply(Decimal(months), payment), Decimal(1)), monthly)
    return int(_EXACT.multiply(life, Decimal(100)).to_integral_value(rounding=ROUND_HALF_EVEN))
