"""Values as people read them. The unit of a number is the last word of its name. Pure: no I/O."""

import datetime as dt
from collections.abc import Mapping, Sequence

Value = object
"""Anything a command reports: texts, integers, booleans, bytes, None, and lists or maps of them."""


def label(name: str) -> str:
    """Return the heading for a name: words instead of underscores, the unit left out where the value shows it."""
    words = name.split("_")
    if len(words) > 1 and words[-1] in ("cents", "ppm", "at", "day"):
        words = words[:-1]
    return " ".join(words)


def text(name: str, value: Value) -> str:
    """Return a value as text, by the unit in its name: 1,234.56 for cents, 8.10 % for ppm, dates for days."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int):
        return _number(name, value)
    if isinstance(value, Mapping):
        return ", ".join(f"{label(str(key))} {text(str(key), each)}" for key, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(text(name, each) for each in value)
    return str(value)


def jsonable(value: Value) -> Value:
    """Return the value with bytes as 0x text, everything else as JSON has it."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [jsonable(each) for each in value]
    return value


def is_right_aligned(values: Sequence[Value]) -> bool:
    """Return whether a column of these values is one of numbers."""
    return all(value is None or (isinstance(value, int) and not isinstance(value, bool)) for value in values)


def _number(name: str, value: int) -> str:
    unit = name.rsplit("_", 1)[-1]
    if unit == "cents":
        sign = "-" if value < 0 else ""
        return f"{sign}{abs(value) // 100:,}.{abs(value) % 100:02d}"
    if unit == "ppm":
        hundredths = (abs(value) + 50) // 100
        return f"{'-' if value < 0 else ''}{hundredths // 100}.{hundredths % 100:02d} %"
    if unit == "day":
        return (dt.date(1970, 1, 1) + dt.timedelta(days=value)).isoformat() if 0 <= value < 3_000_000 else str(value)
    if unit == "at" and value == 0:
        return "-"
    if unit in ("at", "from", "until") and value >= 86_400:
        return _second(value)
    return f"{value:,}" if unit in ("count", "used", "ms", "rows") else str(value)


def _second(value: int) -> str:
    if value > 253_402_300_799:
        return "without end"
    return dt.datetime.fromtimestamp(value, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
