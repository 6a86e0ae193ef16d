"""The page of a report: HTML made of nothing but the report, so that the same report gives the same bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from client.report.codec import decode_report, encode_report
from client.report.document import Cards, Note, Picture, Report, Table, sources_of
from client.report.drawing.svg import DRAWN_WITH, draw
from client.report.figures import Figure, Source
from client.report.formatting import exact, shown, text_of
from client.sdk.errors import DecodeError

_OPENING: Final = '<script type="application/json" id="report">\n'
_CLOSING: Final = "\n</script>"
_TITLES: Final = {
    "analyst": "From the loans that were offered to the security",
    "investor": "Investor report",
}


def make_page(report: Report) -> str:
    """Return the HTML of a report.

    Raises:
        DecodeError: the report was drawn with another version of the plotting library.
    """
    if report.head.drawn_with != DRAWN_WITH:
        raise DecodeError("pictures", got=report.head.drawn_with, expected=f"{DRAWN_WITH}, which is installed here")
    notes = _Notes(sources_of(list(report.figures())))
    return _template().render(
        report=report,
        head=report.head,
        title=_TITLES[report.head.audience],
        second=text_of(report.head.second, "second"),
        audience="investors" if report.head.audience == "investor" else "credit analysts",
        style=Markup(_text("style.css").strip()),
        number_of=notes.number_of,
        notes_under=notes.under,
        listed_sources=notes.listed(),
        kind_of=lambda block: type(block).__name__,
        draw=lambda picture, key: Markup(draw(picture, key)),  # noqa: S704  # matplotlib escapes what it writes
        shown=shown,
        exact=exact,
        json=Markup(encode_report(report)),  # noqa: S704  # JSON with every `<` escaped
    )


def read_page(page: str) -> Report:
    """Return the report inside a page; DecodeError when there is none, or the page has more than its bytes say."""
    begin = page.find(_OPENING)
    end = page.find(_CLOSING, begin)
    if begin < 0 or end < 0:
        raise DecodeError("report", got="a file without one", expected="a file that `tranchain report` wrote")
    return decode_report(page[begin + len(_OPENING) : end])


def figures_in(block: Table | Picture | Cards | Note) -> Iterator[Figure]:
    """Yield the figures that a block shows."""
    match block:
        case Table():
            for row in block.rows:
                yield from (cell for cell in row.cells if isinstance(cell, Figure))
        case Cards():
            yield from (figure for _, figure in block.cards)
        case Picture():
            for series in block.series:
                yield from (figure for figure in series.values if figure is not None)
                yield from (*series.places, *series.low, *series.high)
            yield from (mark.figure for mark in block.marks)
        case Note():
            return


class _Notes:
    """The numbers under which the list at the end has the sources: one for all values of one call or computation."""

    def __init__(self, sources: Sequence[Source]) -> None:
        groups = dict.fromkeys(_group(source) for source in sources if source.kind != "derived")
        self._number_by_group = {group: number for number, group in enumerate(groups, start=1)}

    def listed(self) -> list[tuple[int, str, str]]:
        """Return number, kind and description of each."""
        return [(number, kind, description) for (kind, description), number in self._number_by_group.items()]

    def number_of(self, source: Source) -> str:
        """Return what stands in brackets; derived figures are made of others and have no number of their own."""
        return "derived" if source.kind == "derived" else str(self._number_by_group[_group(source)])

    def under(self, table: Table) -> str:
        """Return the numbers of a table's sources, runs of them as 3-7."""
        sources = [figure.source for figure in figures_in(table)]
        numbers = sorted({self._number_by_group[_group(each)] for each in sources if each.kind != "derived"})
        runs: list[list[int]] = []
        for number in numbers:
            if runs and number == runs[-1][1] + 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        listed = [f"[{low}]" if low == high else f"[{low}]–[{high}]" for low, high in runs]
        has_derived = any(each.kind == "derived" for each in sources)
        return ", ".join(listed + (["the others derived from these"] if has_derived else [])) + "."


def _group(source: Source) -> tuple[str, str]:
    """Return kind and description of a source without what tells apart the values of one call or computation."""
    if source.kind == "call":
        return source.kind, replace(source, path="").describe()
    return source.kind, source.function


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(_text("report.html.j2"))


def _text(name: str) -> str:
    return resources.files("client.report").joinpath("templates", name).read_text("utf-8")
