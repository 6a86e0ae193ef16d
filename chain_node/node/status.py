"""Asks running nodes for their state, for `tranchain-node status`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from chain_node.node.standstill import compare
from chain_node.rpc.json_value import JsonObject
from chain_node.rpc.node_status import Finding, NodeStatus

_TIMEOUT_SECONDS = 4
_QUESTIONS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node that was asked: its status, or why there is none."""

    url: str
    status: NodeStatus | None
    problem: str | None
    """One sentence; None if there is a status."""
    clock_ahead_ms: int
    """The node's clock minus ours, to within the time the question took."""

    @property
    def name(self) -> str:
        """What to call it: the member that runs it, or where it was asked."""
        host = urlsplit(self.url).netloc or self.url
        return (self.status.organisation_name if self.status else None) or host


def read_nodes(urls: Sequence[str]) -> list[NodeView]:
    """Ask all nodes at the same time; a node that does not answer is part of the result."""
    with ThreadPoolExecutor(min(len(urls), _QUESTIONS_AT_ONCE)) as executor:
        return list(executor.map(_read_node, urls))


def findings_of(nodes: Sequence[NodeView]) -> list[tuple[str, Finding]]:
    """What is not as it should be, with the nodes that say so; what only shows between nodes comes first."""
    seen = [(node.name, node.status, node.clock_ahead_ms) for node in nodes if node.status is not None]
    names_by_finding: dict[Finding, list[str]] = {finding: [] for finding in compare(seen)}
    for name, status, _ in seen:
        for finding in status.diagnosis.findings if status.diagnosis else ():
            names_by_finding.setdefault(finding, []).append(name)
    return [(", ".join(names), finding) for finding, names in names_by_finding.items()]


def is_well(nodes: Sequence[NodeView]) -> bool:
    """Whether all nodes answer and nothing is broken; warnings do not count."""
    is_up = all(node.status is not None for node in nodes)
    return is_up and not any(finding.severity == "fault" for _, finding in findings_of(nodes))


def to_json(nodes: Sequence[NodeView]) -> JsonObject:
    """The same for programs."""
    return {
        "isWell": is_well(nodes),
        "findings": [{"node": name, **finding.model_dump(by_alias=True)} for name, finding in findings_of(nodes)],
        "nodes": [
            {
                "url": node.url,
                "problem": node.problem,
                "clockAheadMs": node.clock_ahead_ms,
                "status": node.status.to_json() if node.status else None,
            }
            for node in nodes
        ],
    }


def _read_node(url: str) -> NodeView:
    question = {"jsonrpc": "2.0", "id": 1, "method": "tranchain_status", "params": []}
    asked_ms = time.time_ns() // 1_000_000
    try:
        answer = httpx.post(url, json=question, timeout=_TIMEOUT_SECONDS).raise_for_status().json()
        if "error" in answer:
            return _no_view(url, f"it answers: {answer['error']['message']}. Is it of an older version?")
        status = NodeStatus.model_validate(answer["result"])
    except httpx.ConnectError:
        return _no_view(url, "nothing listens there: the node is down, or its rpc_listen is another one")
    except httpx.TimeoutException:
        return _no_view(url, f"no answer within {_TIMEOUT_SECONDS} s: the node is overloaded, stopped, or cut off")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _no_view(url, f"the question failed: {error} ({type(error).__name__})")
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        return _no_view(url, f"what answers there is not a Tranchain node of this version ({type(error).__name__})")
    answered_ms = time.time_ns() // 1_000_000
    skew_ms = status.now_ms - (asked_ms + answered_ms) // 2
    return NodeView(url=url, status=status, problem=None, clock_ahead_ms=skew_ms)


def _no_view(url: str, problem: str) -> NodeView:
    return NodeView(url=url, status=None, problem=problem, clock_ahead_ms=0)
