"""XML tapes as a stream of batches, by expat: no tree is built, and memory holds one batch.

A document type declaration is refused, so no entity can be defined, expanded or fetched; tags, values and the number
of unknown elements are bounded.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

import polars as pl

from client.sdk.errors import InvalidInputError
from client.tapes.element import Element
from client.tapes.source import BATCH_RECORDS, LINE, RECORD_NUMBER, TEXT_LENGTH_MAX, Batch

_BLOCK_BYTES = 1 << 16
_TOKEN_BYTES_MAX = 1 << 20
"""Bytes that the parser may hold back because a tag or attribute does not end."""
_DEPTH_MAX = 16
_UNKNOWN_MAX = 1_000
"""Unknown elements of one record."""
_NAMES_MAX = 200
"""Different unknown names of one file that are told apart."""


class XMLRecords:
    """The handlers of one file: collect records as mappings from element name to text.

    `_start` and `_end` run for every element of files of hundreds of megabytes: they do the usual, and others the rest.
    """

    def __init__(self, path: Path, record: str, elements: Mapping[str, Element]):
        """`record` is the local name of the element that holds one record; its fields lie below it at any depth."""
        self._path, self._record, self._elements = path, record, elements
        self.rows: list[dict[str, str]] = []
        self.lines: list[int] = []
        self.count = 0
        self.unknown: Counter[str] = Counter()
        self.unknown_at: dict[str, tuple[int, int, str]] = {}
        self.repeated: list[tuple[int, int, str]] = []
        self.text: list[str] = []
        self._field_by_name: dict[str, str] = {}
        self._row: dict[str, str] | None = None
        self._field: str | None = None
        self._leaf: str | None = None
        self._inside = self._groups = self._unknown_count = 0
        self.parser = expat.ParserCreate(namespace_separator="|")
        self.parser.buffer_text = True
        self.parser.ordered_attributes = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.text.append
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def _start(self, name: str, _: object) -> None:
        if self._row is not None and self._field is None:
            field = self._field_by_name.get(name)
            if field is not None:
                self._field, self._leaf = field, None
                self.text.clear()
                return
        self._start_other(name, name.rpartition("|")[2])

    def _end(self, _: str) -> None:
        field, row = self._field, self._row
        if field is None or row is None or self._inside:
            self._end_other()
            return
        value = self.text[0] if len(self.text) == 1 else "".join(self.text)
        if field not in row:
            row[field] = value
        elif self._elements[field].repeats:
            row[field] += " " + value
        else:
            self.repeated.append((self.parser.CurrentLineNumber, self.count + 1, field))
        self._field = None

    def _start_other(self, name: str, local: str) -> None:
        """Begin a record, the first of its fields of a name, something inside a field, or something unknown."""
        if self._field is not None:
            self._inside += 1
        elif self._row is None and local == self._record:
            self._row, self._groups, self._unknown_count = {}, 0, 0
            self.lines.append(self.parser.CurrentLineNumber)
        elif self._row is not None and local in self._elements:
            self._field = self._field_by_name[name] = local
            self._leaf = None
            self.text.clear()
        else:
            self._leaf = local if self._row is not None else None
            self._groups += 1
            self._unknown_count += 1
            self.text.clear()
        if max(self._inside, self._groups) > _DEPTH_MAX or self._unknown_count > _UNKNOWN_MAX:
            raise self._wrong("elements without end", f"up to {_DEPTH_MAX} deep, {_UNKNOWN_MAX} unknown a record")

    def _end_other(self) -> None:
        if self._inside:
            self._inside -= 1
        elif self._groups:
            self._groups -= 1
            if self._leaf is not None:
                self._note_unknown(self._leaf, "".join(self.text).strip())
                self._leaf = None
        elif self._row is not None:
            self.rows.append(self._row)
            self.count += 1
            self._row = None

    def _refuse_doctype(self, *_: object) -> None:
        raise self._wrong("a document type declaration", "XML without one")

    def _note_unknown(self, name: str, value: str) -> None:
        known = name if name in self.unknown or len(self.unknown) < _NAMES_MAX else "(others)"
        self.unknown[known] += 1
        self.unknown_at.setdefault(known, (self.parser.CurrentLineNumber, self.count + 1, value))

    def _wrong(self, got: str, expected: str) -> InvalidInputError:
        line = self.parser.CurrentLineNumber
        return InvalidInputError(f"{self._path}, line {line}", got=got, expected=expected)

    def check_size(self) -> None:
        """Refuse a value that has gone on for longer than any may."""
        if len(self.text) > 1 and sum(map(len, self.text)) > TEXT_LENGTH_MAX:
            raise self._wrong("a value without end", f"at most {TEXT_LENGTH_MAX} characters")


def read_xml(path: Path, file: BinaryIO, record: str, elements: Mapping[str, Element]) -> Iterator[Batch]:
    """Yield the records of an XML file.

    Raises:
        InvalidInputError: not well-formed, truncated, a document type declaration, or beyond the bounds.
    """
    records = XMLRecords(path, record, elements)
    parser = records.parser
    given = 0
    try:
        while block := file.read(_BLOCK_BYTES):
            given += len(block)
            parser.Parse(block, False)
            records.check_size()
            if given - parser.CurrentByteIndex > _TOKEN_BYTES_MAX:
                raise InvalidInputError(f"{path}, line {parser.CurrentLineNumber}", got="a tag without end")
            if len(records.rows) >= BATCH_RECORDS:
                yield _batch(records, elements)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise InvalidInputError(f"{path}, line {error.lineno}", got=f"XML that is broken ({what})") from error
    if records.rows or not records.count:
        yield _batch(records, elements)


def read_root(path: Path, file: BinaryIO) -> str:
    """Return the root element of an XML file, its namespace before a bar where it has one.

    Raises:
        InvalidInputError: no XML, or a document type declaration.
    """
    found: list[str] = []
    parser = expat.ParserCreate(namespace_separator="|")

    def refuse(*_: object) -> None:
        raise InvalidInputError(str(path), got="a document type declaration", expected="XML without one")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _: found.append(name)
    try:
        for _ in range(_TOKEN_BYTES_MAX // _BLOCK_BYTES):
            block = file.read(_BLOCK_BYTES)
            parser.Parse(block, not block)
            if found:
                return found[0]
    except expat.ExpatError as error:
        if found:
            return found[0]
        raise InvalidInputError(str(path), got=f"no XML ({expat.ErrorString(error.code)})") from error
    raise InvalidInputError(str(path), got="no element in the first megabyte", expected="XML")


def _batch(records: XMLRecords, elements: Mapping[str, Element]) -> Batch:
    """Take what was collected; the records begin anew."""
    rows, last = records.rows, records.count
    columns = [pl.Series(name, [row.get(name) for row in rows], dtype=pl.String) for name in elements]
    line = pl.Series(LINE, records.lines[: len(rows)], dtype=pl.Int64)
    number = pl.Series(RECORD_NUMBER, range(last - len(rows) + 1, last + 1), dtype=pl.Int64)
    batch = Batch(
        frame=pl.DataFrame([*columns, line, number]),
        unknown=Counter(records.unknown),
        unknown_at=dict(records.unknown_at),
        repeated=tuple(records.repeated),
    )
    del records.lines[: len(rows)]
    for collected in (records.rows, records.unknown, records.unknown_at, records.repeated):
        collected.clear()
    return batch
