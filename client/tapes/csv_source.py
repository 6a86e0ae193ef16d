"""CSV tapes as a stream of batches, by polars: whole rows are cut from the file and read a few megabytes at a time.

A part that polars cannot read row for row (rows of another length, line breaks in quotes) is read again by the csv
module, which knows exactly where each row stands.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from client.sdk.errors import InvalidInputError
from client.tapes.element import TapeFormat
from client.tapes.source import LINE, RECORD_NUMBER, TEXT_LENGTH_MAX, Batch

_BLOCK_BYTES = 4 << 20
_ROW_BYTES_MAX = 16 << 20
"""Bytes without an end of a row; more are no table."""
_COLUMNS_MAX = 1_000

Broken = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class _Columns:
    """The header of a file."""

    path: Path
    names: Sequence[str]
    element_by_name: Mapping[str, str]


def read_csv(path: Path, file: BinaryIO, tape: TapeFormat) -> Iterator[Batch]:
    """Yield the records of a CSV file with a header line.

    Raises:
        InvalidInputError: no header, two columns for one element, another encoding than UTF-8, quotes without end.
    """
    parts = _whole_rows(path, file)
    columns, part = _header(path, next(parts, b""), tape)
    line = number = 1
    while True:
        if part.strip():
            frame, broken, line_count = _read_part(columns, part, line)
            number += frame.height + len(broken)
            yield _batch(columns, frame, broken, number - frame.height - len(broken))
            line += line_count
        following = next(parts, None)
        if following is None:
            return
        part = following


def header_of(path: Path, file: BinaryIO) -> list[str]:
    """Return the names of the columns.

    Raises:
        InvalidInputError: no header line in UTF-8.
    """
    return _names(path, file.readline(_ROW_BYTES_MAX))


def _names(path: Path, line: bytes) -> list[str]:
    try:
        names = [name.strip() for name in next(csv.reader([line.removeprefix(b"\xef\xbb\xbf").decode()]), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(str(path), got="a header that is not text in UTF-8", expected="CSV") from error
    if not names or len(names) > _COLUMNS_MAX:
        got = f"{len(names)} columns" if names else "no header"
        raise InvalidInputError(str(path), got=got, expected=f"a header line of up to {_COLUMNS_MAX} columns, and rows")
    return [name or f"column {place}" for place, name in enumerate(names, start=1)]


def _header(path: Path, part: bytes, tape: TapeFormat) -> tuple[_Columns, bytes]:
    first, _, rest = part.partition(b"\n")
    names = _names(path, first)
    found = {name: element for name in names if (element := tape.canonical(name))}
    for element, count in Counter(tape.canonical(name) or name for name in names).items():
        if count > 1:
            raise InvalidInputError(str(path), got=f"{count} columns for {element}", expected="distinct columns")
    return _Columns(path, names, found), rest


def _whole_rows(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Cut the file behind ends of lines that do not stand in quotes."""
    kept = b""
    while block := file.read(_BLOCK_BYTES):
        kept += block
        cut = kept.rfind(b"\n") + 1
        while cut and kept.count(b'"', 0, cut) % 2:
            cut = kept.rfind(b"\n", 0, cut - 1) + 1
        if cut:
            yield kept[:cut]
            kept = kept[cut:]
        elif len(kept) > _ROW_BYTES_MAX:
            raise InvalidInputError(str(path), got="a row without end (quotes that are not closed?)", expected="CSV")
    if kept:
        yield kept


def _read_part(columns: _Columns, part: bytes, line: int) -> tuple[pl.DataFrame, list[Broken], int]:
    """Give texts with LINE, the rows that have another number of values, and how many lines the part has."""
    line_count = part.count(b"\n") + (not part.endswith(b"\n"))
    has_blank = b"\n\n" in part or b"\n\r\n" in part or part.startswith((b"\n", b"\r\n"))
    frame = None if has_blank else _read_quickly(columns, part)
    if frame is not None and frame.height == line_count and not frame[:, -1].has_nulls():
        lines = pl.int_range(line + 1, line + 1 + line_count, dtype=pl.Int64, eager=True).alias(LINE)
        return frame.with_columns(lines), [], line_count
    return *_read_exactly(columns, part, line), line_count


def _read_quickly(columns: _Columns, part: bytes) -> pl.DataFrame | None:
    try:
        return pl.read_csv(
            io.BytesIO(part),
            has_header=False,
            schema=dict.fromkeys(columns.names, pl.String),
            empty_string_is_null=False,
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None


def _read_exactly(columns: _Columns, part: bytes, line: int) -> tuple[pl.DataFrame, list[Broken]]:
    csv.field_size_limit(TEXT_LENGTH_MAX)
    width = len(columns.names)
    rows: list[list[str]] = []
    lines: list[int] = []
    broken: list[Broken] = []
    try:
        reader = csv.reader(io.StringIO(part.decode(), newline=""), strict=True)
        before = 0
        for row in reader:
            if len(row) == width:
                rows.append(row)
                lines.append(line + before + 1)
            elif row:
                broken.append((line + before + 1, 0, f"{len(row)} values, expected {width}"))
            before = reader.line_num
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{columns.path}, after line {line}", got="bytes that are not UTF-8") from error
    except csv.Error as error:
        raise InvalidInputError(f"{columns.path}, after line {line}", got=f"text that is not CSV ({error})") from error
    values = zip(*rows, strict=True) if rows else [()] * width
    data = {name: pl.Series(name, column, dtype=pl.String) for name, column in zip(columns.names, values, strict=True)}
    return pl.DataFrame({**data, LINE: pl.Series(LINE, lines, dtype=pl.Int64)}), broken


def _batch(columns: _Columns, frame: pl.DataFrame, broken: Sequence[Broken], first: int) -> Batch:
    unknown: Counter[str] = Counter()
    unknown_at: dict[str, Broken] = {}
    for name in columns.names:
        if name not in columns.element_by_name:
            filled = frame.select(LINE, pl.col(name).alias("value")).filter(pl.col("value") != "")
            if filled.height:
                unknown[name] = filled.height
                line, value = filled.row(0)
                unknown_at[name] = (line, line - 1, value)
    number = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias(RECORD_NUMBER)
    known = [pl.col(name).alias(element) for name, element in columns.element_by_name.items()]
    return Batch(
        frame=frame.select(*known, LINE, number),
        unknown=unknown,
        unknown_at=unknown_at,
        broken=tuple((line, line - 1, why) for line, _, why in broken),
    )
