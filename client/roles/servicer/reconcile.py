"""A month of the servicer's file against the pack: whose row it is, whether it can follow, what all add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client.roles.servicer.tape_file import MonthRows
from client.sdk.errors import BadRow, BadRowsError, InvalidInputError
from client.sdk.monitoring.entries import NOT_IN_POOL, Entry, State, band_of, follow
from client.sdk.monitoring.months import month_text
from client.sdk.monitoring.pool import check_totals
from client.sdk.monitoring.tallies import Tallies
from client.sdk.monitoring.tape import MONEY, TapeRow
from client.sdk.monitoring.totals import Totals
from client.sdk.pack.asset_row import principal_class

_ANY_SCORE = 1
"""Levels are the chain's business; what is checked here does not depend on scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What the chain has of a pack before a month is reported."""

    loan_ids: tuple[str, ...]
    """By asset; those that measures took in are `+1`, `+2` and so on."""
    before: tuple[Entry, ...]
    known_count: int
    """Assets that had an entry in the period before; the others were taken in since."""
    marks: Mapping[int, State]
    class_unit: int
    beginning_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """A month as it is reported."""

    month: int
    rows: tuple[TapeRow | None, ...]
    entries: tuple[Entry, ...]
    """As the chain will store them."""
    totals: Totals


def reconcile(month: MonthRows, book: Book, *, skip_others: bool = False) -> Reconciled:
    """Join the rows of a month with the assets of a pack.

    Raises:
        BadRowsError: rows of loans that are not of the pack, or that cannot follow the month before; live loans without
            a row.
        InvalidInputError: the month does not balance.
    """
    rows = _by_asset(month, book, skip_others=skip_others)
    _require_complete(month, book, rows)
    entries, bad = [], []
    line_of = {row.loan_id: line for row, line in zip(month.rows, month.lines, strict=True)}
    for index, (row, before) in enumerate(zip(rows, book.before, strict=True)):
        entry = _entry(row, before, book.class_unit)
        try:
            entries.append(follow(before, entry, index=index, mark=book.marks.get(index)))
        except InvalidInputError as error:
            loan_id = book.loan_ids[index]
            reason = f"got {error.got}, expected {error.expected}"
            bad.append(BadRow(line=line_of.get(loan_id, 0), field="state", value=loan_id, reason=reason))
    if bad:
        raise BadRowsError(f"{month.path}, {month_text(month.month)}", bad)
    totals = _totals(rows, entries, book)
    _check(totals, entries, book)
    return Reconciled(month=month.month, rows=tuple(rows), entries=tuple(entries), totals=totals)


def _by_asset(month: MonthRows, book: Book, *, skip_others: bool) -> list[TapeRow | None]:
    """Return the row of each asset that is or was in the pool."""
    index_by_loan = {loan_id: index for index, loan_id in enumerate(book.loan_ids)}
    rows: list[TapeRow | None] = [None] * len(book.loan_ids)
    others = []
    for row, line in zip(month.rows, month.lines, strict=True):
        index = index_by_loan.get(row.loan_id)
        if index is not None and book.before[index] != NOT_IN_POOL:
            rows[index] = row
        elif not skip_others:
            reason = "not a loan of the pool; leave such rows out with --skip-others"
            others.append(BadRow(line=line, field="loan_id", value=row.loan_id, reason=reason))
    if others:
        raise BadRowsError(f"{month.path}, {month_text(month.month)}", others)
    return rows


def _require_complete(month: MonthRows, book: Book, rows: Sequence[TapeRow | None]) -> None:
    reason = "a live loan without a row; say how a loan left in the month in which it does"
    gone = [
        BadRow(line=0, field="loan_id", value=book.loan_ids[index], reason=reason)
        for index, row in enumerate(rows)
        if row is None and book.before[index].state.is_live
    ]
    if gone:
        raise BadRowsError(f"{month.path}, {month_text(month.month)}", gone)


def _entry(row: TapeRow | None, before: Entry, class_unit: int) -> Entry:
    """Return the entry of an asset; what left before needs no row."""
    if row is None:
        return Entry(before.state, before.band, before.balance_class)
    if row.state is State.DEFAULTED:
        if before.state is State.DEFAULTED:
            return Entry(State.DEFAULTED, band_of(row.days_past_due), before.balance_class)
        lost = principal_class(row.cents("defaulted_cents"), class_unit)
        return Entry(State.DEFAULTED, band_of(row.days_past_due), min(lost, before.balance_class))
    if not row.state.is_live:
        return Entry(row.state)
    return Entry(row.state, band_of(row.days_past_due), principal_class(row.balance_cents, class_unit))


def _totals(rows: Sequence[TapeRow | None], entries: Sequence[Entry], book: Book) -> Totals:
    sums = dict.fromkeys(MONEY, 0)
    ending_cents = 0
    for row, entry in zip(rows, entries, strict=True):
        if row is None:
            continue
        for name, cents in zip(MONEY, row.money, strict=True):
            sums[name] += cents
        ending_cents += row.balance_cents if entry.state.is_live else 0
    return Totals(beginning_cents=book.beginning_cents, ending_cents=ending_cents, **sums)


def _check(totals: Totals, entries: Sequence[Entry], book: Book) -> None:
    """Refuse here what the contract would refuse, before anything is sent."""
    totals.check(expected_beginning_cents=book.beginning_cents)
    tallies = Tallies()
    for before, entry in zip(book.before, entries, strict=True):
        tallies.add(before, entry, score=_ANY_SCORE, closing_score=_ANY_SCORE)
    admitted = [entry.balance_class for entry in book.before[book.known_count :]]
    check_totals(totals, tallies, book.class_unit, admitted)
