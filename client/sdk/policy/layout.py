"""Bucket layouts: which coarse classes of an asset the chain sees, as data. Pure: no I/O.

A layout is a list of up to 16 dimensions, one byte an asset each. Rules of a policy are written over the classes of
these dimensions; nothing else of a row is on the chain. Source: docs/protocol.md, 6; docs/adr/0026.
"""

import bisect
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from client.model.schema import CODE_TABLES, FIELDS
from client.sdk import canonical
from client.sdk.errors import DecodeError, InvalidInputError
from client.sdk.pack.asset_row import AssetRow

Kind = Literal["cuts", "in", "groups", "subject"]
"""How a value becomes a class: `cuts`: the number of cuts that are <= the value; `in`: 1 if it is one of the codes,
else 0; `groups`: its rank in a permutation of all codes that only the row key gives; `subject`: 0 for a borrower with
one loan in the pack, else 1 to 255, by a permutation of such borrowers that only the row key gives."""

UNKNOWN_CLASS: Final = 255
"""Class of a value that is missing."""
CLASS_COUNT_MAX: Final = 255
DIMENSIONS_MAX: Final = 16
SUBJECT: Final = "subject"
"""In place of a field's name: the borrower."""
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One byte that the chain sees of every asset."""

    kind: Kind
    field: str
    """Of the asset schema, or `subject`."""
    values: tuple[int, ...] = ()
    """Cuts or codes, strictly rising; none for groups and subject."""

    def __post_init__(self) -> None:
        """Refuse what cannot be a dimension.

        Raises:
            InvalidInputError: unknown field or kind, or values that are not rising or too many.
        """
        what = f"dimension {self.field}"
        if self.kind not in get_args(Kind):
            raise InvalidInputError(what, got=f"kind {self.kind!r}", expected=f"one of {', '.join(get_args(Kind))}")
        if (self.field == SUBJECT) != (self.kind == "subject"):
            raise InvalidInputError(what, got=f"kind {self.kind}", expected="kind subject for the subject alone")
        if self.field != SUBJECT and (self.field not in FIELDS or FIELDS[self.field].kind != "asset"):
            raise InvalidInputError(what, got="no field of the tape", expected="one of the asset schema")
        if bool(self.values) != (self.kind in ("cuts", "in")) or list(self.values) != sorted(set(self.values)):
            raise InvalidInputError(what, got=f"values {self.values}", expected="rising ones, for cuts and codes only")
        if self.kind == "cuts" and len(self.values) >= CLASS_COUNT_MAX:
            raise InvalidInputError(what, got=f"{len(self.values)} cuts", expected=f"fewer than {CLASS_COUNT_MAX}")

    @property
    def class_names(self) -> tuple[str, ...]:
        """What each class means to a reader; empty where the classes are permuted."""
        if self.kind == "in":
            return "another", "one of " + " ".join(map(str, self.values))
        if self.kind != "cuts":
            return ()
        middle = [f"{low} to {high - 1}" for low, high in zip(self.values, self.values[1:], strict=False)]
        return f"below {self.values[0]}", *middle, f"{self.values[-1]} and more"


@dataclass(frozen=True, slots=True)
class Layout:
    """The dimensions of a pack, in the order of their bytes."""

    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        """Refuse none, too many, and the same one twice."""
        count = len(self.dimensions)
        if not 1 <= count <= DIMENSIONS_MAX or len(set(self.dimensions)) != count:
            raise InvalidInputError(
                "layout", got=f"{count} dimensions", expected=f"1 to {DIMENSIONS_MAX} different ones"
            )

    def to_bytes(self) -> bytes:
        """Return the document that the chain records: `[1, [[kind, field, [values]]…]]`."""
        return canonical.encode([_VERSION, [[each.kind, each.field, each.values] for each in self.dimensions]])

    def bucketing(self, rows: Sequence[AssetRow], row_key: bytes) -> "Bucketing":
        """Return what gives the bucket bytes of the rows of one pack; `rows` are all of them, in any order."""
        return Bucketing(self, rows, row_key)


def parse_layout(document: bytes) -> Layout:
    """Read a layout document; DecodeError or InvalidInputError when it is none."""
    match canonical.decode_array(document, what="layout", length=2):
        case [1, [*items]]:
            return Layout(tuple(_dimension(item) for item in items))
        case _:
            raise DecodeError("layout", got="another shape or version", expected="[1, [[kind, field, [values]]…]]")


def _dimension(item: canonical.Value) -> Dimension:
    match item:
        case ["cuts" | "in" | "groups" | "subject" as kind, str(field), [*values]]:
            return Dimension(kind=kind, field=field, values=tuple(_integer(value) for value in values))
        case _:
            raise DecodeError("dimension of a layout", got="another shape", expected="[kind, field, [values]]")


def _integer(value: canonical.Value) -> int:
    if isinstance(value, int):
        return value
    raise DecodeError("value of a dimension", got=type(value).__name__, expected="an integer")


class Bucketing:
    """The bucket bytes of one pack's rows."""

    def __init__(self, layout: Layout, rows: Sequence[AssetRow], row_key: bytes):
        """Permute groups and subjects under the row key."""
        self._layout = layout
        self._row_key = row_key
        self._group_by_code = {
            each.field: _permuted(row_key, each.field) for each in layout.dimensions if each.kind == "groups"
        }
        counts = Counter(row.handle for row in rows)
        several = sorted(
            (handle for handle, count in counts.items() if count > 1),
            key=lambda handle: hmac.digest(row_key, SUBJECT.encode() + handle, "sha256"),
        )
        self._class_by_handle = {handle: 1 + rank % CLASS_COUNT_MAX for rank, handle in enumerate(several)}

    def bytes_of(self, row: AssetRow) -> bytes:
        """Return one byte for each dimension."""
        return bytes(self._class(each, row) for each in self._layout.dimensions)

    def _class(self, dimension: Dimension, row: AssetRow) -> int:
        if dimension.kind == "subject":
            return self._class_by_handle.get(row.handle, 0)
        value = row.value(dimension.field)
        if value is None:
            return UNKNOWN_CLASS
        if dimension.kind == "cuts":
            return bisect.bisect_right(dimension.values, value)
        if dimension.kind == "in":
            return int(value in dimension.values)
        return self._group_by_code[dimension.field][value]


def _permuted(row_key: bytes, field: str) -> dict[int, int]:
    """Return the group of each code of a field: a permutation only the row key gives.

    Where there are more codes than groups, several share one: such a group reaches a limit early, never late.
    """
    spec = FIELDS[field]
    codes = CODE_TABLES[field].values() if field in CODE_TABLES else range(spec.minimum, spec.maximum + 1)
    keyed = sorted(codes, key=lambda code: hmac.digest(row_key, field.encode() + code.to_bytes(2, "big"), "sha256"))
    return {code: rank % CLASS_COUNT_MAX for rank, code in enumerate(keyed)}


DEFAULT_LAYOUT: Final = Layout(
    (
        Dimension(kind="cuts", field="term_months", values=tuple(range(13, 122, 12))),
        Dimension(kind="cuts", field="rate_ppm", values=tuple(range(50_000, 1_000_001, 50_000))),
        Dimension(kind="cuts", field="days_past_due", values=(1, 30, 60, 90)),
        Dimension(kind="groups", field="region_code"),
    )
)
"""Whole years of the term, bands of five points of the rate, arrears from 1, 30, 60 and 90 days, region."""
