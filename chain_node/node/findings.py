"""Findings by how bad they are. Pure."""

from __future__ import annotations

from chain_node.rpc.node_status import Finding


def fault(kind: str, sentence: str, next_step: str) -> Finding:
    """The chain stands still for it, or somebody must act now."""
    return Finding(kind=kind, severity="fault", sentence=sentence, next_step=next_step)


def warning(kind: str, sentence: str, next_step: str) -> Finding:
    """Worth attention while the chain runs."""
    return Finding(kind=kind, severity="warning", sentence=sentence, next_step=next_step)


def note(kind: str, sentence: str, next_step: str) -> Finding:
    """Worth knowing."""
    return Finding(kind=kind, severity="note", sentence=sentence, next_step=next_step)
