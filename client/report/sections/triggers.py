"""Triggers of the pool with value, limit and cushion."""

from typing import Final

from client.report.document import Block, Cards, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures
from client.report.reading.data import ReportData

_NAMES: Final = (
    "share of the top levels",
    "rise of that share",
    "cumulative net loss",
    "mean share 61 or more days past due",
)
_VIEW: Final = "Monitoring.triggers"


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the triggers of the newest period, and their way there."""
    pack, last = data.pack_id, data.monitored.last_period
    alert = figures.call("alert", "number", "Monitoring.isAlert", pack)
    rows = []
    for place, name in enumerate(_NAMES):
        fired = bool(data.view("Monitoring", "triggers", (pack, last))[place].isFired)
        cells = [_of(data, figures, place, last, part) for part in ("value", "limit", "cushion")]
        word = figures.of("chain", f"{place}.fired", "text", "fires" if fired else "clear", f"{_VIEW}: isFired", last)
        rows.append(Row(label=name, cells=(*cells, word)))
    periods = range(1, last + 1)
    pictures = [
        Picture(
            kind="lines",
            title=f"Trigger: {name}",
            alt=f"Curves of the {name} and of its limit, by period. Figures of the newest period: table above.",
            x_label="period",
            y_label="",
            categories=tuple(map(str, periods)),
            series=(
                Series(
                    label="value", tone="after", values=tuple(_of(data, figures, place, n, "value") for n in periods)
                ),
                Series(
                    label="limit", tone="limit", values=tuple(_of(data, figures, place, n, "limit") for n in periods)
                ),
            ),
        )
        for place, name in enumerate(_NAMES)
    ]
    newest = figures.call("last_period", "number", "Monitoring.lastPeriod", pack)
    return [
        Cards(cards=(("newest closed period", newest), ("on alert (1 yes, 0 no)", alert))),
        Table(
            title=f"Triggers in period {last}",
            label_head="trigger",
            heads=("value", "limit", "cushion", "state"),
            rows=tuple(rows),
        ),
        *pictures,
        Note(
            "Cushion = limit − value. The rise fires when the share went up in each of the last periods of the terms "
            "and by more than its limit, a number of standard errors; the loss when it was above its limit in a row of "
            "periods."
        ),
    ]


def _of(data: ReportData, figures: Figures, place: int, period: int, part: str) -> Figure:
    key = f"{place}.{period}.{part}"
    return figures.call(key, "ppm", _VIEW, data.pack_id, period, path=f"{place}.{part}Ppm")
