"""The network between simulated machines: links with latency, loss, partitions and half-open ends.

Frames travel as bytes. A link keeps their order unless the weather says otherwise; what a partition stops arrives
when it is over, as with TCP, or never when the weather loses frames. A machine that vanishes silently leaves its peers
with links that are dead and look alive.
"""

from __future__ import annotations

import contextvars
import random
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from chain_node.consensus.qbft.message_log import height_of, round_of
from chain_node.consensus.qbft.messages import PROPOSAL_CODE
from chain_node.core.errors import DecodeError, InvalidInputError
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.network.frames import (
    Blocks,
    ConsensusMessage,
    Frame,
    Goodbye,
    Hello,
    LateSeals,
    Ping,
    Pong,
    Priority,
    Status,
    Transactions,
    VaultMessage,
    decode_payload,
    encode_frame,
    size_bytes_max,
)
from chain_node.network.proposal_frames import CompactProposal
from tests.simulation.scenario import FAIR, Weather

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.world import World

_HEAD_SIZE_BYTES = 5
_BAD_FRAME_PENALTY = 50
_GUST_SECONDS = 0.5
_LATE_MS_MAX = 1_000
"""How late a frame may be that lost its place."""

cached_encode_frame = lru_cache(maxsize=2048)(encode_frame)
cached_decode_payload = lru_cache(maxsize=2048)(decode_payload)


class SimulatedLink:
    """Implements `Link`: one end of a connection."""

    def __init__(
        self, wire: Wire, machine: Machine, peer: Machine, *, record: NodeRecord | None, is_outbound: bool
    ) -> None:
        self._wire = wire
        self.machine = machine
        self.life = machine.life
        self.peer = peer
        self.other: SimulatedLink
        self._record = record
        self._is_outbound = is_outbound
        self.is_open = True
        self.last_arrival_us = 0
        self.held: list[bytes] = []

    @property
    def record(self) -> NodeRecord | None:
        """Whose node this is."""
        return self._record

    @property
    def tls_key_hash(self) -> TlsKeyHash:
        """The key at the other end."""
        return self.peer.tls_key_hash

    @property
    def is_outbound(self) -> bool:
        """Whether this machine dialled."""
        return self._is_outbound

    @property
    def endpoint(self) -> str:
        """For people."""
        return f"node{self.peer.index}"

    @property
    def misdeed_points(self) -> int:
        """What is counted against the peer."""
        return self.machine.penalties.get(self.tls_key_hash, 0)

    @property
    def is_usable(self) -> bool:
        """Whether this end is open and its machine still lives the life it was opened in."""
        return self.is_open and self.machine.life is self.life and self.life.is_alive

    def send(self, frame: Frame) -> None:
        """Send a frame, or whatever a liar makes of it."""
        if not self.is_usable:
            return
        if self.machine.liar is None:
            self.send_as_is(frame)
            return
        for other in self.machine.liar.frames_for(self, frame):
            self.send_as_is(other)

    def send_as_is(self, frame: Frame) -> None:
        """Put a frame on the wire."""
        self.machine.crash_point("send")
        if self.is_usable:
            self.machine.world.checkers.on_sent(self.machine, self.peer, self.machine.node.whole(frame))
            self._wire.transmit(self, frame.priority, cached_encode_frame(frame))
            self.machine.crash_point("sent")

    def punish(self, reason: str, penalty: int) -> None:
        """Count a misdeed of the peer."""
        if self.is_usable:
            self.machine.punish(self, reason, penalty)

    def close(self, goodbye: Goodbye) -> None:
        """Say why, then close."""
        if self.is_usable:
            self._wire.transmit(self, Goodbye.priority, cached_encode_frame(goodbye))
            self.shut(goodbye.reason)

    def shut(self, reason: str) -> None:
        """Close this end; the node is told soon."""
        if not self.is_open:
            return
        self.is_open = False
        self.machine.links.pop(self, None)
        if self.machine.life is self.life and self.life.is_alive:
            context = self.life.context
            self._wire.loop.call_soon(self.machine.on_link_down, self, reason, context=context)


class Wire:
    """All links, and who cannot reach whom."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.loop = world.loop
        self.weather: Weather = FAIR
        self._rng = rng
        self._world = world
        self._blocks: dict[tuple[int, int], int] = {}
        self.context = contextvars.copy_context()
        """Of nobody: what is on its way arrives whoever lives."""

    def start(self) -> None:
        """Let links break by themselves, as the weather has it."""
        self.loop.call_later(_GUST_SECONDS, self._blow)

    def block(self, source: Machine, target: Machine) -> None:
        """Frames from one machine to another stop arriving."""
        key = source.index, target.index
        self._blocks[key] = self._blocks.get(key, 0) + 1

    def unblock(self, source: Machine, target: Machine) -> None:
        """Undo one `block`; what was held back goes on its way."""
        key = source.index, target.index
        self._blocks[key] -= 1
        if not self._blocks[key]:
            for link in list(source.links):
                if link.peer is target:
                    self.release(link)

    def is_blocked(self, source: int, target: int) -> bool:
        """Whether frames from one do not reach the other."""
        return self._blocks.get((source, target), 0) > 0

    def release(self, link: SimulatedLink) -> None:
        """Send what a partition held back."""
        held, link.held = link.held, []
        for data in held:
            self._send_on(link, data)

    def dial(self, dialler: Machine, target: Machine, on_done: Callable[[bool], None]) -> None:
        """Try to connect; hellos and judgements take three ways of the wire."""
        delay_us = 3 * self._latency_us()
        life, context = dialler.life, dialler.life.context
        self.loop.call_later(delay_us / 1e6, self._connect, dialler, life, target, on_done, context=context)

    def transmit(self, link: SimulatedLink, priority: Priority, data: bytes) -> None:
        """Carry a frame to the other end, as the weather allows."""
        fate = self._carry(link, priority, data)
        self._world.note_frame(link.machine, link.peer, data, fate)

    def _carry(self, link: SimulatedLink, priority: Priority, data: bytes) -> str:
        weather = self.weather
        if self.is_blocked(link.machine.index, link.peer.index):
            if weather.loss:
                return ", lost"
            link.held.append(data)
            return ", held back"
        if weather.loss and self._rng.random() < weather.loss:
            return ", lost"
        if weather.kind_loss and _is_of_kind(data, weather.lost_kind) and self._rng.random() < weather.kind_loss:
            return ", lost"
        fate = ""
        if weather.duplication and self._rng.random() < weather.duplication:
            self._deliver_later(link, data, self._latency_us() + self._rng.randrange(_LATE_MS_MAX) * 1000)
            fate = ", twice"
        if weather.reordering and priority != Priority.CONTROL and self._rng.random() < weather.reordering:
            self._deliver_later(link, data, self._latency_us() + self._rng.randrange(_LATE_MS_MAX) * 1000)
            return fate + ", late"
        self._send_on(link, data)
        return fate

    def reset(self, link: SimulatedLink, reason: str) -> None:
        """Let the other end find out that this one is gone, if it can hear it."""
        if not self.is_blocked(link.machine.index, link.peer.index):
            self.loop.call_later(self._latency_us() / 1e6, link.other.shut, reason, context=self.context)

    def _connect(self, dialler: Machine, life: object, target: Machine, on_done: Callable[[bool], None]) -> None:
        if dialler.life is not life:
            return
        on_done(self._try_to_connect(dialler, target))

    def _try_to_connect(self, dialler: Machine, target: Machine) -> bool:
        is_cut = self.is_blocked(dialler.index, target.index) or self.is_blocked(target.index, dialler.index)
        if is_cut or not target.is_responsive or dialler.shuns(target) or target.shuns(dialler):
            return False
        hello_there, hello_here = dialler.hello(), target.hello()
        judged_there = target.judge(dialler, hello_there)
        judged_here = dialler.judge(target, hello_here)
        if isinstance(judged_there, Goodbye) or isinstance(judged_here, Goodbye):
            self._world.note(f"link {dialler.index}-{target.index} refused: {judged_there} / {judged_here}")
            return False
        near = SimulatedLink(self, dialler, target, record=judged_here, is_outbound=True)
        far = SimulatedLink(self, target, dialler, record=judged_there, is_outbound=False)
        near.other, far.other = far, near
        dialler.on_link_up(near, hello_here)
        target.on_link_up(far, hello_there)
        return True

    def _blow(self) -> None:
        for machine in self._world.machines:
            for link in list(machine.links):
                if link.is_outbound and self._rng.random() < self.weather.relinks * _GUST_SECONDS:
                    self._world.note(f"link {machine.name}-{link.peer.name} breaks")
                    link.shut("broken pipe")
                    link.other.shut("broken pipe")
        self.start()

    def _send_on(self, link: SimulatedLink, data: bytes) -> None:
        """In order: never before what was sent earlier on this link."""
        now_us = self.loop.now_us
        link.last_arrival_us = max(link.last_arrival_us, now_us + self._latency_us())
        self._deliver_later(link, data, link.last_arrival_us - now_us)

    def _deliver_later(self, link: SimulatedLink, data: bytes, delay_us: int) -> None:
        self.loop.call_later(delay_us / 1e6, self._arrive, link.other, data, context=self.context)

    def _arrive(self, end: SimulatedLink, data: bytes) -> None:
        """A frame has come to one end of a link; a closed end, or another life, answers with a reset."""
        if end.is_usable and end.life.frozen_until_us > self.loop.now_us:
            self.loop.call_at(end.life.frozen_until_us / 1e6, self._arrive, end, data, context=self.context)
        elif end.is_usable:
            end.life.context.run(self._hand_over, end, data)
        elif end.machine.is_up:
            self.reset(end, "connection reset")

    def _hand_over(self, end: SimulatedLink, data: bytes) -> None:
        try:
            frame = _read_frame(data)
            if isinstance(frame, Goodbye):
                end.shut(frame.reason)
            elif not isinstance(frame, Hello):
                end.machine.on_frame(end, frame)
        except InvalidInputError as error:
            end.punish(str(error), _BAD_FRAME_PENALTY)

    def _latency_us(self) -> int:
        weather = self.weather
        return weather.latency_ms * 1000 + self._rng.randrange(weather.jitter_ms * 1000 + 1)


def _is_of_kind(data: bytes, message_code: int) -> bool:
    if data[4] == CompactProposal.code:
        return message_code == PROPOSAL_CODE
    if data[4] != ConsensusMessage.code:
        return False
    frame = _read_frame(data)
    return isinstance(frame, ConsensusMessage) and frame.message_code == message_code


def describe_frame(data: bytes) -> str:
    """A frame in words; empty for those that say nothing about the chain."""
    try:
        frame = _read_frame(data)
        match frame:
            case ConsensusMessage():
                message = frame.decode()
                kind = type(message).__name__.removeprefix("Signed")
                return f"{kind} {height_of(message)}/{round_of(message)} by {message.author.hex()[:4]}"
            case CompactProposal():
                return f"CompactProposal {frame.height}/{frame.round} of {len(frame.hashes) // 32} transactions"
            case Ping() | Pong() | VaultMessage():
                return ""
            case Status():
                return f"Status {frame.height} with {len(frame.links)} links"
            case LateSeals():
                return "LateSeals " + ", ".join(f"{seal.height}/{seal.round}" for seal in frame.seals)
            case Transactions() | Blocks():
                return f"{type(frame).__name__} {len(frame.encoded)}"
            case _:
                return str(frame)
    except InvalidInputError as error:
        return f"nonsense ({error})"


def _read_frame(data: bytes) -> Frame:
    code, payload = data[4], data[_HEAD_SIZE_BYTES:]
    size_max = size_bytes_max(code)
    if size_max is None or len(payload) > size_max:
        raise DecodeError(offset=0, expected=f"a frame of type 0x{code:02x} of at most {size_max} bytes")
    return cached_decode_payload(code, payload)
