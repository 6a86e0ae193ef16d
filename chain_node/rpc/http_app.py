"""The ASGI application: JSON-RPC over HTTP and WebSocket, health, metrics, and whatever is mounted beside them.

`POST /` is answered here without a framework: a node answers thousands of single requests a second on one core, and
a framework's request and response objects would cost more than the request itself (`http_protocol.py` does without
ASGI, too, where a request is plain). Everything else goes through Starlette. Slow methods run in worker threads, all
others on the event loop, which makes them one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from chain_node.core.errors import InvariantViolation
from chain_node.rpc.dispatcher import Body, Dispatcher, Request, internal_error
from chain_node.rpc.json_value import JsonValue
from chain_node.rpc.method import Session
from chain_node.rpc.request_times import RequestTimes
from chain_node.rpc.submissions import Respond, Submissions
from chain_node.rpc.subscriptions import SubscriptionHub
from chain_node.rpc.websocket import serve_websocket

_log = structlog.get_logger("rpc")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the node can do its work now."""

    is_ready: bool
    details: Mapping[str, JsonValue]
    """Head, and why it is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOptions:
    """What the server shows beside the RPC."""

    readiness: Callable[[], Readiness]
    metrics: CollectorRegistry
    allowed_origins: tuple[str, ...] = ()
    """Web pages of these origins may call; "*" allows all."""
    routes: Sequence[BaseRoute] = ()
    """What else is served, the vault for one."""


class RPCApp:
    """The application that uvicorn serves."""

    def __init__(self, dispatcher: Dispatcher, hub: SubscriptionHub, options: HTTPOptions, executor: Executor) -> None:
        self.dispatcher = dispatcher
        self.hub = hub
        self._options = options
        self._executor = executor
        self._times = RequestTimes(options.metrics)
        self._submissions = Submissions(self._submit)
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed = asyncio.Event()
        """Set when a fact of our own code did not hold: whoever runs the server stops it."""
        self.failure: InvariantViolation | None = None
        """What it was."""
        self._starlette = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/ready", self._ready),
                Route("/metrics", self._metrics),
                *options.routes,
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request, as ASGI demands."""
        if scope["type"] == "http" and scope["path"] == "/":
            await self._serve_rpc(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] in ("/", "/ws"):
            await serve_websocket(self, receive, send)
        else:
            await self._starlette(scope, receive, send)

    @property
    def body_size_bytes_max(self) -> int:
        """What one request may bring."""
        return self.dispatcher.backend.limits.body_size_bytes

    def accept(self, raw: bytes, respond: Respond) -> None:
        """Answer a body, at once or later; what one fast request asks needs no task of its own."""
        body = self.dispatcher.read(raw)
        request = body.requests[0]
        if body.is_batch or request.is_slow or request.is_notification:
            task = asyncio.get_running_loop().create_task(self._respond_later(body, respond))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif request.is_submission:
            self._submissions.add(request, respond)
        else:
            respond(self._answer_now(request, None))

    async def handle(self, raw: bytes, session: Session | None = None) -> bytes:
        """Answer a body; empty when it asks for no answer."""
        return await self._handle(self.dispatcher.read(raw), session)

    async def _respond_later(self, body: Body, respond: Respond) -> None:
        respond(await self._handle(body, None))

    async def _handle(self, body: Body, session: Session | None) -> bytes:
        answers: list[bytes] = []
        for is_submission, group in groupby(body.requests, lambda request: request.is_submission):
            if is_submission:
                answers += await self._submit(list(group))
            else:
                answers += [await self._answer(request, session) for request in group]
        return self.dispatcher.write(body, answers)

    async def _submit(self, requests: list[Request]) -> list[bytes]:
        started = perf_counter()
        try:
            return await self.dispatcher.submit(requests)
        except (Exception, InvariantViolation) as error:  # noqa: BLE001 - as in _answer_now
            return [self._report(request, error) for request in requests]
        finally:
            self._times.add(requests[0].method_name, perf_counter() - started, len(requests))

    async def _answer(self, request: Request, session: Session | None) -> bytes:
        if not request.is_slow:
            return self._answer_now(request, session)
        started = perf_counter()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, self.dispatcher.answer, request, session)
        except (Exception, InvariantViolation) as error:  # noqa: BLE001 - as in _answer_now
            return self._report(request, error)
        finally:
            self._times.add(request.method_name, perf_counter() - started)

    def _answer_now(self, request: Request, session: Session | None) -> bytes:
        started = perf_counter()
        try:
            return self.dispatcher.answer(request, session)
        except (Exception, InvariantViolation) as error:  # noqa: BLE001 - the border of the server
            return self._report(request, error)
        finally:
            self._times.add(request.method_name, perf_counter() - started)

    def _report(self, request: Request, error: BaseException) -> bytes:
        """Log what is our fault, and answer so; a fact of our own code that does not hold stops the node."""
        event = "invariant_broken" if isinstance(error, InvariantViolation) else "method_failed"
        _log.error(event, method=request.method_name, exc_info=error)
        if isinstance(error, InvariantViolation):
            self.failure = self.failure or error
            self.failed.set()
        return internal_error(request)

    async def _serve_rpc(self, scope: Scope, receive: Receive, send: Send) -> None:
        cors = self._cors_headers(scope)
        if scope["method"] == "OPTIONS":
            await _respond(send, 204, b"", cors)
            return
        if scope["method"] != "POST":
            await _respond(send, 405, b'{"error":"JSON-RPC is served by POST /"}', [(b"allow", b"POST"), *cors])
            return
        raw = await self._read_body(scope, receive)
        if raw is None:
            await _respond(send, 413, b'{"error":"the body is larger than %d bytes"}' % self.body_size_bytes_max, cors)
            return
        await _respond(send, 200, await self.handle(raw), cors)

    async def _read_body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when it is too large or the caller went away."""
        limit = self.body_size_bytes_max
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value) > limit):
                return None
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                return None
            if not message.get("more_body", False):
                return b"".join([*chunks, chunk]) if chunks else chunk
            chunks.append(chunk)

    def _cors_headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        allowed = self._options.allowed_origins
        if not allowed:
            return []
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or not ("*" in allowed or origin.decode("latin-1") in allowed):
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type"),
            (b"vary", b"origin"),
        ]

    async def _health(self, _request: HTTPRequest) -> Response:
        return JSONResponse({"status": "alive"})

    async def _ready(self, _request: HTTPRequest) -> Response:
        readiness = self._options.readiness()
        return JSONResponse(dict(readiness.details), status_code=200 if readiness.is_ready else 503)

    async def _metrics(self, _request: HTTPRequest) -> Response:
        return Response(generate_latest(self._options.metrics), media_type=CONTENT_TYPE_LATEST)


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
