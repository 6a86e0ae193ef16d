"""A measurement as it comes out of a run, made by hand: five transactions, two nodes, two blocks."""

from collections import Counter

from client.bench.load import Sent
from client.bench.prepare import Plan, Prepared
from client.bench.resources import Sample, Usage
from client.bench.run import Measured
from client.bench.watch import Blocks
from client.bench.wire import parse_target
from client.bench.workloads import WORKLOADS, Call

NODES = [parse_target(f"http://127.0.0.1:{port}") for port in (8545, 8546)]
START_S = 100.0


def make_blocks() -> Blocks:
    """Transactions 0 and 1 in block 8, 2 in block 9; the second node has each half a second later."""
    blocks = Blocks(2, 7)
    blocks.height_by_number = {0: 8, 1: 8, 2: 9}
    blocks.size_by_height = {8: 2, 9: 1}
    blocks.hash_by_height = {8: "0x08", 9: "0x09"}
    blocks.seen_s = [{8: START_S + 1.0, 9: START_S + 2.0}, {8: START_S + 1.5, 9: START_S + 2.5}]
    return blocks


def make_sent() -> Sent:
    """One transaction each 0.1 s; the fourth was refused, the fifth lost its connection."""
    sent = Sent(5)
    sent.sent_s = [START_S + 0.1 * number for number in range(5)]
    sent.answered_s = [each + 0.01 for each in sent.sent_s]
    sent.refused, sent.unanswered, sent.sent_count = {3: "nonce too low"}, {4: "connection lost"}, 5
    return sent


def make_measured(
    *, per_second: float | None = None, own_cpu_s: float = 0.1, waiting_max: int | None = None
) -> Measured:
    """The measurement, at a fixed rate where one is given."""
    plan = Plan(
        workload=WORKLOADS["put"],
        targets=NODES,
        transactions=5,
        connections=4,
        batch=1,
        per_second=per_second,
        waiting_max=waiting_max,
        patience_s=30,
    )
    prepared = Prepared(
        chain_id=170919,
        client_version="test/1",
        contract="0x" + 20 * "ab",
        gas_price_wei=0,
        sender_count=2,
        hashes=[f"0x{number:064x}" for number in range(5)],
        calls=[Call(to=bytes(20), value_wei=0, data=b"")] * 5,
        shipments=[],
    )
    usage = Usage(
        "127.0.0.1:8545", "pid 1", [Sample(0.0, 5.0, 100.0), Sample(1.0, 5.5, 120.0), Sample(2.0, 6.4, 110.0)]
    )
    return Measured(
        plan=plan,
        prepared=prepared,
        sent=make_sent(),
        blocks=make_blocks(),
        good_count=3,
        bad=Counter(),
        usage=[usage, Usage("127.0.0.1:8546", "pid 2")],
        own_cpu_s=own_cpu_s,
        sending_s=0.5,
    )
