"""Credit records: canonical bytes, and one record out of several bureaus' records of a borrower. Pure: no I/O.

Source: docs/protocol.md, 5 and 7.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from client.model.schema import CREDIT_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack.sources import SourceOrder
from client.sdk.pack.values import checked_values

CreditValues = tuple[int | None, ...]
"""Values in the order of CREDIT_FIELDS; None where unknown. The first is the day of observation."""

_RELATION_INDEX = [spec.name for spec in CREDIT_FIELDS].index("relation_distance")
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


class NoRecord(IntEnum):
    """Why a borrower has no record that counts. For those who may see rows; never on the chain."""

    MISSING = 1
    """No bureau that answered has one."""
    REFUSED = 2
    """A bureau refused: no consent, consent withdrawn, or given too often; and no other bureau has one."""
    TOO_OLD = 3
    RELATION = 4
    """There is only data spread by relations, and the policy does not take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRules:
    """Which records count, and whose values."""

    sources: SourceOrder = field(default_factory=SourceOrder)
    oldest_day: int | None = None
    """Records observed before this day are not used; None: however old they are."""
    takes_relations: bool = False
    """Whether data spread by relations stands in for a borrower of whom no bureau has data."""


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


OWN_RECORDS = RecordRules()
"""Every record of the borrower itself, however old, in the default order of sources."""


def is_by_relation(values: CreditValues) -> bool:
    """Return whether a record was spread from related people and is not the borrower's own."""
    return bool(values[_RELATION_INDEX])


def merge_found(records: Iterable[FoundRecord], rules: RecordRules = OWN_RECORDS) -> CreditValues | NoRecord:
    """Return one record of all that were found of a borrower, in whatever order they came, or why there is none.

    Where any bureau has the borrower's own data, nothing that was spread by relations counts.
    """
    found = sorted(records, key=lambda each: each.preference)
    if not found:
        return NoRecord.MISSING
    oldest = rules.oldest_day
    young = [each for each in found if oldest is None or observed_day(each.values) >= oldest]
    own = [each for each in young if not is_by_relation(each.values)]
    if not young:
        return NoRecord.TOO_OLD
    if not own and not rules.takes_relations:
        return NoRecord.RELATION
    return _merged(own or young, rules.sources)


def _merged(records: Sequence[FoundRecord], sources: SourceOrder) -> CreditValues:
    """Return the values of records that are ordered by preference.

    Per field the first bureau in its order that knows it counts; for adverse fields the worst of all; the merged record
    is as old as its oldest part. A value that nobody knows stays missing.
    """
    if len(records) == 1:
        return records[0].values
    merged: list[int | None] = [min(observed_day(each.values) for each in records)]
    for index, spec in enumerate(CREDIT_FIELDS[1:], start=1):
        known = [(each, value) for each in records if (value := each.values[index]) is not None]
        if not known:
            merged.append(None)
        elif spec.adverse == "high":
            merged.append(max(value for _, value in known))
        elif spec.adverse == "low":
            merged.append(min(value for _, value in known))
        elif spec.name in sources.organisations_by_field:
            merged.append(min(known, key=lambda each: sources.rank(spec.name, each[0].organisation))[1])
        else:
            merged.append(known[0][1])
    return tuple(merged)
