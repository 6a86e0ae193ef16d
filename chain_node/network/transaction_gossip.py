"""Transactions from node to node: sent in batches, taken in batches.

Decoding one recovers its sender, so a batch is decoded beside the event loop, and votes get through meanwhile. While
one is taken the next ones gather.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from chain_node.core.errors import InvalidInputError
from chain_node.network.api import NodeServices
from chain_node.network.frames import TRANSACTIONS_PER_FRAME_MAX, Transactions
from chain_node.network.misdeeds import penalty_of
from chain_node.network.peer import Peer
from chain_node.network.relay import find_unreached
from chain_node.network.tasks import raise_fault

_BATCH_SECONDS = 0.025
"""What comes within this time of the last batch leaves together; what comes after a silence leaves at once."""

_QUEUE_COUNT_MAX = 20_000
"""Transactions of all peers that wait to be decoded; more are dropped."""

_FRAME_SIZE_BYTES_MAX = 1024 * 1024


class TransactionGossip:
    """Passes on what is new. Event loop only."""

    def __init__(self, services: NodeServices, members: Callable[[], Iterable[Peer]]) -> None:
        self._services = services
        self._members = members
        self._outgoing: list[bytes] = []
        self._sent_at = 0.0
        self._incoming: deque[tuple[Peer, tuple[bytes, ...]]] = deque()
        self._incoming_count = 0
        self._task: asyncio.Task[None] | None = None

    def announce(self, encoded: Sequence[bytes]) -> None:
        """Tell everybody of transactions that came in here."""
        if not self._outgoing:
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, self._sent_at + _BATCH_SECONDS - loop.time()), self._send)
        self._outgoing += encoded

    def greet(self, peer: Peer) -> None:
        """Tell a peer of everything that waits here."""
        for frame in _make_frames(self._services.waiting_transactions()):
            peer.link.send(frame)

    def on_transactions(self, peer: Peer, encoded: tuple[bytes, ...]) -> None:
        """A peer tells of transactions."""
        taken = encoded[: _QUEUE_COUNT_MAX - self._incoming_count]
        if not taken:
            return
        self._incoming.append((peer, taken))
        self._incoming_count += len(taken)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._take_all())
            self._task.add_done_callback(raise_fault)

    def _send(self) -> None:
        frames = list(_make_frames(self._outgoing))
        self._outgoing = []
        self._sent_at = asyncio.get_running_loop().time()
        for frame in frames:
            for peer in self._members():
                peer.link.send(frame)

    async def _take_all(self) -> None:
        try:
            while self._incoming:
                await self._take(*self._next_batch())
        finally:
            self._task = None

    def _next_batch(self) -> tuple[Peer, list[bytes]]:
        """What one peer has sent without another one in between, up to what a frame may hold."""
        source = self._incoming[0][0]
        encoded: list[bytes] = []
        while self._incoming and self._incoming[0][0] is source and len(encoded) < TRANSACTIONS_PER_FRAME_MAX:
            encoded += self._incoming.popleft()[1]
        self._incoming_count -= len(encoded)
        return source, encoded

    async def _take(self, source: Peer, encoded: list[bytes]) -> None:
        try:
            new = await self._services.on_transactions(encoded)
        except InvalidInputError as error:
            source.link.punish(f"bad transaction: {error}", penalty_of(error))
            self._incoming = deque(entry for entry in self._incoming if entry[0] is not source)
            self._incoming_count = sum(len(entry[1]) for entry in self._incoming)
            return
        unreached = list(find_unreached(self._members(), source)) if new else []
        for frame in _make_frames(new) if unreached else ():
            for peer in unreached:
                peer.link.send(frame)


def _make_frames(encoded: Iterable[bytes]) -> Iterator[Transactions]:
    batch: list[bytes] = []
    size_bytes = 0
    for one in encoded:
        if batch and (len(batch) == TRANSACTIONS_PER_FRAME_MAX or size_bytes + len(one) > _FRAME_SIZE_BYTES_MAX):
            yield Transactions(tuple(batch))
            batch, size_bytes = [], 0
        batch.append(one)
        size_bytes += len(one)
    if batch:
        yield Transactions(tuple(batch))
