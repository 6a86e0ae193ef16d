"""In one word how the chain stands, as one node sees it. Pure."""

from __future__ import annotations

from chain_node.rpc.node_status import NodeStatus, Standing

_BEHIND_BLOCKS_MIN = 2
_BEHIND_MS = 3_000
_SLACK_MS = 1_000


def find_standing(status: NodeStatus) -> Standing:
    """One word for the state of the chain, as this node sees it."""
    if status.halt is not None:
        return "halted"
    if is_behind(status):
        return "syncs"
    patience_ms = status.request_timeout_seconds * 1000 + _SLACK_MS
    if status.round.trying_ms > patience_ms or overdue_ms(status) > patience_ms:
        return "stands still"
    return "runs" if status.round.is_started or status.pool.pending > 0 else "waits"


def is_behind(status: NodeStatus) -> bool:
    """Whether others are so far ahead that this node has to fetch blocks."""
    return status.sync is not None or blocks_behind(status) > tolerated_blocks(status)


def tolerated_blocks(status: NodeStatus) -> int:
    """How far one node may be ahead of another for a moment without anything being wrong."""
    return max(_BEHIND_BLOCKS_MIN, _BEHIND_MS // max(status.block_period_ms, 1))


def blocks_behind(status: NodeStatus) -> int:
    """How many blocks the live peer furthest ahead has more."""
    return max(0, 0, *(peer.number - status.head.number for peer in status.peers if peer.is_live))


def overdue_ms(status: NodeStatus) -> int:
    """How long ago even an empty block should have come, as far as this node was there to see it."""
    due_ms = (status.head.timestamp + max(status.empty_block_period_seconds, 1)) * 1000 + status.block_period_ms
    return max(0, min(status.now_ms - due_ms, status.uptime_seconds * 1000))
