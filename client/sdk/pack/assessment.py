"""Scores of a pack: rows and credit records through the model, to one byte per asset. Pure: no I/O.

Risk control, every oracle and every verifier call this same function, so equal inputs give equal bytes.
Source: docs/protocol.md, 7; docs/adr/0007.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.records import columns_of
from client.sdk.pack.asset_row import AssetRow
from client.sdk.pack.credit_record import CreditValues, observed_day
from client.sdk.pack.report import AGED, NO_RECORD


class ScoringModel(Protocol):
    """What an assessment needs of a model."""

    def score(self, columns: Mapping[str, Int64Array]) -> NDArray[np.uint8]:
        """Return scores 1 to 100, one per row."""


def assess(
    model: ScoringModel,
    rows: Sequence[AssetRow],
    record_by_handle: Mapping[bytes, CreditValues],
    *,
    cut_off_day: int,
    fresh_days: int,
    age_days_max: int,
) -> bytes:
    """Return the report bytes of a pack, one per row.

    A record observed after the cut-off counts as of age 0; one older than `age_days_max` is not used.
    """
    usable: list[int] = []
    aged: list[bool] = []
    for index, row in enumerate(rows):
        record = record_by_handle.get(row.handle)
        age_days = max(cut_off_day - observed_day(record), 0) if record else age_days_max + 1
        if age_days <= age_days_max:
            usable.append(index)
            aged.append(age_days > fresh_days)
    report = np.full(len(rows), NO_RECORD, dtype=np.uint8)
    if usable:
        columns = columns_of(
            [rows[index].values for index in usable], [record_by_handle[rows[index].handle] for index in usable]
        )
        report[usable] = model.score(columns) | np.where(aged, AGED, 0).astype(np.uint8)
    return report.tobytes()
