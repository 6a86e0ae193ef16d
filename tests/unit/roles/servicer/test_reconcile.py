"""A servicer's file becomes months, and a month becomes entries and totals; what cannot be is named by line or loan."""

from pathlib import Path

import pytest

from client.roles.servicer.reconcile import Book, reconcile
from client.roles.servicer.tape_file import MonthRows, pick_months, read_tape_file
from client.sdk.errors import BadRowsError, InvalidInputError
from client.sdk.monitoring import Entry, State
from client.sdk.monitoring.entries import NOT_IN_POOL
from client.sdk.monitoring.months import parse_month
from client.sdk.table_mapping import TableMapping

MONEY = (
    "scheduled_cents,prepaid_cents,interest_cents,fees_cents,defaulted_cents,recovered_cents,repurchased_cents,"
    "capitalised_cents"
)
HEADER = f"loan_id,period,state,days_past_due,balance_cents,{MONEY}"
JANUARY = parse_month("2012-01")
BOOK = Book(
    loan_ids=("A", "B", "C", "D"),
    before=(Entry(State.CURRENT, 0, 10), Entry(State.CURRENT, 0, 5), NOT_IN_POOL, Entry(State.PREPAID)),
    known_count=4,
    marks={},
    class_unit=1_000,
    beginning_cents=1_500_000,
)


def read(tmp_path: Path, *lines: str, mapping: TableMapping | None = None) -> list[MonthRows]:
    path = tmp_path / "periods.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return read_tape_file(path, mapping or TableMapping())


def test_month_becomes_entries_and_totals(tmp_path: Path) -> None:
    (month,) = read(
        tmp_path,
        "A,2012-01,current,35,950000,50000,0,700,,0,0,0,0",
        "B,2012-01,defaulted,120,0,0,0,0,0,500000,0,0,0",
    )
    ready = reconcile(month, BOOK)
    assert ready.entries == (
        Entry(State.CURRENT, 2, 10),
        Entry(State.DEFAULTED, 4, 5, has_defaulted=True),
        NOT_IN_POOL,
        Entry(State.PREPAID),
    )
    totals = ready.totals
    assert (totals.defaulted_cents, totals.interest_cents, totals.ending_cents) == (500_000, 700, 950_000)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["A,2012-01,current,0,-5,0,0,0,0,0,0,0,0"], "negative"),
        (["A,2012-01,vanished,0,5,0,0,0,0,0,0,0,0"], "vanished"),
        (["A,2012-01,current,0,5,0,0,0,0,0,0,0,0"] * 2, "reported twice in 2012-01, see line 2"),
    ],
)
def test_bad_row_is_named_by_its_line(tmp_path: Path, lines: list[str], reason: str) -> None:
    with pytest.raises(BadRowsError) as caught:
        read(tmp_path, *lines)
    (row,) = caught.value.rows
    assert row.line == len(lines) + 1
    assert reason in row.reason or reason == row.value


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["A,2012-01,current,0,1000000,0,0,0,0,0,0,0,0"], "1 bad row (loan_id)"),
        (
            [
                "A,2012-01,current,0,1000000,0,0,0,0,0,0,0,0",
                "B,2012-01,current,0,400000,0,0,0,0,0,0,0,0",
            ],
            "1500000 by the other totals",
        ),
    ],
)
def test_month_that_lacks_loans_or_money_is_refused(tmp_path: Path, lines: list[str], words: str) -> None:
    (month,) = read(tmp_path, *lines)
    with pytest.raises(InvalidInputError) as caught:
        reconcile(month, BOOK)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "loan"),
    [
        ("X,2012-01,current,0,5,0,0,0,0,0,0,0,0", "X"),
        ("C,2012-01,current,0,5,0,0,0,0,0,0,0,0", "C"),
        ("A,2012-01,current,0,1300000,0,0,0,0,0,0,0,300000", "A"),
        ("D,2012-01,current,0,5,0,0,0,0,0,0,0,0", "D"),
    ],
)
def test_row_that_cannot_follow_is_named_by_its_loan(tmp_path: Path, line: str, loan: str) -> None:
    good = {"A": "A,2012-01,current,0,1000000,0,0,0,0,0,0,0,0", "B": "B,2012-01,current,0,500000,0,0,0,0,0,0,0,0"}
    (month,) = read(tmp_path, *(good | {loan: line}).values())
    with pytest.raises(BadRowsError) as caught:
        reconcile(month, BOOK)
    assert [row.value for row in caught.value.rows] == [loan]


def test_rows_of_other_loans_are_left_out_when_asked(tmp_path: Path) -> None:
    lines = [f"{loan},2012-01,current,0,{cents},0,0,0,0,0,0,0,0" for loan, cents in (("A", 10**6), ("B", 500_000))]
    (month,) = read(tmp_path, *lines, "X,2012-01,current,0,5,0,0,0,0,0,0,0,0")
    assert reconcile(month, BOOK, skip_others=True).totals.ending_cents == 1_500_000


def test_own_words_and_columns_are_mapped(tmp_path: Path) -> None:
    mapping = TableMapping(values={"state": {"OK": 1}}, units={"period": "month:MM/YYYY", "balance_cents": "dollars"})
    (month,) = read(tmp_path, "A,01/2012,OK,0,12.34,0,0,0,0,0,0,0,0", mapping=mapping)
    assert (month.month, month.rows[0].state, month.rows[0].balance_cents) == (JANUARY, State.CURRENT, 1234)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (None, "2012-03 without 2012-02"),
        (JANUARY - 1, "2011-12, which was reported before"),
        (JANUARY + 2, "2012-01 is missing"),
    ],
)
def test_months_with_gaps_are_refused(tmp_path: Path, wanted: int | None, words: str) -> None:
    months = read(tmp_path, *(f"A,2012-0{n},current,0,5,0,0,0,0,0,0,0,0" for n in (1, 3)))
    with pytest.raises(InvalidInputError) as caught:
        pick_months(months, path="periods.csv", expected_month=JANUARY, period_month=wanted)
    assert words in str(caught.value)
