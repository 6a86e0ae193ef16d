"""One connection to another node, from the TLS handshake through Hello to the last Goodbye: the `Link` of a socket.

    HANDSHAKE ──> HELLO ──> OPEN ──> CLOSING ──> CLOSED
        TLS        who?      frames   what we last said leaves; what still comes is thrown away

The dialler says Hello first, the other side judges it and answers with its own Hello or with Goodbye; then the dialler
judges. No tasks: everything is done in callbacks of the socket, timed by `check`, which the transport calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol, cast

import structlog

from chain_node.core.errors import InvalidInputError
from chain_node.network.api import LinkListener, NodeRecord, TlsKeyHash
from chain_node.network.frames import Frame, Goodbye, Hello
from chain_node.network.framing import NEED_DATA, FrameEncoder, FrameReader
from chain_node.network.link import Allowance, OutgoingQueue
from chain_node.network.misdeeds import FloodError, SlowFrameError, penalty_of
from chain_node.network.peer_book import PeerBook
from chain_node.network.tls_session import TlsBrokenError, TlsSession
from chain_node.network.traffic import Refusal, Traffic, TransportLimits

_log = structlog.get_logger("network")

_WRITE_BUFFER_SIZE_BYTES = 256 * 1024
"""What is handed to the socket ahead of it; frames of a smaller priority overtake what is still in the queue."""

_FLUSH_SIZE_BYTES = 64 * 1024
_GOODBYE_CHARACTERS_MAX = 240


class Phase(IntEnum):
    """How far a connection is."""

    HANDSHAKE = 0
    HELLO = 1
    OPEN = 2
    CLOSING = 3
    CLOSED = 4


class Owner(Protocol):
    """What a connection needs of the transport it belongs to."""

    listener: LinkListener
    book: PeerBook
    limits: TransportLimits
    traffic: Traffic
    encoder: FrameEncoder

    @property
    def tls_key_hash(self) -> TlsKeyHash:
        """This node's own key."""
        ...

    def admit(self, connection: Connection) -> Refusal | None:
        """Why a connection that was just made is not taken, or None."""
        ...

    def on_open(self, connection: Connection) -> None:
        """It has become a link."""
        ...

    def on_closed(self, connection: Connection) -> None:
        """Its socket is gone."""
        ...

    def on_fault(self, error: BaseException) -> None:
        """Our own code failed in a callback: the node has to stop."""
        ...


class Connection(asyncio.Protocol):
    """Implements `Link`."""

    def __init__(self, owner: Owner, tls: TlsSession, *, dialled: str | None) -> None:
        self.phase = Phase.HANDSHAKE
        self.record: NodeRecord | None = None
        self.endpoint = dialled or "?"
        self.address = ""
        """Host part of the other end of the socket."""
        self.dialled = dialled
        self.opened_at: float | None = None
        """When it became a link, on the loop's clock."""
        self.is_refused = False
        """Whether one side did not want the other."""
        self._owner = owner
        self._tls = tls
        self._key_hash: TlsKeyHash | None = None
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, None)
        self._reader = FrameReader()
        limits = owner.limits
        self._queue = OutgoingQueue(count_max=limits.queue_count_max, size_bytes_max=limits.queue_size_bytes_max)
        self._allowance = Allowance(self._loop.time(), limits.rate_by_priority)
        self._is_flush_due = False
        self._is_write_paused = False
        self._held_until: float | None = None
        self._deadline = self._loop.time() + limits.handshake_seconds
        """Of the handshake, of Hello, or of closing."""
        self._heard_at = self._partial_since = self._written_at = self._loop.time()
        self._discarded_bytes = 0

    # Link

    @property
    def tls_key_hash(self) -> TlsKeyHash:
        """The key it has proven to have; empty before the handshake is done."""
        return self._key_hash or TlsKeyHash(b"")

    @property
    def is_outbound(self) -> bool:
        """Whether this node dialled."""
        return self.dialled is not None

    @property
    def misdeed_points(self) -> int:
        """What is counted against the peer."""
        return self._owner.book.points(self.tls_key_hash, self._loop.time())

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to leave: who has much to say can wait until this is small."""
        return self._queue.size_bytes + self._transport.get_write_buffer_size()

    def send(self, frame: Frame) -> None:
        """Queue a frame; all that is queued in one turn of the loop leaves together."""
        if self.phase not in (Phase.HELLO, Phase.OPEN):
            return
        encoded = self._owner.encoder.encode(frame)
        if not self._queue.push(frame.priority, encoded):
            self._owner.traffic.overflows += 1
            self._close(f"it reads too slowly: {self._queue.size_bytes} bytes wait to leave", None)
            return
        self._owner.traffic.count_sent(type(frame).__name__, len(encoded))
        if not self._is_flush_due and not self._is_write_paused:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def punish(self, reason: str, penalty: int) -> None:
        """Count a misdeed; at the limit the peer is banned."""
        if self._key_hash is None or self.phase >= Phase.CLOSING:
            return
        is_banned = self._owner.book.punish(self._key_hash, penalty, self._loop.time())
        _log.warning("peer_misdeed", **self._who(), reason=reason, penalty=penalty)
        if is_banned:
            self._ban(reason)

    def close(self, goodbye: Goodbye) -> None:
        """Say why, then close."""
        self._close(goodbye.reason, goodbye)

    # Socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection is there: begin TLS, unless there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_SIZE_BYTES)
        host, port = (self._transport.get_extra_info("peername") or ("", 0))[:2]
        self.address = host
        if self.dialled is None:
            self.endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        refusal = self._owner.admit(self)
        if refusal is not None:
            self._owner.traffic.refusals[refusal] += 1
            _log.debug("peer_refused", **self._who(), reason=refusal)
            self.phase = Phase.CLOSED
            self._transport.abort()
        elif self.dialled is not None:
            self._tls.start()
            self._write_out()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self.phase >= Phase.CLOSING:
            self._discard(len(data))
            return
        self._owner.traffic.wire_bytes_received += len(data)
        self._guard(lambda: self._receive(data))

    def eof_received(self) -> bool:
        """The peer has closed its side; what is there to say has been said or cannot be any more."""
        self._guard(lambda: self._close("closed by the peer", None))
        return False

    def pause_writing(self) -> None:
        """The socket has enough."""
        self._is_write_paused = True
        self._written_at = self._loop.time()

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._is_write_paused = False
        if self._queue.count:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        reason = "closed by the peer" if exc is None else f"connection lost: {exc}"
        self._guard(lambda: self._close(reason, None))
        was_admitted = self.phase is not Phase.CLOSED
        self.phase = Phase.CLOSED
        if was_admitted:
            self._owner.on_closed(self)

    # Time

    def check(self, now: float) -> None:
        """Look at what takes too long; called a few times a second."""
        match self.phase:
            case Phase.HANDSHAKE | Phase.HELLO if now >= self._deadline:
                what = "no TLS handshake" if self.phase is Phase.HANDSHAKE else "no Hello"
                self._refuse(f"{what} within {self._owner.limits.handshake_seconds:g} s", Refusal.SILENT)
            case Phase.HELLO | Phase.OPEN:
                self._check_open(now)
            case Phase.CLOSING if now >= self._deadline:
                self._transport.abort()

    def _check_open(self, now: float) -> None:
        limits = self._owner.limits
        if self._held_until is not None:
            if now >= self._held_until:
                self._held_until = None
                self._heard_at = self._partial_since = now
                self._guard(self._resume)
            return
        partial_seconds = limits.partial_seconds + self._reader.partial_size_bytes / limits.bytes_per_second_min
        if self._reader.is_partial and now - self._partial_since > partial_seconds:
            self._break_off(SlowFrameError(partial_seconds))
        elif now - self._heard_at > limits.idle_seconds:
            self._close("idle", Goodbye(f"nothing came for {limits.idle_seconds:g} s"))
        elif self._is_write_paused and now - self._written_at > limits.stall_seconds:
            self._close(f"it reads nothing for {limits.stall_seconds:g} s", None)

    def abort(self) -> None:
        """Drop the socket at once."""
        self._transport.abort()

    # Coming in

    def _receive(self, data: bytes) -> None:
        try:
            plain = self._tls.receive_data(data)
            if self.phase is Phase.HANDSHAKE and self._tls.is_established:
                self._on_established()
        except TlsBrokenError as error:
            self._on_tls_broken(error)
            return
        self._write_out()
        if plain and self.phase < Phase.CLOSING:
            if not self._reader.is_partial:
                self._partial_since = self._loop.time()
            self._reader.receive_data(plain)
            self._read_frames()
        if self._tls.has_ended:
            self._close("closed by the peer", None)

    def _on_established(self) -> None:
        key_hash = self._key_hash = self._tls.peer_key_hash
        self.phase = Phase.HELLO
        now = self._loop.time()
        self._deadline = now + self._owner.limits.handshake_seconds
        is_own = key_hash == self._owner.tls_key_hash
        if self.dialled is not None:
            self._owner.book.on_met(self.dialled, key_hash, is_own=is_own)
        if is_own:
            self._refuse("this is the node itself", Refusal.OWN)
        elif self._owner.book.is_banned(key_hash, now):
            self._refuse("banned for misdeeds, for minutes", Refusal.BANNED)
        elif self.dialled is not None:
            self.send(self._owner.listener.make_hello())

    def _on_tls_broken(self, error: TlsBrokenError) -> None:
        self._write_out()
        if self.phase is Phase.OPEN:
            self._close(error.reason, None)
        else:
            self._refuse(error.reason, None if error.is_their_refusal else Refusal.TLS)

    def _read_frames(self) -> None:
        try:
            while self.phase < Phase.CLOSING and self._held_until is None:
                frame = self._reader.next_frame()
                if frame is NEED_DATA:
                    return
                self._take(frame, self._reader.frame_size_bytes)
        except InvalidInputError as error:
            self._break_off(error)

    def _take(self, frame: Frame, size_bytes: int) -> None:
        now = self._loop.time()
        self._heard_at = self._partial_since = now
        self._owner.traffic.count_received(type(frame).__name__, size_bytes)
        if isinstance(frame, Goodbye):
            self._on_goodbye(frame)
            return
        if isinstance(frame, Hello):
            self._on_hello(frame)
            return
        charge = self._allowance.charge(frame.priority, size_bytes, now)
        if charge.hold_seconds:
            self._held_until = now + charge.hold_seconds
            self._transport.pause_reading()
            if charge.is_flood:
                flood = FloodError(frame.priority.name)
                self.punish(flood.reason, flood.penalty)
                if self.phase >= Phase.CLOSING:
                    return
        try:
            self._owner.listener.on_frame(self, frame)
        except InvalidInputError as error:
            self.punish(str(error), penalty_of(error))

    def _resume(self) -> None:
        self._read_frames()
        if self._held_until is None and self.phase < Phase.CLOSING:
            self._transport.resume_reading()

    def _on_hello(self, hello: Hello) -> None:
        owner = self._owner
        verdict = owner.listener.judge(self.tls_key_hash, hello)
        if isinstance(verdict, Goodbye):
            self._refuse(verdict.reason, Refusal.JUDGED)
            return
        self.record = verdict
        if self.dialled is None:
            self.send(owner.listener.make_hello())
        self.phase = Phase.OPEN
        self.opened_at = self._loop.time()
        owner.on_open(self)
        owner.listener.on_link_up(self, hello)

    def _on_goodbye(self, goodbye: Goodbye) -> None:
        if self.phase is Phase.OPEN:
            self._close(f"the peer says: {goodbye.reason}", None)
        else:
            self._refuse(f"it refuses us: {goodbye.reason}", None)

    # Going out

    def _flush(self) -> None:
        self._is_flush_due = False
        try:
            while self.phase in (Phase.HELLO, Phase.OPEN) and self._queue.count and not self._is_write_paused:
                self._tls.send(self._queue.take(_FLUSH_SIZE_BYTES))
                self._write_out()
        except TlsBrokenError as error:
            self._close(error.reason, None)

    def _write_out(self) -> None:
        data = self._tls.take_outgoing()
        if data and not self._transport.is_closing():
            self._owner.traffic.wire_bytes_sent += len(data)
            self._transport.write(data)

    # The end

    def _refuse(self, reason: str, refusal: Refusal | None) -> None:
        """End it before it is a link; None: the other refuses this node."""
        self.is_refused = True
        log = _log.debug if refusal is Refusal.OWN else _log.warning
        if refusal is None:
            log("refused_by_peer", **self._who(), reason=reason)
            self._close(reason, None)
            return
        self._owner.traffic.refusals[refusal] += 1
        log("peer_refused", **self._who(), reason=reason)
        self._close(reason, Goodbye(reason))

    def _break_off(self, error: InvalidInputError) -> None:
        """The stream cannot be read on: punish and close."""
        self.punish(str(error), penalty_of(error))
        if self.phase is Phase.HELLO:
            self.is_refused = True
        self._close(str(error), Goodbye(str(error)))

    def _ban(self, reason: str) -> None:
        seconds = self._owner.book.limits.ban_seconds
        _log.error("peer_banned", **self._who(), reason=reason, seconds=seconds)
        self._close(f"banned: {reason}", Goodbye(f"banned for {seconds:g} s: {reason}"))

    def _close(self, reason: str, goodbye: Goodbye | None) -> None:
        """Stop being a link; with a Goodbye the socket stays until the peer has had the time to read it."""
        if self.phase >= Phase.CLOSING:
            return
        was_open, self.phase = self.phase is Phase.OPEN, Phase.CLOSING
        self._queue.clear()
        self._deadline = self._loop.time() + self._owner.limits.linger_seconds
        self._say_last(goodbye)
        if was_open:
            _log.info("peer_disconnected", **self._who(), reason=reason)
            self._loop.call_soon(self._guard, lambda: self._owner.listener.on_link_down(self, reason))
        else:
            _log.debug("connection_closed", **self._who(), reason=reason)

    def _say_last(self, goodbye: Goodbye | None) -> None:
        if self._transport.is_closing():
            return
        if self._is_write_paused:
            self._transport.abort()  # it would wait behind what the peer does not read
            return
        try:
            if goodbye is not None and self._tls.is_established:
                self._tls.send(self._owner.encoder.encode(Goodbye(goodbye.reason[:_GOODBYE_CHARACTERS_MAX])))
                self._owner.traffic.count_sent(Goodbye.__name__, 0)
            self._tls.end()
        except TlsBrokenError:
            pass  # then it is not told
        self._write_out()
        if goodbye is None:
            self._transport.close()
            return
        # Closing with unread bytes would reset the connection, and the reset would overtake the Goodbye.
        if self._held_until is not None:
            self._transport.resume_reading()
        self._transport.write_eof()

    def _discard(self, size_bytes: int) -> None:
        self._discarded_bytes += size_bytes
        if self._discarded_bytes > self._owner.limits.discard_size_bytes_max:
            self._transport.abort()

    def _who(self) -> dict[str, object]:
        return {
            "organisation": None if self.record is None else self.record.organisation,
            "endpoint": self.endpoint,
            "tls_key": self.tls_key_hash.hex(),
            "is_outbound": self.is_outbound,
        }

    def _guard(self, action: Callable[[], None]) -> None:
        """The loop would only log what a callback raises; a fault of our own code stops the node."""
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # handed to the transport, which raises it
            self._owner.on_fault(error)
            self._transport.abort()
