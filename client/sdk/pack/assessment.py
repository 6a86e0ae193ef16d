"""Scores of a pack: rows and credit records through the model, to one word per asset. Pure: no I/O.

Risk control, every oracle and every verifier call this same function, so equal inputs give equal bytes.
Source: docs/protocol.md, 7; docs/adr/0020.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.records import columns_of
from client.sdk.pack.asset_row import AssetRow
from client.sdk.pack.credit_record import CreditValues, is_by_relation, observed_day
from client.sdk.pack.report import NO_RECORD, age_band, report_of, word


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
    allows_relations: bool,
) -> bytes:
    """Return the report of a pack, one word per row.

    A record observed after the cut-off counts as of age 0; one older than `age_days_max` is not used, nor, unless
    `allows_relations`, one that was spread from related persons.
    """
    words = np.full(len(rows), NO_RECORD, dtype=np.uint16)
    usable: list[int] = []
    qualities: list[int] = []
    for index, row in enumerate(rows):
        record = record_by_handle.get(row.handle)
        if record is None:
            continue
        age_days = max(cut_off_day - observed_day(record), 0)
        band = age_band(age_days, fresh_days=fresh_days, age_days_max=age_days_max)
        by_relation = is_by_relation(record)
        if band is not None and (allows_relations or not by_relation):
            usable.append(index)
            qualities.append(word(0, band, by_relation))
    if usable:
        columns = columns_of(
            [rows[index].values for index in usable], [record_by_handle[rows[index].handle] for index in usable]
        )
        words[usable] = model.score(columns).astype(np.uint16) | np.array(qualities, dtype=np.uint16)
    return report_of(words)
