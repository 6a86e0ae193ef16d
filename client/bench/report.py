"""The report of a measurement, as data: the figures of a Caliper report, the failures, the nodes, the conditions."""

import os
import platform
from collections import Counter
from collections.abc import Mapping

from client.bench.run import Measured
from client.bench.statistics import per_second, series_of, spread_ms, times_of

RATE_TOLERANCE = 0.98
"""A fixed rate is reached from this share of it on."""
_BUSY = 0.9


def make_report(measured: Measured) -> dict[str, object]:
    """Return the report; `series` has one entry a second, `failures` one a reason."""
    plan, sent = measured.plan, measured.sent
    times = times_of(sent, measured.blocks)
    latencies_s = [done - begun for begun, done in zip(times.sent_s, times.committed_s, strict=True)]
    answers_s = [
        answered - begun for begun, answered in zip(sent.sent_s, sent.answered_s, strict=True) if begun and answered
    ]
    failures = count_failures(measured)
    duration_s = max(times.committed_s, default=0.0)
    report: dict[str, object] = {
        "workload": plan.workload.name,
        "meaning": plan.workload.meaning,
        "conditions": conditions_of(measured),
        "succeeded": measured.good_count,
        "failed": sum(failures.values()),
        "send_rate_tps": per_second(sent.sent_count, times.last_sent_s),
        "throughput_tps": per_second(measured.good_count, duration_s),
        "latency": spread_ms(latencies_s),
        "answer": spread_ms(answers_s),
        "duration_s": round(duration_s, 3),
        "blocks": sum(1 for size in measured.blocks.size_by_height.values() if size),
        "transactions_per_block_max": max(measured.blocks.size_by_height.values(), default=0),
        "failures": [{"reason": reason, "count": count} for reason, count in failures.most_common()],
        "nodes": [usage.summary() for usage in measured.usage],
        "generator": {
            "cpu_s": round(measured.own_cpu_s, 3),
            "cpu_us_per_transaction": round(1e6 * measured.own_cpu_s / max(1, sent.sent_count), 1),
            "cpu_percent": round(100 * measured.own_cpu_s / max(1e-9, measured.sending_s), 1),
        },
        "series": series_of(times),
    }
    if plan.per_second is not None:
        report["rate_asked_tps"] = plan.per_second
        report["rate_problem"] = explain_rate(measured, per_second(sent.sent_count, times.last_sent_s))
    return report


def count_failures(measured: Measured) -> Counter[str]:
    """Return how many transactions did not do what they should, by reason."""
    sent, in_block = measured.sent, measured.blocks.height_by_number
    failures = Counter(measured.bad)
    for number in range(len(sent.sent_s)):
        if number in in_block:
            continue
        if number in sent.refused:
            failures[f"refused: {sent.refused[number]}"] += 1
        elif number in sent.unanswered:
            failures[sent.unanswered[number]] += 1
        else:
            failures[f"in no block after {measured.plan.patience_s:.0f} s"] += 1
    return failures


def explain_rate(measured: Measured, reached_tps: float) -> str | None:
    """Return by how much and why a fixed rate was missed; None when it was reached."""
    asked_tps = measured.plan.per_second
    if asked_tps is None or reached_tps >= RATE_TOLERANCE * asked_tps:
        return None
    missed = f"{reached_tps:,.1f} of {asked_tps:,.1f} transactions per second were sent"
    sent = measured.sent
    answers_s = [done - begun for begun, done in zip(sent.sent_s, sent.answered_s, strict=True) if done]
    mean_ms = 1000 * sum(answers_s) / max(1, len(answers_s))
    if measured.own_cpu_s > _BUSY * measured.sending_s:
        return f"{missed}: this command used {measured.own_cpu_s / measured.sending_s:.0%} of a core; use --batch"
    if measured.plan.waiting_max is not None:
        return f"{missed}: --waiting-max held them back, as blocks take fewer"
    connections, batch = measured.plan.connections, measured.plan.batch
    return (
        f"{missed}: {connections} connections were busy, as the nodes answer after {mean_ms:.1f} ms on average; "
        f"at that speed {connections * batch / max(mean_ms, 1e-3) * 1000:,.0f} is the most; use more --connections"
    )


def conditions_of(measured: Measured) -> dict[str, object]:
    """Return under which conditions the figures hold."""
    plan, prepared = measured.plan, measured.prepared
    return {
        "nodes": [target.place for target in plan.targets],
        "client": prepared.client_version,
        "chain_id": prepared.chain_id,
        "transactions": len(prepared.hashes),
        "mode": "saturation" if plan.per_second is None else f"{plan.per_second:g} transactions per second",
        "connections": plan.connections,
        "batch": plan.batch,
        "waiting_max": plan.waiting_max,
        "accounts": prepared.sender_count,
        "contract": prepared.contract,
        "gas_price_wei": prepared.gas_price_wei,
        "machine_of_load": f"{os.cpu_count()} cores, {platform.machine()}, load average {os.getloadavg()[0]:.1f}",
    }


def summary_row(report: Mapping[str, object]) -> dict[str, object]:
    """Return the line of a Caliper report: successes, failures, rates, latencies in seconds."""
    latency = report["latency"]
    found = latency if isinstance(latency, Mapping) else {}
    seconds = {name: _seconds(found.get(name)) for name in ("max_ms", "min_ms", "avg_ms", "p50_ms", "p95_ms", "p99_ms")}
    return {
        "name": report["workload"],
        "succ": report["succeeded"],
        "fail": report["failed"],
        "send rate (TPS)": report["send_rate_tps"],
        "max latency (s)": seconds["max_ms"],
        "min latency (s)": seconds["min_ms"],
        "avg latency (s)": seconds["avg_ms"],
        "p50 (s)": seconds["p50_ms"],
        "p95 (s)": seconds["p95_ms"],
        "p99 (s)": seconds["p99_ms"],
        "throughput (TPS)": report["throughput_tps"],
    }


def _seconds(value_ms: object) -> str:
    return f"{value_ms / 1000:.2f}" if isinstance(value_ms, int | float) else "-"
