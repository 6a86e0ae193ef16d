"""Which links are live: something came on them lately. Idle ones are pinged, silent ones are closed in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from chain_node.network.frames import Ping, Pong
from chain_node.network.peer import Peer

LIVE_SECONDS = 1.5
"""A link on which nothing has come for longer is not live."""

CLOSE_SECONDS = 15.0
"""A link on which nothing has come for so long is closed."""

_PING_SECONDS = 0.5
_MEASURE_SECONDS = 5.0
"""A link on which much comes is pinged, too, to measure it."""

_TICK_SECONDS = 0.25


class Heartbeat:
    """Looks at all peers from time to time. Event loop only, by the loop's own clock."""

    def __init__(
        self,
        peers: Callable[[], Sequence[Peer]],
        on_change: Callable[[Peer], None],
        on_silent: Callable[[Peer], None],
    ) -> None:
        """`on_change` hears of a peer that has become live, or is not any more; `on_silent` has to close its link."""
        self._peers = peers
        self._on_change = on_change
        self._on_silent = on_silent
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        self._ping_number = 0

    def start(self) -> None:
        """There is a peer: look at it until there is none."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due_at = loop.time() + _TICK_SECONDS
            self._timer = loop.call_later(_TICK_SECONDS, self._on_tick)

    def on_frame(self, peer: Peer) -> None:
        """Something has come."""
        peer.heard_at = asyncio.get_running_loop().time()
        if not peer.is_live:
            peer.is_live = True
            self._on_change(peer)

    def on_pong(self, peer: Peer, pong: Pong) -> None:
        """An answer has come."""
        if pong.number == self._ping_number:
            peer.latency_seconds = asyncio.get_running_loop().time() - peer.pinged_at

    def _on_tick(self) -> None:
        self._timer = None
        self._ping_number += 1
        now = asyncio.get_running_loop().time()
        lateness = now - self._due_at
        for peer in self._peers():
            if lateness > _TICK_SECONDS:
                # This node itself stood still; what came meanwhile has not been read yet.
                peer.heard_at = min(now, peer.heard_at + lateness)
            self._check(peer, now)
        if self._peers():
            self.start()

    def _check(self, peer: Peer, now: float) -> None:
        silence = now - peer.heard_at
        if silence >= _PING_SECONDS or now - peer.pinged_at >= _MEASURE_SECONDS:
            peer.pinged_at = now
            peer.link.send(Ping(self._ping_number))
        if silence > LIVE_SECONDS and peer.is_live:
            peer.is_live = False
            self._on_change(peer)
        if silence > CLOSE_SECONDS:
            self._on_silent(peer)
