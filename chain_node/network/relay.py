"""What was said already, and to whom it need not be said again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from chain_node.network.peer import Peer


class Heard:
    """Keys of what came lately. What comes again later than `memory_seconds` counts as new.

    It has to: validators repeat themselves on purpose, for those who could not use it the first time.
    """

    def __init__(self, time: Callable[[], float], *, memory_seconds: float, count_max: int) -> None:
        self._time = time
        self._memory_seconds = memory_seconds
        self._count_max = count_max
        self._time_by_key: OrderedDict[bytes, float] = OrderedDict()

    def is_new(self, key: bytes) -> bool:
        """Whether it has not come lately; from now on it has."""
        now = self._time()
        heard_at = self._time_by_key.get(key)
        if heard_at is not None and now - heard_at < self._memory_seconds:
            return False
        self._time_by_key[key] = now
        self._time_by_key.move_to_end(key)
        if len(self._time_by_key) > self._count_max:
            self._time_by_key.popitem(last=False)
        return True


def find_unreached(members: Iterable[Peer], source: Peer) -> Iterator[Peer]:
    """Members' nodes that a peer has no link with: what it sent has to be passed on to them.

    Both must say that they have one: where only one direction works, the side that hears nothing knows it first.
    """
    return (
        peer for peer in members if peer is not source and not (peer.key in source.links and source.key in peer.links)
    )
