"""Runs a node until it is told to stop: one event loop, uvicorn on it, the driver beside."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

import structlog
import uvicorn
import uvloop

from chain_node.core.errors import ChainError, ConfigError, InvariantViolation
from chain_node.execution import EngineFault
from chain_node.node.config import NodeConfig
from chain_node.node.engine_evidence import keep_evidence
from chain_node.node.wiring import Node, build_node
from chain_node.rpc.http_protocol import PlainHeads, RPCProtocol
from chain_node.vault.app import follow_forever

_log = structlog.get_logger("node")
_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 60
"""How long an idle connection is kept."""

_COLLECTION_COUNT = 50_000
"""New objects between two collections: transactions that wait are many, and none of them is garbage in a cycle."""

_SWITCH_SECONDS = 0.001
"""How long the event loop, with votes to pass on, may have to wait for a thread that computes in Python."""

_GRACE_SECONDS = 3
"""How long open requests may take to finish at shutdown."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the node has other things to stop, too."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_node(config: NodeConfig) -> None:
    """Run a node until SIGTERM or SIGINT.

    Raises:
        ConfigError: something in the configuration cannot be used, the port for one.
        UnavailableError: the data directory is in use, or the disk is full.
        EngineFault: the engine failed, or two engines disagree; the evidence is in the data directory.
    """
    try:
        _run(config)
    except EngineFault as fault:
        keep_evidence(fault, config.data_dir, config.engine)
        raise


def _run(config: NodeConfig) -> None:
    listener = _listen(config)
    try:
        node = build_node(config)
        try:
            _tune_interpreter()
            _run_loop(node, listener)
        finally:
            node.close()
    finally:
        listener.close()
    _log.info("node_stopped")


def _tune_interpreter() -> None:
    # What lives as long as the process need not be looked at again by every collection.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTION_COUNT, *gc.get_threshold()[1:])
    sys.setswitchinterval(_SWITCH_SECONDS)


def _run_loop(node: Node, listener: socket.socket) -> None:
    try:
        uvloop.run(_serve(node, listener))
    except BaseExceptionGroup as group:
        cause = _first_of(group, InvariantViolation) or _first_of(group, ChainError)
        if cause is None:
            raise
        _log.error("node_failed", reason=str(cause))
        raise cause from group


def _first_of(group: BaseExceptionGroup[BaseException], kind: type[BaseException]) -> BaseException | None:
    found: BaseException | None = group.subgroup(kind)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


async def _serve(node: Node, listener: socket.socket) -> None:
    server = _Server(
        uvicorn.Config(
            node.app,
            http=cast(type[asyncio.Protocol], partial(RPCProtocol, app=node.app, heads=PlainHeads())),
            ws="websockets-sansio",
            ws_max_size=node.app.dispatcher.backend.limits.body_size_bytes,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    host, port = listener.getsockname()[:2]
    head = node.app.dispatcher.backend.chain.head()
    _log.info("node_started", rpc=f"http://{host}:{port}", height=head.height, hash=head.hash.hex())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(node.driver.run()), group.create_task(_stop_when_failed(node))]
        if node.peering is not None:
            tasks.append(group.create_task(node.peering.transport.run()))
        if node.vault is not None:
            tasks.append(group.create_task(follow_forever(node.vault.vault)))
        await server.serve(sockets=[listener])
        for task in tasks:
            task.cancel()


async def _stop_when_failed(node: Node) -> None:
    await node.app.failed.wait()
    raise node.app.failure or InvariantViolation("a request found the node's own data broken; see the log")


def _listen(config: NodeConfig) -> socket.socket:
    """Take the port before anything else is opened, so that a second node stops here and touches nothing."""
    host, port = config.listen_address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        hint = "; another program listens there" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError("rpc_listen", f"{host}:{port} cannot be used: {error.strerror}{hint}") from error
    return listener
