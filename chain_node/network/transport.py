"""Links over TCP and mutual TLS 1.3: listens, dials, keeps time. The only file that opens sockets."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import structlog

from chain_node.core.errors import ConfigError
from chain_node.network.api import LinkListener, NodeRecord, TlsKeyHash
from chain_node.network.connection import Connection, Phase
from chain_node.network.frames import Goodbye
from chain_node.network.framing import FrameEncoder
from chain_node.network.peer_book import PeerBook, parse_endpoint
from chain_node.network.tls_identity import TlsFiles, TlsIdentity, load_tls_identity
from chain_node.network.tls_session import TlsSession, make_tls_context
from chain_node.network.traffic import Refusal, Traffic, TransportLimits

_log = structlog.get_logger("network")
_BACKLOG = 128
_FILES_SECONDS = 2.0
"""How often it is looked whether the TLS files were replaced, so that the operator sees it without a new connection."""

_RENEWAL_DAYS = 30
"""From so many days before its end on, the log asks for a new certificate."""


class Transport:
    """Makes links and gives them to a `LinkListener`; `run` works until it is cancelled.

    To be read by metrics: `traffic` (see `Traffic`), `link_count`, `book.bans` (by TLS key), `identity`
    (`certificate_expires_at`).
    """

    def __init__(
        self,
        *,
        listener: LinkListener,
        tls: TlsFiles,
        listen: tuple[str, int] | None,
        book: PeerBook,
        limits: TransportLimits | None = None,
    ) -> None:
        """Check the files and take the port, so that a mistake stops the node before anything else is opened.

        Raises:
            ConfigError: a TLS file cannot be used, or the port cannot be had.
        """
        self.listener = listener
        self.book = book
        self.limits = limits or TransportLimits()
        self.traffic = Traffic()
        self.encoder = FrameEncoder()
        self._files = tls
        self._files_seen: object = None
        self._files_due_at = 0.0
        self._connections: dict[Connection, None] = {}
        self._link_count_by_key: Counter[TlsKeyHash] = Counter()
        self._fault: asyncio.Future[None] | None = None
        self._is_empty = asyncio.Event()
        self.identity, self._client_context, self._server_context = self._load()
        self._socket = None if listen is None else _listen(*listen)

    @property
    def bound_port(self) -> int | None:
        """Port that peers can dial; None when this node does not listen."""
        return None if self._socket is None else int(self._socket.getsockname()[1])

    @property
    def tls_key_hash(self) -> TlsKeyHash:
        """What this node is called."""
        return self.identity.tls_key_hash

    @property
    def link_count(self) -> int:
        """Open links."""
        return self._link_count_by_key.total()

    def refresh(self, records: Sequence[NodeRecord]) -> None:
        """Learn the endpoints of the newest node records; they take the place of those before."""
        self.book.learn(records, self.tls_key_hash)

    def close(self) -> None:
        """Give the port back; `run` does it at its end, if it was begun."""
        if self._socket is not None:
            self._socket.close()

    async def run(self) -> None:
        """Listen and dial until cancelled; then say Goodbye to all.

        Raises:
            BaseException: what our own code raised in a callback; the node has to stop.
        """
        loop = asyncio.get_running_loop()
        self._fault = loop.create_future()
        server = None
        try:
            if self._socket is not None:
                server = await loop.create_server(self._on_accept, sock=self._socket, backlog=_BACKLOG)
                _log.info("network_listens", port=self.bound_port, tls_key=self.tls_key_hash.hex())
            async with asyncio.TaskGroup() as group:
                while not self._fault.done():
                    self._check(group)
                    await asyncio.wait((self._fault,), timeout=self.limits.check_seconds)
                self._fault.result()
        finally:
            if server is not None:
                server.close()
            await self._close_all()
            self.close()

    # Owner of connections

    def admit(self, connection: Connection) -> Refusal | None:
        """Why a connection that was just made is not taken, or None."""
        if not connection.is_outbound:
            refusal = self.book.refuse_accept(connection.address, asyncio.get_running_loop().time())
            if refusal is not None:
                return refusal
        self._connections[connection] = None
        return None

    def on_open(self, connection: Connection) -> None:
        """It has become a link."""
        self._link_count_by_key[connection.tls_key_hash] += 1
        if not connection.is_outbound:
            self.book.on_known(connection.address)

    def on_closed(self, connection: Connection) -> None:
        """Its socket is gone."""
        self._connections.pop(connection, None)
        if not self._connections:
            self._is_empty.set()
        now = asyncio.get_running_loop().time()
        was_open = connection.opened_at is not None
        if was_open:
            self._link_count_by_key -= Counter((connection.tls_key_hash,))
        if connection.dialled is None:
            self.book.on_left(connection.address, was_known=was_open)
        elif connection.opened_at is not None:
            self.book.on_lost(connection.dialled, now, lasted_seconds=now - connection.opened_at)
        else:
            self._on_dial_failed(connection.dialled, now, is_refused=connection.is_refused)

    def on_fault(self, error: BaseException) -> None:
        """Our own code failed in a callback: `run` raises it."""
        if self._fault is not None and not self._fault.done():
            self._fault.set_exception(error)

    # Making connections

    def _on_accept(self) -> Connection:
        self._read_files_again()
        return Connection(self, TlsSession(self._server_context, is_server=True), dialled=None)

    def _check(self, group: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._files_due_at:
            self._files_due_at = now + _FILES_SECONDS
            self._read_files_again()
        for connection in tuple(self._connections):
            connection.check(now)
        dialling = sum(c.is_outbound and c.phase < Phase.OPEN for c in self._connections)
        for endpoint in self.book.due(now, self._link_count_by_key)[: max(0, self.limits.dials_max - dialling)]:
            self.book.on_dialled(endpoint)
            group.create_task(self._dial(endpoint))

    async def _dial(self, endpoint: str) -> None:
        loop = asyncio.get_running_loop()
        address = parse_endpoint(endpoint)
        if address is None:
            return
        self._read_files_again()
        try:
            async with asyncio.timeout(self.limits.handshake_seconds):
                await loop.create_connection(
                    lambda: Connection(self, TlsSession(self._client_context, is_server=False), dialled=endpoint),
                    host=address[0],
                    port=address[1],
                )
        except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one; a member chose it
            log = _log.debug if self.book.failure_count(endpoint) else _log.warning
            log("peer_unreachable", endpoint=endpoint, reason=str(error) or "no answer in time")
            self._on_dial_failed(endpoint, loop.time(), is_refused=False)

    def _on_dial_failed(self, endpoint: str, now: float, *, is_refused: bool) -> None:
        self.traffic.dial_failures += 1
        seconds = self.book.on_failed(endpoint, now, is_refused=is_refused)
        _log.debug("dial_again", endpoint=endpoint, in_seconds=round(seconds, 2))

    async def _close_all(self) -> None:
        for connection in tuple(self._connections):
            connection.close(Goodbye("the node stops"))
        if self._connections:
            self._is_empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_empty.wait(), self.limits.linger_seconds)
        for connection in tuple(self._connections):
            connection.abort()

    # The files

    def _load(self) -> tuple[TlsIdentity, ssl.SSLContext, ssl.SSLContext]:
        self._files_seen = self._stamp()
        now = dt.datetime.now(dt.UTC)
        identity = load_tls_identity(self._files, now)
        days = (identity.certificate_expires_at - now).days
        if days < _RENEWAL_DAYS:
            _log.warning("certificate_expires_soon", file=str(self._files.certificate), days=days)
        return (
            identity,
            make_tls_context(self._files, is_server=False),
            make_tls_context(self._files, is_server=True),
        )

    def _read_files_again(self) -> None:
        """Take new files for the next connection; while they do not fit together the old ones go on being used."""
        if self._stamp() == self._files_seen:
            return
        try:
            self.identity, self._client_context, self._server_context = self._load()
        except ConfigError as error:
            _log.error("tls_files_refused", reason=str(error))
        else:
            _log.info("tls_files_read", tls_key=self.tls_key_hash.hex())

    def _stamp(self) -> object:
        return tuple(_stamp_of(path) for path in (self._files.key, self._files.certificate, self._files.ca))


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError("p2p_listen", f"cannot listen on {host}:{port}: {error.strerror or error}") from error
