"""What a set of loans earns and is expected to lose, from its rows, in integers. Pure: no I/O.

yield = Σ balance·rate / Σ balance. Average life of a level-pay loan with n payments left and monthly rate r:
n(1+r)^n / ((1+r)^n − 1) − 1/r months, of a pool the mean by balance. Expected loss a year = bad rate × loss given
default / average life in years. Excess spread = yield − servicing fee − expected loss a year. No prepayments: they
shorten the life and the interest alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array

PPM: Final = 1_000_000
LOSS_GIVEN_DEFAULT_PPM: Final = PPM
"""Nothing is recovered, unless a reader says otherwise."""
SERVICING_FEE_PPM: Final = 10_000
"""1 % a year."""
_MONTHS_PPM: Final = 12 * PPM


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """Figures of a set of loans; ratios are of the principal and a year, rounded down."""

    count: int
    principal_cents: int
    yield_ppm: int
    """Weighted average coupon."""
    life_months_ppm: int
    """Weighted average life in millionths of a month."""
    expected_loss_ppm: int
    excess_spread_ppm: int
    """May be negative."""


def economics_of(
    columns: Mapping[str, Int64Array],
    chosen: NDArray[np.bool_],
    *,
    bad_rate_ppm: int,
    loss_given_default_ppm: int = LOSS_GIVEN_DEFAULT_PPM,
    servicing_fee_ppm: int = SERVICING_FEE_PPM,
) -> Economics:
    """Return the figures of the chosen rows of a pack's columns; exact, since loans of equal terms are added up first.

    `bad_rate_ppm` is their expected share of defaults over their life.
    """
    balances, rates = columns["balance_cents"][chosen], columns["rate_ppm"][chosen]
    payments = np.maximum(columns["term_months"][chosen] - columns["months_on_book"][chosen], 1)
    terms, place = np.unique(np.stack([rates, payments]), axis=1, return_inverse=True)
    totals = np.zeros(terms.shape[1], dtype=np.int64)
    np.add.at(totals, place.reshape(-1), balances)
    count = len(balances)
    principal = interest = life = 0
    for rate, left, cents in zip(*terms.tolist(), totals.tolist(), strict=True):
        principal += cents
        interest += cents * rate
        life += cents * average_life_ppm(rate, left)
    if not principal:
        return Economics(
            count=count, principal_cents=0, yield_ppm=0, life_months_ppm=0, expected_loss_ppm=0, excess_spread_ppm=0
        )
    yield_ppm, life_ppm = interest // principal, life // principal
    loss_ppm = bad_rate_ppm * loss_given_default_ppm * _MONTHS_PPM // (PPM * max(life_ppm, 1))
    return Economics(
        count=count,
        principal_cents=principal,
        yield_ppm=yield_ppm,
        life_months_ppm=life_ppm,
        expected_loss_ppm=loss_ppm,
        excess_spread_ppm=yield_ppm - servicing_fee_ppm - loss_ppm,
    )


@lru_cache(maxsize=65_536)
def average_life_ppm(rate_ppm: int, payments: int) -> int:
    """Return the average life of a level-pay loan in millionths of a month, rounded down.

    Args:
        rate_ppm: nominal yearly interest.
        payments: monthly payments left, at least 1.
    """
    if rate_ppm == 0:
        return PPM * (payments + 1) // 2
    grown: int = (_MONTHS_PPM + rate_ppm) ** payments
    whole: int = _MONTHS_PPM**payments
    return PPM * (payments * grown * rate_ppm - _MONTHS_PPM * (grown - whole)) // ((grown - whole) * rate_ppm)
