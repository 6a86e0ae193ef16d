"""The monitoring of a pack: its pool, terms and closed periods, from the chain alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from client.report.reading.pinned import PinnedChain
from client.sdk.errors import RefusedError
from client.sdk.monitoring.entries import Entry, State
from client.sdk.monitoring.on_chain import read_entries, read_tallies, read_terms
from client.sdk.monitoring.tallies import Tallies, total
from client.sdk.monitoring.terms import Terms


@dataclass(frozen=True, slots=True)
class Span:
    """Closed periods that are shown as one: for analysts each by itself."""

    first: int
    last: int

    @property
    def label(self) -> str:
        """Return the number of the period, or of the first and the last."""
        return str(self.first) if self.first == self.last else f"{self.first} … {self.last}"


@dataclass(frozen=True)
class Monitoring:
    """A monitored pack."""

    chain: PinnedChain
    pack_id: int
    tallies_by_period: dict[int, Tallies] = field(default_factory=dict)
    """What was read so far."""

    @cached_property
    def pool(self) -> Any:
        """The pool as the contract has it."""
        return self.chain.call("Monitoring", "pool", self.pack_id)

    @cached_property
    def terms_pointer(self) -> str:
        """Where the terms are kept; MonitoringEngine.terms reads them."""
        return str(self.chain.call("Monitoring", "termsPointer", self.pack_id))

    @cached_property
    def terms(self) -> Terms:
        """What the pool was promised to be."""
        return read_terms(self.chain, self.pack_id)

    @cached_property
    def last_period(self) -> int:
        """The newest closed period; 0 before the first."""
        return int(self.pool.lastPeriod)

    def period(self, number: int) -> Any:
        """Return a closed period as the contract has it."""
        return self.chain.call("Monitoring", "period", self.pack_id, number)

    @cached_property
    def periods(self) -> Sequence[Any]:
        """All closed periods, the first one first."""
        return [self.period(number) for number in range(1, self.last_period + 1)]

    def tallies_pointer(self, number: int) -> str:
        """Return where the sums over a period's entries are kept."""
        return str(self.chain.call("Monitoring", "talliesPointer", self.pack_id, number))

    def tallies(self, number: int) -> Tallies:
        """Return the sums over a period's entries; period 0 is the closing."""
        if number not in self.tallies_by_period:
            self.tallies_by_period[number] = read_tallies(self.chain, self.pack_id, number)
        return self.tallies_by_period[number]

    def entries(self, number: int) -> tuple[Entry, ...]:
        """Return what was reported of each asset in a period; of period 0 there is nothing."""
        return tuple(read_entries(self.chain, self.pack_id, number))

    def spans(self, smallest: int) -> list[Span]:
        """Join periods until in each the loans that defaulted, were written off or left are none or `smallest` many."""
        spans: list[Span] = []
        first = 1
        for number in range(1, self.last_period + 1):
            if all(size == 0 or size >= smallest for size in self._events(first, number)):
                spans.append(Span(first, number))
                first = number + 1
        if first <= self.last_period:
            start = first
            while spans and any(0 < size < smallest for size in self._events(start, self.last_period)):
                start = spans.pop().first
            spans.append(Span(start, self.last_period))
        return spans

    def _events(self, first: int, last: int) -> list[int]:
        """Return how many loans defaulted, were written off, left by measures and were paid off between two periods."""
        tallies = [self.tallies(number) for number in range(first, last + 1)]
        before, after = self.tallies(first - 1), tallies[-1]
        gone = (State.PREPAID, State.RECOVERED, State.REPAID)
        return [
            sum(each.defaults.count for each in tallies),
            sum(each.charged_off.count for each in tallies),
            sum(total(each.left).count for each in tallies),
            *(after.states[state].count - before.states[state].count for state in gone),
        ]


def read_monitoring(chain: PinnedChain, pack_id: int) -> Monitoring | None:
    """Return the monitoring of a pack; None before its first closed period, or where nothing is monitored."""
    try:
        is_monitored = bool(chain.call("Monitoring", "isMonitored", pack_id))
    except RefusedError:  # no such contract on this network at this block
        return None
    monitoring = Monitoring(chain, pack_id)
    return monitoring if is_monitored and monitoring.last_period else None
