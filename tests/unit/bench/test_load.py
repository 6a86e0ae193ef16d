"""Sending to a server that behaves as nodes do, and as they sometimes do."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson
import pytest

from client.bench.checks import count_bad_receipts, differing_heights
from client.bench.load import Lane, Sent, Shipment
from client.bench.watch import Blocks
from client.bench.wire import Node, NodeRefusal, Target, parse_target
from client.bench.workloads import Call
from client.sdk.errors import ConfigError, UnavailableError

Answer = Callable[[Any], bytes | None]
"""Gets a request's JSON; gives the whole answer, or None to break the connection."""


def ok(document: object, *, close: bool = False) -> bytes:
    body = orjson.dumps(document)
    closing = b"Connection: close\r\n" if close else b""
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (closing, len(body), body)


def run_with(answer: Answer, work: Callable[[Target], Awaitable[Any]]) -> Any:
    """Run `work` against a server on a free port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            given = answer(orjson.loads(await reader.readexactly(size)))
            if given is None:
                break
            writer.write(given)
            if b"Connection: close" in given:
                break
        writer.close()

    async def run() -> Any:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await work(parse_target(f"http://127.0.0.1:{port}"))
        finally:
            server.close()

    return asyncio.run(run())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def shipments(target: Target, count: int, size: int = 1) -> list[Shipment]:
    batch = [{"jsonrpc": "2.0", "id": place, "method": "m", "params": []} for place in range(size)]
    body = orjson.dumps(batch if size > 1 else batch[0])
    return [Shipment(target.request(body), size * number, size) for number in range(count)]


def send(
    count: int, *, size: int = 1, connections: int = 2, **options: Any
) -> Callable[[Target], Coroutine[Any, Any, Sent]]:
    async def work(target: Target) -> Sent:
        sent = Sent(count * size)
        lane = Lane(target, shipments(target, count, size), sent, **options)
        await lane.open(connections)
        await lane.run()
        return sent

    return work


def test_everything_is_sent_and_answered_once() -> None:
    seen: list[Any] = []

    def answer(request: Any) -> bytes:
        seen.append(request)
        return ok({"id": request["id"], "result": "0x"})

    sent = run_with(answer, send(50))
    assert (len(seen), sent.sent_count, sent.refused, sent.unanswered) == (50, 50, {}, {})
    assert all(0 < begun <= done for begun, done in zip(sent.sent_s, sent.answered_s, strict=True))


def test_refusals_are_grouped_by_their_words() -> None:
    def answer(request: Any) -> bytes:
        return ok(
            [{"id": each["id"], "error": {"message": f"nonce too low: next {each['id']}"}} for each in request[1:]]
        )

    sent = run_with(answer, send(2, size=3))
    assert sorted(sent.refused) == [1, 2, 4, 5]
    assert sent.reasons() == {"nonce too low: next …": 4}


def test_request_refused_as_a_whole_counts_for_each_transaction() -> None:
    sent = run_with(lambda _: ok({"id": None, "error": {"message": "batch too large"}}), send(1, size=4))
    assert sent.refused == dict.fromkeys(range(4), "batch too large")


def test_closing_server_gets_everything_over_new_connections() -> None:
    sent = run_with(lambda request: ok({"id": request["id"], "result": "0x"}, close=True), send(6))
    assert (sent.sent_count, sent.unanswered) == (6, {})
    assert all(sent.answered_s)


def test_broken_connection_is_a_failure_and_the_next_one_goes_on() -> None:
    count = 0

    def answer(request: Any) -> bytes | None:
        nonlocal count
        count += 1
        return None if count == 3 else ok({"id": request["id"], "result": "0x"})

    sent = run_with(answer, send(8, connections=1))
    assert list(sent.unanswered.values()) == ["connection lost"]
    assert sent.sent_count == 8


def test_status_without_json_is_a_failure() -> None:
    sent = run_with(lambda _: b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", send(1))
    assert sent.unanswered == {0: "HTTP 503"}


def test_rate_is_not_exceeded() -> None:
    started = time.perf_counter()
    sent = run_with(lambda request: ok({"id": request["id"], "result": "0x"}), send(20, per_second=100.0))
    assert time.perf_counter() - started >= 0.18
    assert sent.sent_s[-1] - sent.sent_s[0] >= 0.18


def test_nothing_is_sent_while_too_much_waits() -> None:
    free_at = time.perf_counter() + 0.1
    options = {"may_send": lambda: time.perf_counter() > free_at}
    sent = run_with(lambda request: ok({"id": request["id"], "result": "0x"}), send(3, **options))
    assert sent.sent_count == 3
    assert min(sent.sent_s) > free_at


def test_node_gives_results_in_the_order_of_the_calls() -> None:
    def answer(request: Any) -> bytes:
        return ok([{"id": each["id"], "result": each["method"]} for each in reversed(request)])

    async def work(target: Target) -> list[Any]:
        return await Node(target).ask_all([("a",), ("b",), ("c",)])

    assert run_with(answer, work) == ["a", "b", "c"]


def test_node_tells_refusal_and_nonsense() -> None:
    async def ask(target: Target) -> Any:
        return await Node(target).ask("a")

    with pytest.raises(NodeRefusal, match="a: no"):
        run_with(lambda _: ok({"id": 0, "error": {"code": -1, "message": "no"}}), ask)
    with pytest.raises(UnavailableError, match="JSON-RPC"):
        run_with(lambda _: ok([1]), ask)
    with pytest.raises(UnavailableError, match="connection lost"):
        run_with(lambda _: None, ask)


def test_answer_after_a_cancelled_question_is_its_own() -> None:
    """What is left of an earlier question on the connection must not be taken for the answer."""

    def answer(request: Any) -> bytes:
        time.sleep(0.05 if request["method"] == "slow" else 0)
        return ok({"id": 0, "result": request["method"]})

    async def work(target: Target) -> Any:
        node = Node(target)
        asking = asyncio.create_task(node.ask("slow"))
        await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait([asking])
        return await node.ask("quick")

    assert run_with(answer, work) == "quick"


CALL = Call(to=b"\1" * 20, value_wei=0, data=b"", topics=("0xaa",), log_data="0x01")
GOOD = {"status": "0x1", "logs": [{"address": "0x" + "01" * 20, "topics": ["0xaa"], "data": "0x01"}]}


@pytest.mark.parametrize(
    ("receipt", "problem"),
    [
        (GOOD, None),
        (GOOD | {"status": "0x0"}, "failed in its block"),
        (GOOD | {"logs": []}, "left 0 logs, not 1"),
        (GOOD | {"logs": [GOOD["logs"][0] | {"data": "0x02"}]}, "left another log"),  # type: ignore[index]  # a list
        (None, "has no receipt"),
    ],
)
def test_every_receipt_is_read_also_one_by_one(receipt: Any, problem: str | None) -> None:
    def answer(request: Any) -> bytes:
        if isinstance(request, dict) and request["method"] == "eth_getBlockReceipts":
            return ok({"id": 0, "error": {"code": -32601, "message": "no such method"}})
        return ok({"id": request["id"], "result": receipt})

    blocks = Blocks(1, 0)
    blocks.height_by_number = {0: 1}

    async def work(target: Target) -> Any:
        return await count_bad_receipts(Node(target), blocks, ["0x" + 64 * "0"], [CALL])

    good, bad = run_with(answer, work)
    assert (good, dict(bad)) == ((1, {}) if problem is None else (0, {problem: 1}))


def test_other_block_at_another_node_is_found() -> None:
    def answer(request: Any) -> bytes:
        return ok([{"id": each["id"], "result": {"hash": each["params"][0]}} for each in request])

    blocks = Blocks(2, 0)
    blocks.hash_by_height = {1: "0x1", 2: "0xff"}

    async def work(target: Target) -> list[int]:
        return await differing_heights([Node(target), Node(target)], blocks)

    assert run_with(answer, work) == [2]


@pytest.mark.parametrize("url", ["ftp://a", "http://", "http://a:99999"])
def test_url_that_is_none_of_http_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="RPC URL"):
        parse_target(url)
