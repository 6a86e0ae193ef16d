"""What a trustee computes of a replacement from rows, and measures as people write and read them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from client.sdk.errors import InvalidInputError
from client.sdk.measures.exact import maturity_month, replacement_problems
from client.sdk.measures.on_chain import Losses
from client.sdk.measures.types import Measure, MeasureKind, MeasureStatus, Representation, parse_assets
from client.sdk.pack.asset_row import AssetRow
from client.sdk.quantities import parse_cents
from tests.unit.sdk.pack.samples import asset_values


def row(**changes: int | None) -> AssetRow:
    return AssetRow(handle=bytes(32), loan_id="L", values=asset_values(**changes))


OLD = row(days_past_due=12, balance_cents=900_000)
POOL = [OLD, row(term_months=60)]


def problems(new: AssetRow, *, outgoing_cents: int = 900_000, cash_cents: int = 0) -> list[str]:
    return replacement_problems([OLD], [new], pool=POOL, outgoing_balance_cents=outgoing_cents, cash_cents=cash_cents)


def test_maturity_is_the_month_of_the_last_payment() -> None:
    assert maturity_month(row(origination_day=0, term_months=12)) == 12
    assert maturity_month(row(origination_day=30, term_months=1)) == 1
    assert maturity_month(row(origination_day=31, term_months=1)) == 2


def test_replacement_as_good_in_every_respect_has_no_problems() -> None:
    assert problems(row()) == []
    assert problems(row(balance_cents=899_999), cash_cents=1) == []
    assert problems(row(term_months=60)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"days_past_due": 1}, "replacement 0 is 1 days past due"),
        ({"currency_code": 978}, "replacement 0 is in another currency"),
        ({"rate_ppm": 126_899}, "replacement 0 bears 126899 ppm, less than 126900"),
        ({"term_months": 61}, "replacement 0 matures 1 months after the pool"),
        ({"balance_cents": 899_999}, "0 cents were paid, the shortfall is 1"),
    ],
)
def test_replacement_that_is_worse_is_named(change: dict[str, int], problem: str) -> None:
    assert problems(row(**change)) == [problem]


def test_cash_without_a_shortfall_is_a_problem() -> None:
    assert problems(row(), cash_cents=5) == ["5 cents were paid, the shortfall is 0"]


def test_losses_are_shown_with_and_without_what_left() -> None:
    losses = Losses(last_period=3, gross_cents=1_000, recovered_cents=200, removed_cents=500)
    assert (losses.net_cents, losses.net_without_measures_cents) == (800, 1_300)


def test_assets_are_read_as_people_write_them() -> None:
    assert parse_assets("7, 3,12-14,3") == (3, 7, 12, 13, 14)
    for text in ("", "3-", "5-3", "x", "1,,2", "0-5000"):
        with pytest.raises(InvalidInputError, match="assets"):
            parse_assets(text)


def test_amounts_are_whole_cents() -> None:
    assert parse_cents("1234.50", what="--cash") == 123_450
    for text in ("-1", "0.001", "ten", "NaN"):
        with pytest.raises(InvalidInputError, match="--cash"):
            parse_cents(text, what="--cash")


def struct(**changes: Any) -> SimpleNamespace:
    times = dict.fromkeys(("orderedAt", "carriedOutAt", "confirmedAt", "escalatedAt"), 0)
    known = {"packId": 1, "kind": 3, "status": 1, "breach": 0, "reservePackId": 0, "cashCents": 0, "deadline": 100}
    return SimpleNamespace(**(known | times | changes))


def test_measure_says_how_it_stands() -> None:
    ordered = Measure.from_chain(1, struct(), [1, 2], [])
    assert (ordered.kind, ordered.breach, ordered.state_text(100)) == (MeasureKind.REPLACE, None, "ordered")
    assert ordered.state_text(101) == "overdue"
    assert Measure.from_chain(1, struct(escalatedAt=101), [1], []).state_text(102) == "overdue, escalated"
    done = Measure.from_chain(1, struct(status=2, kind=4, breach=2), [1], [])
    assert (done.status, done.breach) == (MeasureStatus.CARRIED_OUT, Representation.TITLE)
    assert done.state_text(1_000) == "carried out"
    with pytest.raises(InvalidInputError, match="measure: got 9"):
        Measure.from_chain(9, struct(status=0), [], [])
