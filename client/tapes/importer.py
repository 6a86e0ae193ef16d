"""Tapes to the project's tables: reads files batch by batch, keeps what can be taken, and writes three tables.

`loans` is what `tranchain pack submit` takes, as of the cut-off month; `credit_files` what a bureau uploads of the
scores on the tape; `periods` what the servicer reports, a row a loan and month. Batches wait in a scratch directory, so
memory holds one of them, and 16 bytes for each record.
"""

import datetime as dt
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from client.model.schema import ASSET_FIELDS, ASSET_KEYS, CREDIT_FIELDS, CREDIT_KEYS
from client.sdk.errors import InvalidInputError
from client.tapes import tape_row as row
from client.tapes.detect import FormatName, find_format, open_tape, read_tape
from client.tapes.esma_rows import changes_of_sums
from client.tapes.findings import Effect, Findings
from client.tapes.intake import IS_LOAN, Intake, SeenLoans
from client.tapes.source import LINE, RECORD_NUMBER

Progress = Callable[[int], None]
"""Called with the number of records of each batch."""
_ORIGINATORS_MAX = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What one file held."""

    path: Path
    format: FormatName
    record_count: int
    taken_count: int
    """Records that stand in `periods`."""
    findings: Findings
    count_by_unused: dict[str, int]
    """Values of elements that were checked and have no place in the project's tables."""
    unit_by_ratio: dict[str, str]
    """`fraction` or `percent`, as the file has interest rates and payments to income."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "file": str(self.path),
            "format": str(self.format),
            "records": self.record_count,
            "taken": self.taken_count,
            "findings": [finding.document() for finding in self.findings],
            "no_data": self.findings.no_data,
            "elements_without_a_place": dict(sorted(self.count_by_unused.items())),
            "units": self.unit_by_ratio,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeReport:
    """What all files held together."""

    files: tuple[FileReport, ...]
    count_by_period: dict[str, int]
    """Loans by month, `YYYY-MM`."""
    missing_periods: tuple[str, ...]
    """Months between the first and the last that no file reports."""
    disappeared_by_period: dict[str, int]
    """Loans that were in the pool and have no record in the next month."""
    originators: dict[str, int]
    """`originator_code` by name, in the order of first appearance."""

    @property
    def left_out_count(self) -> int:
        """Problems for which a record or a loan is left out."""
        return sum(
            finding.count
            for file in self.files
            for finding in file.findings
            if finding.effect in (Effect.RECORD_LEFT_OUT, Effect.LOAN_LEFT_OUT)
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "files": [file.document() for file in self.files],
            "periods": self.count_by_period,
            "missing_periods": list(self.missing_periods),
            "disappeared": self.disappeared_by_period,
            "originators": self.originators,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The files that an import wrote, and how many rows each has."""

    loans: Path
    loan_count: int
    credit_files: Path | None
    """None when the tape has no scores."""
    credit_file_count: int
    periods: Path
    period_row_count: int
    cut_off: str
    """Month of the loans' balances, `YYYY-MM`."""


def check_tapes(
    paths: Sequence[Path], *, form: FormatName, today: dt.date, progress: Progress, parts: Path | None = None
) -> tuple[TapeReport, list[pl.LazyFrame]]:
    """Read files and say what is wrong with them; with `parts`, a directory, also give what can be taken.

    Raises:
        InvalidInputError: a file as a whole cannot be used.
    """
    seen, originators = SeenLoans(), dict[str, int]()
    reports: list[FileReport] = []
    frames: list[pl.LazyFrame] = []
    for path in paths:
        name = find_format(path, form)
        with open_tape(path) as file:
            tape, batches = read_tape(path, file, name)
            if reports and (tape.name == "esma") != (reports[0].format is FormatName.ESMA_XML):
                raise InvalidInputError(
                    str(path), got=f"a file of format {name}", expected=f"{reports[0].format}, as the first"
                )
            intake = Intake(tape, last_period=today.year * 12 + today.month)
            own: list[Path] = []
            for batch in batches:
                rows = intake.take(batch, seen)
                _number(originators, rows["originator"])
                if parts is not None and rows.height:
                    own.append(parts / f"{len(reports):06}-{len(own):06}.parquet")
                    rows.write_parquet(own[-1], compression="lz4")
                progress(batch.frame.height)
        divisors = intake.ratio_divisors()
        reports.append(_file_report(path, name, intake, divisors))
        if own:
            frames.append(_scaled(own, divisors))
    return _report(reports, seen, originators), frames


def import_tapes(
    paths: Sequence[Path],
    out: Path,
    *,
    form: FormatName,
    today: dt.date,
    progress: Progress,
    cut_off: str | None = None,
    deal: str | None = None,
    as_parquet: bool = False,
    skip_bad_rows: bool = False,
) -> tuple[TapeReport, Tables | None]:
    """Read files and write the project's tables into a directory; None where records would have to be left out.

    Args:
        paths: one file a month, or files of many months; months in any order.
        out: made if it is not there; tables in it are replaced.
        form: format that the files must have, or AUTO.
        today: records of later months are left out.
        progress: see `Progress`.
        cut_off: month whose records become the tape of loans, `YYYY-MM`; default: the first.
        deal: put before every loan id, because numbers of assets are unique within a deal only.
        as_parquet: write Parquet instead of CSV.
        skip_bad_rows: write the tables without the records that cannot be taken.

    Raises:
        InvalidInputError: a file as a whole cannot be used, no record can be taken, or no record is of the cut-off.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tape-", dir=out) as parts:
        report, frames = check_tapes(paths, form=form, today=today, progress=progress, parts=Path(parts))
        if report.left_out_count and not skip_bad_rows:
            return report, None
        if not frames:
            raise InvalidInputError(
                ", ".join(map(str, paths)), got="no record that can be taken", expected="at least one"
            )
        rows = pl.concat(frames).with_columns(
            pl.col("originator")
            .replace_strict(report.originators, default=None, return_dtype=pl.Int64)
            .alias("originator_code")
        )
        if deal:
            ids = [(pl.lit(f"{deal}/") + pl.col(name)).alias(name) for name in ("loan_id", "subject_id")]
            rows = rows.with_columns(ids)
        if report.files[0].format is FormatName.ESMA_XML:
            rows = changes_of_sums(rows)
        month = cut_off or next(iter(report.count_by_period))
        return report, _write(rows, out, month, ".parquet" if as_parquet else ".csv")


def _write(rows: pl.LazyFrame, out: Path, cut_off: str, suffix: str) -> Tables:
    is_cut_off = pl.col(row.PERIOD).dt.strftime("%Y-%m") == cut_off
    loans = rows.filter(is_cut_off & pl.col(IS_LOAN))
    tape = loans.select(*ASSET_KEYS, *(field.name for field in ASSET_FIELDS))
    scored = loans.filter(pl.col("bureau_score").is_not_null())
    given = {"observed_day": pl.col("origination_day"), "bureau_score": pl.col("bureau_score")}
    credit = scored.select(
        *CREDIT_KEYS, *(given.get(field.name, row.none()).alias(field.name) for field in CREDIT_FIELDS)
    )
    periods = rows.select(
        "loan_id",
        pl.col(row.PERIOD).dt.strftime("%Y-%m"),
        "state",
        "days_past_due",
        "balance_cents",
        *row.MONEY,
    )
    loan_count = _sink(tape, out / f"loans{suffix}")
    if not loan_count:
        raise InvalidInputError(f"cut-off {cut_off}", got="no loan of that month", expected="a month of the tape")
    credit_count = _sink(credit, out / f"credit_files{suffix}")
    return Tables(
        loans=out / f"loans{suffix}",
        loan_count=loan_count,
        credit_files=out / f"credit_files{suffix}" if credit_count else None,
        credit_file_count=credit_count,
        periods=out / f"periods{suffix}",
        period_row_count=_sink(periods, out / f"periods{suffix}"),
        cut_off=cut_off,
    )


def _sink(frame: pl.LazyFrame, path: Path) -> int:
    """Write a table as a stream; returns its number of rows, and leaves no file of none."""
    count = int(frame.select(pl.len()).collect(engine="streaming").item())
    if not count:
        path.unlink(missing_ok=True)
    elif path.suffix == ".parquet":
        frame.sink_parquet(path)
    else:
        frame.sink_csv(path)
    return count


def _scaled(parts: Sequence[Path], divisors: dict[str, int]) -> pl.LazyFrame:
    """Return a file's rows with ratios in ppm, rounded half up."""
    ratios = [((pl.col(name) + divisor // 2) // divisor).alias(name) for name, divisor in divisors.items()]
    return pl.scan_parquet(list(parts)).drop(LINE, RECORD_NUMBER).with_columns(ratios)


def _number(originators: dict[str, int], names: pl.Series) -> None:
    for name in names.drop_nulls().unique(maintain_order=True):
        if name not in originators and len(originators) < _ORIGINATORS_MAX:
            originators[name] = len(originators) + 1


def _file_report(path: Path, name: FormatName, intake: Intake, divisors: dict[str, int]) -> FileReport:
    return FileReport(
        path=path,
        format=name,
        record_count=intake.record_count,
        taken_count=intake.taken_count,
        findings=intake.findings,
        count_by_unused={element: count for element, count in intake.count_by_unused.items() if count},
        unit_by_ratio={ratio: "percent" if divisor == 10_000 else "fraction" for ratio, divisor in divisors.items()},
    )


def _report(files: Sequence[FileReport], seen: SeenLoans, originators: dict[str, int]) -> TapeReport:
    counts = seen.count_by_period()
    names = {period: f"{period:%Y-%m}" for period in counts}
    missing = [
        f"{number // 12:04}-{number % 12 + 1:02}"
        for before, after in pairwise(counts)
        for number in range(before.year * 12 + before.month, after.year * 12 + after.month - 1)
    ]
    gone = {names[after]: seen.disappeared(before, after) for before, after in pairwise(counts)}
    return TapeReport(
        files=tuple(files),
        count_by_period={names[period]: count for period, count in counts.items()},
        missing_periods=tuple(missing),
        disappeared_by_period={name: count for name, count in gone.items() if count},
        originators=originators,
    )
