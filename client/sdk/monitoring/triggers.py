"""The four triggers of a pool. Pure integers, no roots in what decides. Source: docs/protocol.md, 12."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isqrt, prod

from client.sdk.monitoring.tallies import Tallies
from client.sdk.monitoring.terms import PPM, Terms

PERIODS_BACK = 12
"""Longest run of periods that terms may ask for."""


class TriggerKind(IntEnum):
    """Triggers by number; the numbers are those of the contract."""

    TOP_LEVELS = 0
    RISING = 1
    LOSS = 2
    ARREARS = 3

    @property
    def word(self) -> str:
        """The trigger as people write it."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger in a period. Ppm are rounded towards zero; `is_fired` is exact."""

    value_ppm: int
    limit_ppm: int
    is_fired: bool

    @property
    def cushion_ppm(self) -> int:
        """How far the value may still go."""
        return self.limit_ppm - self.value_ppm


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a trigger looks at in a period: sums of balance classes, and cents."""

    top: int
    """Levels 8 to 10."""
    live: int
    squares: int
    """Sum of the squares of the balance classes of live assets."""
    arrears: int
    """61 and more days past due."""
    net_loss_cents: int
    """Cumulative; below 0 where more was recovered."""


def point_of(tallies: Tallies, net_loss_cents: int) -> Point:
    """Return what triggers look at."""
    return Point(
        top=tallies.top.class_sum,
        live=tallies.live.class_sum,
        squares=tallies.squares,
        arrears=tallies.arrears.class_sum,
        net_loss_cents=net_loss_cents,
    )


def judge(terms: Terms, points: Sequence[Point], cut_off_balance_cents: int) -> tuple[Trigger, ...]:
    """Return the triggers of the last period, by number; `points` has all periods from 0, the closing, on."""
    return (
        _top_levels(terms, points[0], points[-1]),
        _rising(terms, points),
        _loss(terms, points, cut_off_balance_cents),
        _arrears(terms, points),
    )


def _top_levels(terms: Terms, closing: Point, now: Point) -> Trigger:
    closing_live = max(closing.live, 1)
    at_closing_ppm = closing.top * PPM // closing_live + terms.top_share_rise_ppm
    is_above_floor = now.top * PPM > terms.top_share_floor_ppm * now.live
    limit = (closing.top * PPM + terms.top_share_rise_ppm * closing_live) * now.live
    return Trigger(
        value_ppm=now.top * PPM // max(now.live, 1),
        limit_ppm=max(terms.top_share_floor_ppm, at_closing_ppm),
        is_fired=is_above_floor and now.top * closing_live * PPM > limit,
    )


def _rising(terms: Terms, points: Sequence[Point]) -> Trigger:
    """Compare the rise with its standard errors: a share weighted by balance varies by p(1-p)·Σw²/(Σw)²."""
    last = len(points) - 1
    first = max(last - terms.rising_periods, 0)
    old, new = points[first], points[last]
    if not old.live or not new.live:
        return Trigger(value_ppm=0, limit_ppm=0, is_fired=False)
    factor = terms.rising_errors**2
    rise = new.top * old.live - old.top * new.live
    steps = zip(points[first:], points[first + 1 :], strict=False)
    went_up = all(after.top * before.live > before.top * after.live for before, after in steps)
    variances = [factor * each.top * (each.live - each.top) * each.squares for each in (old, new)]
    beyond = variances[0] * new.live**4 + variances[1] * old.live**4
    is_beyond = rise > 0 and rise**2 * old.live**2 * new.live**2 > beyond
    errors_ppm2 = [v * PPM**2 // each.live**4 for v, each in zip(variances, (old, new), strict=True)]
    return Trigger(
        value_ppm=_toward_zero(rise * PPM, old.live * new.live),
        limit_ppm=isqrt(sum(errors_ppm2)),
        is_fired=last >= terms.rising_periods and went_up and is_beyond,
    )


def _loss(terms: Terms, points: Sequence[Point], cut_off_balance_cents: int) -> Trigger:
    last = len(points) - 1
    run = range(last + 1 - terms.loss_periods, last + 1)
    is_fired = run.start >= 1 and all(
        points[period].net_loss_cents * PPM**2
        > terms.promised_ppm(period) * terms.loss_factor_ppm * cut_off_balance_cents
        for period in run
    )
    return Trigger(
        value_ppm=_toward_zero(points[-1].net_loss_cents * PPM, cut_off_balance_cents),
        limit_ppm=terms.promised_ppm(last) * terms.loss_factor_ppm // PPM,
        is_fired=is_fired,
    )


def _arrears(terms: Terms, points: Sequence[Point]) -> Trigger:
    count = min(terms.arrears_periods, len(points) - 1)
    run = [(point.arrears, max(point.live, 1)) for point in points[-count:]]
    denominator = prod(live for _, live in run)
    numerator = sum(arrears * denominator // live for arrears, live in run)
    denominator *= count
    return Trigger(
        value_ppm=numerator * PPM // denominator,
        limit_ppm=terms.arrears_limit_ppm,
        is_fired=numerator * PPM > terms.arrears_limit_ppm * denominator,
    )


def _toward_zero(numerator: int, denominator: int) -> int:
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient
