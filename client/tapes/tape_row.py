"""The columns that every format is turned into, and the arithmetic for it. No I/O.

A tape row is one record of a file: an asset row of the schema, and what became of the loan in the period.
"""

from typing import Final

import polars as pl

from client.model.schema import ASSET_FIELDS
from client.tapes.typed import UNITS

TEXTS: Final = ("loan_id", "subject_id", "originator", "state")
PERIOD: Final = "period"
"""First day of the month that the record reports."""
RATIOS: Final = ("rate_ppm", "payment_to_income_ppm")
"""Stand in units of 10^-8 as written, until the whole file shows whether it has fractions or percent."""
MONEY: Final = (
    "scheduled_cents",
    "prepaid_cents",
    "interest_cents",
    "fees_cents",
    "defaulted_cents",
    "recovered_cents",
    "repurchased_cents",
    "capitalised_cents",
)
"""Money of the period: principal on schedule, principal ahead of it, interest, fees, principal written off, money on
loans written off before, principal bought back, what a balance grew by."""
COLUMNS: Final = (*TEXTS, PERIOD, *(field.name for field in ASSET_FIELDS), "bureau_score", *MONEY)

STATES: Final = (
    "none",
    "current",
    "holiday",
    "prepaid",
    "modified",
    "defaulted",
    "recovered",
    "repurchased",
    "substituted",
    "repaid",
)
"""By number, as monitoring has them; a defaulted loan is one written off, arrears alone are days past due."""
LEFT: Final = ("prepaid", "defaulted", "recovered", "repurchased", "substituted", "repaid")
"""States of loans without a balance."""

_CENT: Final = UNITS // 100


def cents(name: str) -> pl.Expr:
    """Return an amount in cents, rounded half up in size."""
    amount = pl.col(name)
    return amount.sign() * ((amount.abs() + _CENT // 2) // _CENT)


def first_day(name: str) -> pl.Expr:
    """Return a date as days since 1970-01-01."""
    return pl.col(name).cast(pl.Int32).cast(pl.Int64)


def month_number(date: pl.Expr) -> pl.Expr:
    """Return months since year 0 of a date."""
    return date.dt.year().cast(pl.Int64) * 12 + date.dt.month().cast(pl.Int64)


def none() -> pl.Expr:
    """Return an integer that is not known."""
    return pl.lit(None, pl.Int64)


def word(text: str) -> pl.Expr:
    """Return a text as a literal."""
    return pl.lit(text, pl.String)
