"""Credit records: canonical bytes, and one record out of several bureaus' records of a borrower. Pure: no I/O.

Source: docs/protocol.md, 5 and 7.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from client.model.schema import CREDIT_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack.values import checked_values

CreditValues = tuple[int | None, ...]
"""Values in the order of CREDIT_FIELDS; None where unknown. The first is the day of observation."""

_UNUSABLE_SIZE = 32
"""With its salt a record of this many bytes would have the length of an inner node of a tree."""


def encode_record(values: Sequence[int | None]) -> bytes:
    """Return the canonical record; one of the size that no leaf may have gets a null at its end."""
    record = canonical.encode([SCHEMA_VERSION, *values])
    return canonical.encode([SCHEMA_VERSION, *values, None]) if len(record) == _UNUSABLE_SIZE else record


def parse_record(data: bytes) -> CreditValues:
    """Read a canonical record; DecodeError when it is not one of this schema version, or a value is out of range."""
    length = 1 + len(CREDIT_FIELDS)
    items = canonical.decode_array(data, what="credit record")
    version, values = items[0] if items else None, items[1:length]
    if version != SCHEMA_VERSION:
        raise DecodeError("credit record", got=f"schema version {version!r}", expected=str(SCHEMA_VERSION))
    if len(items) < length:
        raise DecodeError("credit record", got="another shape", expected=f"an array of {length}")
    checked = checked_values(CREDIT_FIELDS, values, what="credit record")
    if encode_record(checked) != data:
        raise DecodeError("credit record", got="another encoding of the values", expected="the canonical one")
    return checked


def observed_day(values: CreditValues) -> int:
    """Return the day the bureau observed the file."""
    day = values[0]
    if day is None:
        raise DecodeError("credit record: observed_day", got="nothing", expected="a day")
    return day


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecord:
    """A record of a borrower, and where it was found."""

    organisation: int
    """That of the bureau."""
    batch_id: int
    index: int
    values: CreditValues

    @property
    def preference(self) -> tuple[int, int, int, int]:
        """What orders the records of one borrower, the preferred one lowest: no two are equal."""
        return self.organisation, -observed_day(self.values), self.batch_id, self.index


def merge_found(records: Iterable[FoundRecord]) -> CreditValues:
    """Return one record of all that were found of a borrower, in whatever order they came."""
    return merge_records([each.values for each in sorted(records, key=lambda each: each.preference)])


def merge_records(records: Sequence[CreditValues]) -> CreditValues:
    """Return one record of several bureaus' records, given in the order in which bureaus are preferred.

    Per field the first bureau that knows it counts; for adverse fields the worst of all; the merged record is as old
    as its oldest part. A value nobody knows stays missing.
    """
    if len(records) == 1:
        return records[0]
    merged: list[int | None] = [min(observed_day(record) for record in records)]
    for index, field in enumerate(CREDIT_FIELDS[1:], start=1):
        known = [value for record in records if (value := record[index]) is not None]
        if not known:
            merged.append(None)
        elif field.adverse is None:
            merged.append(known[0])
        else:
            merged.append(max(known) if field.adverse == "high" else min(known))
    return tuple(merged)
