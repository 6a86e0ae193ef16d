"""What the readers of files give: batches of texts, with where each record stands. No I/O."""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

LINE, RECORD_NUMBER = "line of the record", "number of the record"
"""Columns beside the elements; no element has such a name."""
BATCH_RECORDS = 20_000
TEXT_LENGTH_MAX = 1 << 16
"""Characters of one value; a longer one is no tape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some records of a file, in its order."""

    frame: pl.DataFrame
    """A text column for each element that some record has (null where absent), LINE and RECORD_NUMBER."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Names that are no element of the format, and how many values stood under them."""
    unknown_at: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    """For each of them line, record number and value of the first."""
    broken: tuple[tuple[int, int, str], ...] = ()
    """Records that cannot be read at all and are not in `frame`: line, record number, why."""
    repeated: tuple[tuple[int, int, str], ...] = ()
    """Values beside the first of an element that stands once: line, record number, element."""
