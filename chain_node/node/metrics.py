"""Prometheus metrics that are read at the moment of a scrape; what is counted as it happens is in `head_events.py`.

Every name is listed with its meaning in docs/operations.md; dashboard and alarms in docs/grafana use no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chain_node.network.traffic import Traffic
from chain_node.node.standing import blocks_behind
from chain_node.rpc.node_status import NodeStatus, Severity, Standing

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What parts of the node count themselves."""

    taken: Callable[[], Mapping[str, int]]
    """Transactions that began to wait, by where they came from."""
    refused: Callable[[], Mapping[str, int]]
    """Transactions that were not taken, by class of reason."""
    traffic: Callable[[], Traffic | None]
    """What went over the links; None for a node without peers."""


class NodeCollector(Collector):
    """Reads the node's status once for a scrape."""

    def __init__(self, status: Callable[[], NodeStatus], counts: Counts) -> None:
        self._status = status
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """Everything, with its present value."""
        status = self._status()
        yield from _chain(status)
        yield from _validators(status)
        yield from _links(status)
        yield from _surroundings(status)
        yield from _diagnosis(status)
        yield from self._counters()

    def _counters(self) -> Iterator[Metric]:
        counts = self._counts
        taken = {(source,): count for source, count in sorted(counts.taken().items())}
        yield _counter(
            "tranchain_transactions_taken", "Transactions that began to wait, by source", ("source",), taken.items()
        )
        refused = {(reason,): count for reason, count in sorted(counts.refused().items())}
        yield _counter(
            "tranchain_transactions_refused", "Transactions not taken, by reason", ("reason",), refused.items()
        )
        traffic = counts.traffic()
        if traffic is not None:
            yield from _traffic(traffic)


def _traffic(traffic: Traffic) -> Iterator[Metric]:
    for name, meaning, received, sent in (
        ("tranchain_network_frames", "Frames over all links", traffic.frames_received, traffic.frames_sent),
        ("tranchain_network_bytes", "Bytes of frames over all links", traffic.bytes_received, traffic.bytes_sent),
    ):
        values = {("in", frame): count for frame, count in sorted(received.items())}
        values |= {("out", frame): count for frame, count in sorted(sent.items())}
        yield _counter(name, meaning, ("direction", "frame"), values.items())
    for name, meaning, count in (
        ("tranchain_links_refused", "Connections this node did not take", traffic.refusals.total()),
        ("tranchain_dial_failures", "Attempts to connect that led to no link", traffic.dial_failures),
        ("tranchain_link_overflows", "Links closed because the peer read too slowly", traffic.overflows),
    ):
        yield _counter(name, meaning, (), [((), count)])


def _chain(status: NodeStatus) -> Iterator[Metric]:
    age_seconds = max(0.0, status.now_ms / 1000 - status.head.timestamp)
    yield _gauge("tranchain_head_age_seconds", "Age of the newest block by its timestamp", age_seconds)
    yield _gauge("tranchain_round", "Round of the height being decided", status.round.round)
    yield _gauge("tranchain_trying_seconds", "Since the height being decided began", status.round.trying_ms / 1000)
    yield _gauge("tranchain_syncing", "1 while blocks are fetched", int(status.sync is not None))
    yield _gauge("tranchain_blocks_behind", "Blocks that a live peer has more", blocks_behind(status))
    final = status.finality.byzantine_final_number
    if status.finality.byzantine_quorum is not None:
        lag = status.head.number - (final or 0)
        yield _gauge("tranchain_finality_lag_blocks", "Newest blocks that are not byzantine_final", lag)
    yield _gauge("tranchain_pool_pending", "Waiting transactions, executable now", status.pool.pending)
    yield _gauge("tranchain_pool_queued", "Waiting transactions behind a missing nonce", status.pool.queued)


def _validators(status: NodeStatus) -> Iterator[Metric]:
    yield _gauge("tranchain_validators", "Validators in the set", len(status.validators))
    yield _gauge("tranchain_quorum", "Validators that decide", status.finality.quorum)
    names = ("validator", "organisation")
    linked, missing = {}, {}
    for validator in status.validators:
        labels = (validator.address, validator.organisation_name or "")
        linked[labels] = int(validator.is_linked)
        missing[labels] = validator.counted_blocks - validator.sealed_blocks
    yield _gauges("tranchain_validator_linked", "1 with a live link to it; 1 for this node", names, linked.items())
    yield _gauges(
        "tranchain_validator_missing_seals", "Of the last 100 blocks, those it has not sealed", names, missing.items()
    )


def _links(status: NodeStatus) -> Iterator[Metric]:
    others = [validator for validator in status.validators if not validator.is_self]
    links: dict[Labels, float] = {(validator.organisation_name or "",): 0 for validator in others}
    latency: dict[Labels, float] = {}
    for peer in status.peers:
        labels = (peer.organisation_name or "",)
        links[labels] = links.get(labels, 0) + int(peer.is_live)
        if peer.latency_ms is not None:
            latency[labels] = max(latency.get(labels, 0), peer.latency_ms / 1000)
    yield _gauges("tranchain_links", "Live links", ("organisation",), links.items())
    yield _gauges(
        "tranchain_link_latency_seconds", "Ping to Pong, the slowest link", ("organisation",), latency.items()
    )


def _surroundings(status: NodeStatus) -> Iterator[Metric]:
    yield _gauge("tranchain_store_bytes", "Chain store, vote record and evidence on disk", status.disk.store_bytes)
    yield _gauge("tranchain_disk_free_bytes", "Free for the data directory", status.disk.free_bytes)
    expires = status.network.certificate_expires
    if expires is not None:
        yield _gauge("tranchain_certificate_expiry_timestamp_seconds", "Last second of the TLS certificate", expires)


def _diagnosis(status: NodeStatus) -> Iterator[Metric]:
    yield _gauge("tranchain_evidence", "Contradictions of validators on record", status.evidence_count)
    halt = status.halt.kind if status.halt else None
    halts = {(kind,): int(kind == halt) for kind in ("conflict", "disk_full")}
    yield _gauges("tranchain_halted", "1 while nothing is written, by why", ("reason",), halts.items())
    if status.diagnosis is None:
        return
    standings = {(name,): int(name == status.diagnosis.standing) for name in get_args(Standing)}
    yield _gauges("tranchain_standing", "1 for how the chain stands here", ("standing",), standings.items())
    severities = [finding.severity for finding in status.diagnosis.findings]
    findings = {(severity,): severities.count(severity) for severity in get_args(Severity)}
    yield _gauges("tranchain_findings", "What `tranchain-node status` finds wrong", ("severity",), findings.items())
    info = {(status.client_version, status.engine): 1}
    yield _gauges("tranchain_build_info", "Version and engine; always 1", ("version", "engine"), info.items())


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _gauges(name: str, meaning: str, names: Labels, values: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=names)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _counter(name: str, meaning: str, names: Labels, values: Iterable[tuple[Labels, float]]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=names)
    for labels, value in values:
        family.add_metric(labels, value)
    return family
