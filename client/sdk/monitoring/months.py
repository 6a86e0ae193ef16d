"""Calendar months as numbers: those since January 1970. Pure: no I/O. Source: docs/protocol.md, 12."""

import re
from calendar import monthrange
from datetime import UTC, datetime

from client.sdk.errors import InvalidInputError

_EPOCH_YEAR = 1970
_MONTH = re.compile(r"(\d{4})-(\d{2})")


def parse_month(text: str, *, what: str = "month") -> int:
    """Return the number of a month written YYYY-MM."""
    match = _MONTH.fullmatch(text.strip())
    if match is None or not 1 <= int(match[2]) <= 12 or int(match[1]) < _EPOCH_YEAR:
        raise InvalidInputError(what, got=text, expected="a month from 1970 on, as YYYY-MM")
    return (int(match[1]) - _EPOCH_YEAR) * 12 + int(match[2]) - 1


def month_text(month: int) -> str:
    """Return a month as YYYY-MM."""
    return f"{_EPOCH_YEAR + month // 12:04d}-{month % 12 + 1:02d}"


def start_second(month: int) -> int:
    """Return the first second of a month, UTC."""
    return int(datetime(_EPOCH_YEAR + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp())


def month_of_day(day: int) -> int:
    """Return the month of a day since 1970-01-01."""
    date = datetime.fromtimestamp(day * 86_400, tz=UTC)
    return (date.year - _EPOCH_YEAR) * 12 + date.month - 1


def days_in(month: int) -> int:
    """Return how many days a month has."""
    return monthrange(_EPOCH_YEAR + month // 12, month % 12 + 1)[1]
