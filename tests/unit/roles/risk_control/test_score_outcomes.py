"""Outcomes of scores as the chain's entries tell them."""

from client.roles.risk_control.score_outcomes import counts_of
from client.sdk.monitoring.entries import NOT_IN_POOL, Entry, State


def test_assets_of_the_pool_are_counted_by_score_and_outcome() -> None:
    entries = [
        (7, Entry(State.CURRENT, 0, 10)),
        (7, Entry(State.REPAID)),
        (7, Entry(State.DEFAULTED, 4, 10, has_defaulted=True)),
        (7, Entry(State.CURRENT, 0, 10, has_defaulted=True)),
        (7, NOT_IN_POOL),
        (100, Entry(State.MODIFIED, 2, 3)),
        (100, Entry(State.RECOVERED, has_defaulted=True)),
        (1, Entry(State.PREPAID)),
    ]
    counts = counts_of(entries)
    assert (counts.totals[6], counts.defaults[6], counts.open[6]) == (4, 2, 1)
    assert (counts.totals[99], counts.defaults[99], counts.open[99]) == (2, 1, 1)
    assert (counts.totals[0], counts.defaults[0], counts.open[0]) == (1, 0, 0)
    assert sum(counts.totals) == 7
