"""The measurement: load, blocks and processes side by side in one event loop, then the checks."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from client.bench.checks import count_bad_receipts, differing_heights
from client.bench.load import Lane, Sent
from client.bench.prepare import Plan, Prepared
from client.bench.resources import Meter, Usage, watch_usage
from client.bench.watch import Blocks, BlockWatch
from client.bench.wire import Node, NodeRefusal
from client.sdk.errors import RefusedError, TamperedError

_COMPLETION_POLL_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a measurement found."""

    plan: Plan
    prepared: Prepared
    sent: Sent
    blocks: Blocks
    good_count: int
    """Transactions whose receipt and log are what their call makes."""
    bad: Counter[str]
    """Transactions in blocks whose receipt is not, by what is wrong."""
    usage: Sequence[Usage]
    own_cpu_s: float
    """Processor time of this process while it sent."""
    sending_s: float
    """How long it sent."""


def measure(plan: Plan, prepared: Prepared, meters: list[Meter]) -> Measured:
    """Send everything, wait until it is in blocks everywhere, and check it.

    Raises:
        UnavailableError: a node ended.
        RefusedError: a node refuses what a measurement needs to ask.
        TamperedError: the nodes have different blocks.
    """
    try:
        return uvloop.run(_measure(plan, prepared, meters))
    except NodeRefusal as error:
        raise RefusedError("a node", str(error)) from error


async def _measure(plan: Plan, prepared: Prepared, meters: list[Meter]) -> Measured:
    nodes = [Node(target) for target in plan.targets]
    sent = Sent(len(prepared.hashes))
    watch = BlockWatch(nodes, int(str(await nodes[0].ask("eth_blockNumber")), 16))
    watch.expect(prepared.hashes)
    lanes = await _open_lanes(plan, prepared, sent, watch)
    looking = asyncio.gather(watch.run(), watch_usage(meters))
    cpu_s, started = time.process_time(), time.perf_counter()
    sending = asyncio.gather(*(lane.run() for lane in lanes))
    await _first_of(sending, looking)
    own_cpu_s, sending_s = time.process_time() - cpu_s, time.perf_counter() - started
    await _wait_for_blocks(plan, sent, watch, looking)
    for meter in meters:
        await meter.look()
    looking.cancel()
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    differing = await differing_heights(nodes, watch.blocks)
    if differing:
        raise TamperedError("blocks of the nodes", got=f"different ones at heights {differing[:5]}")
    good, bad = await count_bad_receipts(nodes[0], watch.blocks, prepared.hashes, prepared.calls)
    for node in nodes:
        node.close()
    return Measured(
        plan=plan,
        prepared=prepared,
        sent=sent,
        blocks=watch.blocks,
        good_count=good,
        bad=bad,
        usage=[meter.usage for meter in meters],
        own_cpu_s=own_cpu_s,
        sending_s=sending_s,
    )


async def _open_lanes(plan: Plan, prepared: Prepared, sent: Sent, watch: BlockWatch) -> list[Lane]:
    """One lane for each node that gets something; each has its share of connections and rate."""

    def may_send() -> bool:
        return plan.waiting_max is None or sent.sent_count - len(sent.refused) - watch.found_count < plan.waiting_max

    lanes = []
    for target, shipments in zip(plan.targets, prepared.shipments, strict=True):
        share = sum(each.count for each in shipments) / len(prepared.hashes)
        rate = None if plan.per_second is None else plan.per_second * share / plan.batch
        if shipments:
            lanes.append(Lane(target, shipments, sent, per_second=rate, may_send=may_send))
    for lane in lanes:
        await lane.open(max(1, plan.connections // len(lanes)))
    return lanes


async def _first_of(sending: "asyncio.Future[list[None]]", looking: "asyncio.Future[tuple[None, None]]") -> None:
    """Wait until all is sent, or a node can no more be watched."""
    ended = asyncio.Event()
    for each in (sending, looking):
        each.add_done_callback(lambda _: ended.set())
    await ended.wait()


async def _wait_for_blocks(
    plan: Plan, sent: Sent, watch: BlockWatch, looking: "asyncio.Future[tuple[None, None]]"
) -> None:
    """Wait until all that was taken is in blocks everywhere, or none of it has been for as long as the plan allows."""
    since = time.perf_counter()
    while not looking.done():
        wanted = len(sent.sent_s) - len(sent.refused) - len(sent.unanswered)
        if watch.is_complete(wanted):
            return
        if time.perf_counter() - max(since, watch.last_found_s) > plan.patience_s:
            return
        await asyncio.sleep(_COMPLETION_POLL_S)
