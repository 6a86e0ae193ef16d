"""How often each method was called and how long that took, for /metrics. Event loop only.

Plain numbers, turned into a metric when somebody asks: a library's timer would cost a fast method more than it does.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric, SummaryMetricFamily
from prometheus_client.registry import Collector


class RequestTimes(Collector):
    """Counts and seconds by method."""

    def __init__(self, metrics: CollectorRegistry) -> None:
        self._count_by_method: dict[str, int] = {}
        self._seconds_by_method: dict[str, float] = {}
        metrics.register(self)

    def add(self, method: str, seconds: float, count: int = 1) -> None:
        """Some requests were answered, in so much time for all of them; an empty name stands for unknown ones."""
        name = method or "unknown"
        self._count_by_method[name] = self._count_by_method.get(name, 0) + count
        self._seconds_by_method[name] = self._seconds_by_method.get(name, 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """One summary for all methods."""
        family = SummaryMetricFamily("tranchain_rpc_request_seconds", "Requests by method", labels=["method"])
        for method, count in self._count_by_method.items():
            family.add_metric([method], count_value=count, sum_value=self._seconds_by_method[method])
        yield family
