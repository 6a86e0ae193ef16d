"""One file's records, checked: which can be taken as period rows, which also as loans, and what was wrong. No I/O."""

import datetime as dt
from collections import Counter

import polars as pl

from client.model.schema import ASSET_FIELDS, FIELDS
from client.tapes import tape_row as row
from client.tapes.element import TapeFormat
from client.tapes.findings import Effect, Example, Findings
from client.tapes.source import LINE, RECORD_NUMBER, Batch
from client.tapes.typed import UNITS, typed_elements

IS_LOAN = "is a loan"
"""Whether a row may also stand in a tape of loans."""
_DIVISOR_FRACTION, _DIVISOR_PERCENT = UNITS // 1_000_000, UNITS // 10_000
_PERCENT_FROM = UNITS * 3 // 2
"""A ratio above 1.5 is no fraction: nobody lends at 150 %, or pays 150 % of an income."""
_PERCENT_SHARE = 20
"""A file has percent where more than one in so many of its ratios are above; fewer are mistakes among fractions."""


class Intake:
    """The checks of one file, batch by batch."""

    def __init__(self, tape: TapeFormat, *, last_period: int):
        """`last_period` is the newest month that a record may report, in months since year 0."""
        self.tape, self.findings = tape, Findings()
        self.record_count = self.taken_count = 0
        self.count_by_unused: Counter[str] = Counter()
        self._last_period = last_period
        self._ratio_counts = dict.fromkeys(row.RATIOS, (0, 0))

    def take(self, batch: Batch, seen: "SeenLoans") -> pl.DataFrame:
        """Return the rows of a batch that can be taken: LINE, RECORD_NUMBER, the columns of `tape_row`, IS_LOAN."""
        self._note_source(batch)
        elements = typed_elements(batch.frame, self.tape, self.findings)
        self.record_count += elements.height
        for name in self.tape.elements.keys() - self.tape.taken:
            self.count_by_unused[name] += elements.height - elements[name].null_count()
        rows = self.tape.rows(elements).with_columns(elements[LINE], elements[RECORD_NUMBER])
        rows = self._without_unusable(rows, seen)
        self.taken_count += rows.height
        self._count_ratios(rows)
        return self._mark_loans(rows)

    def ratio_divisors(self) -> dict[str, int]:
        """Return by which to divide the ratios of the whole file to have ppm."""
        divisors = {}
        for name, (given, above) in self._ratio_counts.items():
            is_percent = self.tape.ratios_in_percent
            if is_percent is None:
                is_percent = above * _PERCENT_SHARE > given
            divisors[name] = _DIVISOR_PERCENT if is_percent else _DIVISOR_FRACTION
        return divisors

    def _note_source(self, batch: Batch) -> None:
        for name, count in batch.unknown.items():
            line, record, value = batch.unknown_at[name]
            example = Example(line=line, record=record, value=value[:60])
            expected = f"an element of {self.tape.name}"
            self.findings.add(name, "unmapped", expected=expected, effect=Effect.NOTED, count=count, examples=[example])
        for line, record, why in batch.broken:
            example = Example(line=line, record=record, value="")
            self.findings.add(
                "record", why, expected="one value for each", effect=Effect.RECORD_LEFT_OUT, count=1, examples=[example]
            )
        self.record_count += len(batch.broken)
        for line, record, name in batch.repeated:
            example = Example(line=line, record=record, value="")
            self.findings.add(
                name, "repeated", expected="once a record", effect=Effect.VALUE_LEFT_OUT, count=1, examples=[example]
            )

    def _without_unusable(self, rows: pl.DataFrame, seen: "SeenLoans") -> pl.DataFrame:
        """Leave out records without what even a period row needs."""
        period, balance = pl.col(row.PERIOD), pl.col("balance_cents")
        rows = self._drop(rows, pl.col("loan_id").is_null(), "loan_id", "missing", "the number of the loan")
        rows = self._drop(rows, period.is_null(), row.PERIOD, "missing", "the end of the reporting period")
        is_late = row.month_number(period) > self._last_period
        rows = self._drop(rows, is_late, row.PERIOD, "in the future", "a period that has ended or runs")
        rows = self._drop(rows, pl.col("state").is_null(), "state", "missing", "an account status")
        rows = self._drop(rows, balance.is_null(), "balance_cents", "missing", "the balance of a loan that is there")
        rows = self._drop(rows, balance < 0, "balance_cents", "negative", "0 or more")
        return self._drop(
            rows, ~seen.is_first(rows), "loan_id", "duplicate", "each loan once in a period, over all files"
        )

    def _drop(
        self, rows: pl.DataFrame, wrong: pl.Expr | pl.Series, field: str, problem: str, expected: str
    ) -> pl.DataFrame:
        marked = rows.with_columns(pl.Series("wrong", wrong) if isinstance(wrong, pl.Series) else wrong.alias("wrong"))
        bad = marked.filter("wrong").select(LINE, RECORD_NUMBER, pl.col(field).alias("value"))
        if bad.is_empty():
            return rows
        self.findings.add_rows(bad, field, problem, expected=expected, effect=Effect.RECORD_LEFT_OUT)
        return marked.filter(~pl.col("wrong").fill_null(value=False)).drop("wrong")

    def _mark_loans(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Check the asset fields of loans that are in the pool; of ratios, as if the file had percent."""
        is_there = ~rows["state"].is_in(row.LEFT)
        is_loan = is_there
        cleared = []
        for field in (*ASSET_FIELDS, FIELDS["bureau_score"]):
            column = rows[field.name]
            scale = _DIVISOR_PERCENT if field.name in row.RATIOS else 1
            beyond = (column < field.minimum * scale) | (column > field.maximum * scale)
            outside = beyond.fill_null(value=False) & is_there
            missing = (
                column.is_null() & is_there
                if not field.nullable
                else pl.Series([False] * rows.height, dtype=pl.Boolean)
            )
            effect = Effect.VALUE_LEFT_OUT if field.nullable else Effect.LOAN_LEFT_OUT
            for bad, problem in ((outside, "out of range"), (missing, "missing")):
                if bad.any():
                    found = rows.filter(bad).select(LINE, RECORD_NUMBER, pl.col(field.name).alias("value"))
                    expected = f"{field.minimum} to {field.maximum} ({field.unit})"
                    self.findings.add_rows(found, field.name, problem, expected=expected, effect=effect)
            if field.nullable:
                cleared.append(pl.when(~outside).then(pl.col(field.name)).alias(field.name))
            else:
                is_loan = is_loan & ~outside & ~missing
        return rows.with_columns(*cleared, is_loan.alias(IS_LOAN))

    def _count_ratios(self, rows: pl.DataFrame) -> None:
        for name, (given, above) in self._ratio_counts.items():
            filled = rows[name].drop_nulls()
            self._ratio_counts[name] = (
                given + int((filled != 0).sum()),
                above + int((filled > _PERCENT_FROM).sum()),
            )


class SeenLoans:
    """Which loans were read for which period, over all files, by 64-bit hashes of their numbers: 8 bytes a record."""

    def __init__(self) -> None:
        """Nothing was read."""
        self._all: dict[dt.date, pl.Series] = {}
        self._there: dict[dt.date, pl.Series] = {}

    def is_first(self, rows: pl.DataFrame) -> pl.Series:
        """Return for each row whether its loan was not read for its period before, and remember it."""
        hashes = rows["loan_id"].hash(seed=170_919)
        keyed = rows.select(row.PERIOD, "state").with_columns(hashes.alias("hash"))
        first = keyed.select(pl.struct(row.PERIOD, "hash").is_first_distinct()).to_series()
        for period in keyed[row.PERIOD].unique():
            part = keyed.with_row_index("place").filter(pl.col(row.PERIOD) == period)
            before = self._all.get(period)
            if before is not None:
                again = part.filter(pl.col("hash").is_in(before.implode()))["place"]
                first = first.scatter(again, values=False)
            new = part["hash"]
            self._all[period] = new if before is None else pl.concat([before, new])
            there = part.filter(~pl.col("state").is_in(row.LEFT))["hash"]
            self._there[period] = pl.concat([self._there[period], there]) if period in self._there else there
        return first

    def count_by_period(self) -> dict[dt.date, int]:
        """Return the number of loans of each period, oldest first."""
        return {period: self._all[period].n_unique() for period in sorted(self._all)}

    def disappeared(self, period: dt.date, following: dt.date) -> int:
        """Count the loans that were in the pool in a period and have no record in another, the one after it."""
        return int((~self._there[period].is_in(self._all[following].implode())).sum())
