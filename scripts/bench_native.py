"""Measure nodes with the native engine, all nodes and the load on this machine; each function gives figures of
`make bench`. The load is that of `tranchain bench put`: one slot and one log each, sent one by one over HTTP.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_figure import Figure, median_figure, worst_figure
from bench_network import measure_finality
from bench_node import read_rss_anon_mb
from native_network import (
    CONNECTIONS,
    GAS,
    RUNS,
    SENDERS,
    TRANSACTIONS,
    describe,
    native_network,
)
from network_load import Caller, resident_mb

SYNC_TRANSACTIONS = 100_000
MEMORY_TRANSACTIONS = 1_000_000
STATE_SLOTS = (10_000, 100_000, 1_000_000, 10_000_000)
_LARGE_BLOCKS = ("--gas-limit", "4000000000", "--per-tx-gas-limit", "8000000")
"""Where the state is grown first: the puts that are measured never fill such a block."""
_WORKLOAD = (
    f"{TRANSACTIONS:,} puts (one slot, one log) per run, single eth_sendRawTransaction over {CONNECTIONS} HTTP "
    f"connections, {SENDERS} accounts, pre-signed, every receipt and log checked, native engine, 400 Mgas blocks"
)


def native_node1_tps() -> dict[str, Figure]:
    """One validator."""
    return {"native_node1_tps": _measure_puts(1, ">= 3000")}


def native_net3_tps() -> dict[str, Figure]:
    """Three validators, the load spread over them."""
    return {"native_net3_tps": _measure_puts(3, ">= 2000; aim at 3200")}


def native_net4_tps() -> dict[str, Figure]:
    """Four validators."""
    return {"native_net4_tps": _measure_puts(4, ">= 1500; aim at 2100")}


def native_net7_tps() -> dict[str, Figure]:
    """Seven validators, for the table of growth."""
    return {"native_net7_tps": _measure_puts(7, "none")}


def _measure_puts(validators: int, bound: str) -> Figure:
    with native_network(validators) as native:
        reports = [native.put() for _ in range(RUNS + 1)][1:]
        native.network.assert_same_blocks()
    conditions = (
        f"validators: {validators}, 1 s blocks, {_WORKLOAD}; committed on all of them, first run not counted; "
        f"{describe(reports)}"
    )
    return median_figure([each["throughput_tps"] for each in reports], "tx/s", bound, conditions)


def native_growth() -> dict[str, Figure]:
    """One node whose state grows: the same load at each size of it."""
    figures = {}
    medians: list[float] = []
    with native_network(1, gas=_LARGE_BLOCKS) as native:
        for slots in STATE_SLOTS:
            seconds = native.fill(slots - TRANSACTIONS)
            reports = [native.put() for _ in range(RUNS + 1)][1:]
            conditions = (
                f"one validator, 1 s blocks, {slots:,} slots of one contract before the first run (filled by "
                f"transactions, {seconds:.0f} s), {_WORKLOAD}; first run not counted; {describe(reports)}"
            )
            figure = median_figure([each["throughput_tps"] for each in reports], "tx/s", "none", conditions)
            figures[f"native_{slots:.0e}_slots_tps".replace("e+0", "e")] = figure
            medians.append(figure.value)
    conditions = f"tx/s at {STATE_SLOTS[-1]:,} slots over that at {STATE_SLOTS[0]:,}: {medians}"
    return {"native_growth": median_figure([medians[-1] / medians[0]], "", ">= 0.6", conditions, digits=2), **figures}


def native_finality_ms() -> dict[str, Figure]:
    """From a transaction sent to one of three validators until this node says that its block is byzantine_final."""
    halves, tails, conditions = measure_finality("native", *GAS)
    return {
        "native_finality_p50_ms": median_figure(halves, "ms", "none", conditions),
        "native_finality_p95_ms": median_figure(tails, "ms", "<= 150", conditions),
    }


def native_sync_tps() -> dict[str, Figure]:
    """From the start of the process of a validator that has nothing but block 1 until it has the others' head."""
    rates = []
    with native_network(3) as native:
        nodes = native.nodes
        native.network.kill(2)
        data_dir = nodes[2].network.data_dir
        kept = Path(shutil.copytree(data_dir, data_dir.with_name("kept")))
        caller = Caller(nodes[0])
        first = caller.height()
        for _ in range(SYNC_TRANSACTIONS // TRANSACTIONS):
            native.put()
        target = caller.height()
        for _ in range(RUNS):
            shutil.rmtree(data_dir)
            shutil.copytree(kept, data_dir)
            started = time.perf_counter()
            native.network.restart(2)
            while Caller(nodes[2]).height() < target:
                time.sleep(0.02)
            rates.append(SYNC_TRANSACTIONS / (time.perf_counter() - started))
            native.network.assert_same_blocks()
            native.network.kill(2)
    conditions = (
        f"three validators, native engine; one had blocks up to {first} when it was killed, the other two made "
        f"{target - first:,} with {SYNC_TRANSACTIONS:,} puts; from the start of its process, seals verified and every "
        f"transaction executed, until it has the head; load average {os.getloadavg()[0]:.1f}"
    )
    return {"native_sync_tps": median_figure(rates, "tx/s", ">= 5000", conditions)}


def native_rss_mb() -> dict[str, Figure]:
    """Memory of one node after many transactions, and how fast it took the first and the last of them."""
    reports: list[dict[str, Any]] = []
    with native_network(1) as native:
        node = native.nodes[0]
        while len(reports) * TRANSACTIONS < MEMORY_TRANSACTIONS:
            reports.append(native.put())
        resident, anonymous = resident_mb(node), read_rss_anon_mb(node.process.pid if node.process else 0)
        height = Caller(node).height()
        files = [path for path in node.network.data_dir.rglob("*") if path.is_file()]
        disk_mb = sum(path.stat().st_blocks * 512 for path in files) / 2**20
    conditions = (
        f"one validator after {MEMORY_TRANSACTIONS:,} transactions in {height:,} blocks, 1 s blocks, {_WORKLOAD}; "
        f"disk {disk_mb:,.0f} MB; {describe(reports)}"
    )
    return {
        "native_rss_mb": worst_figure([resident], "MB", "<= 1000", f"VmRSS, pages of files included; {conditions}"),
        "native_rss_anon_mb": worst_figure([anonymous], "MB", "none", f"RssAnon; {conditions}"),
        "native_first_100k_tps": _rate_of(reports[: 100_000 // TRANSACTIONS], "the first", conditions),
        "native_last_100k_tps": _rate_of(reports[-100_000 // TRANSACTIONS :], "the last", conditions),
    }


def _rate_of(reports: Sequence[dict[str, Any]], which: str, conditions: str) -> Figure:
    rates = [each["throughput_tps"] for each in reports]
    return median_figure(rates, "tx/s", "none", f"{which} {len(reports)} runs; {conditions}")
