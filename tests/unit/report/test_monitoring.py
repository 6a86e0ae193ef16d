from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from client.report.reading.monitoring import Monitoring, Span
from client.report.reading.pinned import PinnedChain
from client.report.sections.arrears import quarter_of
from client.sdk.monitoring.entries import State
from client.sdk.monitoring.tallies import Tallies
from client.sdk.screening import Tally

MONTHS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15), st.integers(0, 15)), min_size=1, max_size=15)
"""Of each month: loans that defaulted, were written off, were paid off."""


def monitored(months: list[tuple[int, int, int]]) -> Monitoring:
    """A monitoring whose sums are known already, so that no chain is asked."""
    monitoring = Monitoring(cast(PinnedChain, None), 1)
    monitoring.__dict__["last_period"] = len(months)
    paid = 0
    monitoring.tallies_by_period[0] = Tallies()
    for number, (defaulted, written_off, paid_off) in enumerate(months, start=1):
        paid += paid_off
        tallies = Tallies(defaults=Tally(defaulted, 0), charged_off=Tally(written_off, 0))
        tallies.states[State.PREPAID] = Tally(paid, 0)
        monitoring.tallies_by_period[number] = tallies
    return monitoring


@given(MONTHS)
def test_spans_cover_every_month_once_and_hide_few_loans(months: list[tuple[int, int, int]]) -> None:
    spans = monitored(months).spans(10)
    assert [n for span in spans for n in range(span.first, span.last + 1)] == list(range(1, len(months) + 1))
    for span in spans if len(spans) > 1 else ():
        sums = [sum(column) for column in zip(*months[span.first - 1 : span.last], strict=True)]
        assert not [size for size in sums if 0 < size < 10]


@given(MONTHS)
def test_for_analysts_every_month_stands_by_itself(months: list[tuple[int, int, int]]) -> None:
    assert monitored(months).spans(1) == [Span(n, n) for n in range(1, len(months) + 1)]


def test_spans_are_named_by_their_months() -> None:
    assert [Span(3, 3).label, Span(3, 7).label] == ["3", "3 … 7"]


def test_quarters_of_days() -> None:
    assert [quarter_of(day) for day in (0, 89, 90, 15_339)] == ["1970 Q1", "1970 Q1", "1970 Q2", "2011 Q4"]
