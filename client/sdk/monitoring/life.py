"""What the chain does not hold but its entries and totals say: roll rates, prepayment speed, losses, recovery. Pure.

Annual rates are exact: with x = what leaves in a month / what could, the year's rate is 1 − (1 − x)^12 in whole
fractions, rounded down to ppm once at the end. Source: docs/risk_control.md, 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from client.sdk.monitoring.entries import BAND_COUNT, BAND_WORDS, Entry, State
from client.sdk.monitoring.pool import PoolPeriod
from client.sdk.monitoring.tallies import plus
from client.sdk.monitoring.terms import PPM
from client.sdk.screening import Tally

LEFT_WORDS: Final = ("paid", "charged off", "repurchased", "substituted")
"""Columns of a roll matrix after the bands."""
COLUMN_WORDS: Final = (*BAND_WORDS, *LEFT_WORDS)
_LEFT = {
    State.PREPAID: 0,
    State.REPAID: 0,
    State.DEFAULTED: 1,
    State.RECOVERED: 1,
    State.REPURCHASED: 2,
    State.SUBSTITUTED: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeFigures:
    """A closed period, and the pool so far. Ratios in ppm, rounded down; cumulative ones of the cut-off balance."""

    pool_factor_ppm: int
    """Balance at the end of the cut-off balance."""
    prepayment_month_ppm: int
    """SMM: prepaid of what was left after the scheduled principal."""
    prepayment_year_ppm: int
    """CPR."""
    default_year_ppm: int
    """CDR: written off of the balance at the begin, annualised."""
    gross_loss_ppm: int
    net_loss_ppm: int
    """Below 0 where more was recovered than lost."""
    net_loss_without_measures_ppm: int
    """As though everything that replacements and repurchases took out had been lost: nobody hides losses with them."""
    recovery_ppm: int
    """Recovered of the gross loss."""
    arrears_ppm: tuple[int, ...]
    """Share of each days-past-due band in the live balance classes, band 0 first."""


def life_of(period: PoolPeriod, cut_off_balance_cents: int) -> LifeFigures:
    """Return the figures of a closed period."""
    totals = period.totals
    at_risk = totals.beginning_cents - totals.scheduled_cents
    gross, recovered = period.cumulative_gross_cents, period.cumulative_recovered_cents
    live = sum(tally.class_sum for tally in period.tallies.bands)
    return LifeFigures(
        pool_factor_ppm=_ratio(totals.ending_cents, cut_off_balance_cents),
        prepayment_month_ppm=_ratio(totals.prepaid_cents, at_risk),
        prepayment_year_ppm=annual_ppm(totals.prepaid_cents, at_risk),
        default_year_ppm=annual_ppm(totals.defaulted_cents, totals.beginning_cents),
        gross_loss_ppm=_ratio(gross, cut_off_balance_cents),
        net_loss_ppm=_ratio(gross - recovered, cut_off_balance_cents),
        net_loss_without_measures_ppm=_ratio(
            gross - recovered + period.cumulative_removed_cents, cut_off_balance_cents
        ),
        recovery_ppm=_ratio(recovered, gross),
        arrears_ppm=tuple(_ratio(tally.class_sum, live) for tally in period.tallies.bands),
    )


def annual_ppm(left: int, whole: int) -> int:
    """Return 1 − (1 − left/whole)^12 in ppm, rounded down; 0 where there is nothing that could leave."""
    if whole <= 0:
        return 0
    stays = max(whole - left, 0)
    return int(PPM * (whole**12 - stays**12) // whole**12)


def roll_matrix(before: Sequence[Entry], after: Sequence[Entry]) -> tuple[tuple[Tally, ...], ...]:
    """Return from which band to which live assets went, or how they left.

    Assets that came in between the two are no row of it.

    Returns:
        A row a band before; columns as COLUMN_WORDS; count and sum of the balance classes before.
    """
    rows = [[Tally(0, 0)] * len(COLUMN_WORDS) for _ in range(BAND_COUNT)]
    for old, new in zip(before, after, strict=False):
        if old.state.is_live:
            column = new.band if new.state.is_live else BAND_COUNT + _LEFT[new.state]
            rows[old.band][column] = plus(rows[old.band][column], old.balance_class)
    return tuple(tuple(row) for row in rows)


def _ratio(part: int, whole: int) -> int:
    return part * PPM // whole if whole > 0 else 0
