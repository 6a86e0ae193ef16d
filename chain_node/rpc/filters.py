"""Filters that a caller installs and polls. No I/O; the age of a filter is judged by the caller's clock.

Polls run in worker threads, so a lock guards the table; it is never held while blocks are read.

Source: Ethereum execution-apis, eth_newFilter and its relatives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from threading import Lock

from chain_node.core.types import Hash32, Height, Transaction
from chain_node.rpc.block_choice import height_of
from chain_node.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, RPCError
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.logs import LogQuery, find_logs, find_logs_between, read_bound, read_log_query
from chain_node.rpc.params import BlockChoice, to_data
from chain_node.rpc.queries import ChainQueries, Limits

_PENDING_HASHES_MAX = 10_000
"""Hashes that one filter of pending transactions keeps; older ones are forgotten."""


@dataclass(slots=True)
class _LogFilter:
    fields: JsonObject
    query: LogQuery
    next_height: Height
    last: BlockChoice


@dataclass(slots=True)
class _BlockFilter:
    next_height: Height


@dataclass(slots=True)
class _PendingFilter:
    hashes: deque[Hash32]


_Filter = _LogFilter | _BlockFilter | _PendingFilter


class FilterRegistry:
    """Installed filters by id. An id that nobody polls for `filter_idle_ms` is forgotten."""

    def __init__(self, chain: ChainQueries, limits: Limits) -> None:
        self._chain = chain
        self._limits = limits
        self._lock = Lock()
        self._filter_by_id: dict[str, _Filter] = {}
        self._polled_ms_by_id: dict[str, int] = {}

    def install_logs(self, fields: JsonObject, now_ms: int) -> str:
        """A filter of logs from `fromBlock` (the next block when missing) to `toBlock`."""
        query = read_log_query(fields)
        first = height_of(self._chain, read_bound(fields, "fromBlock"))
        if fields.get("fromBlock") in (None, "latest", "pending", "safe", "finalized"):
            first = Height(self._chain.head().height + 1)
        last = read_bound(fields, "toBlock")
        return self._install(_LogFilter(fields, query, first, last), now_ms)

    def install_blocks(self, now_ms: int) -> str:
        """A filter of hashes of new blocks."""
        return self._install(_BlockFilter(Height(self._chain.head().height + 1)), now_ms)

    def install_pending(self, now_ms: int) -> str:
        """A filter of hashes of transactions that begin to wait."""
        return self._install(_PendingFilter(deque(maxlen=_PENDING_HASHES_MAX)), now_ms)

    def uninstall(self, filter_id: str) -> bool:
        """Forget a filter; false if there is none."""
        with self._lock:
            self._polled_ms_by_id.pop(filter_id, None)
            return self._filter_by_id.pop(filter_id, None) is not None

    def on_pending(self, transactions: Sequence[Transaction]) -> None:
        """Note transactions that began to wait."""
        if not self._filter_by_id:
            return
        with self._lock:
            for installed in self._filter_by_id.values():
                if isinstance(installed, _PendingFilter):
                    installed.hashes.extend(transaction.hash for transaction in transactions)

    def changes(self, filter_id: str, now_ms: int) -> list[JsonValue]:
        """What came since the last poll.

        Raises:
            RPCError: no such filter, or more came than one query may cover.
        """
        installed = self._find(filter_id, now_ms)
        match installed:
            case _PendingFilter():
                with self._lock:
                    hashes = [to_data(transaction_hash) for transaction_hash in installed.hashes]
                    installed.hashes.clear()
                return list(hashes)
            case _BlockFilter():
                return self._new_block_hashes(installed)
            case _LogFilter():
                return self._new_logs(installed)

    def all_logs(self, filter_id: str, now_ms: int) -> list[JsonValue]:
        """All logs that a log filter means.

        Raises:
            RPCError: no such filter, or not one of logs.
        """
        installed = self._find(filter_id, now_ms)
        if not isinstance(installed, _LogFilter):
            raise RPCError(SERVER_ERROR, "filter not found: it is not a filter of logs")
        return list(find_logs(self._chain, installed.fields, self._limits))

    def _install(self, installed: _Filter, now_ms: int) -> str:
        with self._lock:
            self._forget_idle(now_ms)
            if len(self._filter_by_id) >= self._limits.filter_count:
                raise RPCError(LIMIT_EXCEEDED, f"{self._limits.filter_count} filters are installed already")
            filter_id = "0x" + token_hex(16)
            self._filter_by_id[filter_id] = installed
            self._polled_ms_by_id[filter_id] = now_ms
            return filter_id

    def _find(self, filter_id: str, now_ms: int) -> _Filter:
        with self._lock:
            self._forget_idle(now_ms)
            if filter_id not in self._filter_by_id:
                raise RPCError(SERVER_ERROR, "filter not found")
            self._polled_ms_by_id[filter_id] = now_ms
            return self._filter_by_id[filter_id]

    def _forget_idle(self, now_ms: int) -> None:
        limit_ms = now_ms - self._limits.filter_idle_ms
        for filter_id in [key for key, polled_ms in self._polled_ms_by_id.items() if polled_ms < limit_ms]:
            del self._filter_by_id[filter_id], self._polled_ms_by_id[filter_id]

    def _new_block_hashes(self, installed: _BlockFilter) -> list[JsonValue]:
        last = min(self._chain.head().height, installed.next_height + self._limits.log_blocks - 1)
        hashes: list[JsonValue] = []
        for height in range(installed.next_height, last + 1):
            block = self._chain.block_at(Height(height))
            if block is not None:
                hashes.append(to_data(block.hash))
        installed.next_height = Height(max(installed.next_height, last + 1))
        return hashes

    def _new_logs(self, installed: _LogFilter) -> list[JsonValue]:
        last = self._chain.head().height
        if installed.last.height is not None:
            last = min(last, installed.last.height)
        last = Height(min(last, installed.next_height + self._limits.log_blocks - 1))
        if last < installed.next_height:
            return []
        logs = find_logs_between(self._chain, installed.query, installed.next_height, last, self._limits)
        installed.next_height = Height(last + 1)
        return list(logs)
