"""Why the chain stands still: one well status, one thing changed at a time."""

from typing import Any

import pytest

from chain_node.node.standstill import FREE_BYTES_LOW, compare, diagnose
from chain_node.rpc.node_status import (
    Diagnosis,
    EvidenceStatus,
    Finding,
    HaltStatus,
    NetworkStatus,
    NodeStatus,
    RefusalStatus,
    SyncStatus,
)
from tests.unit.node.status_kit import HEAD, NOW, address_of, block, peer, round_of, validator, well

STANDS = round_of(is_started=True, trying_ms=62_000, round=3)


def finding_of(status: NodeStatus, kind: str) -> Finding:
    return next(finding for finding in diagnose(status).findings if finding.kind == kind)


def kinds(diagnosis: Diagnosis) -> list[str]:
    return [finding.kind for finding in diagnosis.findings]


def without_links(count: int, *missing: int, **changed: Any) -> NodeStatus:
    """A consortium of `count` some of whose validators have no link to this node, the last."""
    return well(
        count,
        validators=tuple(validator(index, count, is_linked=index not in missing) for index in range(count)),
        peers=tuple(peer(index) for index in range(count - 1) if index not in missing),
        **changed,
    )


@pytest.mark.parametrize("count", [3, 4])
def test_well_consortium_without_transactions_waits_and_finds_nothing(count: int) -> None:
    assert diagnose(well(count)) == Diagnosis(standing="waits", findings=())


def test_long_wait_for_transactions_is_no_standstill() -> None:
    quiet = well(head=block(HEAD, timestamp=NOW - 59))
    assert diagnose(quiet).standing == "waits"


def test_empty_block_that_never_comes_is_a_standstill() -> None:
    overdue = well(head=block(HEAD, timestamp=NOW - 90))
    assert diagnose(overdue).standing == "stands still"
    assert "A block has been due for 29 s" in finding_of(overdue, "overdue").sentence


def test_node_that_has_just_started_is_not_blamed_for_an_old_head() -> None:
    assert diagnose(well(head=block(HEAD, timestamp=NOW - 86_400), uptime_seconds=2)).standing == "waits"


def test_working_round_runs() -> None:
    assert diagnose(well(round=round_of(is_started=True, trying_ms=800))).standing == "runs"


def test_too_few_links_names_the_missing_and_where_to_look() -> None:
    status = without_links(4, 0, 1, round=STANDS)
    found = diagnose(status)
    assert found.standing == "stands still"
    first = found.findings[0]
    assert (first.kind, first.severity) == ("no_quorum", "fault")
    assert "2 of 4 validators are linked and 3 are needed" in first.sentence
    assert "Bank A (10.0.0.1:30303), Exchange B (10.0.0.2:30303)" in first.sentence
    assert "nc -vz 10.0.0.1 30303" in first.next_step


def test_one_missing_of_three_is_a_warning_that_says_none_more_may_go() -> None:
    found = finding_of(without_links(3, 1), "missing")
    assert found.severity == "warning"
    assert found.sentence == (
        "No link to Exchange B (10.0.0.2:30303). The chain goes on; if one more is lost, it stands still."
    )


def test_missing_validator_without_a_node_record_says_so() -> None:
    status = without_links(3, 1)
    silent = status.validators[1].model_copy(update={"endpoint": None})
    changed = status.model_copy(update={"validators": (status.validators[0], silent, status.validators[2])})
    assert "no node record" in finding_of(changed, "missing").next_step


def test_no_peers_at_all_is_a_matter_of_listening_and_dialling() -> None:
    found = diagnose(without_links(3, 0, 1, round=STANDS))
    assert kinds(found)[0] == "no_peers"
    assert "Does 0.0.0.0:30303 accept connections" in found.findings[0].next_step


def test_node_without_p2p_among_several_validators_is_told_to_listen() -> None:
    status = without_links(3, 0, 1, network=NetworkStatus(listen=None, certificate_expires=None))
    found = diagnose(status)
    assert kinds(found)[0] == "no_network"
    assert "p2p_listen" in found.findings[0].next_step
    assert "no_peers" not in kinds(found)


def test_node_that_is_not_in_the_set_follows() -> None:
    outside = well(validators=tuple(validator(index, 3, is_self=False) for index in range(3)), validator=address_of(7))
    found = finding_of(outside, "not_validator")
    assert found.severity == "note"
    assert "it follows and signs nothing" in found.sentence


def test_node_that_is_behind_says_how_far_and_from_whom_it_syncs() -> None:
    status = well(
        head=block(100), peers=(peer(0), peer(1)), sync=SyncStatus(target=HEAD, source="Bank A (10.0.0.1:30303)")
    )
    found = diagnose(status)
    assert found.standing == "syncs"
    assert finding_of(status, "syncing").sentence == (
        f"This node is {HEAD - 100} blocks behind and fetches them from Bank A (10.0.0.1:30303)."
    )


def test_node_that_is_behind_and_fetches_nothing_is_a_fault() -> None:
    assert finding_of(well(head=block(100)), "behind").severity == "fault"


def test_few_fast_blocks_do_not_put_a_node_behind() -> None:
    ahead = (peer(0, number=HEAD + 20), peer(1))
    assert diagnose(well(peers=ahead, block_period_ms=100)).standing == "waits"
    assert diagnose(well(peers=ahead, block_period_ms=1_000)).standing == "syncs"


def test_silent_peer_does_not_put_this_node_behind() -> None:
    status = well(head=block(HEAD, timestamp=NOW - 2), peers=(peer(0), peer(1, is_live=False, number=HEAD + 100)))
    assert diagnose(status).standing == "waits"


def test_block_from_the_future_is_a_matter_of_clocks() -> None:
    found = finding_of(well(head=block(HEAD, timestamp=NOW + 5)), "clock")
    assert found.severity == "fault"
    assert "5.0 s in this node's future" in found.sentence
    assert "NTP" in found.next_step


def test_block_within_the_tolerance_is_no_matter_of_clocks() -> None:
    assert "clock" not in kinds(diagnose(well(head=block(HEAD, timestamp=NOW + 1))))


def test_full_disk_halts_and_says_what_goes_on_by_itself() -> None:
    status = well(halt=HaltStatus(kind="disk_full", reason="no room for block 5001"))
    found = diagnose(status)
    assert found.standing == "halted"
    assert found.findings[0].kind == "disk_full"
    assert "no room for block 5001" in found.findings[0].sentence
    assert "goes on by itself" in found.findings[0].next_step


def test_little_room_is_a_warning_before_it_is_a_halt() -> None:
    status = well()
    low = status.model_copy(update={"disk": status.disk.model_copy(update={"free_bytes": FREE_BYTES_LOW - 1})})
    assert finding_of(low, "disk_low").severity == "warning"


def test_conflict_halts_and_forbids_to_delete() -> None:
    status = well(halt=HaltStatus(kind="conflict", reason="two different blocks of height 7 have a quorum of seals"))
    found = diagnose(status)
    assert (found.standing, found.findings[0].kind) == ("halted", "conflict")
    assert "delete nothing" in found.findings[0].next_step


def test_contradiction_names_the_validator() -> None:
    evidence = (EvidenceStatus(validator=address_of(1), number=40, round=2, kind="commit"),)
    found = finding_of(well(evidence=evidence, evidence_count=1), "evidence")
    assert found.sentence.startswith("Exchange B signed two different commit messages at height 40, round 2")


@pytest.mark.parametrize(
    ("reason", "step"),
    [("header timestamp: got 9, expected at most 7", "clock"), ("state root differs", "versions")],
)
def test_changing_rounds_with_refused_proposals_give_the_reason(reason: str, step: str) -> None:
    refusal = RefusalStatus(number=HEAD + 1, round=2, proposer=address_of(1), reason=reason)
    found = diagnose(well(round=STANDS, last_refusal=refusal))
    assert kinds(found)[0] == "refused"
    assert reason in found.findings[0].sentence
    assert "Exchange B" in found.findings[0].sentence
    assert step in found.findings[0].next_step


def test_refusal_of_an_earlier_height_explains_nothing() -> None:
    refusal = RefusalStatus(number=HEAD - 5, round=2, proposer=address_of(1), reason="state root differs")
    assert kinds(diagnose(well(round=STANDS, last_refusal=refusal))) == ["undecided"]


def test_silent_proposer_is_named_when_nothing_else_explains_it() -> None:
    found = finding_of(well(round=STANDS), "undecided")
    assert found.sentence == (
        f"Height {HEAD + 1} is undecided for 1 min 2 s, in round 3: no proposal of Bank A has come."
    )


def test_votes_are_counted_when_nothing_else_explains_it() -> None:
    voting = round_of(is_started=True, trying_ms=62_000, has_proposal=True, prepares=(address_of(0),))
    assert "1 prepares and 0 commits of 2 are here" in finding_of(well(round=voting), "undecided").sentence


def test_expired_certificate_is_a_fault_and_a_short_one_a_warning() -> None:
    def with_days_left(days: int) -> NodeStatus:
        return well(network=NetworkStatus(listen="0.0.0.0:30303", certificate_expires=NOW + days * 86_400))

    assert finding_of(with_days_left(-1), "certificate").severity == "fault"
    assert finding_of(with_days_left(13), "certificate").severity == "warning"
    assert "certificate" not in kinds(diagnose(with_days_left(15)))


def test_validator_that_joined_before_it_was_synced_blocks_the_quorum() -> None:
    """Source: Besu issue 8425."""
    late = validator(0, 2, number=12)
    status = well(2, validators=(late, validator(1, 2)), peers=(peer(0, number=12),), round=STANDS)
    found = diagnose(status)
    assert kinds(found)[0] == "not_synced"
    assert f"Bank A at 12 of {HEAD}" in found.findings[0].sentence
    assert "before the members vote it in" in found.findings[0].next_step


def test_late_validator_that_is_not_needed_is_only_noted() -> None:
    status = well(
        3, validators=(validator(0, number=12), validator(1), validator(2)), peers=(peer(0, number=12), peer(1))
    )
    assert finding_of(status, "validator_syncs").severity == "note"


def test_missing_finality_names_who_seals_nothing() -> None:
    status = well(validators=(validator(0), validator(1, last_sealed=HEAD - 60), validator(2)))
    lagging = status.model_copy(
        update={"finality": status.finality.model_copy(update={"byzantine_final_number": HEAD - 60})}
    )
    found = finding_of(lagging, "finality")
    assert "The last 60 blocks are crash_final only: 3 of 3 seals are needed" in found.sentence
    assert "Exchange B (10.0.0.2:30303) seals nothing" in found.sentence


def test_one_validator_is_told_what_it_cannot_promise() -> None:
    assert kinds(diagnose(well(1))) == ["one_validator"]


def test_queued_transactions_alone_do_not_make_a_block_due() -> None:
    status = well()
    queued = status.model_copy(update={"pool": status.pool.model_copy(update={"queued": 3})})
    assert diagnose(queued).standing == "waits"
    assert "3 transactions wait behind a missing nonce" in finding_of(queued, "queued").sentence


def test_nodes_with_different_blocks_of_one_height_have_forked() -> None:
    ours, theirs = well(), well(blocks=(block(HEAD, hash="0x" + "ff" * 32),))
    found = compare([("A", ours, 0), ("B", theirs, 0)])
    assert [finding.kind for finding in found] == ["fork"]
    assert f"A and B have different blocks at height {HEAD}" in found[0].sentence


def test_clocks_that_are_apart_are_named() -> None:
    found = compare([("A", well(), -900), ("B", well(), 400), ("C", well(), 0)])
    assert found[0].sentence == "The clocks of A and B are 1.3 s apart."
    assert compare([("A", well(), -400), ("B", well(), 400)]) == ()


def test_faults_come_before_warnings_and_notes() -> None:
    status = without_links(4, 0, 1, evidence=(), evidence_count=0, round=STANDS)
    crowded = status.model_copy(
        update={
            "disk": status.disk.model_copy(update={"free_bytes": 0}),
            "pool": status.pool.model_copy(update={"queued": 1}),
        }
    )
    severities = [finding.severity for finding in diagnose(crowded).findings]
    assert severities == sorted(severities, key=["fault", "warning", "note"].index)
    assert set(severities) == {"fault", "warning", "note"}
