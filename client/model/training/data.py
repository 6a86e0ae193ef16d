"""LendingClub loans 2007-2011 as records of the schema, with what became of them.

Only columns known when the loan was made become fields. The platform's own opinion (grade, rate, installment), free
text and everything that happened after origination stay out; outcome columns are read for labels alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.codes import CURRENCIES, HOME_OWNERSHIP, INCOME_VERIFICATION, PURPOSES, REGIONS
from client.model.schema import FIELDS, MISSING

CHARGE_OFF_MONTHS: Final = 5
"""A charge-off is booked at latest 150 days after the last payment."""

_VERIFICATION_NAMES: Final = {
    "Not Verified": INCOME_VERIFICATION["not_verified"],
    "Source Verified": INCOME_VERIFICATION["source_verified"],
    "Verified": INCOME_VERIFICATION["verified"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanSet:
    """Loans as int64 columns by field name, with labels; row i of every array is the same loan."""

    columns: Mapping[str, Int64Array]
    defaulted: NDArray[np.int8]
    """1 when the loan was ever charged off."""
    issue_month: Int64Array
    """Months since 1970-01."""
    default_known_month: Int64Array
    """Month by which the charge-off was on the books; a large number for loans that never defaulted."""
    within_policy: NDArray[np.bool_]
    """Whether the loan met the platform's credit policy (the early ones did not all)."""
    loan_uid: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.defaulted)

    def where(self, chosen: NDArray[np.bool_] | Int64Array) -> "LoanSet":
        """Return the loans of a mask or of an index array."""
        return LoanSet(
            columns={name: column[chosen] for name, column in self.columns.items()},
            defaulted=self.defaulted[chosen],
            issue_month=self.issue_month[chosen],
            default_known_month=self.default_known_month[chosen],
            within_policy=self.within_policy[chosen],
            loan_uid=self.loan_uid[chosen],
        )

    def issued(self, first_year: int, last_year: int) -> "LoanSet":
        """Return the loans issued in these calendar years, both included."""
        return self.where(
            (self.issue_month >= month_index(first_year, 1)) & (self.issue_month <= month_index(last_year, 12))
        )


def month_index(year: int, month: int) -> int:
    """Count months since 1970-01."""
    return (year - 1970) * 12 + month - 1


def load_frame(path: Path) -> pl.DataFrame:
    """Read the file as it is published, in its own order."""
    return pl.read_csv(path, infer_schema_length=None)


def load_loans(path: Path) -> LoanSet:
    """Read the file and convert it to records of the schema.

    Args:
        path: `loans.csv.gz`.
    """
    frame = load_frame(path)
    issue = _months("issue_d")
    months = frame.select(
        issue=issue, known=pl.coalesce(_months("last_pymnt_d"), issue) + CHARGE_OFF_MONTHS, bad=pl.col("default")
    )
    never = month_index(2100, 1)
    known = months["known"].to_numpy()
    return LoanSet(
        columns=_columns(frame),
        defaulted=frame["default"].to_numpy().astype(np.int8),
        issue_month=months["issue"].to_numpy().astype(np.int64),
        default_known_month=np.where(frame["default"].to_numpy() == 1, known, never).astype(np.int64),
        within_policy=frame["meets_credit_policy"].to_numpy() == 1,
        loan_uid=frame["loan_uid"].to_numpy().astype(np.str_),
    )


def record_expressions() -> dict[str, pl.Expr]:
    """Return for each schema field that the published columns have how it is computed from them."""
    return {
        "origination_day": pl.concat_str(pl.col("issue_d"), pl.lit("-01")).str.to_date().cast(pl.Int32),
        "currency_code": pl.lit(CURRENCIES["USD"]),
        "original_principal_cents": _scaled("funded_amnt", 100),
        "balance_cents": _scaled("funded_amnt", 100),
        "term_months": pl.col("term_months"),
        "months_on_book": pl.lit(0),
        "rate_ppm": _scaled("int_rate", 1_000_000),
        "days_past_due": pl.lit(0),
        "region_code": _coded("addr_state", REGIONS),
        "purpose_code": _coded("purpose", PURPOSES),
        "annual_income_cents": _scaled("annual_inc", 100),
        "employment_years": pl.col("emp_length").str.replace("< 1 year", "0 years", literal=True).str.extract(r"(\d+)"),
        "home_ownership_code": _coded("home_ownership", HOME_OWNERSHIP),
        "income_verification_code": _coded("verification_status", _VERIFICATION_NAMES),
        "debt_to_income_ppm": _scaled("dti", 10_000),
        "observed_day": pl.concat_str(pl.col("issue_d"), pl.lit("-01")).str.to_date().cast(pl.Int32),
        "credit_age_months": months_between("earliest_cr_line", "issue_d"),
        "delinquencies_2y": pl.col("delinq_2yrs"),
        "inquiries_6m": pl.col("inq_last_6mths"),
        "months_since_delinquency": pl.col("mths_since_last_delinq"),
        "months_since_public_record": pl.col("mths_since_last_record"),
        "open_accounts": pl.col("open_acc"),
        "total_accounts": pl.col("total_acc"),
        "public_records": pl.col("pub_rec"),
        "bankruptcies": pl.col("pub_rec_bankruptcies"),
        "revolving_balance_cents": _scaled("revol_bal", 100),
        "revolving_utilisation_ppm": _scaled("revol_util", 1_000_000),
    }


def months_between(first: str, last: str) -> pl.Expr:
    """Count the months between two `YYYY-MM` columns."""
    return _months(last) - _months(first)


def _columns(frame: pl.DataFrame) -> dict[str, Int64Array]:
    expressions = record_expressions()
    unknown = pl.lit(None)
    records = frame.select(**{name: expressions.get(name, unknown).cast(pl.Int64) for name in FIELDS})
    return {name: records[name].fill_null(MISSING).to_numpy().astype(np.int64) for name in FIELDS}


def _scaled(column: str, factor: int) -> pl.Expr:
    return (pl.col(column) * factor).round(0)


def _coded(column: str, table: Mapping[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(table), return_dtype=pl.Int64)


def _months(column: str) -> pl.Expr:
    year = pl.col(column).str.slice(0, 4).cast(pl.Int64)
    return (year - 1970) * 12 + pl.col(column).str.slice(5, 2).cast(pl.Int64) - 1
