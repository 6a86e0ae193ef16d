"""The picture of a report: transactions per second and latency over time, as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from client.sdk.errors import InvalidInputError

_COMMITTED, _SENT, _HALF, _TAIL = "#2a78d6", "#52514e", "#1baf7a", "#eb6834"
_INK, _GRID = "#52514e", "#e4e3df"


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Write the picture; InvalidInputError where the file cannot be written."""
    series: Sequence[Mapping[str, Any]] = report["series"]
    figure = Figure(figsize=(9, 6), layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    rates, latencies = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_rates(rates, series)
    _draw_latencies(latencies, series)
    latency = report["latency"]
    figure.suptitle(
        f"{report['workload']}: {report['throughput_tps']:,.0f} transactions per second, "
        f"{report['succeeded']:,} committed, {report['failed']:,} failed, "
        f"p95 {latency.get('p95_ms', 0) / 1000:.2f} s",
        fontsize=12,
    )
    latencies.set_xlabel(_describe(report["conditions"]), color=_INK, fontsize=9)
    try:
        with path.open("wb") as file:
            canvas.print_png(file)
    except OSError as error:
        raise InvalidInputError(f"--png {path}", got=error.strerror or "a place that cannot be written") from error


def _draw_rates(axes: Axes, series: Sequence[Mapping[str, Any]]) -> None:
    seconds = [each["second"] for each in series]
    middles = [second + 0.5 for second in seconds]
    axes.bar(middles, [each["committed"] for each in series], width=0.9, color=_COMMITTED, label="committed everywhere")
    edges = [*seconds, len(series)]
    axes.stairs([each["sent"] for each in series], edges, color=_SENT, linewidth=1.5, label="sent")
    _style(axes, "transactions per second")


def _draw_latencies(axes: Axes, series: Sequence[Mapping[str, Any]]) -> None:
    for name, colour, label in (("p50_ms", _HALF, "median"), ("p95_ms", _TAIL, "95th percentile")):
        known = [each for each in series if each[name] is not None]
        seconds, values = [each["second"] + 0.5 for each in known], [each[name] / 1000 for each in known]
        axes.plot(seconds, values, color=colour, marker="o", markersize=4, linewidth=2, label=label)
    _style(axes, "latency in s")


def _style(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, color=_INK, fontsize=9)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.1)


def _describe(conditions: Mapping[str, Any]) -> str:
    return (
        f"seconds since the first was sent\n{conditions['client']}, nodes: {len(conditions['nodes'])}, "
        f"{conditions['mode']}, {conditions['connections']} connections, batches of {conditions['batch']}, "
        f"{conditions['accounts']} accounts"
    )
