"""The first year of the example's loans as their servicer would have reported it, rebuilt from what is known of each.

The source has no monthly panel, but the month of the last payment, the instalment, and how the loan ended. So each loan
amortises to its last payment; one that was paid off prepays then what is left; one that was charged off falls behind 30
days a month and is written off when it is 150 days behind. Month 1 of every loan is the first after the cut-off,
although the loans were made in different months of 2011.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

MONTHS = 12
FIRST_YEAR = 2012
_CHARGED_OFF_AFTER = 5
"""Missed payments at which a loan is written off."""
_RECOVERED_AFTER = 4
"""Months from the write-off to the month in which the source's recoveries are taken to have come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLoan:
    """What the source knows of one loan. Amounts in cents."""

    loan_id: str
    principal_cents: int
    instalment_cents: int
    rate_ppm: int
    last_payment_month: int
    """Months from issue to the last payment; 0 for none."""
    is_charged_off: bool
    recovered_cents: int


def servicer_tape(pack: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each loan and month up to the month in which the loan ends; amounts in dollars."""
    rows = [row for loan in _loans(pack) for row in months_of(loan)]
    names = ("loan_id", "period", "balance", "days_past_due", "state", "scheduled", "prepaid", "interest")
    frame = pl.DataFrame(rows, schema=[*names, "charged_off", "recovered"], orient="row")
    money = ("balance", "scheduled", "prepaid", "interest", "charged_off", "recovered")
    dollars = [(pl.col(name).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2)).alias(name) for name in money]
    return frame.sort("period", "loan_id").with_columns(dollars)


def months_of(loan: KnownLoan) -> Iterator[tuple[str, str, int, int, str, int, int, int, int, int]]:
    """Yield the months of a loan: id, month, balance, days past due, state, scheduled, prepaid, interest, losses."""
    balance, written_off_in = loan.principal_cents, loan.last_payment_month + _CHARGED_OFF_AFTER
    for month in range(1, MONTHS + 1):
        scheduled = prepaid = interest = lost = recovered = missed = 0
        state = "current"
        if month <= loan.last_payment_month:
            interest = balance * loan.rate_ppm // 12_000_000
            scheduled = min(max(loan.instalment_cents - interest, 0), balance)
            is_last = month == loan.last_payment_month and not loan.is_charged_off
            prepaid = balance - scheduled if is_last else 0
            balance -= scheduled + prepaid
            if not balance:
                state = "prepaid" if prepaid else "repaid"
        elif month < written_off_in:
            missed = month - loan.last_payment_month
        elif month == written_off_in:
            state, lost, missed, balance = "defaulted", balance, _CHARGED_OFF_AFTER, 0
        else:
            state, missed = "defaulted", _CHARGED_OFF_AFTER
            if month == written_off_in + _RECOVERED_AFTER:
                recovered = loan.recovered_cents
        name = f"{FIRST_YEAR}-{month:02}"
        yield (loan.loan_id, name, balance, 30 * missed, state, scheduled, prepaid, interest, lost, recovered)
        if state in ("prepaid", "repaid"):
            return


def _loans(pack: pl.DataFrame) -> Iterator[KnownLoan]:
    issued = pl.col("issue_d").str.slice(0, 4).cast(pl.Int64) * 12 + pl.col("issue_d").str.slice(5, 2).cast(pl.Int64)
    paid = pl.col("last_pymnt_d").str.slice(0, 4).cast(pl.Int64) * 12 + pl.col("last_pymnt_d").str.slice(5, 2).cast(
        pl.Int64
    )
    columns = pack.select(
        "loan_uid",
        (pl.col("funded_amnt") * 100).round().cast(pl.Int64).alias("principal"),
        (pl.col("installment") * 100).round().cast(pl.Int64),
        (pl.col("int_rate") * 1_000_000).round().cast(pl.Int64),
        (paid - issued).fill_null(0).clip(lower_bound=0).alias("last"),
        pl.col("default").cast(pl.Boolean),
        (pl.col("recoveries") * 100).round().cast(pl.Int64),
    )
    for loan_id, principal, instalment, rate, last, is_charged_off, recovered in columns.iter_rows():
        yield KnownLoan(
            loan_id=loan_id,
            principal_cents=principal,
            instalment_cents=instalment,
            rate_ppm=rate,
            last_payment_month=last if is_charged_off else max(last, 1),
            is_charged_off=is_charged_off,
            recovered_cents=recovered,
        )
