"""The servicer's file: one row a loan and month, with its own column names, units and words through a mapping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from client.sdk.errors import BadRow, BadRowsError, InvalidInputError
from client.sdk.monitoring.entries import State
from client.sdk.monitoring.months import month_of_day, month_text
from client.sdk.monitoring.tape import MONEY, TapeRow
from client.sdk.table_mapping import TableMapping
from client.sdk.tabular import read_table

KEYS = ("loan_id",)
_MONEY_MAX = 10**14
_DAY_MAX = 73_049


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeField:
    """A column of the servicer's file beside the loan id."""

    name: str
    unit: str = "cents"
    minimum: int = 0
    maximum: int = _MONEY_MAX
    nullable: bool = False


FIELDS = (
    TapeField(name="period", unit="day", maximum=_DAY_MAX),
    TapeField(name="state", unit="code", minimum=1, maximum=max(State)),
    TapeField(name="days_past_due", unit="days", maximum=10_000),
    TapeField(name="balance_cents"),
    *(TapeField(name=name, nullable=True) for name in MONEY),
)
STATE_WORDS = {state.name.lower(): int(state) for state in State if state is not State.NOT_IN_POOL}
_RARE = ("substituted_out_cents", "substituted_in_cents")
"""Columns that most files do not have; where they are missing, nothing was replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRows:
    """The rows of one month, with the line of each in the file."""

    path: str
    month: int
    rows: tuple[TapeRow, ...]
    lines: tuple[int, ...]


def read_tape_file(path: Path, mapping: TableMapping) -> list[MonthRows]:
    """Read a file of one or more months, oldest first.

    Raises:
        BadRowsError: rows that cannot be taken: negative amounts, unknown states, a loan twice in a month.
        InvalidInputError: the file as a whole cannot be used.
    """
    table = read_table(path, FIELDS, keys=KEYS, mapping=_complete(path, mapping))
    frame = table.accepted(skip_bad_rows=False)
    columns = [*KEYS, *(spec.name for spec in FIELDS), "line"]
    by_month: dict[int, dict[str, tuple[TapeRow, int]]] = {}
    bad: list[BadRow] = []
    for loan_id, day, state, days_past_due, balance, *money, line in frame.select(columns).iter_rows():
        rows = by_month.setdefault(month_of_day(day), {})
        if loan_id in rows:
            reason = f"reported twice in {month_text(month_of_day(day))}, see line {rows[loan_id][1]}"
            bad.append(BadRow(line=line, field="loan_id", value=loan_id, reason=reason))
            continue
        row = TapeRow(
            loan_id=loan_id,
            state=State(state),
            days_past_due=days_past_due,
            balance_cents=balance,
            money=tuple(cents or 0 for cents in money),
        )
        rows[loan_id] = (row, line)
    if bad:
        raise BadRowsError(str(path), bad)
    return [_month(path, month, by_month[month].values()) for month in sorted(by_month)]


def pick_months(
    months: Sequence[MonthRows], *, path: str, expected_month: int, period_month: int | None
) -> list[MonthRows]:
    """Return the months to report: the one asked for, or all from the expected one on.

    Raises:
        InvalidInputError: the month asked for is not in the file or was reported before, or one is missing.
    """
    by_month: Mapping[int, MonthRows] = {each.month: each for each in months}
    if period_month is not None:
        if period_month < expected_month:
            got = f"{month_text(period_month)}, which was reported before"
            raise InvalidInputError("period", got=got, expected=month_text(expected_month))
        if period_month > expected_month:
            got = f"{month_text(period_month)}, while {month_text(expected_month)} is missing"
            raise InvalidInputError("period", got=got, expected=month_text(expected_month))
        if period_month not in by_month:
            got = f"no row of {month_text(period_month)}"
            raise InvalidInputError(path, got=got, expected=f"rows of {month_text(period_month)}")
        return [by_month[period_month]]
    due = [each for each in months if each.month >= expected_month]
    for number, each in enumerate(due):
        if each.month != expected_month + number:
            missing = month_text(expected_month + number)
            raise InvalidInputError(path, got=f"{month_text(each.month)} without {missing}", expected=missing)
    return due


def _month(path: Path, month: int, rows: Any) -> MonthRows:
    pairs = tuple(rows)
    return MonthRows(
        path=str(path), month=month, rows=tuple(row for row, _ in pairs), lines=tuple(line for _, line in pairs)
    )


def _complete(path: Path, mapping: TableMapping) -> TableMapping:
    """Return a mapping with the words of states, months as YYYY-MM, and the columns that most files do not have."""
    header = _header(path, mapping)
    rare = {name for name in _RARE if mapping.column_of(name) not in header and name not in mapping.constants}
    return replace(
        mapping,
        absent=mapping.absent | rare,
        units={"period": "month:YYYY-MM", **mapping.units},
        values={"state": STATE_WORDS, **mapping.values},
    )


def _header(path: Path, mapping: TableMapping) -> set[str]:
    """Return the column names; none of a file that cannot be read, which its reader says better."""
    try:
        if path.suffix == ".parquet":
            return set(pl.read_parquet_schema(path))
        return {name.strip() for name in pl.read_csv(path, n_rows=0, separator=mapping.delimiter).columns}
    except (OSError, pl.exceptions.PolarsError):
        return set()
