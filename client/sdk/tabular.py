"""Tables in: CSV and Parquet files to integer columns, with every bad value listed and nothing guessed.

Start with `read_table`. The fields to read are an argument; the model's schema is not known here.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from client.sdk.errors import BadRow, BadRowsError, InvalidInputError
from client.sdk.table_mapping import TableField, TableMapping, near
from client.sdk.table_units import convert

_CHUNK_ROWS = 50_000
_LINE = "line"
_FIELD_SIZE_MAX = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of a file that can be taken, and those that cannot."""

    path: str
    frame: pl.DataFrame
    """Columns: the keys (text), the fields (Int64, null where missing), and `line`."""
    bad_rows: tuple[BadRow, ...]
    """Ascending by line."""

    def accepted(self, *, skip_bad_rows: bool) -> pl.DataFrame:
        """Return the good rows; BadRowsError when there are bad ones that are not to be skipped, or no good ones."""
        if self.bad_rows and not skip_bad_rows:
            raise BadRowsError(self.path, self.bad_rows)
        if self.frame.is_empty():
            raise InvalidInputError(self.path, got=f"no good row of {self.bad_line_count}", expected="at least one")
        return self.frame

    @property
    def bad_line_count(self) -> int:
        """Lines with at least one bad value."""
        return len({row.line for row in self.bad_rows})


def read_table(
    path: Path,
    fields: Sequence[TableField],
    *,
    keys: Sequence[str],
    unique: Sequence[str] = (),
    mapping: TableMapping | None = None,
) -> Table:
    """Read a `.csv`, `.csv.gz` or `.parquet` file.

    Args:
        path: the file; CSV in UTF-8, with or without byte order mark, first line the column names.
        fields: what to read, in the order of the result.
        keys: text columns that every row must have.
        unique: keys of which each value may occur once; later rows with it are bad.
        mapping: the file's own names, units and words.

    Raises:
        InvalidInputError: the file as a whole cannot be used: missing columns, encoding, no rows.
        ConfigError: the mapping does not fit the fields.
    """
    mapping = mapping or TableMapping()
    mapping.validate(fields, keys)
    reader = _Reader(path, fields, keys, mapping)
    chunks = _parquet_chunks(path, reader) if path.suffix == ".parquet" else _csv_chunks(path, reader)
    frames, bad = [], []
    for chunk, ragged in chunks:
        good, problems = reader.convert(chunk)
        frames.append(good)
        bad += ragged + problems
    if not frames:
        raise InvalidInputError(str(path), got="no rows", expected="a header line and at least one row")
    frame = pl.concat(frames)
    for key in unique:
        frame, repeated = _without_repeats(frame, key)
        bad += repeated
    return Table(path=str(path), frame=frame, bad_rows=tuple(sorted(bad, key=lambda row: row.line)))


class _Reader:
    """The columns to take of one file, and how."""

    def __init__(self, path: Path, fields: Sequence[TableField], keys: Sequence[str], mapping: TableMapping):
        self.path, self.keys, self.mapping = path, keys, mapping
        without_column = mapping.absent_of(fields) | mapping.constants.keys()
        self.fields = [spec for spec in fields if spec.name not in without_column]
        self.constants = [
            pl.lit(mapping.constants.get(spec.name), dtype=pl.Int64).alias(spec.name)
            for spec in fields
            if spec.name in without_column
        ]
        self.order = [*keys, *(spec.name for spec in fields), _LINE]
        self.columns = {name: mapping.column_of(name) for name in [*keys, *(spec.name for spec in self.fields)]}

    def check_header(self, header: Sequence[str]) -> None:
        repeated = sorted({name for name in header if header.count(name) > 1})
        if repeated:
            raise InvalidInputError(str(self.path), got=f"two columns named {repeated[0]}", expected="distinct names")
        missing = [column for column in self.columns.values() if column not in header]
        if missing:
            raise InvalidInputError(
                f"{self.path}: no column{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
                remedy=near(missing[0], header) or "name the file's own columns in a mapping",
            )

    def convert(self, chunk: pl.DataFrame) -> tuple[pl.DataFrame, list[BadRow]]:
        """Take a frame of texts with the file's columns and `line`; return good rows and bad values."""
        result = chunk.select(_LINE)
        bad: list[BadRow] = []
        is_bad = pl.repeat(value=False, n=chunk.height, eager=True)
        for name, column in self.columns.items():
            text = chunk[column].str.strip_chars()
            text = text.set(text.is_in(self.mapping.missing), None)
            cells = self._convert_cells(name, text)
            result.insert_column(0, cells["value"].alias(name))
            wrong = cells["reason"].is_not_null()
            is_bad = is_bad | wrong
            shown = zip(
                chunk[_LINE].filter(wrong), chunk[column].filter(wrong), cells["reason"].filter(wrong), strict=True
            )
            bad += [BadRow(line=line, field=name, value=value or "", reason=why) for line, value, why in shown]
        return result.with_columns(*self.constants).filter(~is_bad).select(self.order), bad

    def _convert_cells(self, name: str, text: pl.Series) -> pl.DataFrame:
        spec = next((spec for spec in self.fields if spec.name == name), None)
        if spec is not None:
            return convert(text, spec, self.mapping.unit_of(spec), self.mapping.values.get(name))
        missing = pl.when(pl.col("value").is_null()).then(pl.lit("missing"))
        return text.alias("value").to_frame().with_columns(reason=missing)


def _csv_chunks(path: Path, reader: _Reader) -> Iterator[tuple[pl.DataFrame, list[BadRow]]]:
    csv.field_size_limit(_FIELD_SIZE_MAX)
    line = 1
    try:
        with _open_text(path) as file:
            rows = csv.reader(file, delimiter=reader.mapping.delimiter, strict=True)
            header = next(rows, None)
            if header is None:
                raise InvalidInputError(str(path), got="an empty file", expected="a header line and rows")
            header = [name.strip() for name in header]
            reader.check_header(header)
            while True:
                taken, ragged, line, is_last = _take_rows(rows, len(header), rows.line_num)
                if taken or ragged:
                    yield _frame(header, taken), ragged
                if is_last:
                    return
    except UnicodeDecodeError as error:
        raise InvalidInputError(str(path), got=f"bytes that are not UTF-8 after line {line}") from error
    except (csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise InvalidInputError(str(path), got=f"text that is not CSV after line {line} ({error})") from error
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be read") from error


def _take_rows(rows: Any, width: int, line: int) -> tuple[list[tuple[int, list[str]]], list[BadRow], int, bool]:
    """Take up to a chunk of rows from a csv reader that stands after `line`; a row's line is that of its start."""
    taken: list[tuple[int, list[str]]] = []
    ragged: list[BadRow] = []
    for row in rows:
        first, line = line + 1, rows.line_num
        if len(row) == width:
            taken.append((first, row))
        elif row:
            reason = f"{len(row)} values, expected {width}"
            ragged.append(BadRow(line=first, field="row", value="", reason=reason))
        if len(taken) == _CHUNK_ROWS:
            return taken, ragged, line, False
    return taken, ragged, line, True


def _frame(header: Sequence[str], rows: list[tuple[int, list[str]]]) -> pl.DataFrame:
    columns = list(zip(*(row for _, row in rows), strict=True)) or [()] * len(header)
    data = {name: pl.Series(name, column, dtype=pl.String) for name, column in zip(header, columns, strict=True)}
    return pl.DataFrame({**data, _LINE: pl.Series(_LINE, [line for line, _ in rows], dtype=pl.Int64)})


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _parquet_chunks(path: Path, reader: _Reader) -> Iterator[tuple[pl.DataFrame, list[BadRow]]]:
    try:
        header = list(pl.read_parquet_schema(path))
        reader.check_header(header)
        frame = pl.read_parquet(path, columns=list(dict.fromkeys(reader.columns.values())))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInputError(str(path), got="a file that cannot be read", expected="Parquet") from error
    texts = frame.select(_as_text(frame[name]) for name in frame.columns)
    if not texts.is_empty():
        yield texts.with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(_LINE)), []


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Datetime:
        column = column.cast(pl.Date)
    return column.cast(pl.String)


def _without_repeats(frame: pl.DataFrame, key: str) -> tuple[pl.DataFrame, list[BadRow]]:
    first = pl.col(_LINE).first().over(key)
    marked = frame.with_columns(first.alias("first line"))
    repeats = marked.filter(pl.col("first line") != pl.col(_LINE)).select(_LINE, key, "first line")
    bad = [
        BadRow(line=line, field=key, value=value, reason=f"repeats line {before}")
        for line, value, before in repeats.iter_rows()
    ]
    return marked.filter(pl.col("first line") == pl.col(_LINE)).drop("first line"), bad
