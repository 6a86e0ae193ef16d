"""Measure what a consortium does when one of its validators is killed with SIGKILL while transactions wait."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass

from bench_figure import Figure, median_figure, worst_figure
from network_load import BlockWatch, Caller, SteadyLoad, in_background, running_network

from tests.e2e.network_kit import NetworkOf

KILLS_PER_NETWORK = 10
WINDOW_SECONDS = 10
PUTS_PER_SECOND = 30
_SETTLE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class _Kill:
    """What came after one kill."""

    rate_ratio: float
    """Block rate over the 10 s after the kill, the gap at the kill included, to that over the 10 s before."""
    stall_s: float
    rejoin_gap_s: float
    """Longest time without a block while the killed node started again and caught up."""


def kill_figures() -> dict[str, Figure]:
    """Block rate and longest standstill after a kill, with three and with four validators."""
    kills = {count: _measure_kills(count) for count in (3, 4)}
    conditions = (
        f"1 s blocks, {PUTS_PER_SECOND} puts per second, each node in turn killed at a random moment, restarted after; "
        f"{KILLS_PER_NETWORK} kills with three validators, then as many with four"
    )
    of_three, of_four = ([round(kill.rate_ratio, 2) for kill in kills[count]] for count in (3, 4))
    both = [*kills[3], *kills[4]]
    rejoin = max(kill.rejoin_gap_s for kill in both)
    load = f"load average {os.getloadavg()[0]:.1f}"
    return {
        "kill_block_rate_ratio": median_figure(
            [kill.rate_ratio for kill in both],
            "x",
            ">= 0.95",
            f"10 s after the kill to 10 s before; least {min(of_three)} of three, {min(of_four)} of four; "
            f"{conditions}; {load}",
            digits=2,
        ),
        "kill_max_stall_s": worst_figure(
            [kill.stall_s for kill in both],
            "s",
            "<= 2",
            f"{conditions}; worst while the killed one rejoins: {rejoin:.2f} s; {load}",
        ),
    }


def _measure_kills(count: int) -> list[_Kill]:
    generator = random.Random(count)
    with running_network(count) as loaded:
        watch = BlockWatch(loaded.network)
        load = SteadyLoad(loaded, per_second=PUTS_PER_SECOND)
        started = time.monotonic()
        with in_background(watch.look), in_background(lambda: load.send_due(started)):
            time.sleep(_SETTLE_SECONDS)
            kills = [
                _measure_kill(loaded.network, watch, number % count, generator) for number in range(KILLS_PER_NETWORK)
            ]
            loaded.network.wait_for_blocks(2)
        loaded.network.assert_same_blocks()
        _check_always_waiting(loaded.network)
    return kills


def _measure_kill(network: NetworkOf, watch: BlockWatch, index: int, generator: random.Random) -> _Kill:
    time.sleep(WINDOW_SECONDS + generator.random())
    killed_at = time.monotonic()
    network.kill(index)
    time.sleep(WINDOW_SECONDS)
    end = time.monotonic()
    before = watch.rate(killed_at - WINDOW_SECONDS, killed_at)
    after = watch.rate(killed_at, end)
    stall_s = watch.longest_gap_s(killed_at, end)
    node = network.restart(index)
    caller = Caller(node)
    while caller.height() < watch.seen[-1][1]:
        time.sleep(0.05)
    time.sleep(_SETTLE_SECONDS)
    rejoin_gap_s = watch.longest_gap_s(end, time.monotonic())
    print(
        f"  killed {index} of {len(network.nodes)}: rate {before:.3f} then {after:.3f}, "
        f"stall {stall_s:.2f} s, at rejoin {rejoin_gap_s:.2f} s",
        flush=True,
    )
    return _Kill(after / before, stall_s, rejoin_gap_s)


def _check_always_waiting(network: NetworkOf) -> None:
    caller = Caller(network.nodes[0])
    head = caller.height()
    counts = caller.call_all([("eth_getBlockTransactionCountByNumber", hex(height)) for height in range(3, head - 4)])
    if "0x0" in counts:
        raise SystemExit("a block was empty: transactions did not always wait")
