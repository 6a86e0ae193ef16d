"""ESMA Annex V to tape rows: which field code becomes which field, and what the account status says. No I/O.

Percentages are percent. The tape has sums since origination of prepayments, recoveries and default; the money of a
period is their change (`changes_of_sums`), once the period before is known.
"""

from typing import Final

import polars as pl

from client.model.codes import CURRENCIES, INCOME_VERIFICATION, PURPOSES, REGIONS
from client.model.schema import ASSET_FIELDS
from client.tapes import tape_row as row
from client.tapes.element import TapeFormat
from client.tapes.esma_elements import ELEMENTS

_STATED, _SOURCE, _VERIFIED = (INCOME_VERIFICATION[name] for name in ("not_verified", "source_verified", "verified"))
_INCOME_CHECKS: Final = {"SCRT": _STATED, "SCNF": _STATED, "NVRF": _STATED, "SCRG": _SOURCE, "VRFD": _VERIFIED}
_COUNTRIES: Final = {
    "EL": REGIONS["EU-GR"],
    "UK": REGIONS["EU-GB"],
} | {name.removeprefix("EU-"): code for name, code in REGIONS.items() if name.startswith("EU-")}
"""The first two letters of a NUTS code; Greece and the United Kingdom have letters of their own there."""
_STATES: Final = {
    **dict.fromkeys(("PERF", "ARRE", "OTHR"), "current"),
    **dict.fromkeys(("RNAR", "RARR"), "modified"),
    **dict.fromkeys(("DFLT", "NDFT", "DTCR", "DADB"), "defaulted"),
    **dict.fromkeys(("REBR", "REDF", "RERE", "RESS", "REOT"), "repurchased"),
}
_SUMS: Final = ("prepaid_cents", "defaulted_cents", "recovered_cents")
_GROSS_YEARLY: Final = "GRAN"
_NEW: Final = "NEWX"


def _rows(elements: pl.DataFrame) -> pl.DataFrame:
    fields = _asset_fields()
    states = elements.with_columns(_state().alias("state"))
    return states.select(
        pl.coalesce("AUTL3", "AUTL2").alias("loan_id"),
        pl.coalesce("AUTL5", "AUTL4").alias("subject_id"),
        pl.col("AUTL82").alias("originator"),
        "state",
        pl.col("AUTL6").dt.truncate("1mo").alias("period"),
        *(fields.get(field.name, row.none()).alias(field.name) for field in ASSET_FIELDS),
        row.none().alias("bureau_score"),
        *(expression.alias(name) for name, expression in _money().items()),
    )


def _asset_fields() -> dict[str, pl.Expr]:
    origination, cut_off, maturity = pl.col("AUTL24"), pl.col("AUTL6"), pl.col("AUTL25")
    term = pl.coalesce("AUTL26", row.month_number(maturity) - row.month_number(origination))
    has_income = (pl.col("AUTL17") == _GROSS_YEARLY) & (pl.col("AUTL18") == pl.col("AUTL28"))
    age = origination.dt.year().cast(pl.Int64) - pl.col("AUTL55")
    months = row.month_number(cut_off) - row.month_number(origination)
    return {
        "origination_day": row.first_day("AUTL24"),
        "currency_code": pl.col("AUTL28").replace_strict(dict(CURRENCIES), default=None, return_dtype=pl.Int64),
        "original_principal_cents": row.cents("AUTL29"),
        "balance_cents": pl.when(pl.col("state").is_in(row.LEFT)).then(0).otherwise(row.cents("AUTL30")),
        "term_months": term,
        "months_on_book": months - (cut_off.dt.day() < origination.dt.day()).cast(pl.Int64),
        "rate_ppm": pl.col("AUTL40"),
        "days_past_due": pl.col("AUTL69"),
        "region_code": pl.col("AUTL10").str.slice(0, 2).replace_strict(_COUNTRIES, default=None, return_dtype=pl.Int64),
        "purpose_code": pl.lit(PURPOSES["car"], pl.Int64),
        "annual_income_cents": pl.when(has_income).then(row.cents("AUTL16")),
        "income_verification_code": pl.col("AUTL19").replace_strict(
            _INCOME_CHECKS, default=None, return_dtype=pl.Int64
        ),
        "vehicle_value_cents": row.cents("AUTL60"),
        "vehicle_age_years": pl.when(age < 0).then(pl.lit(0, pl.Int64)).otherwise(age),
        "is_new_vehicle": (pl.col("AUTL56") == _NEW).cast(pl.Int64),
    }


def _state() -> pl.Expr:
    is_over = pl.col("AUTL25") <= pl.col("AUTL6")
    paid = pl.when(is_over).then(row.word("repaid")).otherwise(row.word("prepaid"))
    word = pl.col("AUTL70").replace_strict(_STATES, default=None, return_dtype=pl.String)
    return (
        pl.when((pl.col("AUTL70") == "RDMD") | (pl.col("AUTL30") == 0) & (word == "current")).then(paid).otherwise(word)
    )


def _money() -> dict[str, pl.Expr]:
    """Sums since origination, where the tape has them; what is not on it is not known."""
    return {
        "scheduled_cents": row.none(),
        "prepaid_cents": row.cents("AUTL52"),
        "interest_cents": row.none(),
        "fees_cents": row.none(),
        "defaulted_cents": row.cents("AUTL72"),
        "recovered_cents": row.cents("AUTL76"),
        "repurchased_cents": row.none(),
        "capitalised_cents": row.none(),
    }


def changes_of_sums(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Turn sums since origination into the money of each period; nothing is known of a loan's first period.

    Principal that is gone, and neither prepaid nor written off, was paid on schedule.
    """
    before = {name: pl.col(name).shift(1).over("loan_id", order_by=row.PERIOD) for name in (*_SUMS, "balance_cents")}
    zero = pl.lit(0, pl.Int64)
    change = {
        name: pl.when(before[name].is_not_null()).then(pl.max_horizontal(pl.col(name) - before[name], zero))
        for name in _SUMS
    }
    gone = before["balance_cents"] - pl.col("balance_cents")
    rest = gone - change["prepaid_cents"].fill_null(0) - change["defaulted_cents"].fill_null(0)
    is_bought = (pl.col("state") == "repurchased") & before["balance_cents"].is_not_null()
    scheduled = pl.when(before["balance_cents"].is_not_null() & ~is_bought).then(pl.max_horizontal(rest, zero))
    return rows.with_columns(
        *(expression.alias(name) for name, expression in change.items()),
        scheduled.alias("scheduled_cents"),
        pl.max_horizontal(-rest, zero).alias("capitalised_cents"),
        pl.when(is_bought).then(before["balance_cents"]).alias("repurchased_cents"),
    )


ESMA_AUTO: Final = TapeFormat(
    name="esma",
    elements=ELEMENTS,
    rows=_rows,
    taken=frozenset(f"AUTL{n}" for n in (2, 3, 4, 5, 6, 10, 16, 17, 18, 19, 24, 25, 26, 28, 29, 30, 40, 52, 55, 56, 60))
    | frozenset(f"AUTL{n}" for n in (69, 70, 72, 76, 82)),
    ratios_in_percent=True,
)
