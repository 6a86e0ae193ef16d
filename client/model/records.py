"""From rows of integers, as they travel in packs and credit bundles, to the int64 columns the model reads. No I/O."""

from array import array
from collections.abc import Sequence
from itertools import chain
from types import NoneType

import numpy as np

from client.model.arithmetic import Int64Array
from client.model.errors import RecordShapeError
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS, MISSING, Field

Row = Sequence[int | None]
"""Values in the order of ASSET_FIELDS or CREDIT_FIELDS; None where unknown."""


def columns_of(assets: Sequence[Row], credit: Sequence[Row]) -> dict[str, Int64Array]:
    """Join asset rows with the credit records of their borrowers, row by row.

    Args:
        assets: rows in the order of ASSET_FIELDS.
        credit: rows in the order of CREDIT_FIELDS; row i belongs to asset i.

    Raises:
        RecordShapeError: lists of different lengths, rows of wrong length, or a value that is no int64.
    """
    if len(assets) != len(credit):
        raise RecordShapeError(
            subject="credit records", got=f"{len(credit)} rows", expected=f"{len(assets)}, one per asset"
        )
    return _columns(assets, ASSET_FIELDS) | _columns(credit, CREDIT_FIELDS)


def _columns(rows: Sequence[Row], fields: Sequence[Field]) -> dict[str, Int64Array]:
    width = len(fields)
    if set(map(len, rows)) - {width}:
        index = next(index for index, row in enumerate(rows) if len(row) != width)
        subject = f"{fields[0].kind} row {index}"
        raise RecordShapeError(subject=subject, got=f"{len(rows[index])} values", expected=f"{width}")
    values = list(chain.from_iterable(rows))
    if set(map(type, values)) - {int, NoneType}:
        index = next(index for index, value in enumerate(values) if type(value) not in (int, NoneType))
        raise _wrong_value(fields, index, type(values[index]).__name__)
    try:
        flat = array("q", [MISSING if value is None else value for value in values])
    except OverflowError:
        index = next(index for index, value in enumerate(values) if value is not None and abs(value) >= 2**63)
        raise _wrong_value(fields, index, str(values[index])) from None
    matrix = np.frombuffer(flat, dtype=np.int64).reshape(len(rows), width).T.copy()
    return {field.name: column for field, column in zip(fields, matrix, strict=True)}


def _wrong_value(fields: Sequence[Field], index: int, got: str) -> RecordShapeError:
    row, column = divmod(index, len(fields))
    subject = f"{fields[column].kind} row {row}, {fields[column].name}"
    return RecordShapeError(subject=subject, got=got, expected="an integer of 64 bits or None")
