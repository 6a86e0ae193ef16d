"""What a tape's format says of each element: its kind, its codes, and whether it may stand more than once. No I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import polars as pl

TEXT_LENGTH_MAX = 10_000
"""The longest text that any element of a known format may have."""


class Kind(Enum):
    """How the text of an element is written."""

    TEXT = "text"
    INTEGER = "integer"
    AMOUNT = "amount"
    """A decimal number; typed as units of 10^-8."""
    RATIO = "ratio"
    """A decimal number that some files have as a fraction and others in percent; typed as units of 10^-8."""
    DATE = "date"
    MONTH = "month"
    """A month; typed as its first day."""
    BOOLEAN = "boolean"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of a format."""

    name: str
    kind: Kind
    length: int = TEXT_LENGTH_MAX
    """Longest text, of kind TEXT."""
    codes: tuple[str, ...] = ()
    """Acceptable values, of kind CODE."""
    repeats: bool = False
    """Whether one record may have it more than once; its values are then joined by one space."""
    no_data: str = ""
    """Which no-data codes it may have instead of a value: two letters Y or N, for ND1 to ND4 and for ND5."""

    @property
    def expected(self) -> str:
        """Say what a value must look like."""
        if self.kind is Kind.CODE:
            shown = self.codes if len(self.codes) <= 8 else (*self.codes[:7], "…")
            return f"one of {', '.join(shown)}"
        if self.kind is Kind.TEXT:
            return f"a text of 1 to {self.length} characters"
        return _EXPECTED[self.kind]


_EXPECTED = {
    Kind.INTEGER: "a whole number of up to 8 digits",
    Kind.AMOUNT: "a number with a point, below 90 billion",
    Kind.RATIO: "a number with a point",
    Kind.DATE: "a date",
    Kind.MONTH: "a month",
    Kind.BOOLEAN: "true or false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeFormat:
    """A format as the reader and the checks need it."""

    name: str
    """As `--format` has it, without the file's form."""
    elements: Mapping[str, Element]
    """By name, in the order of the format."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Misspelled names seen in files, in lower case, to the right ones."""
    date_form: str = "%Y-%m-%d"
    month_form: str = "%Y-%m"
    rows: Callable[[pl.DataFrame], pl.DataFrame]
    """From typed elements (a column for each of `elements`, null where absent) to the columns of `tape_row`."""
    taken: frozenset[str]
    """Elements that `rows` reads; the others are checked and have no place in the project's tables."""
    ratios_in_percent: bool | None = None
    """None: a fraction in some files and percent in others; each file shows which."""

    @property
    def has_no_data(self) -> bool:
        """Whether the format has codes that stand for values that are not there."""
        return any(element.no_data for element in self.elements.values())

    def canonical(self, name: str) -> str | None:
        """Return the element that a column of a file stands for, whatever its case, or None."""
        lower = name.strip().lower()
        alias = self.aliases.get(lower)
        if alias is not None:
            return alias
        return next((each for each in self.elements if each.lower() == lower), None)
