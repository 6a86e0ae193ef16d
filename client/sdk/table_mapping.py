"""Mapping files: how an institution's own columns, units and words become schema fields.

A mapping is TOML. Every part is optional; a field not mentioned has a column of its own name in its own unit:

    missing = ["", "NA"]             # texts that mean: not known; default [""]
    delimiter = ";"                  # of CSV; default ","
    absent = ["purpose_code"]        # nullable fields that the file does not have; or:
    absent = "others"                # all nullable fields that this mapping does not mention

    [columns]
    original_principal_cents = "loan_amnt"
    [units]
    original_principal_cents = "dollars"
    origination_day = "month:YYYY-MM"
    [values.home_ownership_code]
    RENT = 1
    [constants]
    currency_code = 840

Units: cents or dollars; ppm, percent or fraction; day, date, date:PATTERN or month:PATTERN with YYYY, MM, MMM (Jan),
DD; months; all others have one unit only. Source: the fields of client/model/schema.py.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from client.sdk.errors import ConfigError

_SECTIONS = ("missing", "delimiter", "absent", "columns", "units", "values", "constants")
_UNITS = {"cents": ("cents", "dollars"), "ppm": ("ppm", "percent", "fraction")}
_DAY_UNIT = re.compile(r"day|date|(?:date|month):[YMD./ -]+")


class TableField(Protocol):
    """A field to read: what `client.model.schema.Field` has."""

    @property
    def name(self) -> str:
        """Name of the column in the result."""

    @property
    def unit(self) -> str:
        """Unit of the integers in the result."""

    @property
    def minimum(self) -> int:
        """Smallest value accepted."""

    @property
    def maximum(self) -> int:
        """Largest value accepted."""

    @property
    def nullable(self) -> bool:
        """Whether the value may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMapping:
    """A mapping as read; checked against the fields by `validate`."""

    missing: tuple[str, ...] = ("",)
    delimiter: str = ","
    absent: frozenset[str] = frozenset()
    are_others_absent: bool = False
    """Whether the file has no column for the nullable fields that the mapping does not mention."""
    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    constants: Mapping[str, int] = field(default_factory=dict)

    def column_of(self, name: str) -> str:
        """Return the file's column for a schema field or key."""
        return self.columns.get(name, name)

    def unit_of(self, spec: TableField) -> str:
        """Return the unit that the file has a field in."""
        return self.units.get(spec.name, spec.unit)

    def absent_of(self, fields: Sequence[TableField]) -> frozenset[str]:
        """Return the names of those fields that the file does not have."""
        if not self.are_others_absent:
            return self.absent
        mentioned = {*self.columns, *self.units, *self.values, *self.constants}
        return frozenset(spec.name for spec in fields if spec.nullable and spec.name not in mentioned)

    def validate(self, fields: Sequence[TableField], keys: Sequence[str]) -> None:
        """Raise ConfigError for names that are no field, units a field cannot have, and absent fields that must be."""
        known = {spec.name: spec for spec in fields}
        named = {"columns": self.columns, "units": self.units, "values": self.values, "constants": self.constants}
        for section, entries in named.items():
            allowed = [*known, *keys] if section == "columns" else list(known)
            for name in entries:
                _check_name(name, allowed, f"mapping [{section}]")
        for name in self.absent:
            _check_name(name, list(known), "mapping absent")
            if not known[name].nullable:
                raise ConfigError("mapping absent", got=name, expected="fields that may be missing")
        for name, unit in self.units.items():
            _check_unit(known[name], unit)


def load_mapping(path: Path | None) -> TableMapping:
    """Read a mapping file; without one, columns have the fields' names and units.

    Raises:
        ConfigError: no such file, not TOML, an unknown section, or a value of the wrong kind.
    """
    if path is None:
        return TableMapping()
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"mapping {path}", got=error.strerror or "a file that cannot be read") from error
    except ValueError as error:
        raise ConfigError(f"mapping {path}", got=str(error), expected="TOML") from error
    for section in document:
        _check_name(section, _SECTIONS, f"mapping {path}")
    absent = document.get("absent", [])
    is_rest = absent == "others"
    return TableMapping(
        missing=tuple(_texts(document.get("missing", [""]), "missing")),
        delimiter=_delimiter(document.get("delimiter", ",")),
        absent=frozenset(_texts([] if is_rest else absent, "absent")),
        are_others_absent=is_rest,
        columns=_entries(document, "columns", str),
        units=_entries(document, "units", str),
        values={name: _entries(document["values"], name, int) for name in _entries(document, "values", dict)},
        constants=_entries(document, "constants", int),
    )


def near(name: str, candidates: Iterable[str]) -> str | None:
    """Return a question naming what was probably meant, or None."""
    found = difflib.get_close_matches(name, list(candidates), n=1)
    return f"did you mean {found[0]}?" if found else None


def _check_name(name: str, allowed: Sequence[str], where: str) -> None:
    if name not in allowed:
        raise ConfigError(where, got=name, expected="a known name", remedy=near(name, allowed))


def _check_unit(spec: TableField, unit: str) -> None:
    if spec.unit == "day":
        if not _DAY_UNIT.fullmatch(unit):
            raise ConfigError(f"unit of {spec.name}", got=unit, expected="day, date, date:PATTERN or month:PATTERN")
    elif unit not in _UNITS.get(spec.unit, (spec.unit,)):
        raise ConfigError(f"unit of {spec.name}", got=unit, expected=" or ".join(_UNITS.get(spec.unit, (spec.unit,))))


def _entries(document: Mapping[str, Any], section: str, kind: type) -> dict[str, Any]:
    entries = document.get(section, {})
    if not isinstance(entries, dict) or not all(type(value) is kind for value in entries.values()):
        raise ConfigError(f"mapping [{section}]", got="a value of another kind", expected=f"{kind.__name__} values")
    return entries


def _texts(value: object, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"mapping {where}", got="another kind of value", expected="a list of texts")
    return value


def _delimiter(value: object) -> str:
    if not isinstance(value, str) or len(value) != 1:
        raise ConfigError("mapping delimiter", got=value, expected="one character")
    return value
