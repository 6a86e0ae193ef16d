"""The months of the auto trust: they add up, nothing is from a later month, and the counts of the source come out."""

from itertools import pairwise
from typing import Any

import pytest

from scripts.auto_trust_data import DAYS_A_MONTH, HOLIDAY_MONTHS, period_rows, totals_of

Months = list[tuple[str, list[dict[str, Any]]]]
LIVE = ("current", "holiday", "modified")


@pytest.fixture(scope="module")
def months() -> Months:
    return list(period_rows())


def test_there_are_43_months_after_the_cut_off(months: Months) -> None:
    assert (len(months), months[0][0], months[-1][0]) == (43, "2017-06", "2020-12")
    assert len(months[0][1]) == 3_454


def test_every_month_adds_up_to_the_cent(months: Months) -> None:
    before = 6_340_331_270
    for name, rows in months:
        money = totals_of(rows)
        out = money["scheduled_cents"] + money["prepaid_cents"] + money["defaulted_cents"]
        assert before - out + money["capitalised_cents"] == money["balance_cents"], name
        before = money["balance_cents"]


def test_no_amount_is_negative(months: Months) -> None:
    """One borrower paid too much, and the source says so by a negative balance."""
    assert min(value for _, rows in months for row in rows for name, value in row.items() if name[-6:] == "_cents") == 0


def test_125_loans_are_given_up_once_each(months: Months) -> None:
    losses = [row["loan_id"] for _, rows in months for row in rows if row["defaulted_cents"]]
    assert len(losses) == len(set(losses)) == 125
    published, unpaid_at_removal = 137_546_035, 30_100_310
    gross = sum(totals_of(rows)["defaulted_cents"] for _, rows in months)
    assert gross == published + unpaid_at_removal


def test_a_loan_stays_until_it_leaves_and_a_lost_one_for_ever(months: Months) -> None:
    for (_, before), (_, after) in pairwise(months):
        there = {row["loan_id"]: row["state"] for row in after}
        for row in before:
            if row["state"] in LIVE:
                assert row["loan_id"] in there
            elif row["state"] == "defaulted":
                assert there[row["loan_id"]] == "defaulted"
            else:
                assert row["loan_id"] not in there


def test_days_past_due_count_months_without_payment(months: Months) -> None:
    run: dict[str, int] = {}
    for _, rows in months:
        for row in rows:
            if row["state"] in LIVE:
                assert row["days_past_due"] % DAYS_A_MONTH == 0
                assert row["days_past_due"] <= run.get(row["loan_id"], 60) + DAYS_A_MONTH
                run[row["loan_id"]] = row["days_past_due"]
            else:
                assert (row["days_past_due"], row["balance_cents"]) == (0, 0)


def test_holidays_are_of_2020_and_end_after_four_months(months: Months) -> None:
    length: dict[str, int] = {}
    for name, rows in months:
        for row in rows:
            if row["state"] == "holiday":
                assert "2020-03" <= name <= "2020-09"
                assert row["days_past_due"] == 0
                length[row["loan_id"]] = length.get(row["loan_id"], 0) + 1
    assert len(length) > 300
    assert max(length.values()) <= 2 * HOLIDAY_MONTHS


def test_without_the_holiday_rule_arrears_of_that_spring_double(months: Months) -> None:
    def late(all_months: Months) -> int:
        return max(sum(row["days_past_due"] > 60 for row in rows) for _, rows in all_months)

    assert late(list(period_rows(with_holidays=False))) > 2 * late(months)
