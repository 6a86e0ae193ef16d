"""Figures and where they come from. Pure: no I/O.

Every value is an integer in its unit, or a text the chain holds; nothing here is a float.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from client.sdk.errors import DecodeError
from client.sdk.monitoring.life import annual_ppm

PPM: Final = 1_000_000

Unit = Literal["count", "cents", "ppm", "factor", "hundredths", "number", "day", "second", "text"]
"""`factor` is ppm of one, shown as 1.05×; `hundredths` are hundredths of a score, month or year; `number` is an
identifier, shown without separators."""
UNITS: Final = ("count", "cents", "ppm", "factor", "hundredths", "number", "day", "second", "text")

Kind = Literal["call", "chain", "rows", "records", "file", "setting", "derived"]
KINDS: Final = ("call", "chain", "rows", "records", "file", "setting", "derived")

Argument = int | str
Value = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a figure comes from, at the block of the report."""

    kind: Kind
    """`call`: a value that a view function returns. `chain`: computed from what several calls or events give. `rows`,
    `records`: computed from the pack's rows or credit records in the vault, which only some accounts can read. `file`:
    computed from a file beside the chain. `setting`: chosen by who made the report. `derived`: from other figures."""
    function: str
    """`Contract.function` of a call; otherwise the name of the computation."""
    arguments: tuple[Argument, ...] = ()
    """Of a call: its arguments. Of a derived figure: the ids of the figures. Otherwise what narrows the computation."""
    path: str = ""
    """Of a call: where in the answer the value is, names and positions separated by dots."""

    def describe(self) -> str:
        """Return the source as one line."""
        inside = ", ".join(str(each).lower() if isinstance(each, bool) else str(each) for each in self.arguments)
        line = f"{self.function}({inside})" if inside or self.kind == "call" else self.function
        return f"{line}.{self.path}" if self.path else line


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One value of the report."""

    id: str
    """Unique in the report: section, then what it is, separated by dots."""
    value: Value
    unit: Unit
    source: Source

    @property
    def number(self) -> int:
        """The value of a figure that is a number."""
        if isinstance(self.value, str):
            raise DecodeError(f"figure {self.id}", got="a text", expected="a number")
        return self.value


def follow(answer: Any, path: str) -> Value:
    """Return the value at a path of an answer: bytes as 0x text, booleans as 0 or 1."""
    for part in path.split(".") if path else ():
        answer = answer[int(part)] if part.isdigit() else getattr(answer, part)
    if isinstance(answer, bytes):
        return "0x" + answer.hex()
    return answer if isinstance(answer, str) else int(answer)


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return the quotient of a numerator of any sign and a positive denominator, rounded half up; 0 where that is 0."""
    return (2 * numerator + denominator) // (2 * denominator) if denominator else 0


def _difference(first: int, *others: int) -> int:
    return first - sum(others)


DERIVATIONS: Final[Mapping[str, Callable[..., int]]] = {
    "sum": lambda *parts: sum(parts),
    "difference": _difference,
    "share_ppm": lambda part, whole: divide_half_up(part * PPM, whole),
    "ratio_ppm": lambda numerator, denominator: divide_half_up(numerator * PPM, denominator),
    "product_ppm": lambda value, factor_ppm: divide_half_up(value * factor_ppm, PPM),
    "mean": divide_half_up,
    "per_year_ppm": lambda rate_ppm, months_hundredths: divide_half_up(rate_ppm * 1_200, months_hundredths),
    "cpr_ppm": lambda prepaid, beginning, scheduled: annual_ppm(prepaid, beginning - scheduled),
}
"""What derived figures are made with, by name; every one works on the whole numbers of other figures."""


@dataclass(slots=True)
class Figures:
    """The figures of one section while it is made."""

    section: str
    call_view: Callable[[str, str, Sequence[Argument]], Any]
    """Gives the answer of a view function at the report's block: contract, function, arguments."""
    made: dict[str, Figure] = field(default_factory=dict)

    def add(self, key: str, value: Value, unit: Unit, source: Source) -> Figure:
        """Add a figure; the same key twice must be the same figure."""
        figure = Figure(id=f"{self.section}.{key}", value=value, unit=unit, source=source)
        if self.made.setdefault(figure.id, figure) != figure:
            raise DecodeError(f"figure {figure.id}", got="two values", expected="one")
        return figure

    def call(self, key: str, unit: Unit, view: str, *arguments: Argument, path: str = "") -> Figure:
        """Add what a view function says; `view` is `Contract.function`."""
        contract, function = view.split(".")
        value = follow(self.call_view(contract, function, arguments), path)
        return self.add(key, value, unit, Source(kind="call", function=view, arguments=arguments, path=path))

    def of(self, kind: Kind, key: str, unit: Unit, value: Value, function: str, *arguments: Argument) -> Figure:
        """Add what was computed from the chain, the rows, the records or a file."""
        return self.add(key, value, unit, Source(kind=kind, function=function, arguments=arguments))

    def derive(self, key: str, unit: Unit, function: str, *parts: Figure) -> Figure:
        """Add what a function of DERIVATIONS makes of other figures."""
        value = DERIVATIONS[function](*(part.number for part in parts))
        ids = tuple(part.id for part in parts)
        return self.add(key, value, unit, Source(kind="derived", function=function, arguments=ids))
