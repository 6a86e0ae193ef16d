"""The files of examples/ally_2017_3 as each institution has them: the pack at its cut-off, and the months after it.

The published months hold balances and payments only. What a servicer would know besides is derived here, by rules that
SOURCE.md beside the data says and defends; nothing is taken from a later month, except that a loan was given up.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

ROOT = Path(__file__).resolve().parents[1]
TRUST = ROOT / "examples" / "ally_2017_3"
CUT_OFF = "2017-05"
GIVEN_UP = ("charged_off", "removed")
"""Outcomes that are credit losses: all 20 removed loans left with an unpaid balance, 19 after a repossession."""
HOLIDAY_FROM, HOLIDAY_UNTIL, HOLIDAY_MONTHS = "2020-03", "2020-06", 4
"""A run of months without payment that began in this time counts as a payment holiday, for so many months."""
DAYS_A_MONTH = 30
_PREPAID_FROM = 2
"""Principal from so many times the scheduled on is ahead of schedule; less may make up for a month before."""


@dataclass(slots=True)
class _Loan:
    """What is carried from month to month of one loan."""

    loan_id: str
    outcome: str
    last_month: int
    """Index of the month of its last balance."""
    payment_cents: int
    rate: float
    maturity: str
    balance_cents: int
    unpaid_months: int
    is_on_holiday: bool = False
    has_grown: bool = False
    """Whether its balance ever rose: a change of terms, from which there is no way back."""
    has_left: bool = False


def loans_with_outcome(loans: Path, credit_files: Path) -> pl.DataFrame:
    """Join the imported tables with what became of each loan: what the model of the trust is trained on."""
    outcome = _static().select(
        loan_id=pl.col("assetNumber"),
        outcome=pl.when(pl.col("outcome_derived").is_in(GIVEN_UP)).then(pl.lit("lost")).otherwise(pl.lit("not lost")),
    )
    credit = pl.read_csv(credit_files, infer_schema=False).select("subject_id", "bureau_score", "observed_day")
    return (
        pl.read_csv(loans, infer_schema=False)
        .join(credit, on="subject_id", how="left", maintain_order="left")
        .join(outcome, on="loan_id", how="left", maintain_order="left")
    )


def write_consents(loans: Path, path: Path) -> None:
    """Invent what every borrower signed: these columns belong to nobody and are not in the source."""
    people = pl.read_csv(loans, infer_schema=False)["subject_id"]
    documents = [hashlib.sha256(f"example consent of {person}".encode()).hexdigest() for person in people]
    frame = pl.DataFrame({"subject_id": people, "document_sha256": documents}).with_columns(
        purposes=pl.lit("underwriting monitoring"), granted_on=pl.lit("2016-01-01"), expires_on=pl.lit("2040-12-31")
    )
    frame.write_csv(path)


def period_rows(*, with_holidays: bool = True) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the rows of each month after the cut-off, oldest first, with its name `YYYY-MM`."""
    loans = {loan.loan_id: loan for loan in _loans_at_cut_off()}
    months = pl.read_csv(TRUST / "monthly.csv.gz", schema_overrides={"assetNumber": pl.String}).sort(
        "month_index", "assetNumber"
    )
    for (name,), month in months.filter(pl.col("month_index") > 1).group_by("reporting_month", maintain_order=True):
        reported = {each["assetNumber"]: each for each in month.iter_rows(named=True)}
        rows = [
            _row(loan, str(name), reported.get(loan.loan_id), with_holidays=with_holidays) for loan in loans.values()
        ]
        yield str(name), [row for row in rows if row is not None]


def _loans_at_cut_off() -> Iterator[_Loan]:
    for each in _static().iter_rows(named=True):
        balance_cents = _cents(each["reportingPeriodActualEndBalanceAmount"])
        if not balance_cents:
            continue  # 59 were paid off in the month of the cut-off
        yield _Loan(
            loan_id=each["assetNumber"],
            outcome=each["outcome_derived"],
            last_month=int(each["terminal_month_index"]),
            payment_cents=_cents(each["reportingPeriodScheduledPaymentAmount"]),
            rate=float(each["originalInterestRatePercentage"]),
            maturity="-".join(reversed(each["loanMaturityDate"].split("/"))),
            balance_cents=balance_cents,
            unpaid_months=-(-int(each["currentDelinquencyStatus"]) // DAYS_A_MONTH),
        )


def _row(loan: _Loan, month: str, reported: dict[str, Any] | None, *, with_holidays: bool) -> dict[str, Any] | None:
    """Return what the servicer says of a loan in a month, and carry it on; None once it has left without a loss."""
    reported = reported or {}
    recovered = max(0, _cents(reported.get("recovered")) + _cents(reported.get("repossession_proceeds")))
    if loan.has_left:
        return _defaulted(loan, month, recovered) if loan.outcome in GIVEN_UP else None
    before, after = loan.balance_cents, max(0, _cents(reported.get("end_balance")))
    paid, principal = _cents(reported.get("total_paid")), min(before, _cents(reported.get("principal_paid")))
    is_given_up = loan.outcome in GIVEN_UP and int(reported.get("month_index") or loan.last_month) >= loan.last_month
    if is_given_up:
        after = 0
    loan.balance_cents, loan.has_left = after, after == 0
    loan.has_grown = loan.has_grown or after > before
    _count_unpaid(loan, month, is_paid=paid > 0, with_holidays=with_holidays)
    lost = max(0, before - principal) if is_given_up else 0
    scheduled = min(before, max(0, loan.payment_cents - round(before * loan.rate / 12)))
    is_ahead = principal >= _PREPAID_FROM * scheduled or (loan.has_left and not is_given_up)
    prepaid = max(0, principal - scheduled) if is_ahead else 0
    unexplained = before - principal - lost - after
    return {
        "loan_id": loan.loan_id,
        "period": month,
        "state": _state(loan, month, is_given_up=is_given_up),
        "days_past_due": 0 if loan.has_left else _days_past_due(loan),
        "balance_cents": after,
        "scheduled_cents": principal - prepaid + max(0, unexplained),
        "prepaid_cents": prepaid,
        "interest_cents": max(0, paid - principal),
        "fees_cents": 0,
        "defaulted_cents": lost,
        "recovered_cents": recovered if is_given_up else 0,
        "repurchased_cents": 0,
        "capitalised_cents": max(0, -unexplained),
    }


def _defaulted(loan: _Loan, month: str, recovered: int) -> dict[str, Any]:
    money = ("balance", "scheduled", "prepaid", "interest", "fees", "defaulted", "repurchased", "capitalised")
    nothing = dict.fromkeys([f"{name}_cents" for name in money], 0)
    row = {"loan_id": loan.loan_id, "period": month, "state": "defaulted", "days_past_due": 0}
    return row | nothing | {"recovered_cents": recovered}


def _count_unpaid(loan: _Loan, month: str, *, is_paid: bool, with_holidays: bool) -> None:
    if is_paid:
        loan.unpaid_months, loan.is_on_holiday = 0, False
        return
    if loan.unpaid_months == 0:
        loan.is_on_holiday = with_holidays and HOLIDAY_FROM <= month <= HOLIDAY_UNTIL
    loan.unpaid_months += 1


def _days_past_due(loan: _Loan) -> int:
    months = loan.unpaid_months - (HOLIDAY_MONTHS if loan.is_on_holiday else 0)
    return max(0, months) * DAYS_A_MONTH


def _state(loan: _Loan, month: str, *, is_given_up: bool) -> str:
    if is_given_up:
        return "defaulted"
    if loan.has_left:
        return "repaid" if month >= loan.maturity else "prepaid"
    if loan.has_grown:
        return "modified"
    return "holiday" if loan.is_on_holiday and loan.unpaid_months <= HOLIDAY_MONTHS else "current"


def _static() -> pl.DataFrame:
    return pl.read_csv(TRUST / "static.csv.gz", infer_schema=False)


def _cents(text: Any) -> int:
    return round(float(text) * 100) if text not in (None, "") else 0


def totals_of(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Add up the money of a month."""
    return {name: sum(row[name] for row in rows) for name in rows[0] if name.endswith("_cents")}
