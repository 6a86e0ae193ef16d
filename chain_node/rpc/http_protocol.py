"""HTTP for plain JSON-RPC requests without ASGI; whatever else comes on a connection is uvicorn's.

A plain request is `POST /` with a Content-Length, complete headers of the common kind and a body of moderate size.
Such a request is recognised by its head, which clients repeat to the byte, and answered in the same turn of the
event loop if its method is fast. Anything unusual (chunks, upgrades, web pages, other paths, HTTP/1.0, oversize) is
given to uvicorn's parser untouched, so there is one place that judges what is malformed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from chain_node.rpc.http_app import RPCApp

_REQUEST_LINE = b"POST / HTTP/1.1\r\n"
_HEAD_END = b"\r\n\r\n"
_HEAD_SIZE_BYTES_MAX = 2 * 1024
_BODY_SIZE_BYTES_MAX = 256 * 1024
_HEADS_REMEMBERED_MAX = 1_024

_UNUSUAL = (b"transfer-encoding", b"expect", b"upgrade", b"origin")
"""Headers whose meaning is uvicorn's business, or the application's (web pages of other origins)."""

_NO_SIZE = -1


class PlainHeads:
    """Reads heads of plain requests; remembers them, because a client's next one is the same."""

    def __init__(self) -> None:
        self._size_by_head: dict[bytes, int] = {}

    def body_size_bytes(self, head: bytes) -> int:
        """Size of the body that follows; negative for a request that is not plain."""
        size = self._size_by_head.get(head)
        if size is None:
            size = _read_head(head)
            if len(self._size_by_head) >= _HEADS_REMEMBERED_MAX:
                self._size_by_head.clear()
            self._size_by_head[head] = size
        return size


class RPCProtocol(HttpToolsProtocol):
    """One connection. Between requests it is nobody's; the first bytes of the next one decide who reads it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        app: RPCApp,
        heads: PlainHeads,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._rpc = app
        self._heads = heads
        self._body_size_bytes_max = min(_BODY_SIZE_BYTES_MAX, app.body_size_bytes_max)
        self._received = b""
        """What has come and is not answered: part of a plain request, or what follows the one being answered."""
        self._is_answering = False
        self._is_reading = False
        """Whether `_read_plain` runs, which then takes what follows."""
        self._is_parsing = False
        """Whether uvicorn's parser is inside a message."""
        self._is_ending = False
        self._used_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._is_uvicorns():
            super().data_received(data)
            return
        self._received = self._received + data if self._received else data
        if self._is_answering:
            if len(self._received) > _BODY_SIZE_BYTES_MAX:
                self.flow.pause_reading()
        else:
            self._read_plain()

    def on_message_begin(self) -> None:
        """uvicorn's parser has met a request."""
        self._is_parsing = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """It has read it."""
        self._is_parsing = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """Close the connection, after the answer that is being made."""
        if self._is_answering:
            self._is_ending = True
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that was idle for long; plain requests do not touch the timer, so look when it was."""
        idle_seconds = self.loop.time() - self._used_at
        if self._is_answering or idle_seconds < self.timeout_keep_alive:
            remaining_seconds = max(self.timeout_keep_alive - idle_seconds, 1.0)
            self.timeout_keep_alive_task = self.loop.call_later(remaining_seconds, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _is_uvicorns(self) -> bool:
        """Whether uvicorn's parser or application is in the middle of something."""
        if self._is_parsing or self.pipeline:
            return True
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _read_plain(self) -> None:
        self._is_reading = True
        try:
            while self._received and not self._is_answering and not self.transport.is_closing():
                if not self._take_request():
                    return
        finally:
            self._is_reading = False

    def _take_request(self) -> bool:
        """Take the next request; False when it is not complete, or uvicorn has taken over."""
        data = self._received
        end = data.find(_HEAD_END, 0, _HEAD_SIZE_BYTES_MAX)
        size = self._heads.body_size_bytes(data[:end]) if end >= 0 else _NO_SIZE
        if not 0 <= size <= self._body_size_bytes_max or self.flow.write_paused:
            self._received = b""
            super().data_received(data)
            return False
        start = end + len(_HEAD_END)
        if len(data) < start + size:
            return False
        self._received = data[start + size :]
        self._is_answering = True
        if self.timeout_keep_alive_task is None:
            self._used_at = self.loop.time()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._rpc.accept(data[start : start + size], self._respond)
        return True

    def _respond(self, answer: bytes) -> None:
        self._is_answering = False
        self._used_at = self.loop.time()
        if self.transport.is_closing():
            return
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer)
        )
        if self._is_ending:
            self.transport.close()
            return
        self.flow.resume_reading()
        if self._received and not self._is_reading:
            self._read_plain()


def _read_head(head: bytes) -> int:
    """Size of the body after a plain head; negative for any other."""
    if not head.startswith(_REQUEST_LINE):
        return _NO_SIZE
    size = _NO_SIZE
    for line in head[len(_REQUEST_LINE) :].lower().split(b"\r\n"):
        name, separator, value = line.partition(b":")
        value = value.strip(b" \t")
        if not separator or not name.isascii() or name.strip() != name or not name or b"\n" in line or b"\0" in line:
            return _NO_SIZE
        if name in _UNUSUAL or (name == b"connection" and value != b"keep-alive"):
            return _NO_SIZE
        if name == b"content-length":
            if size != _NO_SIZE or not value.isdigit() or len(value) > 9:
                return _NO_SIZE
            size = int(value)
    return size
