"""One function for each kind of picture: puts its figures on matplotlib axes. Floats live here alone."""

from collections.abc import Sequence
from typing import Any, Final

from client.report.document import Picture, Series
from client.report.drawing.style import COLOURS, HATCHES, INK, LINE_STYLES
from client.report.figures import Figure, Unit
from client.report.formatting import shown

_BAR_LABELS_CHARACTERS: Final = 110
"""Characters that fit side by side over the bars of a picture."""
_TICK_LABELS_CHARACTERS: Final = 120
_TURNED_MAX: Final = 24
"""Names under an axis that are all printed, turned if need be."""


def plain(value: int, unit: Unit) -> float:
    """Return a figure in the unit of its axis: per cent, currency units, months."""
    match unit:
        case "ppm":
            return value / 1e4
        case "factor":
            return value / 1e6
        case "cents" | "hundredths":
            return value / 100
        case _:
            return float(value)


def of_figure(figure: Figure | None) -> float:
    """Return a figure in the unit of its axis; nothing is drawn for None."""
    return float("nan") if figure is None else plain(figure.number, figure.unit)


def draw_bars(axes: Any, picture: Picture) -> None:
    """Groups of bars, one group a category."""
    width = 0.8 / len(picture.series)
    longest = max(len(_short(figure)) for series in picture.series for figure in series.values)
    fits = (longest + 1) * len(picture.series) * len(picture.categories) <= _BAR_LABELS_CHARACTERS
    for place, series in enumerate(picture.series):
        middle = [at + (place - (len(picture.series) - 1) / 2) * width for at in range(len(picture.categories))]
        heights = [of_figure(figure) for figure in series.values]
        bars = axes.bar(
            middle, heights, width * 0.94, color=COLOURS[series.tone], hatch=HATCHES[series.tone], label=series.label
        )
        if fits:
            axes.bar_label(bars, labels=[_short(figure) for figure in series.values], fontsize=7.5, padding=1.5)
    _categories(axes, picture.categories)
    axes.margins(y=0.12)


def draw_steps(axes: Any, picture: Picture) -> None:
    """Bars from a first total down to what is left: the first and last figure are totals, those between leave."""
    figures = [figure for figure in picture.series[0].values if figure is not None]
    left = 0.0
    for place, figure in enumerate(figures):
        height = of_figure(figure)
        is_total = place in (0, len(figures) - 1)
        tone = "after" if is_total else "other"
        bottom = 0.0 if is_total else left - height
        bar = axes.bar([place], [height], 0.62, bottom=[bottom], color=COLOURS[tone], hatch=HATCHES[tone])  # type: ignore[index]  # a Tone
        text = shown(figure) if is_total or not figure.value else f"\u2212{shown(figure)}"
        axes.bar_label(bar, labels=[text], fontsize=7.5, padding=2)
        left = height if place == 0 else left - (0.0 if is_total else height)
        if place < len(figures) - 1:
            axes.plot([place + 0.31, place + 0.69], [left, left], color=INK, linewidth=0.6)
    _categories(axes, picture.categories)
    axes.margins(y=0.1)


def draw_lines(axes: Any, picture: Picture) -> None:
    """Curves, with the interval around them where there is one."""
    for series in picture.series:
        places = _places(series)
        style = {"color": COLOURS[series.tone], "linestyle": LINE_STYLES[series.tone]}
        marker = "o" if len(places) <= 30 else ""
        values = [of_figure(figure) for figure in series.values]
        axes.plot(places, values, label=series.label, linewidth=1.6, marker=marker, markersize=3, **style)
        if series.low:
            low, high = ([of_figure(figure) for figure in each] for each in (series.low, series.high))
            axes.fill_between(places, low, high, color=COLOURS[series.tone], alpha=0.16, linewidth=0)
    if picture.categories:
        _categories(axes, picture.categories)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.margins(x=0.01)


def draw_heat(axes: Any, picture: Picture) -> None:
    """A table whose cells are darker where the value is greater; every value is printed in its cell."""
    grid = [[of_figure(figure) for figure in series.values] for series in picture.series]
    known = [value for line in grid for value in line if value == value]  # NaN is the only one unequal
    top = max(known, default=0.0) or 1.0
    edges = [[at - 0.5 for at in range(size + 1)] for size in (len(picture.categories), len(grid))]
    axes.pcolormesh(*edges, grid, cmap="Blues", vmin=0, vmax=top * 1.25, edgecolors="white", linewidth=0.8)
    axes.invert_yaxis()
    for line, series in enumerate(picture.series):
        for column, figure in enumerate(series.values):
            if figure is not None:
                colour = "white" if of_figure(figure) > 0.72 * top else INK
                axes.text(column, line, shown(figure), ha="center", va="center", fontsize=7.5, color=colour)
    axes.set_yticks(range(len(picture.series)), [series.label for series in picture.series])
    _categories(axes, picture.categories)
    axes.grid(visible=False)


def draw_marks(axes: Any, picture: Picture) -> None:
    """Straight lines across the picture: limits, targets, a cut."""
    for mark in picture.marks:
        draw, where = (axes.axhline, "y") if mark.axis == "y" else (axes.axvline, "x")
        draw(
            of_figure(mark.figure),
            color=COLOURS["limit"],
            linewidth=1.1,
            linestyle="--" if where == "y" else ":",
            label=f"{mark.label} {shown(mark.figure)}",
        )


def _places(series: Series) -> list[float]:
    return (
        [of_figure(each) for each in series.places]
        if series.places
        else [float(at) for at in range(len(series.values))]
    )


def _categories(axes: Any, categories: Sequence[str]) -> None:
    """Put the names under the axis: turned where they are long, only some of them where there are many."""
    width = (max((len(each) for each in categories), default=0) + 1) * len(categories)
    step = 1 if len(categories) <= _TURNED_MAX else -(-width // _TICK_LABELS_CHARACTERS)
    is_long = width > _TICK_LABELS_CHARACTERS and step == 1
    turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if is_long else {}
    axes.set_xticks(range(0, len(categories), step), categories[::step], **turned)


def _short(figure: Figure | None) -> str:
    """Return a figure for the top of a bar; amounts without their cents."""
    if figure is None:
        return ""
    text = shown(figure)
    return text[:-3] if figure.unit == "cents" else text
