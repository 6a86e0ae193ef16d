"""Figures that entries and totals say beside what the contract computes."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from client.sdk.monitoring.entries import BAND_COUNT, NOT_IN_POOL, Entry, State
from client.sdk.monitoring.life import COLUMN_WORDS, annual_ppm, life_of, roll_matrix
from client.sdk.monitoring.pool import PoolPeriod
from client.sdk.monitoring.tallies import Tallies
from client.sdk.monitoring.totals import Totals
from client.sdk.screening import Tally


def period(totals: Totals, *, gross: int = 0, recovered: int = 0, removed: int = 0) -> PoolPeriod:
    tallies = Tallies()
    tallies.bands = [Tally(6, 60), Tally(2, 20), Tally(0, 0), Tally(1, 15), Tally(1, 5)]
    return PoolPeriod(
        totals=totals,
        tallies=tallies,
        entries=(),
        defaults_by_score=(),
        cumulative_defaults=Tally(0, 0),
        cumulative_gross_cents=gross,
        cumulative_recovered_cents=recovered,
        cumulative_removed_cents=removed,
    )


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_annual_rate_is_what_twelve_such_months_leave(left: int, whole: int) -> None:
    left = min(left, whole)
    exact = 1 - (1 - Fraction(left, whole)) ** 12
    assert annual_ppm(left, whole) == exact * 1_000_000 // 1


def test_annual_rate_of_nothing_is_zero() -> None:
    assert annual_ppm(0, 0) == 0
    assert annual_ppm(5, -1) == 0


def test_figures_of_a_month_by_hand() -> None:
    totals = Totals(
        beginning_cents=1_000_000,
        scheduled_cents=20_000,
        prepaid_cents=9_800,
        defaulted_cents=10_000,
        ending_cents=960_200,
    )
    got = life_of(period(totals, gross=50_000, recovered=20_000, removed=30_000), 2_000_000)
    assert got.pool_factor_ppm == 480_100
    assert got.prepayment_month_ppm == 10_000
    assert got.prepayment_year_ppm == 113_615  # 1 - .99^12
    assert got.default_year_ppm == 113_615
    assert (got.gross_loss_ppm, got.net_loss_ppm, got.net_loss_without_measures_ppm) == (25_000, 15_000, 30_000)
    assert got.recovery_ppm == 400_000
    assert got.arrears_ppm == (600_000, 200_000, 0, 150_000, 50_000)


def test_more_recovered_than_lost_is_a_loss_below_zero() -> None:
    totals = Totals(beginning_cents=100, ending_cents=100)
    assert life_of(period(totals, gross=10, recovered=20), 1_000).net_loss_ppm == -10_000


def test_roll_matrix_says_where_each_live_asset_went() -> None:
    live = [Entry(State.CURRENT, band, 10 + band) for band in range(BAND_COUNT)]
    before = [*live, Entry(State.DEFAULTED, 4, 9, has_defaulted=True), NOT_IN_POOL]
    after = [
        Entry(State.CURRENT, 1, 9),
        Entry(State.PREPAID),
        Entry(State.CURRENT, 3, 12),
        Entry(State.DEFAULTED, 4, 13, has_defaulted=True),
        Entry(State.REPURCHASED),
        Entry(State.RECOVERED),
        NOT_IN_POOL,
        Entry(State.CURRENT, 0, 50),
    ]
    matrix = roll_matrix(before, after)
    cells = {
        (row, COLUMN_WORDS[column]): tally
        for row, tallies in enumerate(matrix)
        for column, tally in enumerate(tallies)
        if tally.count
    }
    assert cells == {
        (0, "1-30"): Tally(1, 10),
        (1, "paid"): Tally(1, 11),
        (2, "61-90"): Tally(1, 12),
        (3, "charged off"): Tally(1, 13),
        (4, "repurchased"): Tally(1, 14),
    }


ENTRIES = st.builds(
    Entry, st.sampled_from([State.CURRENT, State.HOLIDAY, State.MODIFIED]), st.integers(0, 4), st.just(3)
)


@given(st.lists(st.tuples(ENTRIES, st.one_of(ENTRIES, st.sampled_from([Entry(State.PREPAID), Entry(State.REPAID)])))))
def test_roll_matrix_loses_no_live_asset(pairs: list[tuple[Entry, Entry]]) -> None:
    matrix = roll_matrix([old for old, _ in pairs], [new for _, new in pairs])
    assert sum(tally.count for row in matrix for tally in row) == len(pairs)
    for band in range(BAND_COUNT):
        assert sum(tally.count for tally in matrix[band]) == sum(old.band == band for old, _ in pairs)
