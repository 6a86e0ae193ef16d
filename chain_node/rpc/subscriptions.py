"""Who wants to hear of what, and what each is told when something happens. No I/O.

A connection has one bounded queue for answers and notifications alike, so that the answer to eth_subscribe leaves
before the first notification. A consumer that does not keep up is cut off rather than buffered for.

Source: geth, "Real-time events" (eth_subscribe: newHeads, logs, newPendingTransactions, syncing).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex

import orjson

from chain_node.core.types import Transaction
from chain_node.rpc.chain_block import ChainBlock, ReceiptsOf
from chain_node.rpc.errors import LIMIT_EXCEEDED, InvalidParamsError, RPCError
from chain_node.rpc.json_value import JsonValue
from chain_node.rpc.logs import LogQuery, read_log_query, view_logs
from chain_node.rpc.params import Params, parse_object, shorten, to_data
from chain_node.rpc.queries import Limits
from chain_node.rpc.views import header_view, waiting_view

TRY_AGAIN_LATER = 1013
"""WebSocket close code when there are too many connections, or the consumer is too slow."""

_KINDS = ("newHeads", "logs", "newPendingTransactions", "syncing")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One thing a connection wants to hear of."""

    kind: str
    query: LogQuery | None = None
    """For logs: which."""
    is_full: bool = False
    """For pending transactions: whole instead of their hashes."""


class SubscriberSession:
    """One WebSocket connection: its subscriptions and its queue. Event loop only."""

    def __init__(self, limits: Limits, on_filled: Callable[[], None], on_cut_off: Callable[[], None]) -> None:
        """Take what to call when the queue got something, and when the connection must be closed."""
        self._limits = limits
        self._on_filled = on_filled
        self._on_cut_off = on_cut_off
        self._queue: deque[bytes] = deque()
        self.subscription_by_id: dict[str, Subscription] = {}
        self.close_code: int | None = None
        """WebSocket code with which the connection must be closed; None while all is well."""
        self.close_reason = ""

    def subscribe(self, params: Params) -> str:
        """Begin a subscription as eth_subscribe describes it.

        Raises:
            InvalidParamsError: unknown kind or malformed filter.
            RPCError: too many subscriptions.
        """
        if len(self.subscription_by_id) >= self._limits.subscription_count:
            raise RPCError(LIMIT_EXCEEDED, f"{self._limits.subscription_count} subscriptions are open already")
        kind = params.get(0)
        if not isinstance(kind, str) or kind not in _KINDS:
            raise InvalidParamsError("subscription", f"one of {', '.join(_KINDS)}, got {shorten(kind)}")
        subscription_id = "0x" + token_hex(16)
        self.subscription_by_id[subscription_id] = Subscription(
            kind,
            query=read_log_query(parse_object(params.get(1) or {}, "filter")) if kind == "logs" else None,
            is_full=kind == "newPendingTransactions" and params.get(1) is True,
        )
        return subscription_id

    def unsubscribe(self, subscription_id: str) -> bool:
        """End a subscription; false if there is none with this id."""
        return self.subscription_by_id.pop(subscription_id, None) is not None

    def push(self, message: bytes) -> None:
        """Queue an encoded message; a full queue cuts the connection off."""
        if self.close_code is not None:
            return
        if len(self._queue) >= self._limits.queue_count:
            self.cut_off(TRY_AGAIN_LATER, f"too slow: {self._limits.queue_count} messages were waiting")
            return
        self._queue.append(message)
        self._on_filled()

    def cut_off(self, code: int, reason: str) -> None:
        """Have the connection closed; what waits is not sent any more."""
        self.close_code, self.close_reason = code, reason
        self._queue.clear()
        self._on_cut_off()

    def pop(self) -> bytes | None:
        """The next message to send; None when there is none."""
        return self._queue.popleft() if self._queue else None

    def notify(self, subscription_id: str, result: JsonValue) -> None:
        """Queue a notification."""
        params = {"subscription": subscription_id, "result": result}
        self.push(orjson.dumps({"jsonrpc": "2.0", "method": "eth_subscription", "params": params}))


class SubscriptionHub:
    """All open sessions. Event loop only."""

    def __init__(self) -> None:
        self._sessions: list[SubscriberSession] = []

    @property
    def session_count(self) -> int:
        """Open WebSocket connections."""
        return len(self._sessions)

    def add(self, session: SubscriberSession) -> None:
        """A connection opened."""
        self._sessions.append(session)

    def remove(self, session: SubscriberSession) -> None:
        """A connection closed."""
        self._sessions.remove(session)

    def on_block(self, block: ChainBlock, receipts: ReceiptsOf) -> None:
        """Tell of a new head, and of the logs in it; receipts are read only if somebody waits for such logs."""
        view = header_view(block) if self._sessions else None
        for session in self._sessions:
            for subscription_id, subscription in list(session.subscription_by_id.items()):
                if subscription.kind == "newHeads":
                    session.notify(subscription_id, view)
                elif subscription.query is not None and subscription.query.may_match(block.header.logs_bloom):
                    for log in view_logs(block, receipts(block), subscription.query):
                        session.notify(subscription_id, log)

    def on_pending(self, transactions: Sequence[Transaction]) -> None:
        """Tell of transactions that began to wait."""
        for session in self._sessions:
            for subscription_id, subscription in list(session.subscription_by_id.items()):
                if subscription.kind != "newPendingTransactions":
                    continue
                for transaction in transactions:
                    view = waiting_view(transaction) if subscription.is_full else to_data(transaction.hash)
                    session.notify(subscription_id, view)
