from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from client.model.schema import ASSET_FIELDS
from client.report.averages import average_life_hundredths, weighted, weighted_remaining_hundredths
from client.sdk.pack.asset_row import AssetRow


def loan(**values: int) -> AssetRow:
    known = {"months_on_book": 0} | values
    return AssetRow(b"\x01" * 32, "L1", tuple(known.get(field.name) for field in ASSET_FIELDS))


def life_by_schedule(months: int, rate_ppm: int) -> Fraction:
    """Average life in months, payment by payment."""
    monthly = Fraction(rate_ppm, 12_000_000)
    payment = monthly / (1 - (1 + monthly) ** -months) if rate_ppm else Fraction(1, months)
    balance, total = Fraction(1), Fraction(0)
    for month in range(1, months + 1):
        principal = payment - balance * monthly
        balance -= principal
        total += month * principal
    return total


@given(st.integers(1, 84), st.integers(0, 400_000))
def test_average_life_is_that_of_the_schedule(months: int, rate_ppm: int) -> None:
    row = loan(balance_cents=1_000_00, term_months=months, rate_ppm=rate_ppm)
    assert abs(average_life_hundredths([row]) - 100 * life_by_schedule(months, rate_ppm)) <= 1


def test_means_are_weighted_by_principal() -> None:
    rows = [
        loan(balance_cents=300, rate_ppm=100_000, term_months=36, months_on_book=6),
        loan(balance_cents=100, rate_ppm=200_000, term_months=60, months_on_book=20),
    ]
    assert weighted(rows, "rate_ppm") == 125_000
    assert weighted_remaining_hundredths(rows) == (3 * 30 + 40) * 100 // 4


def test_nothing_has_no_mean() -> None:
    assert (weighted([], "rate_ppm"), average_life_hundredths([])) == (0, 0)


def test_a_loan_past_its_term_has_one_payment_left() -> None:
    assert weighted_remaining_hundredths([loan(balance_cents=5, term_months=36, months_on_book=40)]) == 100
