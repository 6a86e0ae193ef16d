"""Plain requests over a socket, and everything that must still go through uvicorn."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

import pytest
import uvicorn

from chain_node.rpc import Limits
from chain_node.rpc.http_protocol import PlainHeads, RPCProtocol
from chain_node.txpool import Pool, PoolLimits
from tests.unit.rpc.memory_node import ECHO, hex_of, sign
from tests.unit.rpc.test_http_app import Served

CHAIN_ID = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
CHAIN_ID_ANSWER = {"jsonrpc": "2.0", "id": 1, "result": "0x29ba7"}


def request(body: bytes, *headers: bytes, line: bytes = b"POST / HTTP/1.1") -> bytes:
    lines = [line, b"Host: node", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Client:
    """One connection; answers as (status, body)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, *chunks: bytes) -> tuple[int, Any]:
        for chunk in chunks:
            self.writer.write(chunk)
            await asyncio.sleep(0.01 if len(chunks) > 1 else 0)
        return await self.answer()

    async def answer(self) -> tuple[int, Any]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await self.reader.readexactly(size)
        return int(head.split(b" ")[1]), json.loads(body) if body[:1] in b"[{" and body else body


@asynccontextmanager
async def serving(served: Served, *, keep_alive_seconds: int = 5) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    """A server over a socket; gives what opens a connection to it."""
    config = uvicorn.Config(
        served.app,
        http=cast(type[asyncio.Protocol], partial(RPCProtocol, app=served.app, heads=PlainHeads())),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=keep_alive_seconds,
    )
    config.load()
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    made: list[RPCProtocol] = []

    def make() -> asyncio.Protocol:
        protocol = config.http_protocol_class(config=config, server_state=server.server_state, app_state={})  # type: ignore[call-arg]
        made.append(cast(RPCProtocol, protocol))
        return protocol

    listening = await loop.create_server(make, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return Client(reader, writer)

    try:
        yield connect
    finally:
        for writer in writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        for protocol in made:
            protocol.transport.close()
        listening.close()
        await listening.wait_closed()


def play(scene: Callable[[Callable[[], Awaitable[Client]]], Awaitable[None]], served: Served, **options: int) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), serving(served, **options) as connect:
            await scene(connect)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("chunks", "status", "answer"),
    [
        pytest.param([request(CHAIN_ID)], 200, CHAIN_ID_ANSWER, id="plain"),
        pytest.param([request(CHAIN_ID)[:60], request(CHAIN_ID)[60:]], 200, CHAIN_ID_ANSWER, id="head in two"),
        pytest.param([request(CHAIN_ID)[:-9], request(CHAIN_ID)[-9:]], 200, CHAIN_ID_ANSWER, id="body in two"),
        pytest.param([b"P", request(CHAIN_ID)[1:]], 200, CHAIN_ID_ANSWER, id="first byte alone"),
        pytest.param([request(CHAIN_ID, b"Connection: keep-alive")], 200, CHAIN_ID_ANSWER, id="keep-alive"),
        pytest.param([request(CHAIN_ID, b"Connection: close")], 200, CHAIN_ID_ANSWER, id="close"),
        pytest.param([request(CHAIN_ID, b"Origin: https://a.example")], 200, CHAIN_ID_ANSWER, id="web page"),
        pytest.param([request(CHAIN_ID, b"X-Empty:")], 200, CHAIN_ID_ANSWER, id="empty header"),
        pytest.param([request(b"[" + CHAIN_ID + b"]")], 200, [CHAIN_ID_ANSWER], id="batch"),
        pytest.param([request(b'{"jsonrpc":"2.0","method":"eth_chainId"}')], 200, b"", id="notification"),
        pytest.param([request(b"", line=b"GET /health HTTP/1.1")], 200, {"status": "alive"}, id="another path"),
        pytest.param([request(b"", line=b"GET / HTTP/1.1")], 405, {"error": "JSON-RPC is served by POST /"}, id="GET"),
        pytest.param([request(CHAIN_ID, line=b"POST / HTTP/1.0")], 200, CHAIN_ID_ANSWER, id="HTTP/1.0"),
        pytest.param(
            [b"POST / HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n3b\r\n" + CHAIN_ID + b"\r\n0\r\n\r\n"],
            200,
            CHAIN_ID_ANSWER,
            id="chunked",
        ),
        pytest.param([request(b"{}" + b" " * 1100)], 413, {"error": "the body is larger than 1000 bytes"}, id="large"),
    ],
)
def test_request_is_answered_alike_however_it_comes(chunks: list[bytes], status: int, answer: object) -> None:
    async def scene(connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        assert await client.ask(*chunks) == (status, answer)
        if status == 200 and b"close" not in chunks[0] and b"HTTP/1.0" not in chunks[0]:
            assert await client.ask(request(CHAIN_ID)) == (200, CHAIN_ID_ANSWER), "the connection goes on"

    play(scene, Served(Limits(body_size_bytes=1000)))


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: n\r\nContent-Length: 5\r\nContent-Length: 59\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: n\r\nContent-Length : 59\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: n\r\nContent-Length: +59\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: n\r\n folded\r\nContent-Length: 59\r\n\r\n",
    ],
)
def test_ambiguous_head_is_left_to_the_parser_which_refuses_it(head: bytes) -> None:
    async def scene(connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.writer.write(head + CHAIN_ID)
        line = await client.reader.readline()
        assert line.startswith(b"HTTP/1.1 400")

    play(scene, Served())


def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    async def scene(connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        slow = b'{"jsonrpc":"2.0","id":%d,"method":"eth_getLogs","params":[{}]}'
        fast = b'{"jsonrpc":"2.0","id":%d,"method":"eth_chainId"}'
        bodies = [(slow if number % 3 == 0 else fast) % number for number in range(300)]
        client.writer.write(b"".join(map(request, bodies)))
        assert [(await client.answer())[1]["id"] for _ in bodies] == list(range(300))

    play(scene, Served())


def test_transactions_of_many_connections_are_taken_together_and_each_is_told_its_own() -> None:
    served = Served()
    served.node.intake.pool = Pool(PoolLimits(nonce_gap=100))
    batches: list[int] = []
    submit_all = served.node.intake.submit_all

    async def note(raws: Any) -> Any:
        batches.append(len(raws))
        return await submit_all(raws)

    served.node.intake.submit_all = note  # type: ignore[method-assign]
    raws = [sign(ECHO, nonce=nonce) for nonce in range(12)]
    raws[5] = raws[5][:-1]

    async def scene(connect: Callable[[], Awaitable[Client]]) -> None:
        clients = [await connect() for _ in raws]
        bodies = [
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [hex_of(raw)]})
            for raw in raws
        ]
        for client, body in zip(clients, bodies, strict=True):
            client.writer.write(request(body.encode()))
        answers = [await client.answer() for client in clients]
        assert [("error" in answer) for _, answer in answers] == [number == 5 for number in range(12)]
        assert len({answer["result"] for _, answer in answers if "result" in answer}) == 11
        assert sum(batches) == 12
        assert max(batches) > 1

    play(scene, served)
    assert len(served.node.intake.pool) == 11


def test_connection_that_is_idle_is_closed_and_one_in_use_is_not() -> None:
    async def scene(connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        for _ in range(4):
            assert await client.ask(request(CHAIN_ID)) == (200, CHAIN_ID_ANSWER)
            await asyncio.sleep(0.5)
        assert await asyncio.wait_for(client.reader.read(), 5) == b""

    play(scene, Served(), keep_alive_seconds=1)


def test_peer_that_leaves_before_its_answer_disturbs_nobody() -> None:
    async def scene(connect: Callable[[], Awaitable[Client]]) -> None:
        leaver, other = await connect(), await connect()
        leaver.writer.write(request(b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{}]}'))
        leaver.writer.transport.abort()
        assert await other.ask(request(CHAIN_ID)) == (200, CHAIN_ID_ANSWER)

    play(scene, Served())
