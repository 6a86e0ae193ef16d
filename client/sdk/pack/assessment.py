"""Scores of a pack: rows and credit records through the model, to one word per asset. Pure: no I/O.

Risk control, every oracle and every verifier call this same function, so equal inputs give equal bytes.
Source: docs/protocol.md, 7; docs/adr/0020.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.sdk.pack.asset_row import AssetRow
from client.sdk.pack.asset_table import AssetTable
from client.sdk.pack.credit_record import CreditValues
from client.sdk.pack.credit_table import CreditTable
from client.sdk.pack.report import BAND_MAX, NO_RECORD, RELATION, report_of

_BLOCK_ROWS: Final = 65_536
"""Assets joined with their records at a time: a copy of all columns of a large pack would double its memory."""


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
    """Return the report of a pack, one word per row; tables of rows and records are taken as they are.

    A record observed after the cut-off counts as of age 0; one older than `age_days_max` is not used, nor, unless
    `allows_relations`, one that was spread from related persons.
    """
    assets, records = AssetTable.of(rows), CreditTable.of(record_by_handle)
    places = records.places(assets.decoded.handles)
    words = np.full(len(assets), NO_RECORD, dtype=np.uint16)
    with_record = np.flatnonzero(places >= 0)
    for start in range(0, len(with_record), _BLOCK_ROWS):
        chosen = with_record[start : start + _BLOCK_ROWS]
        record_rows = places[chosen]
        age_days = np.maximum(cut_off_day - records.columns["observed_day"][record_rows], 0)
        is_spread = records.columns["relation_distance"][record_rows] > 0
        is_usable = (age_days <= age_days_max) & (allows_relations | ~is_spread)
        if not is_usable.any():
            continue
        quality = age_bands(age_days, fresh_days=fresh_days, age_days_max=age_days_max) << 8 | is_spread * RELATION
        usable, record_rows = chosen[is_usable], record_rows[is_usable]
        columns = {name: column[usable] for name, column in assets.decoded.columns.items()}
        columns |= {name: column[record_rows] for name, column in records.columns.items()}
        words[usable] = model.score(columns) | quality[is_usable].astype(np.uint16)
    return report_of(words)


def age_bands(age_days: Int64Array, *, fresh_days: int, age_days_max: int) -> Int64Array:
    """Return what `report.age_band` gives for each age up to `age_days_max`; anything for older ones."""
    width = max(age_days_max - fresh_days, 1)
    return np.where(age_days <= fresh_days, 0, 1 + BAND_MAX * (age_days - fresh_days - 1) // width)
