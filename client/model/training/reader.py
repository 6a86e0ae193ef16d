"""Reads the rows of a CSV file as loans, the way a feature file says; every text that cannot be read is an error."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.errors import RecordShapeError
from client.model.schema import MISSING
from client.model.training.feature_file import FeatureFile, FieldEntry, Time
from client.model.training.loans import NEVER, LoanSet

_SCALES = {"percent": 10_000, "fraction": 1_000_000}


def read_loans(path: Path, file: FeatureFile) -> LoanSet:
    """Read a CSV file (`.csv` or `.csv.gz`) with a header line.

    Raises:
        RecordShapeError: no such file, a column that is absent, or a text that is not what the feature file says.
    """
    frame = _read(path, file)
    columns = {entry.name: _field(frame, entry) for entry in file.fields}
    bad_words = frame[_present(frame, file.label.column)]
    expected = dict.fromkeys(file.label.bad, 1) | dict.fromkeys(file.label.good, 0)
    labels = bad_words.replace_strict(expected, default=None, return_dtype=pl.Int64)
    _refuse_unread(bad_words.is_not_null(), labels, f"label {file.label.column}", "words of bad or good")
    _refuse_unread(pl.repeat(value=True, n=len(labels), eager=True), labels, f"label {file.label.column}", "a label")
    defaulted = labels.to_numpy()
    issue, known = _months(frame, file.time)
    return LoanSet(
        columns=columns,
        defaulted=defaulted.astype(np.int8),
        issue_month=issue,
        default_known_month=np.where(defaulted == 1, known, NEVER),
        weight=_weights(frame, file),
    )


def _read(path: Path, file: FeatureFile) -> pl.DataFrame:
    try:
        return pl.read_csv(path, infer_schema=False, null_values=list(file.missing))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RecordShapeError(subject=str(path), got=str(error).splitlines()[0], expected="a CSV file") from error


def _field(frame: pl.DataFrame, entry: FieldEntry) -> Int64Array:
    if entry.read == "constant":
        return np.full(len(frame), entry.value, dtype=np.int64)
    texts = frame[_present(frame, str(entry.column))]
    given = texts.is_not_null()
    match entry.read:
        case "number" | "percent" | "fraction":
            scale = _SCALES.get(entry.read, entry.scale)
            values = (texts.cast(pl.Float64, strict=False) * scale).round(0).cast(pl.Int64, strict=False)
        case "date":
            values = _dates(texts, str(entry.pattern)).cast(pl.Int32).cast(pl.Int64)
        case "months_since":
            earlier = frame[_present(frame, str(entry.since))]
            values = _month_numbers(texts, str(entry.pattern)) - _month_numbers(earlier, str(entry.pattern))
            given = given & earlier.is_not_null()
        case _:
            values = texts.replace_strict(entry.words, default=None, return_dtype=pl.Int64)
    _refuse_unread(given, values, f"{entry.name} ({entry.column})", f"a {entry.read}")
    return values.fill_null(MISSING).to_numpy().astype(np.int64)


def _months(frame: pl.DataFrame, time: Time | None) -> tuple[Int64Array, Int64Array]:
    """Return the month of issue and the month by which a default is known, zeros where there is no time."""
    if time is None:
        nothing = np.zeros(len(frame), dtype=np.int64)
        return nothing, nothing
    issue = _month_numbers(frame[_present(frame, time.column)], time.pattern)
    _refuse_unread(pl.repeat(value=True, n=len(frame), eager=True), issue, time.column, f"a date {time.pattern}")
    known = issue
    if time.known is not None:
        texts = frame[_present(frame, time.known.column)]
        read = _month_numbers(texts, time.pattern)
        _refuse_unread(texts.is_not_null(), read, time.known.column, f"a date {time.pattern}")
        known = read.zip_with(read.is_not_null(), issue) + time.known.months_later
    return issue.to_numpy().astype(np.int64), known.to_numpy().astype(np.int64)


def _weights(frame: pl.DataFrame, file: FeatureFile) -> NDArray[np.float64]:
    weight = np.ones(len(frame))
    for factor in file.weights.factors:
        chosen = frame[_present(frame, factor.column)].is_in(list(factor.words)).fill_null(value=False)
        weight = np.where(chosen.to_numpy(), weight * factor.factor, weight)
    return weight


def _dates(texts: pl.Series, pattern: str) -> pl.Series:
    form = pattern
    for ours, theirs in (("YYYY", "%Y"), ("MMM", "%b"), ("MM", "%m"), ("DD", "%d")):
        form = form.replace(ours, theirs)
    if "DD" not in pattern:
        texts, form = "01 " + texts, "%d " + form
    return texts.str.to_date(form, strict=False)


def _month_numbers(texts: pl.Series, pattern: str) -> pl.Series:
    dates = _dates(texts, pattern)
    return (dates.dt.year().cast(pl.Int64) - 1970) * 12 + dates.dt.month().cast(pl.Int64) - 1


def _present(frame: pl.DataFrame, column: str) -> str:
    if column not in frame.columns:
        raise RecordShapeError(subject=f"column {column}", got="no such column", expected=", ".join(frame.columns))
    return column


def _refuse_unread(given: pl.Series, values: pl.Series, what: str, expected: str) -> None:
    """Refuse texts without a value. The message says where and not what: it may be personal data."""
    unread = given & values.is_null()
    if unread.any():
        row = int(unread.arg_true()[0]) + 1
        raise RecordShapeError(
            subject=f"{what}, row {row}", got=f"another text ({unread.sum()} rows)", expected=expected
        )
