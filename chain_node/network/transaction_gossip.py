"""Transactions from node to node: sent in batches, taken in slices.

Decoding one recovers its sender, so a large batch is not taken in one go: votes must get through in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from chain_node.core.errors import InvalidInputError
from chain_node.network.api import NodeServices
from chain_node.network.frames import TRANSACTIONS_PER_FRAME_MAX, Transactions
from chain_node.network.misdeeds import penalty_of
from chain_node.network.peer import Peer
from chain_node.network.relay import find_unreached

_BATCH_SECONDS = 0.015
"""Transactions that come within this time leave together."""

_SLICE_COUNT = 16
"""Transactions decoded at a time, about 2 ms."""

_QUEUE_COUNT_MAX = 20_000
"""Transactions of all peers that wait to be decoded; more are dropped."""

_FRAME_SIZE_BYTES_MAX = 1024 * 1024


class TransactionGossip:
    """Passes on what is new. Event loop only."""

    def __init__(self, services: NodeServices, members: Callable[[], Iterable[Peer]]) -> None:
        self._services = services
        self._members = members
        self._outgoing: list[bytes] = []
        self._incoming: deque[tuple[Peer, bytes]] = deque()

    def announce(self, encoded: bytes) -> None:
        """Tell everybody of a transaction that came in here."""
        if not self._outgoing:
            asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._send)
        self._outgoing.append(encoded)

    def greet(self, peer: Peer) -> None:
        """Tell a peer of everything that waits here."""
        for frame in _make_frames(self._services.waiting_transactions()):
            peer.link.send(frame)

    def on_transactions(self, peer: Peer, encoded: Iterable[bytes]) -> None:
        """A peer tells of transactions."""
        is_idle = not self._incoming
        room = _QUEUE_COUNT_MAX - len(self._incoming)
        self._incoming.extend([(peer, one) for one in encoded][:room])
        if is_idle and self._incoming:
            self._take_slice()

    def _send(self) -> None:
        frames = list(_make_frames(self._outgoing))
        self._outgoing = []
        for peer in self._members():
            for frame in frames:
                peer.link.send(frame)

    def _take_slice(self) -> None:
        source = self._incoming[0][0]
        encoded: list[bytes] = []
        while self._incoming and self._incoming[0][0] is source and len(encoded) < _SLICE_COUNT:
            encoded.append(self._incoming.popleft()[1])
        try:
            new = self._services.on_transactions(encoded)
        except InvalidInputError as error:
            source.link.punish(f"bad transaction: {error}", penalty_of(error))
            self._incoming = deque(entry for entry in self._incoming if entry[0] is not source)
            new = ()
        for peer in find_unreached(self._members(), source) if new else ():
            peer.link.send(Transactions(tuple(new)))
        if self._incoming:
            asyncio.get_running_loop().call_soon(self._take_slice)


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
