"""Fetching blocks from peers that are ahead: ranges, several at once, imported in their order.

A range is asked of one peer at a time. A peer that is silent, says nothing useful or gives a bad block rests for a
while, and another one is asked. Consensus brings blocks by itself, so nothing is asked while the head still moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chain_node.core.codec import decode_block
from chain_node.core.errors import InvalidInputError, RemoteProtocolError, UnavailableError
from chain_node.core.limits import HEIGHTS_AHEAD_MAX
from chain_node.core.types import Block, Height
from chain_node.network.api import NodeServices
from chain_node.network.frames import BLOCKS_PER_FRAME_MAX, Blocks, GetBlocks
from chain_node.network.misdeeds import MISDEED_POINTS_MAX, penalty_of
from chain_node.network.peer import Peer
from chain_node.network.tasks import raise_fault

_PATIENCE_SECONDS = 0.3
"""How long the head may stand still, while a peer is ahead, before blocks are asked for."""

_ANSWER_SECONDS = 5.0
"""How long a peer may take to answer."""

_REST_SECONDS = 5.0
"""How long a peer that failed is not asked; twice as long each further time, up to 64 times."""

_REST_DOUBLINGS_MAX = 6

_RANGES_MAX = 2
"""Ranges that are asked for or wait for import: one is imported while the next is on its way."""

_CHUNK_BLOCKS_MAX = 8
"""Blocks decoded and imported in one go; the next ones are decoded while these are executed."""

_CHUNK_SIZE_BYTES_TARGET = 1024 * 1024
"""A chunk stops growing here; it has one block at least."""

_NO_ANSWER_PENALTY, _UNASKED_PENALTY = 10, 20


class Chunks:
    """An answer, decoded bit by bit: the next chunk is always on its way."""

    def __init__(
        self, decode: Callable[[Sequence[bytes]], Coroutine[None, None, list[Block]]], encoded: Sequence[bytes]
    ) -> None:
        self._decode = decode
        self._chunks = _split(encoded)
        self._decoding: asyncio.Task[list[Block]] | None = None
        self._begin()

    async def next(self) -> list[Block] | None:
        """The next blocks; None at the end.

        Raises:
            InvalidInputError: one of them is malformed.
        """
        if self._decoding is None:
            return None
        blocks = await self._decoding
        self._begin()
        return blocks

    def _begin(self) -> None:
        chunk = next(self._chunks, None)
        self._decoding = None
        if chunk is not None:
            self._decoding = asyncio.get_running_loop().create_task(self._decode(chunk))
            # Where the range is given up nobody asks how it went.
            self._decoding.add_done_callback(lambda task: task.cancelled() or task.exception())


def _split(encoded: Sequence[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size_bytes = 0
    for one in encoded:
        chunk.append(one)
        size_bytes += len(one)
        if len(chunk) == _CHUNK_BLOCKS_MAX or size_bytes >= _CHUNK_SIZE_BYTES_TARGET:
            yield chunk
            chunk, size_bytes = [], 0
    if chunk:
        yield chunk


@dataclass(slots=True, eq=False)
class _Range:
    """Blocks that follow one another."""

    first: Height
    count: int
    number: int
    """Of the question."""
    peer: Peer
    timer: asyncio.TimerHandle
    encoded: tuple[bytes, ...] | None = None
    """The answer."""
    chunks: Chunks | None = None
    """The answer, being decoded."""


@dataclass(slots=True, eq=False)
class _Probe:
    """One block of a peer that may contradict ours."""

    height: Height
    peer: Peer


@dataclass(slots=True)
class _Book:
    """What was asked for."""

    last_number: int = 0
    ranges: list[_Range] = field(default_factory=list)
    """Ascending, without gaps."""
    probes: dict[int, _Probe] = field(default_factory=dict)
    """By the number of the question."""


class BlockSync:
    """Keeps the chain up to that of the peers. Event loop only."""

    def __init__(self, services: NodeServices, peers: Callable[[], Iterable[Peer]]) -> None:
        self._services = services
        self._peers = peers
        self._book = _Book()
        self._patience: asyncio.TimerHandle | None = None
        self._import: asyncio.Task[None] | None = None
        self._quiet_height = Height(0)
        """Of the head when the patience began."""

    @property
    def is_active(self) -> bool:
        """Whether blocks are asked for or imported."""
        return bool(self._book.ranges) or self._import is not None

    def on_news(self) -> None:
        """The head has moved, or a peer's: see whether blocks must be fetched."""
        head = self._services.head().height
        ahead = self._best_height() - head
        if ahead <= 0:
            self._stop_patience()
        elif self.is_active or ahead > HEIGHTS_AHEAD_MAX:
            self._stop_patience()
            self._ask()
        elif self._patience is None or self._quiet_height != head:
            self._stop_patience()
            self._quiet_height = head
            self._patience = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._on_patience_over)

    def on_blocks(self, peer: Peer, frame: Blocks) -> None:
        """An answer has come.

        Raises:
            InvalidInputError: nobody asked, or it is no answer.
        """
        if frame.number > self._book.last_number:
            raise RemoteProtocolError(f"blocks for question {frame.number}, never asked", penalty=_UNASKED_PENALTY)
        probe = self._book.probes.get(frame.number)
        if probe is not None and probe.peer is peer:
            del self._book.probes[frame.number]
            self._judge(probe, frame.encoded)
            return
        asked = next((one for one in self._book.ranges if one.number == frame.number and one.peer is peer), None)
        if asked is None or asked.encoded is not None:
            return
        if len(frame.encoded) > asked.count:
            self._give_up(asked)
            raise RemoteProtocolError(
                f"{len(frame.encoded)} blocks, {asked.count} were asked for", penalty=_UNASKED_PENALTY
            )
        asked.timer.cancel()
        if not frame.encoded:
            peer.height = Height(min(peer.height, asked.first - 1))
            self._give_up(asked)
            return
        self._take(asked, frame.encoded)

    def on_gone(self, peer: Peer) -> None:
        """A link is closed: what it was asked for is asked of others."""
        for number in [number for number, probe in self._book.probes.items() if probe.peer is peer]:
            del self._book.probes[number]
        lost = next((one for one in self._book.ranges if one.peer is peer and one.encoded is None), None)
        if lost is not None:
            self._give_up(lost)

    def probe(self, peer: Peer, height: Height) -> None:
        """Ask a peer for its block at a height where it says that it has another one than we."""
        if any(probe.peer is peer for probe in self._book.probes.values()):
            return
        self._book.last_number += 1
        self._book.probes[self._book.last_number] = _Probe(height, peer)
        peer.link.send(GetBlocks(self._book.last_number, height, 1))

    def _best_height(self) -> int:
        return max((peer.height for peer in self._peers()), default=0)

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _on_patience_over(self) -> None:
        self._patience = None
        if self._services.head().height != self._quiet_height:
            self.on_news()
        elif self._best_height() > self._quiet_height:
            self._ask()

    def _ask(self) -> None:
        """Ask for what follows, as far as peers have it and ranges are free."""
        while len(self._book.ranges) < _RANGES_MAX:
            last = self._book.ranges[-1] if self._book.ranges else None
            first = Height(self._services.head().height + 1 if last is None else last.first + last.count)
            if first > self._best_height():
                return
            peer = self._choose(first)
            if peer is None:
                self._retry_later()
                return
            self._book.ranges.append(self._send(peer, first, min(BLOCKS_PER_FRAME_MAX, peer.height - first + 1)))

    def _send(self, peer: Peer, first: Height, count: int) -> _Range:
        self._book.last_number += 1
        number = self._book.last_number
        timer = asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self._on_silence, number)
        peer.link.send(GetBlocks(number, first, count))
        return _Range(first, count, number, peer, timer)

    def _choose(self, first: Height) -> Peer | None:
        """The peer with the fewest open questions among those that have the block."""
        now = asyncio.get_running_loop().time()
        able = [peer for peer in self._peers() if peer.height >= first and peer.is_live and peer.rests_until <= now]
        load = [sum(one.peer is peer for one in self._book.ranges) for peer in able]
        return able[load.index(min(load))] if able else None

    def _retry_later(self) -> None:
        if self._patience is None:
            self._quiet_height = self._services.head().height
            self._patience = asyncio.get_running_loop().call_later(1.0, self._on_patience_over)

    def _on_silence(self, number: int) -> None:
        silent = next((one for one in self._book.ranges if one.number == number and one.encoded is None), None)
        if silent is None:
            return
        silent.peer.link.punish(f"no answer to GetBlocks in {_ANSWER_SECONDS:.0f} s", _NO_ANSWER_PENALTY)
        self._give_up(silent)

    def _give_up(self, failed: _Range) -> None:
        """Forget a range and those after it, let its peer rest, and ask again."""
        _let_rest(failed.peer)
        self._forget_from(failed)
        self._ask()

    def _forget_from(self, failed: _Range) -> None:
        if failed not in self._book.ranges:
            return
        index = self._book.ranges.index(failed)
        for one in self._book.ranges[index:]:
            one.timer.cancel()
        del self._book.ranges[index:]

    def _take(self, asked: _Range, encoded: tuple[bytes, ...]) -> None:
        asked.encoded = encoded
        asked.chunks = Chunks(self._services.decode_blocks, encoded)
        if len(encoded) < asked.count:
            index = self._book.ranges.index(asked)
            asked.count = len(encoded)
            if index + 1 < len(self._book.ranges):
                self._forget_from(self._book.ranges[index + 1])
        if self._import is None:
            self._import = asyncio.get_running_loop().create_task(self._import_ranges())
            self._import.add_done_callback(raise_fault)
        self._ask()

    async def _import_ranges(self) -> None:
        try:
            while self._book.ranges and self._book.ranges[0].encoded is not None:
                current = self._book.ranges[0]
                await self._import_range(current)
                if current in self._book.ranges:
                    self._book.ranges.remove(current)
                self._ask()
        except UnavailableError:
            # This node has halted; whoever reads it still gets what there is.
            self._book.ranges.clear()
        finally:
            self._import = None
        self.on_news()

    async def _import_range(self, current: _Range) -> None:
        try:
            while current.chunks is not None and (blocks := await current.chunks.next()) is not None:
                await self._services.import_blocks(blocks)
                # Verification may need no waiting at all; let frames in between all the same.
                await asyncio.sleep(0)
        except InvalidInputError as error:
            if not self._suspect(current):
                current.peer.link.punish(f"bad block: {error}", penalty_of(error))
            _let_rest(current.peer)
            self._forget_from(current)
        else:
            current.peer.failure_count = 0

    def _suspect(self, current: _Range) -> bool:
        """Whether the peer's blocks do not follow ours: then either has a block that must not exist."""
        head = self._services.head()
        index = head.height + 1 - current.first
        encoded = current.encoded or ()
        if not 0 <= index < len(encoded):
            return False
        try:
            header = decode_block(encoded[index]).header
        except InvalidInputError:
            return False
        if header.number != head.height + 1 or header.parent_hash == head.block_hash:
            return False
        self.probe(current.peer, head.height)
        return True

    def _judge(self, probe: _Probe, encoded: tuple[bytes, ...]) -> None:
        if len(encoded) != 1:
            raise RemoteProtocolError(f"no block {probe.height} after it was announced", penalty=_UNASKED_PENALTY)
        theirs = decode_block(encoded[0])
        if theirs.header.number != probe.height:
            raise RemoteProtocolError(
                f"block {theirs.header.number}, expected {probe.height}", penalty=MISDEED_POINTS_MAX
            )
        self._services.on_conflict(theirs)


def _let_rest(peer: Peer) -> None:
    doublings = min(peer.failure_count, _REST_DOUBLINGS_MAX)
    peer.rests_until = asyncio.get_running_loop().time() + _REST_SECONDS * 2**doublings
    peer.failure_count += 1
