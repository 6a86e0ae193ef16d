"""A report as data: sections of tables and pictures whose values are figures. Pure: no I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from client.report.figures import Figure, Source

FORMAT: Final = 1

Cell = Figure | str | None
Audience = Literal["analyst", "investor"]
AUDIENCES: Final = ("analyst", "investor")
PictureKind = Literal["bars", "steps", "lines", "heat"]
PICTURE_KINDS: Final = ("bars", "steps", "lines", "heat")
Tone = Literal["before", "after", "limit", "other", "good", "quiet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    label: str
    cells: tuple[Cell, ...]
    is_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures in rows and columns."""

    title: str
    label_head: str
    """Head of the column with the labels."""
    heads: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Figures that belong together in a picture."""

    label: str
    tone: Tone
    values: tuple[Figure | None, ...]
    places: tuple[Figure, ...] = ()
    """Of lines: where along the axis each value stands; without them, values stand on the categories."""
    low: tuple[Figure, ...] = ()
    high: tuple[Figure, ...] = ()
    """Of lines: an interval around each value, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A straight line across a picture."""

    label: str
    figure: Figure
    axis: Literal["x", "y"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing of figures."""

    kind: PictureKind
    """`bars`: one group a category. `steps`: bars from a first total down to what is left. `lines`: curves. `heat`: one
    row a series, one column a category, the value printed in each cell."""
    title: str
    alt: str
    """What it shows, for who cannot see it; the figures are in the table beside it."""
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    categories: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """A few figures printed large."""

    cards: tuple[tuple[str, Figure], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph."""

    text: str


Block = Table | Picture | Cards | Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report."""

    key: str
    title: str
    blocks: tuple[Block, ...]
    figures: tuple[Figure, ...]
    """All figures of it, in the order they were made; tables and pictures show some of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a report is of, and how it was made."""

    pack_id: int
    block: int
    block_hash: str
    second: int
    """Time of the block."""
    chain_id: int
    registry: str
    audience: Audience
    currency: str
    settings: tuple[tuple[str, int | str], ...]
    """Options that change figures, by name."""
    given: tuple[str, ...]
    """What the author had beside the chain: rows, model …; sections that need anything else say that it is missing."""
    drawn_with: str
    """Name and version of the plotting library: another one draws other lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that the page shows."""

    head: Head
    sections: tuple[Section, ...]

    def figures(self) -> Iterator[Figure]:
        """Yield every figure, section by section."""
        for section in self.sections:
            yield from section.figures


def sources_of(figures: Sequence[Figure]) -> tuple[Source, ...]:
    """Return the distinct sources in the order in which they first occur."""
    return tuple(dict.fromkeys(figure.source for figure in figures))
