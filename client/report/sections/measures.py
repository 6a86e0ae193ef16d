"""The log of measures: what was ordered, by when, and whether it was carried out."""

from typing import Any, Final

from client.report.document import Block, Cell, Note, Row, Table
from client.report.figures import Figure, Figures, Unit
from client.report.reading.data import CELL_MIN, ReportData

_KINDS: Final = ("", "collect more often", "change of schedule", "replacement", "repurchase")
_STATES: Final = ("", "ordered", "carried out", "confirmed", "cancelled")
_TIMES: Final = ("orderedAt", "deadline", "carriedOutAt", "confirmedAt", "escalatedAt")
_TIME_HEADS: Final = ("ordered", "deadline", "carried out", "confirmed", "escalated")
_VIEW: Final = "Measures.measure"


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return one line a measure, the oldest first."""
    found = data.measures
    if not found:
        return [Note("No measure was ordered on this pool.")]
    rows = tuple(
        Row(label=f"{number} {_KINDS[measure.kind]}", cells=_cells(data, figures, number, measure))
        for number, measure in found.items()
    )
    return [
        Table(
            title="Measures",
            label_head="measure",
            heads=("state", "loans", f"cash, {data.currency}", *_TIME_HEADS),
            rows=rows,
        ),
        Note("What is not carried out by its deadline, or not confirmed in time, is escalated to all members."),
    ]


def _cells(data: ReportData, figures: Figures, number: int, measure: Any) -> tuple[Cell, ...]:
    def of(path: str, unit: Unit) -> Figure:
        return figures.call(f"{number}.{path}", unit, _VIEW, number, path=path)

    word = _STATES[measure.status]
    state = figures.of("chain", f"{number}.state", "text", word, f"{_VIEW}: status as a word", number)
    is_shown = not data.is_for_investors or measure.assetCount >= CELL_MIN
    size: tuple[Cell, ...] = (of("assetCount", "count"), of("cashCents", "cents")) if is_shown else (None, None)
    times = tuple(of(name, "second") if getattr(measure, name) else None for name in _TIMES)
    return (state, *size, *times)
