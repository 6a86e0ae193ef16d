"""From the bytes of a body to requests, from a request to its answer, from answers to bytes. No I/O.

The server decides where a request runs: a method says whether it is slow. `handle` runs everything in place, for
callers in the same process and for tests.

Source: JSON-RPC 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from chain_node.core.errors import ChainError
from chain_node.rpc import methods_chain, methods_consensus, methods_debug, methods_filters, methods_node, methods_state
from chain_node.rpc.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RESPONSE_TOO_LARGE,
    RPCError,
    to_rpc_error,
)
from chain_node.rpc.filters import FilterRegistry
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.method import Call, Method, Session
from chain_node.rpc.methods_state import SIGNED_TRANSACTION
from chain_node.rpc.params import Params, shorten, to_data
from chain_node.rpc.queries import Backend

METHODS: Mapping[str, Method] = {
    **methods_chain.METHODS,
    **methods_state.METHODS,
    **methods_filters.METHODS,
    **methods_node.METHODS,
    **methods_consensus.METHODS,
    **methods_debug.METHODS,
}
"""Every method by its name."""

_SEND = METHODS["eth_sendRawTransaction"]

_METHOD_NAME_SIZE_MAX = 100


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a body: either a method to run, or the error that answers it."""

    id: JsonValue
    is_notification: bool
    """It has no id and gets no answer."""
    method_name: str = ""
    method: Method | None = None
    params: Sequence[JsonValue] = ()
    error: RPCError | None = None

    @property
    def is_slow(self) -> bool:
        """Whether it should run in a worker thread."""
        if self.method is None:
            return False
        is_slow = self.method.is_slow
        return is_slow if isinstance(is_slow, bool) else is_slow(self.params)

    @property
    def is_submission(self) -> bool:
        """Whether it sends a transaction; such requests are answered many at a time."""
        return self.method is _SEND


@dataclass(frozen=True, slots=True)
class Body:
    """What one HTTP body or WebSocket message asks."""

    requests: tuple[Request, ...]
    is_batch: bool


class Dispatcher:
    """Answers requests over a backend. Slow methods may run in any thread, the others in one."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.filters = FilterRegistry(backend.chain, backend.limits)

    def handle(self, raw: bytes, session: Session | None = None) -> bytes:
        """Answer a body; empty when it asks for no answer."""
        body = self.read(raw)
        return self.write(body, [self.answer(request, session) for request in body.requests])

    def read(self, raw: bytes) -> Body:
        """Split a body into requests; whatever is wrong with it becomes the answer of a request."""
        try:
            value: JsonValue = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return _refusal(PARSE_ERROR, "parse error: the body is not JSON")
        if not isinstance(value, list):
            return Body((_read_request(value),), is_batch=False)
        if not value:
            return _refusal(INVALID_REQUEST, "invalid request: an empty batch")
        if len(value) > self.backend.limits.batch_count:
            return _refusal(LIMIT_EXCEEDED, f"batch of {len(value)}, at most {self.backend.limits.batch_count} allowed")
        return Body(tuple(_read_request(item) for item in value), is_batch=True)

    def answer(self, request: Request, session: Session | None = None) -> bytes:
        """Run one request; gives the encoded response object."""
        if request.method is None:
            return _encode_error(request.id, request.error or RPCError(INTERNAL_ERROR, "internal error"))
        try:
            result = request.method.answer(Call(self.backend, self.filters, session, Params(request.params)))
            encoded = _encode_result(request.id, result)
        except ChainError as error:
            return _encode_error(request.id, to_rpc_error(error))
        if len(encoded) > self.backend.limits.result_size_bytes:
            return _encode_error(request.id, RPCError(RESPONSE_TOO_LARGE, "response too large"))
        return encoded

    async def submit(self, requests: Sequence[Request]) -> list[bytes]:
        """Answer requests that send a transaction, all at once, as `answer` would one after the other."""
        answers: list[bytes] = [b""] * len(requests)
        raws: list[bytes] = []
        indices: list[int] = []
        for index, request in enumerate(requests):
            try:
                raws.append(Params(request.params).data(0, SIGNED_TRANSACTION))
                indices.append(index)
            except ChainError as error:
                answers[index] = _encode_error(request.id, to_rpc_error(error))
        for index, result in zip(indices, await self.backend.pool.submit_all(raws), strict=True):
            request_id = requests[index].id
            if isinstance(result, ChainError):
                answers[index] = _encode_error(request_id, to_rpc_error(result))
            else:
                answers[index] = _encode_result(request_id, to_data(result))
        return answers

    def write(self, body: Body, answers: list[bytes]) -> bytes:
        """Join the answers of a body; notifications get none."""
        wanted = [answer for request, answer in zip(body.requests, answers, strict=True) if not request.is_notification]
        if not body.is_batch:
            return wanted[0] if wanted else b""
        if sum(map(len, wanted)) > self.backend.limits.result_size_bytes:
            return _encode_error(None, RPCError(RESPONSE_TOO_LARGE, "response too large"))
        return b"[" + b",".join(wanted) + b"]" if wanted else b""


def internal_error(request: Request) -> bytes:
    """The answer when our own code failed; the cause goes to the log, not to the caller."""
    return _encode_error(request.id, RPCError(INTERNAL_ERROR, "internal error"))


def _read_request(value: JsonValue) -> Request:
    if not isinstance(value, dict):
        return _invalid(None, f"expected an object, got {shorten(value)}")
    request_id = value.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | float | None):
        return _invalid(None, "id: expected a string, a number or null")
    if value.get("jsonrpc") != "2.0":
        return _invalid(request_id, 'jsonrpc: expected "2.0"')
    name = value.get("method")
    if not isinstance(name, str):
        return _invalid(request_id, f"method: expected a string, got {shorten(name)}")
    is_notification = "id" not in value
    method = METHODS.get(name)
    if method is None:
        shown = name if len(name) <= _METHOD_NAME_SIZE_MAX else f"{name[:_METHOD_NAME_SIZE_MAX]}…"
        error = RPCError(METHOD_NOT_FOUND, f"the method {shown} does not exist/is not available")
        return Request(request_id, is_notification, error=error)
    params = value.get("params")
    if params is not None and not isinstance(params, list):
        error = RPCError(INVALID_PARAMS, f"invalid params: expected an array, got {shorten(params)}")
        return Request(request_id, is_notification, error=error)
    return Request(request_id, is_notification, name, method, params or ())


def _invalid(request_id: JsonValue, reason: str) -> Request:
    return Request(request_id, is_notification=False, error=RPCError(INVALID_REQUEST, f"invalid request: {reason}"))


def _refusal(code: int, message: str) -> Body:
    return Body((Request(None, is_notification=False, error=RPCError(code, message)),), is_batch=False)


def _encode_result(request_id: JsonValue, result: JsonValue) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "result": result})


def _encode_error(request_id: JsonValue, error: RPCError) -> bytes:
    body: JsonObject = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": body})
