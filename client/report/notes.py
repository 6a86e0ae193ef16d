"""The numbers in brackets: which source each figure has in the list at the end of the page. Pure: no I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from client.report.document import Cards, Note, Picture, Table
from client.report.figures import Figure, Source


class SourceNotes:
    """One number for all values of one call or computation; derived figures have none of their own."""

    def __init__(self, sources: Sequence[Source]):
        """Number the sources in their order."""
        groups = dict.fromkeys(_group(source) for source in sources if source.kind != "derived")
        self._number_by_group = {group: number for number, group in enumerate(groups, start=1)}

    def listed(self) -> list[tuple[int, str, str]]:
        """Return number, kind and description of each."""
        return [(number, kind, description) for (kind, description), number in self._number_by_group.items()]

    def number_of(self, source: Source) -> str:
        """Return what stands in brackets for a source."""
        return "derived" if source.kind == "derived" else str(self._number_by_group[_group(source)])

    def under(self, table: Table) -> str:
        """Return the numbers of a table's sources, runs of them as [3]–[7]."""
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


def _group(source: Source) -> tuple[str, str]:
    """Return kind and description of a source without what tells apart the values of one call or computation."""
    if source.kind == "call":
        return source.kind, replace(source, path="").describe()
    return source.kind, source.function
