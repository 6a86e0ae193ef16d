"""Asset rows and credit records for tests."""

from collections.abc import Mapping

from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS
from client.sdk.pack.asset_row import AssetRow

ASSET = {
    "origination_day": 15_000,
    "currency_code": 840,
    "original_principal_cents": 1_200_000,
    "balance_cents": 1_150_000,
    "term_months": 36,
    "months_on_book": 3,
    "rate_ppm": 126_900,
    "days_past_due": 0,
    "region_code": 5,
    "purpose_code": 1,
    "annual_income_cents": 7_500_000,
    "employment_years": 3,
    "home_ownership_code": 1,
    "income_verification_code": 1,
    "debt_to_income_ppm": 107_800,
    "borrower_age_years": 41,
    "originator_code": 7,
    "vehicle_value_cents": 1_500_000,
    "vehicle_age_years": 2,
    "is_new_vehicle": 0,
    "payment_to_income_ppm": 64_000,
    "credit_limit_cents": None,
}
CREDIT = {
    "observed_day": 15_200,
    "credit_age_months": 131,
    "delinquencies_2y": 0,
    "inquiries_6m": 1,
    "months_since_delinquency": None,
    "months_since_public_record": None,
    "open_accounts": 12,
    "total_accounts": 26,
    "public_records": 0,
    "bankruptcies": 0,
    "revolving_balance_cents": 1_156_900,
    "revolving_utilisation_ppm": 435_000,
    "bureau_score": 690,
    "income_cents": 7_100_000,
    "deposits_cents": 240_000,
    "other_loans_cents": 350_000,
    "payments_late_12m": 1,
    "payment_volume_cents": 180_000,
    "relation_distance": None,
}


def asset_values(**changes: int | None) -> tuple[int | None, ...]:
    """Values of an asset row, some changed."""
    known: Mapping[str, int | None] = {**ASSET, **changes}
    return tuple(known[field.name] for field in ASSET_FIELDS)


def row(number: int = 1, **changes: int | None) -> AssetRow:
    """An asset row whose handle and loan id come from the number."""
    return AssetRow(number.to_bytes(32, "big"), f"L{number}", asset_values(**changes))


def record(**changes: int | None) -> tuple[int | None, ...]:
    """A credit record, some values changed."""
    known: Mapping[str, int | None] = {**CREDIT, **changes}
    return tuple(known[field.name] for field in CREDIT_FIELDS)
