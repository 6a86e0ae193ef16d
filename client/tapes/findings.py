"""What was wrong with a tape: by field and problem a count, what was expected, where it stood first. Pure: no I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
from enum import Enum
from typing import Any

import polars as pl

from client.tapes.source import LINE, RECORD_NUMBER

EXAMPLES_MAX = 3
_VALUE_SHOWN = 60


class Effect(Enum):
    """What a problem does to the record that has it."""

    NOTED = "noted"
    """Nothing: the value is of no use to the project's tables."""
    VALUE_LEFT_OUT = "value left out"
    """The field counts as not known."""
    LOAN_LEFT_OUT = "loan left out"
    """The record is not in the tape of loans; its period row is kept."""
    RECORD_LEFT_OUT = "record left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One place where a problem was found."""

    line: int
    """In XML the line where the record begins, or where an unknown element stands."""
    record: int
    """Counted from 1."""
    value: str
    """Cut to 60 characters. For the operator's own console and files only: it may be personal data."""


@dataclass(slots=True, kw_only=True)
class Finding:
    """One problem of one field."""

    field: str
    problem: str
    expected: str
    effect: Effect
    count: int = 0
    examples: list[Example] = dataclass_field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self) | {"effect": self.effect.value}


class Findings:
    """All problems of one file, in the order in which they were met."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_key: dict[tuple[str, str], Finding] = {}
        self.no_data: dict[str, dict[str, int]] = {}
        """How often each no-data code stood in a field that may have it."""

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._by_key.values())

    def count_no_data(self, field: str, code: str, count: int) -> None:
        """Count a reason for which a field has no value."""
        reasons = self.no_data.setdefault(field, {})
        reasons[code] = reasons.get(code, 0) + count

    def add(
        self, field: str, problem: str, *, expected: str, effect: Effect, count: int, examples: Iterable[Example]
    ) -> None:
        """Count a problem; of its examples the first few of the file stay."""
        if not count:
            return
        finding = self._by_key.setdefault(
            (field, problem), Finding(field=field, problem=problem, expected=expected, effect=effect)
        )
        finding.count += count
        room = EXAMPLES_MAX - len(finding.examples)
        if room > 0:
            finding.examples += list(examples)[:room]

    def add_rows(self, rows: pl.DataFrame, field: str, problem: str, *, expected: str, effect: Effect) -> None:
        """Count the rows of a frame with LINE, RECORD_NUMBER and the text `value`."""
        first = rows.head(EXAMPLES_MAX).select(LINE, RECORD_NUMBER, pl.col("value").cast(pl.String).fill_null(""))
        examples = [
            Example(line=line, record=record, value=value[:_VALUE_SHOWN]) for line, record, value in first.rows()
        ]
        self.add(field, problem, expected=expected, effect=effect, count=rows.height, examples=examples)
