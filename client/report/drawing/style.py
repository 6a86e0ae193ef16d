"""Colours, hatches and type of all pictures. Pure: no I/O.

Colours are of Okabe and Ito, told apart by people with any kind of colour vision and, with the hatches, on a
black-and-white print; text is dark grey on white (contrast above 12:1).
"""

from typing import Any, Final

from client.report.document import Tone

INK: Final = "#1f2933"
GRID: Final = "#d5dbe3"

COLOURS: Final[dict[Tone, str]] = {
    "before": "#9aa5b1",
    "after": "#0072b2",
    "limit": "#b3261e",
    "other": "#e69f00",
    "good": "#009e73",
    "quiet": "#56b4e9",
}
HATCHES: Final[dict[Tone, str]] = {
    "before": "",
    "after": "",
    "limit": "xx",
    "other": "//",
    "good": "..",
    "quiet": "\\\\",
}
LINE_STYLES: Final[dict[Tone, Any]] = {
    "before": (0, (5, 2)),
    "after": "-",
    "limit": "-",
    "other": (0, (1, 1)),
    "good": "-.",
    "quiet": (0, (3, 1, 1, 1)),
}

SETTINGS: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tranchain",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "hatch.linewidth": 0.5,
    "hatch.color": "white",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "axes.unicode_minus": True,
}
