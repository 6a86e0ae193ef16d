"""Measure several validators as real processes with TLS between them, all and the load on this machine.

Each function gives the figures of one key of `make bench`; bench_failover measures what happens when one is killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
from bench_figure import Figure, median_figure, worst_figure
from bench_node import CONNECTION_COUNT, SENDER_COUNT, read_rss_anon_mb, send_all, sign_puts
from network_load import Caller, Loaded, SteadyLoad, cpu_seconds, in_background, resident_mb, running_network

from chain_node.node.engine_choice import EngineName

RUNS = 5
PUTS_PER_RUN = 4_000
FINALITY_COUNT = 200
FINALITY_PER_SECOND = 5
RESYNC_BLOCKS = 1_000
RESYNC_PUTS_PER_BLOCK = 20
IDLE_SECONDS = 30
MEMORY_BLOCKS = 10_000
MEMORY_PUTS_PER_SECOND = 10
_EVERY_100_MS = ("--block-period-ms", "100", "--empty-block-period-seconds", "0")


def net3_put_tps() -> dict[str, Figure]:
    """Contract calls that store one record, each sent to one of three validators, until all three have them all."""
    with running_network(3) as loaded:
        rates = [_measure_puts(loaded, run) for run in range(RUNS + 1)]
        _check_all_succeeded(loaded, (RUNS + 1) * PUTS_PER_RUN)
        loaded.network.assert_same_blocks()
    conditions = (
        f"three validators, {PUTS_PER_RUN:,} single eth_sendRawTransaction per run, spread over the three, "
        f"{SENDER_COUNT} senders, {CONNECTION_COUNT} connections, 1 s blocks, py-evm, first run not counted; "
        f"until every node has every transaction in a block{_load()}"
    )
    return {"net3_put_tps": median_figure(rates[1:], "tx/s", ">= 150", conditions)}


def _measure_puts(loaded: Loaded, run: int) -> float:
    nodes = loaded.network.nodes
    per_sender = PUTS_PER_RUN // SENDER_COUNT
    queues = [sign_puts(loaded.senders[turn :: len(nodes)], loaded.contract, per_sender, run) for turn in range(3)]
    callers = [Caller(node) for node in nodes]
    heads = [caller.height() for caller in callers]
    missing = [PUTS_PER_RUN] * len(nodes)

    async def send() -> None:
        async with asyncio.TaskGroup() as group:
            iterators = [iter(queue) for queue in queues]
            for connection in range(CONNECTION_COUNT):
                turn = connection % len(nodes)
                group.create_task(send_all(nodes[turn].port, iterators[turn], []))

    started = time.perf_counter()
    asyncio.run(send())
    while any(missing):
        time.sleep(0.05)
        for turn, caller in enumerate(callers):
            head = caller.height()
            missing[turn] -= sum(_transaction_counts(caller, heads[turn] + 1, head))
            heads[turn] = head
    return PUTS_PER_RUN / (time.perf_counter() - started)


def _transaction_counts(caller: Caller, first: int, last: int) -> list[int]:
    if first > last:
        return []
    counts = caller.call_all(
        [("eth_getBlockTransactionCountByNumber", hex(height)) for height in range(first, last + 1)]
    )
    return [int(str(count), 16) for count in counts]


def _check_all_succeeded(loaded: Loaded, expected: int) -> None:
    caller = Caller(loaded.network.nodes[-1])
    succeeded = 0
    for height in range(1, caller.height() + 1):
        receipts = caller.call("eth_getBlockReceipts", hex(height))
        assert isinstance(receipts, list)
        succeeded += sum(1 for receipt in receipts if receipt["status"] == "0x1" and receipt["logs"])
    if succeeded != expected:
        raise SystemExit(f"{succeeded} of {expected} puts stored their record")


def finality_ms() -> dict[str, Figure]:
    """From a transaction sent to one of three validators until this node says that its block is byzantine_final."""
    halves, tails, conditions = measure_finality("py-evm")
    return {
        "finality_p50_ms": median_figure(halves, "ms", "<= 150", conditions),
        "finality_p95_ms": median_figure(tails, "ms", "<= 400", conditions),
    }


def measure_finality(engine: EngineName, *options: str) -> tuple[list[float], list[float], str]:
    """Give p50 and p95 of each run in milliseconds, and the conditions."""
    with running_network(3, "--block-period-ms", "100", *options, engine=engine) as loaded:
        callers = [Caller(node) for node in loaded.network.nodes]
        generator = random.Random(4)
        runs = [_times_to_finality_ms(loaded, callers, generator) for _ in range(RUNS)]
    conditions = (
        f"three validators, {engine}, 100 ms blocks (none while nothing waits), {FINALITY_COUNT} puts per run, "
        f"{FINALITY_PER_SECOND} per second at random moments, each node in turn; polled every 3 ms{_load()}"
    )
    return [run[len(run) // 2] for run in runs], [run[len(run) * 95 // 100] for run in runs], conditions


def _times_to_finality_ms(loaded: Loaded, callers: list[Caller], generator: random.Random) -> list[float]:
    """Of all transactions, ascending."""
    times_ms = []
    due = time.perf_counter()
    for number in range(FINALITY_COUNT):
        raw = loaded.next_put()
        due = max(time.perf_counter(), due + generator.uniform(0, 2 / FINALITY_PER_SECOND))
        time.sleep(max(0.0, due - time.perf_counter()))
        caller = callers[number % len(callers)]
        started = time.perf_counter()
        transaction_hash = caller.call("eth_sendRawTransaction", raw)
        while not isinstance(receipt := caller.call("eth_getTransactionReceipt", transaction_hash), dict):
            time.sleep(0.003)
        while True:
            finality = caller.call("tranchain_getFinality", receipt["blockNumber"])
            if isinstance(finality, dict) and finality["finality"] == "byzantine_final":
                break
            time.sleep(0.003)
        times_ms.append((time.perf_counter() - started) * 1000)
    return sorted(times_ms)


def resync_1000_blocks_s() -> dict[str, Figure]:
    """From the start of the process of a killed validator until it has the head that the others had at its start."""
    seconds = []
    with running_network(3, "--block-period-ms", "100") as loaded:
        nodes = loaded.network.nodes
        loaded.network.kill(2)
        data_dir = nodes[2].network.data_dir
        kept = Path(shutil.copytree(data_dir, data_dir.with_name("kept")))
        first = Caller(nodes[0]).height()
        transactions = _build_backlog(loaded)
        target = Caller(nodes[0]).height()
        for _ in range(RUNS):
            shutil.rmtree(data_dir)
            shutil.copytree(kept, data_dir)
            started = time.perf_counter()
            loaded.network.restart(2)
            caller = Caller(nodes[2])
            while caller.height() < target:
                time.sleep(0.02)
            seconds.append(time.perf_counter() - started)
            loaded.network.assert_same_blocks()
            loaded.network.kill(2)
    conditions = (
        f"three validators, one killed, then {target - first:,} blocks with {transactions:,} puts by the other two "
        f"(100 ms blocks); before each run its data directory put back as it was at the kill{_load()}"
    )
    return {"resync_1000_blocks_s": median_figure(seconds, "s", "<= 60", conditions)}


def _build_backlog(loaded: Loaded) -> int:
    """Have blocks with 20 transactions each made; gives the number of transactions in them."""
    caller = Caller(loaded.network.nodes[0])
    first = head = caller.height()
    while head - first < RESYNC_BLOCKS:
        caller.call_all([("eth_sendRawTransaction", loaded.next_put()) for _ in range(RESYNC_PUTS_PER_BLOCK)])
        while (height := caller.height()) == head:
            time.sleep(0.005)
        head = height
    return sum(sum(_transaction_counts(caller, start, start + 99)) for start in range(first + 1, head - 98, 100))


def idle_core_share() -> dict[str, Figure]:
    """Processor time of the busiest of three validators while they make empty blocks."""
    shares = []
    rates = []
    with running_network(3, *_EVERY_100_MS) as loaded:
        nodes = loaded.network.nodes
        caller = Caller(nodes[0])
        time.sleep(3)
        for _ in range(RUNS):
            started, height = time.monotonic(), caller.height()
            before = [cpu_seconds(node) for node in nodes]
            time.sleep(IDLE_SECONDS)
            passed = time.monotonic() - started
            shares.append(max(cpu_seconds(node) - was for node, was in zip(nodes, before, strict=True)) / passed)
            rates.append((caller.height() - height) / passed)
    conditions = (
        f"three validators, an empty block every 100 ms (seen: {min(rates):.1f} blocks/s or more), "
        f"{IDLE_SECONDS} s per run, of one core, the busiest node of each run{_load()}"
    )
    return {"idle_core_share": median_figure(shares, "of a core", "<= 0.15", conditions, digits=3)}


def node_rss_mb_10k() -> dict[str, Figure]:
    """Memory of each of three validators after 10,000 blocks, and how it grew over the last 5,000."""
    heights: list[int] = []
    samples: list[list[float]] = []
    with running_network(3, *_EVERY_100_MS) as loaded:
        nodes = loaded.network.nodes
        load = SteadyLoad(loaded, per_second=MEMORY_PUTS_PER_SECOND)
        caller = Caller(nodes[0])
        started = time.monotonic()
        with in_background(lambda: load.send_due(started)):
            while not heights or heights[-1] < MEMORY_BLOCKS:
                time.sleep(2)
                heights.append(caller.height())
                samples.append([read_rss_anon_mb(node.process.pid) for node in nodes if node.process is not None])
        resident = [resident_mb(node) for node in nodes]
    late = [index for index, height in enumerate(heights) if height >= MEMORY_BLOCKS // 2]
    slopes = [
        float(np.polyfit([heights[index] for index in late], [samples[index][node] for index in late], 1)[0])
        for node in range(len(nodes))
    ]
    conditions = (
        f"three validators, {heights[-1]:,} blocks, 100 ms blocks, {MEMORY_PUTS_PER_SECOND} puts per second "
        f"({load.sent:,} in all){_load()}"
    )
    return {
        "node_rss_mb_10k": worst_figure(resident, "MB", "<= 400", f"VmRSS of each node; {conditions}", digits=1),
        "node_rss_growth_mb_10k": worst_figure(
            [slope * MEMORY_BLOCKS / 2 for slope in slopes],
            "MB",
            "flat",
            f"line through RssAnon over the last {MEMORY_BLOCKS // 2:,} blocks, each node; {conditions}",
            digits=1,
        ),
    }


def _load() -> str:
    return f"; load average {os.getloadavg()[0]:.1f}"
