"""Figures as people read them, from integers alone. Pure: no I/O."""

import datetime as dt
from typing import Final

from client.report.figures import Figure, Unit, Value

_DAY_MAX: Final = 2_932_896
_SECOND_MAX: Final = 253_402_300_799
_MINUS: Final = "\u2212"


def shown(figure: Figure) -> str:
    """Return a figure as it is printed."""
    return text_of(figure.value, figure.unit)


def text_of(value: Value, unit: Unit) -> str:
    """Return a value as it is printed: 1,234.56 for cents, 8.10 % for ppm, 1.05× for a factor, dates for days."""
    if isinstance(value, str):
        return value
    match unit:
        case "cents" | "hundredths":
            return _signed(value, f"{abs(value) // 100:,}.{abs(value) % 100:02d}")
        case "ppm":
            hundredths = (abs(value) + 50) // 100
            return _signed(value if hundredths else 0, f"{hundredths // 100:,}.{hundredths % 100:02d}\u00a0%")
        case "factor":
            thousandths = (value + 500) // 1_000
            return f"{thousandths // 1_000}.{thousandths % 1_000:03d}×"
        case "day" if 0 <= value <= _DAY_MAX:
            return (dt.date(1970, 1, 1) + dt.timedelta(days=value)).isoformat()
        case "second" if 0 <= value <= _SECOND_MAX:
            return dt.datetime.fromtimestamp(value, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        case "count":
            return _signed(value, f"{abs(value):,}")
        case _:
            return str(value)


def exact(figure: Figure) -> str:
    """Return a figure to its last unit, for the note that appears over it."""
    if isinstance(figure.value, str):
        return figure.value
    unit = {"cents": " cents", "ppm": " ppm", "factor": " ppm", "hundredths": "/100"}.get(figure.unit, "")
    return f"{figure.value}{unit}"


def _signed(value: int, text: str) -> str:
    return _MINUS + text if value < 0 else text
