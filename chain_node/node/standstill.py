"""Why the chain stands still, said in a sentence with the next step. Pure: a status in, a diagnosis out. No I/O.

Each rule looks at one cause and gives its finding or nothing; `_RULES` is their order, the most decisive first. What
is only worth knowing while the chain runs is a warning. Sections named in next steps are those of docs/runbook.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chain_node.consensus.qbft.quorum import compute_quorum
from chain_node.core.limits import CLOCK_SKEW_SECONDS_MAX
from chain_node.node.status_words import (
    DAY_SECONDS,
    clock,
    duration,
    list_of,
    name_of,
    name_of_address,
    short,
    size,
)
from chain_node.rpc.node_status import Diagnosis, Finding, NodeStatus, Severity, Standing, ValidatorStatus

FREE_BYTES_LOW = 2 * 1024**3
"""Less room than this on the disk is worth a warning."""

CERTIFICATE_LOW_DAYS = 14
"""A certificate that ends sooner is worth a warning."""

_BEHIND_BLOCKS = 2
"""A peer may be this far ahead for a moment without anything being wrong."""

_FINALITY_LAG_BLOCKS = 5
_SLACK_MS = 1_000

Rule = Callable[[NodeStatus], Finding | None]


def diagnose(status: NodeStatus) -> Diagnosis:
    """Say how the chain stands here and what is not as it should be."""
    standing = find_standing(status)
    found = [finding for rule in _RULES if (finding := rule(status)) is not None]
    if standing == "stands still" and not any(finding.severity == "fault" for finding in found):
        found.insert(0, _undecided(status))
    order: dict[Severity, int] = {"fault": 0, "warning": 1, "note": 2}
    return Diagnosis(standing=standing, findings=tuple(sorted(found, key=lambda finding: order[finding.severity])))


def find_standing(status: NodeStatus) -> Standing:
    """One word for the state of the chain, as this node sees it."""
    if status.halt is not None:
        return "halted"
    if is_behind(status):
        return "syncs"
    patience_ms = status.request_timeout_seconds * 1000 + _SLACK_MS
    if status.round.trying_ms > patience_ms or _overdue_ms(status) > patience_ms:
        return "stands still"
    return "runs" if status.round.is_started or status.pool.pending > 0 else "waits"


def is_behind(status: NodeStatus) -> bool:
    """Whether others are so far ahead that this node has to fetch blocks."""
    return status.sync is not None or blocks_behind(status) > _BEHIND_BLOCKS


def blocks_behind(status: NodeStatus) -> int:
    """How many blocks the live peer furthest ahead has more."""
    return max(0, 0, *(peer.number - status.head.number for peer in status.peers if peer.is_live))


def compare(statuses: Sequence[tuple[str, NodeStatus, int]]) -> tuple[Finding, ...]:
    """What only shows when several nodes are looked at; of each its name, status, and its clock minus ours in ms."""
    found: list[Finding] = []
    hash_by_number: dict[int, tuple[str, str]] = {}
    for name, status, _ in statuses:
        for block in status.blocks:
            other, block_hash = hash_by_number.setdefault(block.number, (name, block.hash))
            if block_hash != block.hash and not any(finding.kind == "fork" for finding in found):
                found.append(
                    _fault(
                        "fork",
                        f"{other} and {name} have different blocks at height {block.number}.",
                        "Stop clients at once and keep both data directories: runbook, section “Halted by a conflict”.",
                    )
                )
    skews = sorted((skew_ms, name) for name, _, skew_ms in statuses)
    if len(skews) > 1 and skews[-1][0] - skews[0][0] > CLOCK_SKEW_SECONDS_MAX * 1000:
        apart = (skews[-1][0] - skews[0][0]) / 1000
        found.append(
            _warning(
                "clock",
                f"The clocks of {skews[0][1]} and {skews[-1][1]} are {apart:.1f} s apart.",
                "Set the clocks by NTP (chronyc tracking); a validator refuses blocks more than a second ahead.",
            )
        )
    return tuple(found)


def _halted(status: NodeStatus) -> Finding | None:
    halt = status.halt
    if halt is None:
        return None
    if halt.kind == "disk_full":
        return _fault(
            "disk_full",
            f"The disk is full ({size(status.disk.free_bytes)} free): {halt.reason}",
            f"Make room on the file system of {status.disk.directory}; the node goes on by itself within two seconds.",
        )
    return _fault(
        "conflict",
        f"Halted: {halt.reason}",
        "Do not restart and delete nothing. Save tranchain_evidence and the data directory, tell the other members: "
        "runbook, section “Halted by a conflict”.",
    )


def _contradictions(status: NodeStatus) -> Finding | None:
    if status.evidence_count == 0:
        return None
    newest = status.evidence[-1]
    return _warning(
        "evidence",
        f"{name_of_address(status, newest.validator)} signed two different {newest.kind} messages at height "
        f"{newest.number}, round {newest.round} ({status.evidence_count} such pairs in all).",
        "Save tranchain_evidence and ask its operator; two nodes with one key, or an old vote record, are the usual "
        "causes: runbook, section “A validator contradicts itself”.",
    )


def _behind(status: NodeStatus) -> Finding | None:
    if not is_behind(status):
        return None
    missing = max(blocks_behind(status), status.sync.target - status.head.number if status.sync else 0)
    if status.sync is None:
        return _fault(
            "behind",
            f"This node is {missing} blocks behind (its head is {status.head.number}) and fetches nothing.",
            "Look in its log for peer_misdeed and peer_banned; then restart the node.",
        )
    return _note(
        "syncing",
        f"This node is {missing} blocks behind and fetches them from {status.sync.source}.",
        "Wait; the height must rise. It votes again when it has caught up.",
    )


def _not_validator(status: NodeStatus) -> Finding | None:
    if status.is_validator:
        return None
    return _note(
        "not_validator",
        f"This node's key {short(status.validator)} is not in the validator set: it follows and signs nothing.",
        "Nothing to do for a follower. If it should seal: is validator.key the right file? Otherwise members vote for "
        "addValidator (runbook, section “Add a validator”).",
    )


def _clock(status: NodeStatus) -> Finding | None:
    ahead_ms = status.head.timestamp * 1000 - status.now_ms
    if ahead_ms > CLOCK_SKEW_SECONDS_MAX * 1000:
        return _fault(
            "clock",
            f"The newest block is {ahead_ms / 1000:.1f} s in this node's future: its clock is slow, or the proposer's "
            f"({name_of_address(status, status.head.proposer)}) is fast.",
            "Compare both with NTP (chronyc tracking). Blocks more than a second ahead are refused.",
        )
    return None


def _no_network(status: NodeStatus) -> Finding | None:
    if len(status.validators) < 2 and status.is_validator:
        return None
    if status.network.listen is None:
        return _fault(
            "no_network",
            f"This node has no peers by configuration, but there are {len(status.validators)} validators.",
            "Set p2p_listen in its configuration (docs/operations.md) and restart it.",
        )
    return None


def _certificate(status: NodeStatus) -> Finding | None:
    expires = status.network.certificate_expires
    if expires is None:
        return None
    left_days = (expires - status.now_ms // 1000) / DAY_SECONDS
    step = "Have tls.csr certified again and replace tls.pem; no restart: runbook, section “Renew a certificate”."
    if left_days <= 0:
        return _fault("certificate", f"This node's certificate ended on {clock(expires)}: nobody accepts it.", step)
    if left_days < CERTIFICATE_LOW_DAYS:
        return _warning("certificate", f"This node's certificate ends on {clock(expires)}.", step)
    return None


def _no_peers(status: NodeStatus) -> Finding | None:
    if status.network.listen is None or status.peers or not _others(status):
        return None
    return _fault(
        "no_peers",
        f"This node has no link to anybody; {list_of(_others(status))} should be there, and "
        f"{status.finality.quorum} of {len(status.validators)} validators decide.",
        f"Does {status.network.listen} accept connections from them, and can it reach their endpoints (nc -vz HOST "
        "PORT)? The log says: peer_unreachable, refused_by_peer, peer_refused.",
    )


def _too_few_links(status: NodeStatus) -> Finding | None:
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
        return _fault(
            "no_quorum",
            f"{linked} of {len(status.validators)} validators are linked and {quorum} are needed; "
            f"missing: {list_of(missing)}.",
            step,
        )
    return _warning("missing", f"No link to {list_of(missing)}. {_spare(linked - quorum)}", step)


def _not_synced(status: NodeStatus) -> Finding | None:
    """Source: Besu issue 8425: a validator that joined before it was synced halts the chain."""
    linked = [validator for validator in status.validators if validator.is_linked]
    late = [
        validator
        for validator in linked
        if not validator.is_self
        and validator.number is not None
        and validator.number + _BEHIND_BLOCKS < status.head.number
    ]
    quorum = compute_quorum(len(status.validators))
    if not late or len(linked) < quorum:
        return None
    heights = ", ".join(f"{name_of(validator)} at {validator.number}" for validator in late)
    if len(linked) - len(late) < quorum:
        return _fault(
            "not_synced",
            f"Only {len(linked) - len(late)} of the {quorum} validators needed have the newest block; "
            f"{heights} of {status.head.number} must fetch blocks first.",
            "Wait until they have caught up. Next time sync a node before the members vote it in.",
        )
    return _note("validator_syncs", f"A validator is behind: {heights} of {status.head.number}.", "Wait.")


def _rounds(status: NodeStatus) -> Finding | None:
    if find_standing(status) != "stands still" or status.round.round == 0:
        return None
    refusal = status.last_refusal
    if refusal is None or refusal.number != status.round.number:
        return None
    step = "If this node is alone with it, its clock or its software differs; compare versions and the logs of both."
    if "timestamp" in refusal.reason:
        step = "Compare this node's clock and the proposer's with NTP (chronyc tracking)."
    return _fault(
        "refused",
        f"Round {status.round.round} of height {refusal.number}: this node refuses the proposals; the last, of "
        f"{name_of_address(status, refusal.proposer)}: {refusal.reason}.",
        step,
    )


def _disk(status: NodeStatus) -> Finding | None:
    if status.halt is not None or status.disk.free_bytes >= FREE_BYTES_LOW:
        return None
    return _warning(
        "disk_low",
        f"Only {size(status.disk.free_bytes)} are free for {status.disk.directory}.",
        "Make room before the node has to stop writing.",
    )


def _finality(status: NodeStatus) -> Finding | None:
    finality = status.finality
    if finality.byzantine_quorum is None:
        if status.validators and len(status.validators) > 1:
            return None
        return _note(
            "one_validator",
            "With one validator no block is ever final against a lying validator.",
            "Add members' validators: three promise finality, four survive one that lies.",
        )
    final = finality.byzantine_final_number
    lag = status.head.number - (final or 0)
    if lag <= _FINALITY_LAG_BLOCKS:
        return None
    silent = [validator for validator in status.validators if (validator.last_sealed or 0) < status.head.number - 1]
    return _warning(
        "finality",
        f"The last {lag} blocks are crash_final only: {finality.byzantine_quorum} of {len(status.validators)} seals "
        f"are needed{f', and {list_of(silent)} seals nothing' if silent else ''}.",
        "Clients that wait for byzantine_final (issuance, payments) wait until it seals again.",
    )


def _queued(status: NodeStatus) -> Finding | None:
    if status.pool.pending > 0 or status.pool.queued == 0:
        return None
    return _note(
        "queued",
        f"{status.pool.queued} transactions wait behind a missing nonce, so no block is due.",
        "Their senders have to send the transaction before them (txpool_content shows the nonces).",
    )


_RULES: tuple[Rule, ...] = (
    _halted,
    _no_network,
    _certificate,
    _clock,
    _no_peers,
    _too_few_links,
    _behind,
    _not_synced,
    _rounds,
    _not_validator,
    _contradictions,
    _disk,
    _finality,
    _queued,
)


def _undecided(status: NodeStatus) -> Finding:
    """Nothing else explains it: say how far the round has come."""
    current = status.round
    proposer = name_of_address(status, current.proposer)
    if not current.is_started:
        return _fault(
            "overdue",
            f"A block has been due for {duration(_overdue_ms(status) // 1000)} and no round has begun.",
            "Keep this node's log and restart it; report it.",
        )
    if not current.has_proposal:
        text = f"no proposal of {proposer} has come."
    else:
        text = (
            f"{proposer} has proposed; {len(current.prepares)} prepares and {len(current.commits)} commits "
            f"of {status.finality.quorum} are here."
        )
    return _fault(
        "undecided",
        f"Height {current.number} is undecided for {duration(current.trying_ms // 1000)}, "
        f"in round {current.round}: {text}",
        f"Look at {proposer}'s status and log (proposal_refused, message_rejected); rounds change by themselves.",
    )


def _overdue_ms(status: NodeStatus) -> int:
    """How long ago even an empty block should have come, as far as this node was there to see it."""
    due_ms = (status.head.timestamp + max(status.empty_block_period_seconds, 1)) * 1000 + status.block_period_ms
    return max(0, min(status.now_ms - due_ms, status.uptime_seconds * 1000))


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


def _fault(kind: str, sentence: str, next_step: str) -> Finding:
    return Finding(kind=kind, severity="fault", sentence=sentence, next_step=next_step)


def _warning(kind: str, sentence: str, next_step: str) -> Finding:
    return Finding(kind=kind, severity="warning", sentence=sentence, next_step=next_step)


def _note(kind: str, sentence: str, next_step: str) -> Finding:
    return Finding(kind=kind, severity="note", sentence=sentence, next_step=next_step)
