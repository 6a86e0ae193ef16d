"""The registrar over HTTP: authenticated, rate-limited, every request logged. Source: docs/protocol.md, 6 and 9.

The log names account, pack, count and outcome of every request, and nothing of its content.
"""

import errno
import json
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from client.roles.registrar.attestor import AttestedRow, Attestor, refused
from client.sdk.attestation import CHUNK_SIZE
from client.sdk.chain import ChainClient
from client.sdk.errors import ConfigError, InvalidInputError, RefusedError, RequestRefusedError, UnavailableError
from client.sdk.role import Role
from client.sdk.signed_request import REGISTRAR_SERVICE, RequestScope, RequestVerifier

ATTEST_PATH = "/registrar/v1/attest"
BODY_SIZE_MAX = 1 << 20
"""Bytes of one request; a chunk of 256 rows has about 50,000."""
ROWS_PER_HOUR_DEFAULT = 200_000
"""Rows attested for one account within an hour."""
_HOUR_S = 3_600
_log = logging.getLogger(__name__)


class RateLimit:
    """Rows per account within the last hour. Thread-safe."""

    def __init__(self, rows_per_hour: int, clock: Callable[[], float] = time.monotonic):
        """Let each account have `rows_per_hour` rows; `clock` counts seconds."""
        self._rows_max, self._clock = rows_per_hour, clock
        self._taken: dict[str, deque[tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def take(self, account: str, rows: int) -> None:
        """Count rows of an account; RequestRefusedError (429) when they are too many."""
        now = self._clock()
        with self._lock:
            taken = self._taken.setdefault(account, deque())
            while taken and taken[0][0] <= now - _HOUR_S:
                taken.popleft()
            if sum(count for _, count in taken) + rows > self._rows_max:
                raise refused(429, "too_many_rows", f"at most {self._rows_max} rows an hour; wait")
            taken.append((now, rows))


class RequestLog:
    """An append-only file, one JSON line a request. Thread-safe."""

    def __init__(self, path: Path):
        """Append to `path`, which is made readable by its owner alone."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, **fields: object) -> None:
        """Append one line; a line is written whole or not at all."""
        os.write(self._descriptor, json.dumps({"second": int(time.time()), **fields}).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def create_app(chain: ChainClient, attestor: Attestor, *, limit: RateLimit, log: RequestLog) -> Starlette:
    """Return the application of one registrar."""
    scope = RequestScope(chain_id=chain.chain_id, registry=chain.registry, service=REGISTRAR_SERVICE)
    service = _Service(chain, attestor, RequestVerifier(scope), limit, log)
    return Starlette(
        routes=[
            Route(ATTEST_PATH, service.attest, methods=["POST"]),
            Route("/health", service.health, methods=["GET"]),
        ]
    )


def listen_on(host: str, port: int) -> socket.socket:
    """Take the port; ConfigError in one line when it cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        hint = "another program listens there" if error.errno == errno.EADDRINUSE else None
        raise ConfigError("--listen", got=f"{host}:{port}, {error.strerror}", remedy=hint) from error
    return listener


class _Service:
    def __init__(
        self, chain: ChainClient, attestor: Attestor, verifier: RequestVerifier, limit: RateLimit, log: RequestLog
    ):
        self._chain, self._attestor, self._verifier = chain, attestor, verifier
        self._limit, self._log = limit, log

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def attest(self, request: Request) -> Response:
        try:
            body = await _read_body(request)
            return await run_in_threadpool(self._answer, dict(request.headers), body)
        except RequestRefusedError as error:
            return _error(error.status, error.code, error.why)
        except (RefusedError, InvalidInputError) as error:
            return _error(422, "refused", str(error))
        except UnavailableError as error:
            return _error(503, "unavailable", str(error))

    def _answer(self, headers: dict[str, str], body: bytes) -> Response:
        account, pack_id, count, outcome = "", -1, 0, "failed"
        try:
            account = self._verifier.verify(headers, path=ATTEST_PATH, body=body, now=int(time.time()))
            roles = int(self._chain.call("Consortium", "rolesOf", account))
            if not roles >> Role.ORIGINATOR & 1:
                raise refused(403, "wrong_role", f"{account} is no originator in force")
            pack_id, first_index, rows = _parse(body)
            count = len(rows)
            self._limit.take(account, count)
            attestation = self._attestor.attest(account, pack_id=pack_id, first_index=first_index, rows=rows)
            outcome = "attested"
        except RequestRefusedError as error:
            outcome = error.code
            raise
        finally:
            self._log.write(account=account, pack=pack_id, count=count, outcome=outcome)
            _log.info("attest account=%s pack=%d count=%d outcome=%s", account, pack_id, count, outcome)
        answer = {"nullifiers": list(attestation.nullifiers), "signature": attestation.signature}
        return Response(cbor2.dumps(answer), media_type="application/cbor")


def _parse(body: bytes) -> tuple[int, int, list[AttestedRow]]:
    try:
        fields: Any = cbor2.loads(body)
    except (cbor2.CBORError, ValueError, RecursionError) as error:
        raise refused(400, "bad_request", "the body is not CBOR") from error
    match fields:
        case {"pack": int(pack_id), "first_index": int(first_index), "rows": list(rows)}:
            pass
        case _:
            raise refused(400, "bad_request", "expected a map of pack, first_index and rows")
    if not (0 < pack_id < 1 << 256 and 0 <= first_index < 1 << 32 and 1 <= len(rows) <= CHUNK_SIZE):
        raise refused(400, "bad_request", f"expected a pack id, an index, and 1 to {CHUNK_SIZE} rows")
    return pack_id, first_index, [_parse_row(position, row) for position, row in enumerate(rows)]


def _parse_row(position: int, row: object) -> AttestedRow:
    match row:
        case [str(subject), bytes(canonical), bytes(salt)]:
            return AttestedRow(subject=subject, row=canonical, salt=salt)
        case _:
            raise refused(400, "bad_request", f"rows[{position}]: expected [subject, canonical row, salt]")


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > BODY_SIZE_MAX:
                raise refused(413, "too_large", f"a body has at most {BODY_SIZE_MAX} bytes")
    except ClientDisconnect as error:
        raise refused(400, "bad_request", "the connection ended before the body") from error
    return bytes(body)


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
