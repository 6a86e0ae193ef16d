"""Which format a file has, and its records as a stream: by its content, never by its name alone."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from client.sdk.errors import InvalidInputError
from client.tapes import esma_elements, sec_elements
from client.tapes.csv_source import header_of, read_csv
from client.tapes.element import TapeFormat
from client.tapes.esma_rows import ESMA_AUTO
from client.tapes.sec_rows import SEC_AUTO_LOANS
from client.tapes.source import Batch
from client.tapes.xml_source import read_root, read_xml

_LEASE_COLUMNS = {"lesseecreditscore", "originalleasetermnumber", "baseresidualvalue"}
_GZIP = b"\x1f\x8b"


class FormatName(StrEnum):
    """Values of `--format`."""

    AUTO = "auto"
    SEC_XML = "sec-xml"
    SEC_CSV = "sec-csv"
    ESMA_XML = "esma-xml"


@contextmanager
def open_tape(path: Path) -> Iterator[BinaryIO]:
    """Open a file, unpacking gzip as it is read.

    Raises:
        InvalidInputError: the file cannot be read, or its gzip is broken or cut off.
    """
    try:
        with path.open("rb") as plain:
            if plain.read(2) == _GZIP:
                plain.seek(0)
                with gzip.open(plain) as file:
                    yield file  # type: ignore[misc]  # a GzipFile reads bytes as any binary file does
            else:
                plain.seek(0)
                yield plain
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(str(path), got=f"gzip that is broken or cut off ({error})") from error
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be read") from error


def find_format(path: Path, wanted: FormatName = FormatName.AUTO) -> FormatName:
    """Return the format of a file, which is the wanted one if one is wanted.

    Raises:
        InvalidInputError: another format than wanted, automobile leases, or nothing known.
    """
    with open_tape(path) as file:
        begin = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    with open_tape(path) as file:
        found = _xml_format(path, read_root(path, file)) if begin.startswith(b"<") else _csv_format(path, file)
    if wanted not in (FormatName.AUTO, found):
        raise InvalidInputError(str(path), got=f"a file of format {found}", expected=f"{wanted}, as --format says")
    return found


def read_tape(path: Path, file: BinaryIO, name: FormatName) -> tuple[TapeFormat, Iterator[Batch]]:
    """Return the format and the records of an open file."""
    if name is FormatName.ESMA_XML:
        return ESMA_AUTO, read_xml(path, file, esma_elements.RECORD, ESMA_AUTO.elements)
    if name is FormatName.SEC_XML:
        return SEC_AUTO_LOANS, read_xml(path, file, sec_elements.RECORD, SEC_AUTO_LOANS.elements)
    return SEC_AUTO_LOANS, read_csv(path, file, SEC_AUTO_LOANS)


def _xml_format(path: Path, root: str) -> FormatName:
    namespace, _, name = root.rpartition("|")
    if namespace == sec_elements.LEASE_NAMESPACE:
        raise InvalidInputError(
            str(path), got="automobile leases (Schedule AL)", expected="automobile loans; leases have other elements"
        )
    if namespace == sec_elements.NAMESPACE and name == sec_elements.ROOT:
        return FormatName.SEC_XML
    if name != sec_elements.ROOT and (not namespace or namespace.startswith(esma_elements.NAMESPACE_BEGIN)):
        return FormatName.ESMA_XML
    raise InvalidInputError(
        str(path),
        got=f"XML of root {name} in {namespace or 'no namespace'}",
        expected=f"{sec_elements.ROOT} in {sec_elements.NAMESPACE}, or exposures in {esma_elements.NAMESPACE_BEGIN}…",
    )


def _csv_format(path: Path, file: BinaryIO) -> FormatName:
    names = header_of(path, file)
    if _LEASE_COLUMNS & {name.lower() for name in names}:
        raise InvalidInputError(str(path), got="automobile leases (Schedule AL)", expected="automobile loans")
    if not any(SEC_AUTO_LOANS.canonical(name) == "assetNumber" for name in names):
        shown = ", ".join(names[:4])
        raise InvalidInputError(
            str(path), got=f"a table of {shown} …", expected="XML, or CSV with the elements of Schedule AL as columns"
        )
    return FormatName.SEC_CSV
