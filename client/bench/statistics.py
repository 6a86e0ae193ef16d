"""Figures from times: rates, percentiles, series over seconds. Pure: no I/O.

Latency is the time from sending a transaction until every node has its block. Throughput is what was committed, over
the time from the first transaction sent to the last block that was waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from client.bench.load import Sent
from client.bench.watch import Blocks

_PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When each committed transaction was sent and committed; seconds since the first was sent, in order of sending."""

    sent_s: list[float]
    committed_s: list[float]
    last_sent_s: float
    """When the last transaction was sent, committed or not."""


def times_of(sent: Sent, blocks: Blocks) -> Times:
    """Return the times of all transactions that every node has in a block."""
    begun = [time_s for time_s in sent.sent_s if time_s]
    start = min(begun, default=0.0)
    pairs = []
    for number, height in blocks.height_by_number.items():
        committed_s = blocks.committed_s(height)
        if committed_s is not None and sent.sent_s[number]:
            pairs.append((sent.sent_s[number] - start, committed_s - start))
    pairs.sort()
    return Times(
        sent_s=[pair[0] for pair in pairs],
        committed_s=[pair[1] for pair in pairs],
        last_sent_s=max(begun, default=0.0) - start,
    )


def percentile(ascending: Sequence[float], percent: int) -> float:
    """Return the nearest-rank percentile: the least value that `percent` of all values do not exceed."""
    return ascending[max(0, -(-len(ascending) * percent // 100) - 1)]


def spread_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Return minimum, mean, percentiles and maximum in ms; empty when there is no value."""
    if not seconds:
        return {}
    ascending = sorted(seconds)
    figures = {"min_ms": ascending[0], "avg_ms": sum(ascending) / len(ascending)}
    figures |= {f"p{percent}_ms": percentile(ascending, percent) for percent in _PERCENTILES}
    return {name: round(1000 * value, 2) for name, value in (figures | {"max_ms": ascending[-1]}).items()}


def per_second(count: int, seconds: float) -> float:
    """Return a rate with one decimal; 0.0 when there was no time."""
    return round(count / seconds, 1) if seconds > 0 else 0.0


def series_of(times: Times) -> list[dict[str, object]]:
    """Return, for each second, transactions sent and committed in it and the latencies of those sent in it."""
    length = 1 + int(max(times.committed_s, default=0.0))
    sent, committed = [0] * length, [0] * length
    latencies: list[list[float]] = [[] for _ in range(length)]
    for sent_s, committed_s in zip(times.sent_s, times.committed_s, strict=True):
        sent[int(sent_s)] += 1
        committed[int(committed_s)] += 1
        latencies[int(sent_s)].append(committed_s - sent_s)
    return [
        {"second": second, "sent": sent[second], "committed": committed[second], **_halves(latencies[second])}
        for second in range(length)
    ]


def _halves(seconds: list[float]) -> dict[str, float | None]:
    spread = spread_ms(seconds)
    return {"p50_ms": spread.get("p50_ms"), "p95_ms": spread.get("p95_ms")}
