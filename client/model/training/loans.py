"""Loans to train on: records as int64 columns, what became of them, and since when that was known."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array

NEVER: Final = (2100 - 1970) * 12
"""Month of what did not happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanSet:
    """Loans as int64 columns by field name, with labels; row i of every array is the same loan."""

    columns: Mapping[str, Int64Array]
    defaulted: NDArray[np.int8]
    """1 when the loan is bad by the label rule of the feature file."""
    issue_month: Int64Array
    """Months since 1970-01; 0 for all where the data has no time column."""
    default_known_month: Int64Array
    """Month by which the default was on the books; NEVER for loans that did not default."""
    weight: NDArray[np.float64]
    """Weight of the loan in training, without what its age takes off."""

    def __len__(self) -> int:
        return len(self.defaulted)

    def where(self, chosen: NDArray[np.bool_] | Int64Array) -> "LoanSet":
        """Return the loans of a mask or of an index array."""
        arrays = {each.name: getattr(self, each.name)[chosen] for each in fields(self) if each.name != "columns"}
        return LoanSet(columns={name: column[chosen] for name, column in self.columns.items()}, **arrays)

    def issued(self, first_year: int, last_year: int) -> "LoanSet":
        """Return the loans issued in these calendar years, both included."""
        return self.where(
            (self.issue_month >= month_index(first_year, 1)) & (self.issue_month <= month_index(last_year, 12))
        )

    def knowable(self, year: int, *, seasoned_months: int) -> "LoanSet":
        """Return what was known at the end of a year: loans then old enough, bad if the default was booked by then."""
        end = month_index(year, 12)
        known = (self.default_known_month <= end).astype(np.int8)
        return replace(self, defaulted=known).where(self.issue_month <= end - seasoned_months)


def month_index(year: int, month: int) -> int:
    """Count months since 1970-01."""
    return (year - 1970) * 12 + month - 1
