"""Methods about logs: queries, filters that are polled, and subscriptions. No I/O.

Source: Ethereum execution-apis, namespace eth; geth, "Real-time events" (eth_subscribe).
"""

from __future__ import annotations

from chain_node.rpc.errors import METHOD_NOT_FOUND, InvalidParamsError, RPCError
from chain_node.rpc.json_value import JsonValue
from chain_node.rpc.logs import find_logs
from chain_node.rpc.method import Call, Method, Session
from chain_node.rpc.params import shorten


def _logs(call: Call) -> JsonValue:
    return find_logs(call.backend.chain, call.params.object(0, "filter"), call.backend.limits)


def _new_filter(call: Call) -> JsonValue:
    return call.filters.install_logs(call.params.object(0, "filter"), call.backend.now_ms())


def _new_block_filter(call: Call) -> JsonValue:
    return call.filters.install_blocks(call.backend.now_ms())


def _new_pending_transaction_filter(call: Call) -> JsonValue:
    return call.filters.install_pending(call.backend.now_ms())


def _uninstall_filter(call: Call) -> JsonValue:
    return call.filters.uninstall(_id(call))


def _filter_changes(call: Call) -> JsonValue:
    return call.filters.changes(_id(call), call.backend.now_ms())


def _filter_logs(call: Call) -> JsonValue:
    return call.filters.all_logs(_id(call), call.backend.now_ms())


def _subscribe(call: Call) -> JsonValue:
    return _session(call).subscribe(call.params)


def _unsubscribe(call: Call) -> JsonValue:
    return _session(call).unsubscribe(_id(call))


def _session(call: Call) -> Session:
    if call.session is None:
        raise RPCError(METHOD_NOT_FOUND, "notifications not supported: subscriptions need a WebSocket")
    return call.session


def _id(call: Call) -> str:
    value = call.params.get(0)
    if not isinstance(value, str):
        raise InvalidParamsError("id", f"a string, got {shorten(value)}")
    return value


METHODS = {
    "eth_getLogs": Method(_logs, is_slow=True),
    "eth_newFilter": Method(_new_filter),
    "eth_newBlockFilter": Method(_new_block_filter),
    "eth_newPendingTransactionFilter": Method(_new_pending_transaction_filter),
    "eth_uninstallFilter": Method(_uninstall_filter),
    "eth_getFilterChanges": Method(_filter_changes, is_slow=True),
    "eth_getFilterLogs": Method(_filter_logs, is_slow=True),
    "eth_subscribe": Method(_subscribe),
    "eth_unsubscribe": Method(_unsubscribe),
}
