"""What one link may cost: queues of frames that wait to leave, and what may come in per second. No I/O.

Times are seconds on the caller's clock, which must not run backwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from chain_node.core.limits import MESSAGE_SIZE_BYTES_MAX
from chain_node.network.priority import Priority

_MEBIBYTE = 1024 * 1024

QUEUE_COUNT_MAX = 20_000
"""Frames that wait to leave on one link."""

QUEUE_SIZE_BYTES_MAX = 2 * MESSAGE_SIZE_BYTES_MAX
"""Bytes that wait to leave on one link: the largest message, and one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How much of one class may come in; a burst is what comes at once after a time of silence."""

    frames_per_second: float
    frames_burst: float
    bytes_per_second: float
    bytes_burst: float


RATE_BY_PRIORITY: Mapping[Priority, Rate] = {
    # Ping, Pong and Status: about ten of each in a second between busy nodes.
    Priority.CONTROL: Rate(frames_per_second=100, frames_burst=500, bytes_per_second=_MEBIBYTE, bytes_burst=_MEBIBYTE),
    # A round of n validators is 2n + 1 messages; seven validators and 100 ms blocks make 150 in a second.
    Priority.CONSENSUS: Rate(
        frames_per_second=2_000,
        frames_burst=6_000,
        bytes_per_second=64 * _MEBIBYTE,
        bytes_burst=3 * MESSAGE_SIZE_BYTES_MAX,
    ),
    Priority.GOSSIP: Rate(
        frames_per_second=3_000, frames_burst=10_000, bytes_per_second=16 * _MEBIBYTE, bytes_burst=64 * _MEBIBYTE
    ),
    # Blocks that were asked for, and vaults: held up when too many, see `Allowance.charge`.
    Priority.BULK: Rate(
        frames_per_second=5_000, frames_burst=10_000, bytes_per_second=128 * _MEBIBYTE, bytes_burst=128 * _MEBIBYTE
    ),
}
"""Far above what an honest node says and far below what would keep this one from its work."""


class OutgoingQueue:
    """Encoded frames that wait to leave, those of a smaller priority first."""

    def __init__(self, *, count_max: int = QUEUE_COUNT_MAX, size_bytes_max: int = QUEUE_SIZE_BYTES_MAX) -> None:
        self._frames = tuple(deque[bytes]() for _ in Priority)
        self._count_max = count_max
        self._size_bytes_max = size_bytes_max
        self.count = 0
        """Frames that wait."""
        self.size_bytes = 0
        """Bytes that wait."""

    def push(self, priority: Priority, encoded: bytes) -> bool:
        """Add a frame; False, and nothing is added, when there is no room for it."""
        if self.count >= self._count_max or self.size_bytes + len(encoded) > self._size_bytes_max:
            return False
        self._frames[priority].append(encoded)
        self.count += 1
        self.size_bytes += len(encoded)
        return True

    def take(self, size_bytes: int) -> bytes:
        """Take whole frames, in order, until `size_bytes` are reached; empty when none waits."""
        taken: list[bytes] = []
        taken_bytes = 0
        for frames in self._frames:
            while frames and taken_bytes < size_bytes:
                taken.append(frames.popleft())
                taken_bytes += len(taken[-1])
        self.count -= len(taken)
        self.size_bytes -= taken_bytes
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def clear(self) -> None:
        """Forget all that waits."""
        for frames in self._frames:
            frames.clear()
        self.count = self.size_bytes = 0


class TokenBucket:
    """So much per second, and some at once. It can go into debt: what is counted has come already."""

    def __init__(self, *, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._counted_at = now

    def take(self, amount: float, now: float) -> float:
        """Take tokens; returns the seconds until the debt is paid, 0 when there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._per_second) - amount
        self._counted_at = now
        return 0.0 if self._tokens >= 0 else -self._tokens / self._per_second

    def is_full(self, now: float) -> bool:
        """Whether all that was taken has come back."""
        return self._tokens + (now - self._counted_at) * self._per_second >= self._burst


@dataclass(frozen=True, slots=True)
class Charge:
    """What follows from a frame that has come."""

    hold_seconds: float
    """Nothing more may be read from the peer for so long."""
    is_flood: bool
    """Whether it counts as a misdeed, too."""


_NOTHING = Charge(0.0, is_flood=False)


class Allowance:
    """What may still come in on one link, by class."""

    def __init__(self, now: float, rate_by_priority: Mapping[Priority, Rate] = RATE_BY_PRIORITY) -> None:
        self._buckets = tuple(
            (
                TokenBucket(per_second=rate.frames_per_second, burst=rate.frames_burst, now=now),
                TokenBucket(per_second=rate.bytes_per_second, burst=rate.bytes_burst, now=now),
            )
            for rate in (rate_by_priority[priority] for priority in Priority)
        )

    def charge(self, priority: Priority, size_bytes: int, now: float) -> Charge:
        """Count a frame. A class in debt holds the whole link up, so that a flood waits at the sender.

        Bytes of bulk are only held up: a node that answers fast has done nothing wrong.
        """
        frames, size = self._buckets[priority]
        frames_seconds = frames.take(1, now)
        bytes_seconds = size.take(size_bytes, now)
        if not frames_seconds and not bytes_seconds:
            return _NOTHING
        is_flood = frames_seconds > 0 or priority is not Priority.BULK
        return Charge(max(frames_seconds, bytes_seconds), is_flood=is_flood)
