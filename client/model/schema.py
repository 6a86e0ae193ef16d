"""The raw records the model reads: field names, units and ranges of an asset row and of a credit record.

Bureau upload, pack submission, vault records and the feature spec all use exactly these ordered field lists. Every
field is an integer; one that is not known is `None` in a record and `MISSING` in an int64 array. Pure: no I/O.
"""

from dataclasses import dataclass
from typing import Final, Literal

from client.model.codes import CURRENCIES, HOME_OWNERSHIP, INCOME_VERIFICATION, PURPOSES, REGIONS

SCHEMA_VERSION: Final = 2
"""Changes whenever a field is added, removed, moved, or gets another meaning, unit or range."""

MISSING: Final = -(2**63)
"""A field that is not known, in an int64 array. Outside the range of every field."""

Kind = Literal["asset", "credit"]
Adverse = Literal["high", "low"]
Unit = Literal["cents", "ppm", "months", "years", "days", "day", "count", "code"]

_MONEY_MAX: Final = 10**12
"""10 billion currency units in cents; times 10^6 it still fits an int64."""
_DAY_MAX: Final = 73_049
"""2169-12-31 as days since 1970-01-01."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One integer field of a raw record."""

    name: str
    """Unique over both kinds."""
    kind: Kind
    """`asset`: what the originator knows of the loan. `credit`: what a bureau knows of the borrower."""
    unit: Unit
    """`day` is a date as days since 1970-01-01; `days` is a duration; `code` is an entry of a table of `codes`."""
    minimum: int
    """Smallest value accepted from a file; the model clamps to it."""
    maximum: int
    """Largest value accepted from a file; the model clamps to it."""
    nullable: bool
    """Whether the field may be unknown."""
    meaning: str
    adverse: Adverse | None = None
    """Of several bureaus' values the worst counts: the highest or the lowest; None: the first bureau's that has it."""
    needs_explicit_consent: bool = False
    """Whether a bureau gives the value only for a borrower whose consent is of the explicit kind."""

    def problem(self, value: int | None) -> str | None:
        """Say why `value` is not acceptable (got and expected), or None when it is."""
        if value is None:
            return None if self.nullable else f"{self.name}: missing, expected an integer ({self.unit})"
        if not self.minimum <= value <= self.maximum:
            return f"{self.name}: got {value}, expected {self.minimum} to {self.maximum} ({self.unit})"
        return None


def _asset(name: str, unit: Unit, limits: tuple[int, int], meaning: str, *, nullable: bool = False) -> Field:
    low, high = limits
    return Field(name=name, kind="asset", unit=unit, minimum=low, maximum=high, nullable=nullable, meaning=meaning)


def _credit(
    name: str,
    unit: Unit,
    limits: tuple[int, int],
    meaning: str,
    *,
    adverse: Adverse | None = None,
    nullable: bool = True,
    needs_explicit_consent: bool = False,
) -> Field:
    low, high = limits
    return Field(
        name=name,
        kind="credit",
        unit=unit,
        minimum=low,
        maximum=high,
        nullable=nullable,
        meaning=meaning,
        adverse=adverse,
        needs_explicit_consent=needs_explicit_consent,
    )


ASSET_KEYS: Final = ("loan_id", "subject_id")
"""Text columns of a tape beside the fields: the originator's loan id and the borrower's id. Never model inputs."""

CREDIT_KEYS: Final = ("subject_id",)
"""Text column of a bureau's file beside the fields."""

ASSET_FIELDS: Final = (
    _asset("origination_day", "day", (0, _DAY_MAX), "Date of origination"),
    _asset("currency_code", "code", (1, 999), "Currency of all amounts of the row, ISO 4217 numeric"),
    _asset("original_principal_cents", "cents", (1, _MONEY_MAX), "Amount lent at origination"),
    _asset("balance_cents", "cents", (0, _MONEY_MAX), "Outstanding principal at the cut-off of the pack"),
    _asset("term_months", "months", (1, 600), "Number of monthly payments agreed at origination"),
    _asset("months_on_book", "months", (0, 600), "Whole months from origination to the cut-off of the pack"),
    _asset("rate_ppm", "ppm", (0, 10_000_000), "Nominal yearly interest; for eligibility only, never a model input"),
    _asset("days_past_due", "days", (0, 36_500), "Days past due at the cut-off of the pack; never a model input"),
    _asset("region_code", "code", (1, len(REGIONS)), "Region of the borrower; for limits only, never a model input"),
    _asset("purpose_code", "code", (1, len(PURPOSES)), "What the money is for", nullable=True),
    _asset("annual_income_cents", "cents", (0, _MONEY_MAX), "Yearly income stated at application", nullable=True),
    _asset("employment_years", "years", (0, 10), "Whole years with the employer; 10 means ten or more", nullable=True),
    _asset("home_ownership_code", "code", (1, len(HOME_OWNERSHIP)), "Where the borrower lives", nullable=True),
    _asset("income_verification_code", "code", (1, len(INCOME_VERIFICATION)), "How income was checked", nullable=True),
    _asset(
        "debt_to_income_ppm",
        "ppm",
        (0, 100_000_000),
        "Monthly debt payments, without mortgage and this loan, divided by monthly income, at application",
        nullable=True,
    ),
    _asset("borrower_age_years", "years", (18, 120), "Age at origination; for bands of age", nullable=True),
    _asset(
        "originator_code", "count", (1, 999), "Which originator made the loan, numbered by a mapping", nullable=True
    ),
    _asset("vehicle_value_cents", "cents", (0, _MONEY_MAX), "Value of the vehicle at origination", nullable=True),
    _asset("vehicle_age_years", "years", (0, 100), "Age of the vehicle at origination", nullable=True),
    _asset("is_new_vehicle", "count", (0, 1), "1 when the vehicle was sold new", nullable=True),
    _asset(
        "payment_to_income_ppm",
        "ppm",
        (0, 100_000_000),
        "Monthly payment of this loan divided by monthly income, at origination",
        nullable=True,
    ),
    _asset("credit_limit_cents", "cents", (0, _MONEY_MAX), "Limit of a revolving credit", nullable=True),
)
"""Fields of an asset row, in the order of its canonical encoding."""

CREDIT_FIELDS: Final = (
    _credit(
        "observed_day", "day", (0, _DAY_MAX), "Date the bureau observed the file; never a model input", nullable=False
    ),
    _credit("credit_age_months", "months", (0, 1_500), "Months from the oldest credit line to the observation"),
    _credit(
        "delinquencies_2y", "count", (0, 1_000), "Times 30 or more days past due in the last two years", adverse="high"
    ),
    _credit(
        "inquiries_6m",
        "count",
        (0, 1_000),
        "Inquiries in the last six months, without car loans and mortgages",
        adverse="high",
    ),
    _credit(
        "months_since_delinquency",
        "months",
        (0, 1_500),
        "Months since the last delinquency; none known: missing",
        adverse="low",
    ),
    _credit(
        "months_since_public_record",
        "months",
        (0, 1_500),
        "Months since the last public record; none: missing",
        adverse="low",
    ),
    _credit("open_accounts", "count", (0, 1_000), "Open credit lines"),
    _credit("total_accounts", "count", (0, 1_000), "Credit lines ever"),
    _credit("public_records", "count", (0, 1_000), "Derogatory public records", adverse="high"),
    _credit("bankruptcies", "count", (0, 1_000), "Bankruptcies among the public records", adverse="high"),
    _credit("revolving_balance_cents", "cents", (0, _MONEY_MAX), "Total revolving balance"),
    _credit("revolving_utilisation_ppm", "ppm", (0, 100_000_000), "Revolving balance divided by revolving limits"),
    _credit("bureau_score", "count", (0, 1_000), "The bureau's own score, higher is safer", adverse="low"),
    _credit(
        "income_cents",
        "cents",
        (0, _MONEY_MAX),
        "Yearly income as observed, not as stated",
        needs_explicit_consent=True,
    ),
    _credit("deposits_cents", "cents", (0, _MONEY_MAX), "Deposits at banks", needs_explicit_consent=True),
    _credit("other_loans_cents", "cents", (0, _MONEY_MAX), "Balances of all other loans", adverse="high"),
    _credit(
        "payments_late_12m", "count", (0, 1_000), "Late payments in twelve months, of payment data", adverse="high"
    ),
    _credit("payment_volume_cents", "cents", (0, _MONEY_MAX), "Payments a month on average, of payment data"),
    _credit(
        "relation_distance",
        "count",
        (0, 10),
        "0 or missing: the borrower's own data; else spread from related people at this distance",
        adverse="high",
    ),
)
"""Fields of a credit record, in the order of its canonical encoding: `observed_day` comes first, so the encoding is
[SCHEMA_VERSION, observed_day, ...]."""

FIELDS: Final = {field.name: field for field in (*ASSET_FIELDS, *CREDIT_FIELDS)}
"""Every field by name."""

CODE_TABLES: Final = {
    "currency_code": CURRENCIES,
    "region_code": REGIONS,
    "purpose_code": PURPOSES,
    "home_ownership_code": HOME_OWNERSHIP,
    "income_verification_code": INCOME_VERIFICATION,
}
"""For each field of unit `code`, the names of its codes."""
