from hypothesis import given
from hypothesis import strategies as st

from chain_node.network.link import Allowance, Charge, OutgoingQueue, Rate, TokenBucket
from chain_node.network.priority import Priority

RATE = Rate(frames_per_second=10, frames_burst=20, bytes_per_second=1_000, bytes_burst=5_000)
RATES = dict.fromkeys(Priority, RATE)


def test_queue_smaller_priority_leaves_first_in_order() -> None:
    queue = OutgoingQueue()
    for priority, encoded in (
        (Priority.BULK, b"block"),
        (Priority.CONSENSUS, b"vote1"),
        (Priority.CONTROL, b"ping"),
        (Priority.GOSSIP, b"tx"),
        (Priority.CONSENSUS, b"vote2"),
    ):
        assert queue.push(priority, encoded)
    assert [queue.take(1) for _ in range(6)] == [b"ping", b"vote1", b"vote2", b"tx", b"block", b""]


def test_queue_take_joins_whole_frames_up_to_the_size() -> None:
    queue = OutgoingQueue()
    for number in range(5):
        queue.push(Priority.BULK, bytes((number,)) * 10)
    assert len(queue.take(25)) == 30
    assert (queue.count, queue.size_bytes) == (2, 20)


def test_queue_full_by_count_or_bytes_takes_nothing_more() -> None:
    by_count = OutgoingQueue(count_max=2, size_bytes_max=1_000)
    assert [by_count.push(Priority.GOSSIP, b"x") for _ in range(3)] == [True, True, False]
    by_size = OutgoingQueue(count_max=10, size_bytes_max=10)
    assert [by_size.push(Priority.CONTROL, b"sixteen"[:6]), by_size.push(Priority.CONTROL, b"fives")] == [True, False]
    assert by_size.push(Priority.CONTROL, b"four")
    by_size.clear()
    assert (by_size.count, by_size.size_bytes, by_size.take(99)) == (0, 0, b"")


@given(
    st.lists(st.tuples(st.sampled_from(Priority), st.binary(min_size=1, max_size=50)), max_size=60), st.integers(1, 200)
)
def test_queue_counts_what_it_holds(pushes: list[tuple[Priority, bytes]], size: int) -> None:
    queue = OutgoingQueue(count_max=40, size_bytes_max=1_000)
    taken = sum(len(encoded) for priority, encoded in pushes if queue.push(priority, encoded))
    assert queue.size_bytes == taken <= 1_000
    assert queue.count <= 40
    left = 0
    while part := queue.take(size):
        left += len(part)
    assert (left, queue.count, queue.size_bytes) == (taken, 0, 0)


def test_bucket_burst_then_debt_then_refill() -> None:
    bucket = TokenBucket(per_second=10, burst=20, now=0.0)
    assert [bucket.take(1, 0.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(1, 0.0) == 0.1
    assert bucket.take(0, 0.05) == 0.05
    assert bucket.take(0, 0.1) == 0.0
    assert not bucket.is_full(2.0)
    assert bucket.is_full(2.2)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 10)), max_size=50))
def test_bucket_waiting_as_told_keeps_the_rate(takes: list[tuple[float, int]]) -> None:
    bucket, now, total = TokenBucket(per_second=10, burst=20, now=0.0), 0.0, 0
    for pause, amount in takes:
        now += pause
        now += bucket.take(amount, now)
        total += amount
        assert total <= 20 + 10 * now + 1e-6


def test_allowance_classes_do_not_share() -> None:
    allowance = Allowance(0.0, RATES)
    charges = [allowance.charge(Priority.GOSSIP, 10, 0.0) for _ in range(21)]
    assert charges[19] == Charge(0.0, is_flood=False)
    assert charges[20] == Charge(0.1, is_flood=True)
    assert allowance.charge(Priority.CONSENSUS, 10, 0.0).hold_seconds == 0.0


def test_allowance_bytes_of_bulk_wait_but_are_no_misdeed() -> None:
    allowance = Allowance(0.0, RATES)
    assert allowance.charge(Priority.BULK, 6_000, 0.0) == Charge(1.0, is_flood=False)
    assert allowance.charge(Priority.GOSSIP, 6_000, 0.0) == Charge(1.0, is_flood=True)
