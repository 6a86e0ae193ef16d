"""Why the chain stands still, said in a sentence with the next step. Pure: a status in, a diagnosis out. No I/O.

Each rule looks at one cause and gives its finding or nothing; `_RULES` is their order, the most decisive first. What
is only worth knowing while the chain runs is a warning. Sections named in next steps are those of docs/runbook.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chain_node.core.limits import CLOCK_SKEW_SECONDS_MAX
from chain_node.node.findings import fault, note, warning
from chain_node.node.standing import find_standing, overdue_ms
from chain_node.node.standstill_links import (
    check_certificate,
    check_links,
    check_network,
    check_peers,
    check_sync,
    check_validators_synced,
)
from chain_node.node.status_words import (
    duration,
    list_of,
    name_of_address,
    short,
    size,
)
from chain_node.rpc.node_status import Diagnosis, Finding, NodeStatus, Severity

FREE_BYTES_LOW = 2 * 1024**3
"""Less room than this on the disk is worth a warning."""

_FINALITY_LAG_BLOCKS = 5

Rule = Callable[[NodeStatus], Finding | None]


def diagnose(status: NodeStatus) -> Diagnosis:
    """Say how the chain stands here and what is not as it should be."""
    standing = find_standing(status)
    found = [finding for rule in _RULES if (finding := rule(status)) is not None]
    if standing == "stands still" and not any(finding.severity == "fault" for finding in found):
        found.insert(0, _undecided(status))
    order: dict[Severity, int] = {"fault": 0, "warning": 1, "note": 2}
    return Diagnosis(standing=standing, findings=tuple(sorted(found, key=lambda finding: order[finding.severity])))


def compare(statuses: Sequence[tuple[str, NodeStatus, int]]) -> tuple[Finding, ...]:
    """What only shows when several nodes are looked at; of each its name, status, and its clock minus ours in ms."""
    found: list[Finding] = []
    hash_by_number: dict[int, tuple[str, str]] = {}
    for name, status, _ in statuses:
        for block in status.blocks:
            other, block_hash = hash_by_number.setdefault(block.number, (name, block.hash))
            if block_hash != block.hash and not any(finding.kind == "fork" for finding in found):
                found.append(
                    fault(
                        "fork",
                        f"{other} and {name} have different blocks at height {block.number}.",
                        "Stop clients at once and keep both data directories: runbook, section “Halted by a conflict”.",
                    )
                )
    skews = sorted((skew_ms, name) for name, _, skew_ms in statuses)
    if len(skews) > 1 and skews[-1][0] - skews[0][0] > CLOCK_SKEW_SECONDS_MAX * 1000:
        apart = (skews[-1][0] - skews[0][0]) / 1000
        found.append(
            warning(
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
        return fault(
            "disk_full",
            f"The disk is full ({size(status.disk.free_bytes)} free): {halt.reason}",
            f"Make room on the file system of {status.disk.directory}; the node goes on by itself within two seconds.",
        )
    return fault(
        "conflict",
        f"Halted: {halt.reason}",
        "Do not restart and delete nothing. Save tranchain_evidence and the data directory, tell the other members: "
        "runbook, section “Halted by a conflict”.",
    )


def _contradictions(status: NodeStatus) -> Finding | None:
    if status.evidence_count == 0:
        return None
    newest = status.evidence[-1]
    return warning(
        "evidence",
        f"{name_of_address(status, newest.validator)} signed two different {newest.kind} messages at height "
        f"{newest.number}, round {newest.round} ({status.evidence_count} such pairs in all).",
        "Save tranchain_evidence and ask its operator; two nodes with one key, or an old vote record, are the usual "
        "causes: runbook, section “A validator contradicts itself”.",
    )


def _not_validator(status: NodeStatus) -> Finding | None:
    if status.is_validator:
        return None
    return note(
        "not_validator",
        f"This node's key {short(status.validator)} is not in the validator set: it follows and signs nothing.",
        "Nothing to do for a follower. If it should seal: is validator.key the right file? Otherwise members vote for "
        "addValidator (runbook, section “Add a validator”).",
    )


def _clock(status: NodeStatus) -> Finding | None:
    ahead_ms = status.head.timestamp * 1000 - status.now_ms
    if ahead_ms > CLOCK_SKEW_SECONDS_MAX * 1000:
        return fault(
            "clock",
            f"The newest block is {ahead_ms / 1000:.1f} s in this node's future: its clock is slow, or the proposer's "
            f"({name_of_address(status, status.head.proposer)}) is fast.",
            "Compare both with NTP (chronyc tracking). Blocks more than a second ahead are refused.",
        )
    return None


def _rounds(status: NodeStatus) -> Finding | None:
    if find_standing(status) != "stands still" or status.round.round == 0:
        return None
    refusal = status.last_refusal
    if refusal is None or refusal.number != status.round.number:
        return None
    step = "If this node is alone with it, its clock or its software differs; compare versions and the logs of both."
    if "timestamp" in refusal.reason:
        step = "Compare this node's clock and the proposer's with NTP (chronyc tracking)."
    return fault(
        "refused",
        f"Round {status.round.round} of height {refusal.number}: this node refuses the proposals; the last, of "
        f"{name_of_address(status, refusal.proposer)}: {refusal.reason}.",
        step,
    )


def _disk(status: NodeStatus) -> Finding | None:
    if status.halt is not None or status.disk.free_bytes >= FREE_BYTES_LOW:
        return None
    return warning(
        "disk_low",
        f"Only {size(status.disk.free_bytes)} are free for {status.disk.directory}.",
        "Make room before the node has to stop writing.",
    )


def _finality(status: NodeStatus) -> Finding | None:
    finality = status.finality
    if finality.byzantine_quorum is None:
        if status.validators and len(status.validators) > 1:
            return None
        return note(
            "one_validator",
            "With one validator no block is ever final against a lying validator.",
            "Add members' validators: three promise finality, four survive one that lies.",
        )
    final = finality.byzantine_final_number
    lag = status.head.number - (final or 0)
    if lag <= _FINALITY_LAG_BLOCKS:
        return None
    silent = [validator for validator in status.validators if (validator.last_sealed or 0) < status.head.number - 1]
    return warning(
        "finality",
        f"The last {lag} blocks are crash_final only: {finality.byzantine_quorum} of {len(status.validators)} seals "
        f"are needed{f', and {list_of(silent)} seals nothing' if silent else ''}.",
        "Clients that wait for byzantine_final (issuance, payments) wait until it seals again.",
    )


def _queued(status: NodeStatus) -> Finding | None:
    if status.pool.pending > 0 or status.pool.queued == 0:
        return None
    return note(
        "queued",
        f"{status.pool.queued} transactions wait behind a missing nonce, so no block is due.",
        "Their senders have to send the transaction before them (txpool_content shows the nonces).",
    )


_RULES: tuple[Rule, ...] = (
    _halted,
    check_network,
    check_certificate,
    _clock,
    check_peers,
    check_links,
    check_sync,
    check_validators_synced,
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
        return fault(
            "overdue",
            f"A block has been due for {duration(overdue_ms(status) // 1000)} and no round has begun.",
            "Keep this node's log and restart it; report it.",
        )
    if not current.has_proposal:
        text = f"no proposal of {proposer} has come."
    else:
        text = (
            f"{proposer} has proposed; {len(current.prepares)} prepares and {len(current.commits)} commits "
            f"of {status.finality.quorum} are here."
        )
    return fault(
        "undecided",
        f"Height {current.number} is undecided for {duration(current.trying_ms // 1000)}, "
        f"in round {current.round}: {text}",
        f"Look at {proposer}'s status and log (proposal_refused, message_rejected); rounds change by themselves.",
    )
