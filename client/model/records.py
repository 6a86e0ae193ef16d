"""From rows of integers, as they travel in packs and credit bundles, to the int64 columns the model reads. No I/O."""

from collections.abc import Sequence

import numpy as np

from client.model.errors import RecordShapeError
from client.model.feature_spec import Int64Array
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS, MISSING, Field

Row = Sequence[int | None]
"""Values in the order of ASSET_FIELDS or CREDIT_FIELDS; None where unknown."""


def columns_of(assets: Sequence[Row], credits_: Sequence[Row]) -> dict[str, Int64Array]:
    """Join asset rows with the credit records of their borrowers, row by row.

    Args:
        assets: rows in the order of ASSET_FIELDS.
        credits_: rows in the order of CREDIT_FIELDS; row i belongs to asset i.

    Raises:
        RecordShapeError: lists of different lengths, rows of wrong length, or a value that is no int64.
    """
    if len(assets) != len(credits_):
        raise RecordShapeError(
            subject="credit records", got=f"{len(credits_)} rows", expected=f"{len(assets)}, one per asset"
        )
    return _columns(assets, ASSET_FIELDS) | _columns(credits_, CREDIT_FIELDS)


def _columns(rows: Sequence[Row], fields: Sequence[Field]) -> dict[str, Int64Array]:
    for index, row in enumerate(rows):
        if len(row) != len(fields):
            subject = f"{fields[0].kind} row {index}"
            raise RecordShapeError(subject=subject, got=f"{len(row)} values", expected=f"{len(fields)}")
    if not rows:
        return {field.name: np.empty(0, dtype=np.int64) for field in fields}
    return {field.name: _column(field, values) for field, values in zip(fields, zip(*rows, strict=True), strict=True)}


def _column(field: Field, values: Row) -> Int64Array:
    wrong = set(map(type, values)) - {int, type(None)}
    if wrong:
        names = ", ".join(sorted(kind.__name__ for kind in wrong))
        raise RecordShapeError(subject=field.name, got=names, expected="int or None")
    filled = [MISSING if value is None else value for value in values]
    try:
        return np.array(filled, dtype=np.int64)
    except OverflowError as error:
        raise RecordShapeError(subject=field.name, got=str(error), expected="values of 64 bits") from error
