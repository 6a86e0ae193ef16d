"""The ASGI application: HTTP at the border, WebSockets with bounded queues."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from chain_node.rpc import HTTPOptions, Limits, Readiness, RPCApp, SubscriptionHub
from tests.unit.rpc.memory_node import ECHO, MemoryNode, hex_of

CHAIN_ID = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}


class Served:
    """An application over a node in memory, and a client of it."""

    def __init__(self, limits: Limits | None = None, *, origins: tuple[str, ...] = (), is_ready: bool = True) -> None:
        self.node = MemoryNode(limits)
        registry = CollectorRegistry()
        Gauge("answer", "of all", registry=registry).set(42)
        self.hub = SubscriptionHub()
        self.app = RPCApp(
            self.node.dispatcher,
            self.hub,
            HTTPOptions(
                readiness=lambda: Readiness(is_ready, {"head": self.node.chain.head().height}),
                metrics=registry,
                allowed_origins=origins,
                routes=[Route("/vault/v1/info", lambda _: PlainTextResponse("vault"))],
            ),
            ThreadPoolExecutor(2),
        )

    def request(self, method: str, path: str = "/", **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())


def test_post_answers_single_requests_and_batches() -> None:
    served = Served()
    assert served.request("POST", json=CHAIN_ID).json()["result"] == "0x29ba7"
    mixed = [CHAIN_ID, {**CHAIN_ID, "id": 2, "method": "eth_getLogs", "params": [{}]}]
    assert [answer["id"] for answer in served.request("POST", json=mixed).json()] == [1, 2]


def test_notification_over_http_gets_an_empty_body() -> None:
    answer = Served().request("POST", json={"jsonrpc": "2.0", "method": "eth_chainId"})
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("is_chunked", [True, False])
def test_body_above_the_limit_is_413(*, is_chunked: bool) -> None:
    async def chunks() -> Any:
        for _ in range(3):
            yield b" " * 50

    content: Any = chunks() if is_chunked else b" " * 150
    assert Served(Limits(body_size_bytes=100)).request("POST", content=content).status_code == 413


def test_body_in_chunks_is_joined() -> None:
    async def chunks() -> Any:
        raw = json.dumps(CHAIN_ID).encode()
        for start in range(0, len(raw), 10):
            yield raw[start : start + 10]

    assert Served().request("POST", content=chunks()).json()["result"] == "0x29ba7"


def test_other_methods_and_paths() -> None:
    served = Served()
    assert served.request("GET").status_code == 405
    assert served.request("GET", "/nothing").status_code == 404
    assert served.request("GET", "/health").json() == {"status": "alive"}
    assert served.request("GET", "/ready").json() == {"head": 0}
    assert "answer 42.0" in served.request("GET", "/metrics").text
    assert served.request("GET", "/vault/v1/info").text == "vault"
    assert Served(is_ready=False).request("GET", "/ready").status_code == 503


@pytest.mark.parametrize(
    ("origins", "is_allowed"),
    [((), False), (("https://a.example",), True), (("*",), True), (("https://b.example",), False)],
)
def test_web_pages_need_an_allowed_origin(origins: tuple[str, ...], *, is_allowed: bool) -> None:
    answer = Served(origins=origins).request("OPTIONS", headers={"Origin": "https://a.example"})
    assert answer.status_code == 204
    assert answer.headers.get("access-control-allow-origin") == ("https://a.example" if is_allowed else None)


def test_fault_of_ours_is_an_internal_error_without_details() -> None:
    served = Served()
    served.node.dispatcher.filters._filter_by_id = None  # type: ignore[assignment]
    answer = served.request("POST", json={**CHAIN_ID, "method": "eth_uninstallFilter", "params": ["0x0"]}).json()
    assert answer["error"] == {"code": -32603, "message": "internal error"}
    assert not served.app.failed.is_set()


def test_broken_invariant_is_an_internal_error_and_stops_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    monkeypatch.setattr(served.node.store, "receipts", lambda height: None)
    answer = served.request("POST", json={**CHAIN_ID, "method": "eth_getBlockReceipts", "params": ["0x0"]}).json()
    assert answer["error"] == {"code": -32603, "message": "internal error"}
    assert served.app.failed.is_set()


class Connection:
    """A WebSocket on the ASGI level; `pause` makes the consumer stop reading."""

    def __init__(self, served: Served) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self._served = served

    async def run(self, scene: Callable[["Connection"], Awaitable[None]]) -> None:
        self.incoming.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "path": "/"}
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            serving = group.create_task(self._served.app(scope, self.incoming.get, self._send))  # type: ignore[arg-type]
            assert (await self.outgoing.get())["type"] == "websocket.accept"
            await scene(self)
            self.incoming.put_nowait({"type": "websocket.disconnect"})
            await serving
        assert self._served.hub.session_count == 0

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        self.outgoing.put_nowait(message)

    def say(self, method: str, *params: object) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(body)})

    async def hear(self) -> dict[str, Any]:
        message = await self.outgoing.get()
        heard: dict[str, Any] = json.loads(message["text"]) if message["type"] == "websocket.send" else message
        return heard

    async def ask(self, method: str, *params: object) -> Any:
        self.say(method, *params)
        return (await self.hear())["result"]


def test_subscriber_hears_heads_logs_and_pending_transactions_until_it_unsubscribes() -> None:
    served = Served()
    node = served.node

    async def scene(connection: Connection) -> None:
        heads = await connection.ask("eth_subscribe", "newHeads")
        logs = await connection.ask("eth_subscribe", "logs", {"address": hex_of(ECHO)})
        pending = await connection.ask("eth_subscribe", "newPendingTransactions")
        whole = await connection.ask("eth_subscribe", "newPendingTransactions", True)
        node.send(ECHO, bytes(32), nonce=0)
        served.hub.on_pending(node.new[:1])
        first, second = await connection.hear(), await connection.hear()
        assert first["params"] == {"subscription": pending, "result": hex_of(node.new[0].hash)}
        assert second["params"]["subscription"] == whole
        assert second["params"]["result"]["hash"] == hex_of(node.new[0].hash)
        mined = node.mine()
        served.hub.on_block(mined, node.chain.receipts)
        first, second = await connection.hear(), await connection.hear()
        assert (first["params"]["subscription"], first["params"]["result"]["number"]) == (heads, "0x1")
        assert (second["params"]["subscription"], second["params"]["result"]["logIndex"]) == (logs, "0x0")
        for subscription in (heads, logs, pending, whole):
            assert await connection.ask("eth_unsubscribe", subscription) is True
        assert await connection.ask("eth_unsubscribe", heads) is False
        served.hub.on_block(mined, node.chain.receipts)
        assert await connection.ask("eth_chainId") == "0x29ba7"

    async def run() -> None:
        await Connection(served).run(scene)

    asyncio.run(run())


def test_consumer_that_does_not_read_is_cut_off_with_a_reason() -> None:
    served = Served(Limits(queue_count=10))

    async def scene(connection: Connection) -> None:
        await connection.ask("eth_subscribe", "newHeads")
        connection.reads.clear()
        head = served.node.mine()
        for _ in range(30):
            served.hub.on_block(head, served.node.chain.receipts)
        await asyncio.sleep(0.05)
        connection.reads.set()
        while (message := await connection.outgoing.get())["type"] != "websocket.close":
            pass
        assert message["code"] == 1013
        assert message["reason"] == "too slow: 10 messages were waiting"

    async def run() -> None:
        await Connection(served).run(scene)

    asyncio.run(run())


def test_message_above_the_limit_closes_the_connection() -> None:
    served = Served(Limits(body_size_bytes=100))

    async def scene(connection: Connection) -> None:
        connection.incoming.put_nowait({"type": "websocket.receive", "text": " " * 101})
        assert (await connection.hear())["code"] == 1009

    async def run() -> None:
        await Connection(served).run(scene)

    asyncio.run(run())


@pytest.mark.parametrize("params", [[], ["gossip"], [7], ["logs", {"topics": 5}], ["logs", 3]])
def test_subscription_that_makes_no_sense_is_refused(params: list[object]) -> None:
    served = Served()

    async def scene(connection: Connection) -> None:
        connection.say("eth_subscribe", *params)
        assert (await connection.hear())["error"]["code"] == -32602

    async def run() -> None:
        await Connection(served).run(scene)

    asyncio.run(run())


def test_subscriptions_of_a_connection_are_bounded() -> None:
    served = Served(Limits(subscription_count=1))

    async def scene(connection: Connection) -> None:
        await connection.ask("eth_subscribe", "newHeads")
        connection.say("eth_subscribe", "newHeads")
        assert (await connection.hear())["error"]["code"] == -32005

    async def run() -> None:
        await Connection(served).run(scene)

    asyncio.run(run())


def test_connections_are_bounded() -> None:
    served = Served(Limits(session_count=1))

    async def scene(first: Connection) -> None:
        second = Connection(served)
        second.incoming.put_nowait({"type": "websocket.connect"})
        await served.app({"type": "websocket", "path": "/"}, second.incoming.get, second._send)  # type: ignore[arg-type]
        assert (await second.hear())["type"] == "websocket.accept"
        assert (await second.hear())["code"] == 1013
        assert await first.ask("eth_chainId") == "0x29ba7"

    async def run() -> None:
        await Connection(served).run(scene)

    asyncio.run(run())
