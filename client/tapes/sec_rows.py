"""SEC Schedule AL to tape rows: which element becomes which field, and what the codes say became of a loan. No I/O."""

from typing import Final

import polars as pl

from client.model.codes import CURRENCIES, INCOME_VERIFICATION, PURPOSES, REGIONS
from client.model.schema import ASSET_FIELDS
from client.tapes import tape_row as row
from client.tapes.element import TapeFormat
from client.tapes.sec_elements import ALIASES, ELEMENTS

NO_SCORE: Final = ("0", "NONE", "NA", "N/A", "-")
"""What stands for an obligor without a score."""
_STATED, _SOURCE, _VERIFIED = (INCOME_VERIFICATION[name] for name in ("not_verified", "source_verified", "verified"))
_INCOME_LEVELS: Final = {"1": _STATED, "2": _STATED, "3": _SOURCE, "4": _VERIFIED, "5": _VERIFIED}
_EXTENSION: Final = "4"


def _rows(elements: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of `tape_row`; subject_id is the loan's own number, because the tape names no borrower."""
    fields = _asset_fields()
    states = elements.with_columns(_state().alias("state"))
    return states.select(
        pl.col("assetNumber").alias("loan_id"),
        pl.col("assetNumber").alias("subject_id"),
        pl.col("originatorName").alias("originator"),
        "state",
        pl.col("reportingPeriodEndingDate").dt.truncate("1mo").alias("period"),
        *(fields.get(field.name, row.none()).alias(field.name) for field in ASSET_FIELDS),
        _score().alias("bureau_score"),
        *(expression.alias(name) for name, expression in _money().items()),
    )


def _asset_fields() -> dict[str, pl.Expr]:
    origination, end = pl.col("originationDate"), pl.col("reportingPeriodEndingDate")
    state = pl.col("obligorGeographicLocation").str.to_uppercase()
    age = origination.dt.year().cast(pl.Int64) - pl.col("vehicleModelYear")
    balance = row.cents("reportingPeriodActualEndBalanceAmount")
    return {
        "origination_day": row.first_day("originationDate"),
        "currency_code": pl.lit(CURRENCIES["USD"], pl.Int64),
        "original_principal_cents": row.cents("originalLoanAmount"),
        "balance_cents": pl.when(pl.col("state").is_in(row.LEFT)).then(pl.lit(0, pl.Int64)).otherwise(balance),
        "term_months": pl.col("originalLoanTerm"),
        "months_on_book": row.month_number(end) - row.month_number(origination),
        "rate_ppm": pl.coalesce("reportingPeriodInterestRatePercentage", "originalInterestRatePercentage"),
        "days_past_due": pl.col("currentDelinquencyStatus"),
        "region_code": state.replace_strict(dict(REGIONS), default=None, return_dtype=pl.Int64),
        "purpose_code": pl.lit(PURPOSES["car"], pl.Int64),
        "income_verification_code": pl.col("obligorIncomeVerificationLevelCode").replace_strict(
            _INCOME_LEVELS, default=None, return_dtype=pl.Int64
        ),
        "vehicle_value_cents": row.cents("vehicleValueAmount"),
        "vehicle_age_years": pl.when(age < 0).then(pl.lit(0, pl.Int64)).otherwise(age),
        "is_new_vehicle": (pl.col("vehicleNewUsedCode") == "1").cast(pl.Int64),
        "payment_to_income_ppm": pl.col("paymentToIncomePercentage"),
    }


def _score() -> pl.Expr:
    text = pl.col("obligorCreditScore").str.to_uppercase().str.replace(r"\.0*$", "")
    return pl.when(~text.is_in(NO_SCORE)).then(text).cast(pl.Int64, strict=False)


def _state() -> pl.Expr:
    codes = pl.col("zeroBalanceCode")
    balance = pl.col("reportingPeriodActualEndBalanceAmount")
    charged_off = pl.col("chargedoffPrincipalAmount").fill_null(0) > 0
    is_late_recovery = balance.is_null() & (pl.col("recoveredAmount").fill_null(0) > 0)
    is_over = pl.col("loanMaturityDate") <= pl.col("reportingPeriodEndingDate")
    paid = pl.when(is_over).then(row.word("repaid")).otherwise(row.word("prepaid"))
    is_extended = (pl.col("paymentExtendedNumber").fill_null(0) > 0) | pl.col("modificationTypeCode").list.contains(
        _EXTENSION
    )
    is_modified = pl.col("reportingPeriodModificationIndicator") | (pl.col("modificationTypeCode").list.len() > 0)
    return (
        pl.when(codes.list.contains("4") | is_late_recovery | (charged_off & (balance.fill_null(0) == 0)))
        .then(row.word("defaulted"))
        .when(codes.list.set_intersection(["2", "3", "5"]).list.len() > 0)
        .then(row.word("repurchased"))
        .when(codes.list.len() > 0)
        .then(paid)
        .when(balance == 0)
        .then(paid)
        .when(is_extended.fill_null(value=False))
        .then(row.word("holiday"))
        .when(is_modified.fill_null(value=False))
        .then(row.word("modified"))
        .otherwise(row.word("current"))
    )


def _money() -> dict[str, pl.Expr]:
    """Principal above the schedule is prepaid; without a schedule all of a last payment is.

    Where the tape has the balance before, a balance follows from it: what payments, losses and purchases do not explain
    counts as on schedule, or as capitalised where the balance grew.
    """
    collected = row.cents("actualPrincipalCollectedAmount").fill_null(0)
    is_last = pl.col("state").is_in(["prepaid"])
    due = row.cents("scheduledPrincipalAmount").fill_null(pl.when(is_last).then(0).otherwise(collected))
    prepaid = pl.max_horizontal(collected - pl.max_horizontal(due, pl.lit(0, pl.Int64)), pl.lit(0, pl.Int64))
    bought_back = pl.coalesce(
        row.cents("repurchaseAmount"), row.cents("reportingPeriodBeginningLoanBalanceAmount"), pl.lit(0, pl.Int64)
    )
    before = row.cents("reportingPeriodBeginningLoanBalanceAmount")
    after = (
        pl.when(pl.col("state").is_in(row.LEFT)).then(0).otherwise(row.cents("reportingPeriodActualEndBalanceAmount"))
    )
    repurchased = pl.when(pl.col("state") == "repurchased").then(bought_back).otherwise(0)
    written_off = row.cents("chargedoffPrincipalAmount").fill_null(0)
    unexplained = (before - collected - written_off - repurchased - after).fill_null(0)
    return {
        "scheduled_cents": collected - prepaid + pl.max_horizontal(unexplained, pl.lit(0, pl.Int64)),
        "prepaid_cents": prepaid,
        "interest_cents": row.cents("actualInterestCollectedAmount").fill_null(0),
        "fees_cents": row.cents("actualOtherCollectedAmount").fill_null(0),
        "defaulted_cents": written_off,
        "recovered_cents": row.cents("recoveredAmount").fill_null(0),
        "repurchased_cents": repurchased,
        "capitalised_cents": pl.max_horizontal(-unexplained, pl.lit(0, pl.Int64)),
    }


SEC_AUTO_LOANS: Final = TapeFormat(
    name="sec",
    elements=ELEMENTS,
    aliases=ALIASES,
    date_form="%m-%d-%Y",
    month_form="%m/%Y",
    rows=_rows,
    taken=frozenset(
        [
            "assetNumber",
            "originatorName",
            "reportingPeriodEndingDate",
            "originationDate",
            "originalLoanAmount",
            "originalLoanTerm",
            "loanMaturityDate",
            "originalInterestRatePercentage",
            "vehicleNewUsedCode",
            "vehicleModelYear",
            "vehicleValueAmount",
            "obligorCreditScore",
            "obligorIncomeVerificationLevelCode",
            "paymentToIncomePercentage",
            "obligorGeographicLocation",
            "reportingPeriodModificationIndicator",
            "reportingPeriodBeginningLoanBalanceAmount",
            "reportingPeriodInterestRatePercentage",
            "scheduledPrincipalAmount",
            "reportingPeriodActualEndBalanceAmount",
            "actualInterestCollectedAmount",
            "actualPrincipalCollectedAmount",
            "actualOtherCollectedAmount",
            "zeroBalanceCode",
            "currentDelinquencyStatus",
            "repurchaseAmount",
            "chargedoffPrincipalAmount",
            "recoveredAmount",
            "modificationTypeCode",
            "paymentExtendedNumber",
        ]
    ),
)
