"""JSON-RPC over a WebSocket: requests one after the other, answers and notifications through one bounded queue."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from starlette.types import Receive, Send

from chain_node.rpc.subscriptions import TRY_AGAIN_LATER, SubscriberSession

if TYPE_CHECKING:
    from chain_node.rpc.http_app import RPCApp

_log = structlog.get_logger("rpc")

MESSAGE_TOO_BIG = 1009
"""WebSocket close code for a message above the limit."""

CLOSE_TIMEOUT_SECONDS = 2
"""How long a consumer that was cut off may take to hear of it."""


async def serve_websocket(app: RPCApp, receive: Receive, send: Send) -> None:
    """Serve one connection until it closes, or until it is cut off."""
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    limits = app.dispatcher.backend.limits
    await send({"type": "websocket.accept"})
    if app.hub.session_count >= limits.session_count:
        reason = f"{limits.session_count} connections are open already"
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": reason})
        return
    filled, cut_off = asyncio.Event(), asyncio.Event()
    session = SubscriberSession(limits, filled.set, cut_off.set)
    app.hub.add(session)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_read(app, session, receive)),
                group.create_task(_write(session, filled, send)),
                group.create_task(cut_off.wait()),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
    except* OSError:
        _log.info("websocket_lost")
    finally:
        app.hub.remove(session)
    if session.close_code is not None:
        _log.warning("websocket_cut_off", reason=session.close_reason)
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await send({"type": "websocket.close", "code": session.close_code, "reason": session.close_reason})


async def _read(app: RPCApp, session: SubscriberSession, receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            return
        raw = message.get("bytes") or (message.get("text") or "").encode()
        if len(raw) > app.dispatcher.backend.limits.body_size_bytes:
            session.cut_off(MESSAGE_TOO_BIG, "message too big")
            return
        answer = await app.handle(raw, session)
        if answer:
            session.push(answer)


async def _write(session: SubscriberSession, filled: asyncio.Event, send: Send) -> None:
    while True:
        await filled.wait()
        filled.clear()
        while (message := session.pop()) is not None:
            await send({"type": "websocket.send", "text": message.decode()})
