"""Reads what became of scored loans from a file: counts by month and score, for `client.model.monitoring`."""

import csv
import gzip
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from client.model.calibration import SCORE_COUNT, monotone_pd_ppm
from client.model.monitoring import Reference, ScoreCounts
from client.sdk.errors import BadRow, InvalidInputError
from client.sdk.table_mapping import TableMapping
from client.sdk.tabular import read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryField:
    """A column of a score history."""

    name: str
    unit: str
    minimum: int
    maximum: int
    nullable: bool = False


FIELDS: Final = (
    HistoryField(name="month", unit="day", minimum=0, maximum=73_049),
    HistoryField(name="score", unit="count", minimum=1, maximum=SCORE_COUNT),
    HistoryField(name="defaulted", unit="count", minimum=0, maximum=1, nullable=True),
    HistoryField(name="loans", unit="count", minimum=0, maximum=10**9),
)
"""Month (YYYY-MM), score, whether the loan defaulted (empty while nobody knows), and of how many loans a row tells."""


def read_history(path: Path, *, skip_bad_rows: bool = False) -> tuple[dict[str, ScoreCounts], tuple[BadRow, ...]]:
    """Return counts by month, ascending, and the rows that could not be taken. Without a column `loans` a row is one.

    Raises:
        InvalidInputError: the file as a whole cannot be used.
        BadRowsError: bad rows that are not to be skipped.
    """
    mapping = TableMapping(units={"month": "month:YYYY-MM"})
    if "loans" not in _header(path):
        mapping = replace(mapping, constants={"loans": 1})
    table = read_table(path, FIELDS, keys=(), mapping=mapping)
    frame = table.accepted(skip_bad_rows=skip_bad_rows)
    by_score = frame.group_by("month", "score").agg(
        totals=pl.col("loans").sum(),
        defaults=pl.col("loans").filter(pl.col("defaulted") == 1).sum(),
        open=pl.col("loans").filter(pl.col("defaulted").is_null()).sum(),
    )
    months = {}
    for (day,), part in by_score.sort("month", "score").group_by("month", maintain_order=True):
        months[_month_name(int(str(day)))] = _counts(part)
    return months, table.bad_rows


def reference_of(months: dict[str, ScoreCounts], first: str, last: str, margin_ppm: tuple[int, ...]) -> Reference:
    """Return the months from `first` to `last` as what the others are compared with: their own PD by score.

    Raises:
        InvalidInputError: no such months, a score without a loan in them, or loans that are still open.
    """
    chosen = [counts for name, counts in months.items() if first <= name <= last]
    if not chosen:
        raise InvalidInputError("reference", got=f"{first} to {last}", expected=f"months of {', '.join(months)}")
    whole = chosen[0]
    for counts in chosen[1:]:
        whole = whole.plus(counts)
    if any(whole.open):
        raise InvalidInputError("reference", got=f"{sum(whole.open)} open loans", expected="months with known outcome")
    empty = [score for score, total in enumerate(whole.totals, 1) if not total]
    if empty:
        got = f"no loan of score {empty[0]}"
        raise InvalidInputError("reference", got=got, expected="all of 100 scores", remedy="take more months")
    return Reference(
        totals=whole.totals,
        defaults=whole.defaults,
        pd_ppm=monotone_pd_ppm(whole.totals, whole.defaults),
        margin_ppm=margin_ppm,
    )


def _counts(part: pl.DataFrame) -> ScoreCounts:
    lists: dict[str, list[int]] = {name: [0] * SCORE_COUNT for name in ("totals", "defaults", "open")}
    for row in part.iter_rows(named=True):
        for name, counts in lists.items():
            counts[row["score"] - 1] = row[name]
    return ScoreCounts(**{name: tuple(counts) for name, counts in lists.items()})


def _month_name(day: int) -> str:
    return str(pl.Series([day], dtype=pl.Int32).cast(pl.Date).dt.strftime("%Y-%m")[0])


def _header(path: Path) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            return [name.strip() for name in next(csv.reader(file), [])]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(str(path), got=str(error), expected="a CSV file in UTF-8") from error
