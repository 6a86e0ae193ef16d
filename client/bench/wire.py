"""HTTP/1.1 to one node over connections that stay open, made to cost little: many requests, one process, few cores.

`Connection` sends bytes that are ready and hands each answer's body to a callback; `Node` asks single questions over it
where ease counts more. No retries here: an answer that does not come is reported.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import orjson

from client.sdk.errors import ConfigError, UnavailableError

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0

OnAnswer = Callable[[bytes | None, str], None]
"""Gets the body, or None and why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a node listens."""

    url: str
    host: str
    port: int
    path: str
    is_tls: bool

    @property
    def place(self) -> str:
        """Host and port, as reports name the node."""
        return f"{self.host}:{self.port}"

    def request(self, body: bytes) -> bytes:
        """Return a whole POST request."""
        return self._head() + b"%d\r\n\r\n%b" % (len(body), body)

    def get(self, path: str) -> bytes:
        """Return a whole GET request."""
        return f"GET {path} HTTP/1.1\r\nHost: {self.place}\r\n\r\n".encode()

    def _head(self) -> bytes:
        lines = (f"POST {self.path} HTTP/1.1", f"Host: {self.place}", "Content-Type: application/json")
        return ("\r\n".join(lines) + "\r\nContent-Length: ").encode()


def parse_target(url: str) -> Target:
    """Return where a URL of JSON-RPC points; ConfigError unless it is one of HTTP."""
    parts = urlsplit(url.strip())
    try:
        port = parts.port
    except ValueError:
        raise ConfigError("RPC URL", got=url, expected="a port up to 65535") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("RPC URL", got=url, expected="http:// or https://")
    is_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url=url.strip(), host=parts.hostname, port=port or (443 if is_tls else 80), path=path, is_tls=is_tls)


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self) -> None:
        """Use `connect` to make one."""
        self.is_open = False
        self._transport: asyncio.Transport | None = None
        self._on_answer: OnAnswer | None = None
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def send(self, request: bytes, on_answer: OnAnswer) -> None:
        """Send one request; `on_answer` is called once, also when the connection breaks."""
        if not self.is_open or self._transport is None:
            on_answer(None, "no connection")
            return
        self._on_answer = on_answer
        self._transport.write(request)

    def close(self) -> None:
        """Close without waiting."""
        self.is_open = False
        if self._transport is not None:
            self._transport.close()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.is_open = False
        self._answer(None, "connection lost")

    # What httptools calls

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Hand the body over."""
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.close()
        if status == 200 or body[:1] in (b"{", b"["):
            self._answer(body, "")
        else:
            self._answer(None, f"HTTP {status}")

    def _answer(self, body: bytes | None, why: str) -> None:
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(body, why)


async def connect(target: Target) -> Connection:
    """Open a connection; UnavailableError where nobody listens."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context() if target.is_tls else None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(Connection, target.host, target.port, ssl=context)
    except TimeoutError:
        raise UnavailableError(f"node {target.place}", "no connection in time") from None
    except OSError as error:
        raise UnavailableError(f"node {target.place}", error.strerror or "no connection") from error
    return connection


class NodeRefusal(Exception):
    """A node answered with an error of JSON-RPC."""

    def __init__(self, method: str, code: int, message: str):
        """Keep code and message."""
        self.code, self.message = code, message
        super().__init__(f"{method}: {message}")


class Node:
    """One node that is asked now and then, over a connection of its own."""

    def __init__(self, target: Target):
        """Nothing is sent yet."""
        self.target = target
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()

    async def ask(self, method: str, *params: object) -> Any:
        """Return the result of a method.

        Raises:
            NodeRefusal: the node answered with an error.
            UnavailableError: no answer.
        """
        return (await self.ask_all([(method, *params)]))[0]

    async def ask_all(self, calls: Sequence[tuple[object, ...]]) -> list[Any]:
        """Return the results of calls in their order, sent as one batch where there are several; raises as `ask`."""
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": call[0], "params": call[1:]} for number, call in enumerate(calls)
        ]
        body = await self.exchange(self.target.request(orjson.dumps(batch[0] if len(batch) == 1 else batch)))
        try:
            answer = orjson.loads(body)
            answers = {each["id"]: each for each in (answer if isinstance(answer, list) else [answer])}
            ordered = [answers[number] if number in answers else answers[None] for number in range(len(calls))]
        except (ValueError, TypeError, KeyError):
            raise UnavailableError(f"node {self.target.place}", "it does not answer with JSON-RPC") from None
        for call, each in zip(calls, ordered, strict=True):
            if each.get("error") is not None:
                raise NodeRefusal(str(call[0]), int(each["error"].get("code", 0)), str(each["error"].get("message")))
        return [each.get("result") for each in ordered]

    async def exchange(self, request: bytes) -> bytes:
        """Return the body of the answer to a whole request; a connection that broke is made anew once."""
        async with self._lock:
            why = ""
            for _ in range(2):
                if self._connection is None or not self._connection.is_open:
                    self._connection = await connect(self.target)
                body, why = await _answered(self._connection, request)
                if body is not None:
                    return body
            raise UnavailableError(f"node {self.target.place}", why)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()


async def _answered(connection: Connection, request: bytes) -> tuple[bytes | None, str]:
    waiting: asyncio.Future[tuple[bytes | None, str]] = asyncio.get_running_loop().create_future()

    def take(body: bytes | None, why: str) -> None:
        if not waiting.done():
            waiting.set_result((body, why))

    connection.send(request, take)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await waiting
    except TimeoutError:
        return None, f"no answer in {ANSWER_TIMEOUT_S:.0f} s"
    finally:
        if not waiting.done() or waiting.cancelled():
            connection.close()  # its answer would be taken for that of the next request
