"""Yield, average life and excess spread of a set of loans."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from client.sdk.pack.asset_table import AssetTable
from client.sdk.pack.economics import average_life_ppm, economics_of
from tests.unit.sdk.pack.samples import row


def life_by_schedule(rate_ppm: int, payments: int) -> Fraction:
    """Mean month of principal of a level-pay loan of 1, from its schedule month by month."""
    rate = Fraction(rate_ppm, 12_000_000)
    payment = rate / (1 - (1 + rate) ** -payments) if rate else Fraction(1, payments)
    balance, life = Fraction(1), Fraction(0)
    for month in range(1, payments + 1):
        principal = payment - balance * rate
        life += month * principal
        balance -= principal
    assert balance == 0
    return life


@given(st.integers(0, 1_000_000), st.integers(1, 84))
def test_average_life_is_that_of_the_schedule(rate_ppm: int, payments: int) -> None:
    assert average_life_ppm(rate_ppm, payments) == life_by_schedule(rate_ppm, payments) * 1_000_000 // 1


def test_figures_of_two_loans_by_hand() -> None:
    rows = [
        row(1, balance_cents=100_00, rate_ppm=120_000, term_months=12, months_on_book=0),
        row(2, balance_cents=300_00, rate_ppm=80_000, term_months=24, months_on_book=0),
    ]
    columns = AssetTable.of([rows[0], row(3, balance_cents=7, rate_ppm=1), rows[1]]).decoded.columns
    chosen = np.array([True, False, True])
    got = economics_of(columns, chosen, bad_rate_ppm=100_000, loss_given_default_ppm=500_000, servicing_fee_ppm=10_000)
    assert (got.count, got.principal_cents, got.yield_ppm) == (2, 400_00, 90_000)
    life = (life_by_schedule(120_000, 12) + 3 * life_by_schedule(80_000, 24)) / 4
    assert abs(got.life_months_ppm - life * 1_000_000) < 2
    loss = Fraction(100_000, 2) / (life / 12)
    assert abs(got.expected_loss_ppm - loss) < 2
    assert got.excess_spread_ppm == 90_000 - 10_000 - got.expected_loss_ppm


def test_loans_of_equal_terms_count_as_they_would_one_by_one() -> None:
    rows = [
        row(n, balance_cents=100 + n, rate_ppm=n % 3 * 50_000, term_months=36, months_on_book=n % 2) for n in range(40)
    ]
    balances, rates = [100 + n for n in range(40)], [n % 3 * 50_000 for n in range(40)]
    lives = [average_life_ppm(rate, 36 - n % 2) for n, rate in enumerate(rates)]
    got = economics_of(AssetTable.of(rows).decoded.columns, np.ones(40, dtype=np.bool_), bad_rate_ppm=0)
    assert (got.count, got.principal_cents) == (40, sum(balances))
    assert got.yield_ppm == sum(map(int.__mul__, balances, rates)) // sum(balances)
    assert got.life_months_ppm == sum(map(int.__mul__, balances, lives)) // sum(balances)


def test_nothing_has_no_yield() -> None:
    columns = AssetTable.of([row(1)]).decoded.columns
    got = economics_of(columns, np.array([False]), bad_rate_ppm=100_000)
    assert (got.count, got.principal_cents, got.yield_ppm, got.excess_spread_ppm) == (0, 0, 0, 0)
