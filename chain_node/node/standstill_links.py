"""Causes of a standstill between nodes: links, certificates, missing blocks. Pure: see `standstill.py`."""

from __future__ import annotations

from collections.abc import Sequence

from chain_node.consensus.qbft.quorum import compute_quorum
from chain_node.node.findings import fault, note, warning
from chain_node.node.standing import blocks_behind, is_behind, tolerated_blocks
from chain_node.node.status_words import DAY_SECONDS, clock, list_of, name_of
from chain_node.rpc.node_status import Finding, NodeStatus, ValidatorStatus

CERTIFICATE_LOW_DAYS = 14
"""A certificate that ends sooner is worth a warning."""


def check_network(status: NodeStatus) -> Finding | None:
    """This node has no peers by configuration."""
    if len(status.validators) < 2 and status.is_validator:
        return None
    if status.network.listen is None:
        return fault(
            "no_network",
            f"This node has no peers by configuration, but there are {len(status.validators)} validators.",
            "Set p2p_listen in its configuration (docs/operations.md) and restart it.",
        )
    return None


def check_certificate(status: NodeStatus) -> Finding | None:
    """Its certificate ends soon, or has ended."""
    expires = status.network.certificate_expires
    if expires is None:
        return None
    left_days = (expires - status.now_ms // 1000) / DAY_SECONDS
    step = "Have tls.csr certified again and replace tls.pem; no restart: runbook, section “Renew a certificate”."
    if left_days <= 0:
        return fault("certificate", f"This node's certificate ended on {clock(expires)}: nobody accepts it.", step)
    if left_days < CERTIFICATE_LOW_DAYS:
        return warning("certificate", f"This node's certificate ends on {clock(expires)}.", step)
    return None


def check_peers(status: NodeStatus) -> Finding | None:
    """It has no link to anybody."""
    if status.network.listen is None or status.peers or not _others(status):
        return None
    return fault(
        "no_peers",
        f"This node has no link to anybody; {list_of(_others(status))} should be there, and "
        f"{status.finality.quorum} of {len(status.validators)} validators decide.",
        f"Does {status.network.listen} accept connections from them, and can it reach their endpoints (nc -vz HOST "
        "PORT)? The log says: peer_unreachable, refused_by_peer, peer_refused.",
    )


def check_links(status: NodeStatus) -> Finding | None:
    """Validators are not linked."""
    missing = [validator for validator in _others(status) if not validator.is_linked]
    if not missing or not status.peers:
        return None
    quorum = compute_quorum(len(status.validators))
    linked = len(status.validators) - len(missing)
    step = (
        "Ask whoever runs it whether it is up and what `tranchain-node status` says there; "
        f"from here: {_probe(missing)}."
    )
    if linked < quorum:
        return fault(
            "no_quorum",
            f"{linked} of {len(status.validators)} validators are linked and {quorum} are needed; "
            f"missing: {list_of(missing)}.",
            step,
        )
    return warning("missing", f"No link to {list_of(missing)}. {_spare(linked - quorum)}", step)


def check_sync(status: NodeStatus) -> Finding | None:
    """It has fewer blocks than others."""
    if not is_behind(status):
        return None
    missing = max(blocks_behind(status), status.sync.target - status.head.number if status.sync else 0)
    if status.sync is None:
        return fault(
            "behind",
            f"This node is {missing} blocks behind (its head is {status.head.number}) and fetches nothing.",
            "Look in its log for peer_misdeed and peer_banned; then restart the node.",
        )
    return note(
        "syncing",
        f"This node is {missing} blocks behind and fetches them from {status.sync.source}.",
        "Wait; the height must rise. It votes again when it has caught up.",
    )


def check_validators_synced(status: NodeStatus) -> Finding | None:
    """Source: Besu issue 8425: a validator that joined before it was synced halts the chain."""
    linked = [validator for validator in status.validators if validator.is_linked]
    late = [
        validator
        for validator in linked
        if not validator.is_self
        and validator.number is not None
        and validator.number + tolerated_blocks(status) < status.head.number
    ]
    quorum = compute_quorum(len(status.validators))
    if not late or len(linked) < quorum:
        return None
    heights = ", ".join(f"{name_of(validator)} at {validator.number}" for validator in late)
    if len(linked) - len(late) < quorum:
        return fault(
            "not_synced",
            f"Only {len(linked) - len(late)} of the {quorum} validators needed have the newest block; "
            f"{heights} of {status.head.number} must fetch blocks first.",
            "Wait until they have caught up. Next time sync a node before the members vote it in.",
        )
    return note("validator_syncs", f"A validator is behind: {heights} of {status.head.number}.", "Wait.")


def _others(status: NodeStatus) -> list[ValidatorStatus]:
    return [validator for validator in status.validators if not validator.is_self]


def _probe(missing: Sequence[ValidatorStatus]) -> str:
    endpoints = [validator.endpoint for validator in missing if validator.endpoint]
    if not endpoints:
        return "they have no node record yet (tranchain admin node list)"
    return ", ".join("nc -vz " + " ".join(endpoint.rsplit(":", 1)) for endpoint in endpoints)


def _spare(spare: int) -> str:
    if spare == 0:
        return "The chain goes on; if one more is lost, it stands still."
    return f"The chain goes on; it can lose {spare} more."
