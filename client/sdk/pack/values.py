"""Values of a record against the schema that names them. Pure: no I/O."""

from collections.abc import Sequence

from client.model.schema import Field
from client.sdk.canonical import Value
from client.sdk.errors import DecodeError


def checked_values(fields: Sequence[Field], values: Sequence[Value], *, what: str) -> tuple[int | None, ...]:
    """Return the values if each is what its field allows; DecodeError names `what` and the field, never the value."""
    checked: list[int | None] = []
    for field, value in zip(fields, values, strict=True):
        if not (value is None or isinstance(value, int)) or field.problem(value):
            raise DecodeError(f"{what}: {field.name}", got="a value out of its range", expected=field.meaning)
        checked.append(value)
    return tuple(checked)
