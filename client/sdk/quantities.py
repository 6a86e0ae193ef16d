"""Values as people write them: percentages, dates, amounts, names of codes, lists of factors. Pure: no I/O."""

import datetime as dt
from decimal import Decimal, InvalidOperation

from client.model.schema import CODE_TABLES, Field
from client.sdk.errors import InvalidInputError

_EPOCH = dt.date(1970, 1, 1)
_PPM = 1_000_000
_FORMS = {
    "cents": "an amount in currency units such as 25000 or 99.50",
    "ppm": "a share such as 10%, 0.5% or 5000ppm",
    "day": "a date such as 2011-12-31",
    "code": "a name of the field's codes",
}


def parse_ppm(text: str, *, what: str) -> int:
    """Return `10%`, `0.5 %` or `100000ppm` as whole ppm; InvalidInputError when it is neither or finer."""
    stripped = text.strip()
    try:
        if stripped.endswith("%"):
            value = Decimal(stripped[:-1].strip()) * (_PPM // 100)
        elif stripped.endswith("ppm"):
            value = Decimal(stripped[:-3].strip())
        else:
            raise InvalidOperation
        if not value.is_finite() or value != value.to_integral_value() or not 0 <= value <= 1000 * _PPM:
            raise InvalidOperation
    except InvalidOperation as error:
        raise InvalidInputError(what, got=text, expected=_FORMS["ppm"]) from error
    return int(value)


def parse_day(text: str, *, what: str) -> int:
    """Return a date YYYY-MM-DD as days since 1970-01-01."""
    try:
        day = (dt.date.fromisoformat(text.strip()) - _EPOCH).days
    except ValueError as error:
        raise InvalidInputError(what, got=text, expected=_FORMS["day"]) from error
    if day < 0:
        raise InvalidInputError(what, got=text, expected="a date from 1970-01-01 on")
    return day


def parse_ten(text: str, *, what: str, scale: int = 1) -> tuple[int, ...]:
    """Return ten numbers separated by commas, level 1 first, each times `scale`; InvalidInputError for other text."""
    try:
        values = [Decimal(part.strip()) * scale for part in text.split(",")]
        if len(values) != 10 or any(not v.is_finite() or v < 0 or v != v.to_integral_value() for v in values):
            raise InvalidOperation
    except InvalidOperation as error:
        raise InvalidInputError(what, got=text, expected="ten numbers, level 1 first: 1,1,1,2,2,2,3,3,4,5") from error
    return tuple(int(value) for value in values)


def parse_quantity(field: Field, text: str) -> int:
    """Return a value of a field as its integer.

    Raises:
        InvalidInputError: it is not in the form of the field's unit, or out of the field's range.
    """
    if field.name in CODE_TABLES:
        codes = CODE_TABLES[field.name]
        if text not in codes:
            raise InvalidInputError(field.name, got=text, expected=f"one of {', '.join(codes)}")
        return codes[text]
    if field.unit == "ppm":
        value = parse_ppm(text, what=field.name)
    elif field.unit == "day":
        value = parse_day(text, what=field.name)
    else:
        value = _number(field, text)
    if not field.minimum <= value <= field.maximum:
        expected = f"{field.minimum} to {field.maximum} ({field.unit})"
        raise InvalidInputError(field.name, got=text, expected=expected)
    return value


def _number(field: Field, text: str) -> int:
    scale = 100 if field.unit == "cents" else 1
    try:
        value = Decimal(text) * scale
        if not value.is_finite() or value != value.to_integral_value():
            raise InvalidOperation
    except InvalidOperation as error:
        raise InvalidInputError(field.name, got=text, expected=_FORMS.get(field.unit, "a whole number")) from error
    return int(value)


def parse_cents(text: str, *, what: str) -> int:
    """Return `1234.50` as whole cents; InvalidInputError when it is no such amount."""
    try:
        cents = Decimal(text.strip()) * 100
        if not cents.is_finite() or cents != cents.to_integral_value() or cents < 0:
            raise InvalidOperation
    except InvalidOperation as error:
        raise InvalidInputError(what, got=text, expected="an amount such as 1234.50") from error
    return int(cents)
