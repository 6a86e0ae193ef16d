"""A picture as SVG that can stand inside an HTML page."""

import html
import io
import re
from functools import lru_cache
from typing import Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from client.report.document import Picture
from client.report.drawing.axes import draw_bars, draw_heat, draw_lines, draw_marks, draw_steps
from client.report.drawing.style import SETTINGS
from client.report.figures import Unit

DRAWN_WITH: Final = f"matplotlib {mpl.__version__}"

_DRAWERS: Final = {"bars": draw_bars, "steps": draw_steps, "lines": draw_lines, "heat": draw_heat}
_WIDTH_INCHES: Final = 7.0
_HEIGHT_INCHES: Final = 2.7
_HEAT_ROW_INCHES: Final = 0.3
_NUMBER: Final = re.compile(r"-?\d+\.\d{3,}")


@lru_cache(maxsize=64)
def draw(picture: Picture, key: str) -> str:
    """Return the SVG element of a picture; `key` makes the ids inside it unique in the page."""
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": key}):
        height = _HEIGHT_INCHES
        if picture.kind == "heat":
            height = 0.9 + _HEAT_ROW_INCHES * len(picture.series)
        canvas = Canvas(figsize=(_WIDTH_INCHES, height), layout="constrained")
        FigureCanvasSVG(canvas)
        draw_on(canvas.add_subplot(), picture)
        written = io.StringIO()
        canvas.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(written.getvalue(), picture)


def draw_on(axes: Any, picture: Picture) -> None:
    """Draw a picture on matplotlib axes, under the settings of `style`."""
    _DRAWERS[picture.kind](axes, picture)
    draw_marks(axes, picture)
    _label(axes, picture)


def _label(axes: Any, picture: Picture) -> None:
    axes.set_xlabel(picture.x_label)
    axes.set_ylabel(picture.y_label)
    if picture.kind != "heat":
        axes.yaxis.set_major_formatter(FuncFormatter(_tick(_unit(picture))))
    if picture.kind == "lines" and not picture.categories and picture.series[0].places:
        axes.xaxis.set_major_formatter(FuncFormatter(_tick(picture.series[0].places[0].unit)))
    if picture.kind not in ("steps", "heat") and (len(picture.series) > 1 or picture.marks):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=5, columnspacing=1.4, handlelength=2.2)


def _unit(picture: Picture) -> Unit:
    figures = (figure for series in picture.series for figure in series.values if figure is not None)
    first = next(figures, None)
    return first.unit if first else "count"


def _tick(unit: Unit) -> Any:
    """Return what writes the numbers of an axis, which stands in per cent, currency units or plain numbers."""

    def write(value: float, _place: object) -> str:
        text = f"{value:,.10g}".replace("-", "\u2212")
        if unit == "ppm":
            return f"{text} %"
        if unit == "cents" and abs(value) >= 1_000_000:
            return f"{value / 1e6:,.10g} M".replace("-", "\u2212")
        return f"{value:,.2f}".rstrip("0").rstrip(".") if unit == "factor" else text

    return write


def _inline(document: str, picture: Picture) -> str:
    """Return the svg element alone: no prolog, no ids that nothing refers to, coordinates to a hundredth of a point."""
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' id="[a-zA-Z][\w.]*_\d+"', "", element)
    element = re.sub(r"\s*\n\s*", "\n", element).strip()
    element = _NUMBER.sub(lambda found: f"{float(found.group()):.2f}", element)
    attributes = f' role="img" aria-label="{html.escape(picture.alt)}"'
    return element.replace("<svg", f"<svg{attributes}", 1)
