"""Sending: as fast as answers come, or at a fixed rate; what was sent when, and which answers were errors."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from client.bench.wire import Connection, Target, connect
from client.sdk.errors import UnavailableError

_TICK_S = 0.002
"""At a fixed rate, how often is looked whether something is due."""
_REOPEN_AFTER_S = (0.0, 0.5, 2.0)
"""A connection that broke is made anew so often."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """One request with one or several transactions."""

    request: bytes
    first: int
    """Number of its first transaction; the others follow it."""
    count: int


@dataclass(slots=True)
class Sent:
    """What became of the requests; times by time.perf_counter."""

    transaction_count: int
    sent_s: list[float] = field(init=False)
    """When each transaction was sent; 0.0 when it was not."""
    answered_s: list[float] = field(init=False)
    refused: dict[int, str] = field(default_factory=dict)
    """Why a node did not take a transaction, by its number."""
    unanswered: dict[int, str] = field(default_factory=dict)
    """Why a request had no answer; its transactions may have been taken all the same."""
    sent_count: int = 0

    def __post_init__(self) -> None:
        self.sent_s = [0.0] * self.transaction_count
        self.answered_s = [0.0] * self.transaction_count

    def reasons(self) -> Counter[str]:
        """How many transactions were refused, by reason, numbers and hashes left out."""
        return Counter(self.refused.values())


class Lane:
    """All connections to one node and what is to be sent over them, in its order."""

    def __init__(
        self,
        target: Target,
        shipments: Sequence[Shipment],
        sent: Sent,
        *,
        per_second: float | None = None,
        may_send: Callable[[], bool] = lambda: True,
    ):
        """Send `shipments`, at most `per_second` of them or as fast as answers come, while `may_send` says so."""
        self._target, self._waiting, self._sent = target, deque(shipments), sent
        self._per_second, self._may_send = per_second, may_send
        self._idle: deque[Connection] = deque()
        self._under_way = self._begun = 0
        self._started = 0.0
        self._opening: set[asyncio.Task[None]] = set()

    async def open(self, count: int) -> None:
        """Open the connections."""
        self._idle.extend([await connect(self._target) for _ in range(count)])

    async def run(self) -> None:
        """Send everything; returns when all is answered, or when no connection is left."""
        self._started = time.perf_counter()
        while (self._waiting or self._under_way) and (self._idle or self._under_way or self._opening):
            while self._idle and self._is_due():
                self._send_next(self._idle.popleft())
            await asyncio.sleep(_TICK_S)
        for connection in self._idle:
            connection.close()
        for shipment in self._waiting:
            self._sent.unanswered.update(dict.fromkeys(_numbers(shipment), "never sent: no connection is left"))

    def _is_due(self) -> bool:
        if not self._waiting or not self._may_send():
            return False
        return self._per_second is None or self._begun < (time.perf_counter() - self._started) * self._per_second

    def _send_next(self, connection: Connection) -> None:
        shipment = self._waiting.popleft()
        self._begun += 1
        self._under_way += 1
        sent = self._sent
        sent.sent_count += shipment.count
        now = time.perf_counter()
        for number in range(shipment.first, shipment.first + shipment.count):
            sent.sent_s[number] = now

        def take(body: bytes | None, why: str) -> None:
            self._under_way -= 1
            answered = time.perf_counter()
            for number in range(shipment.first, shipment.first + shipment.count):
                sent.answered_s[number] = answered
            if body is None:
                sent.unanswered.update(dict.fromkeys(_numbers(shipment), why))
            elif b'"error"' in body:
                sent.refused.update(_refusals(body, shipment))
            if not connection.is_open:
                self._replace()
            elif self._is_due():
                self._send_next(connection)
            else:
                self._idle.append(connection)

        connection.send(shipment.request, take)

    def _replace(self) -> None:
        task = asyncio.get_running_loop().create_task(self._open_one())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_one(self) -> None:
        for pause_s in _REOPEN_AFTER_S:
            await asyncio.sleep(pause_s)
            with suppress(UnavailableError):
                self._idle.append(await connect(self._target))
                return


def _numbers(shipment: Shipment) -> range:
    return range(shipment.first, shipment.first + shipment.count)


def _refusals(body: bytes, shipment: Shipment) -> dict[int, str]:
    """Return why transactions were refused, by number; a request refused as a whole counts for each."""
    answer = orjson.loads(body)
    if not isinstance(answer, list):
        reason = _reason(answer)
        return dict.fromkeys(_numbers(shipment), reason)
    return {shipment.first + each["id"]: _reason(each) for each in answer if "error" in each}


def _reason(answer: dict[str, object]) -> str:
    error = answer.get("error")
    message = str(error.get("message")) if isinstance(error, dict) else str(error)
    words = message.split()
    return " ".join("…" if any(letter.isdigit() for letter in word) else word for word in words)
