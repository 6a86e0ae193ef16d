"""Batches, revocations, queries and answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import FAR_FUTURE, HASH, make_assets, make_hash, make_request, request_credit
from tests.contracts.suite import Suite, role_bits


@pytest.fixture(scope="module")
def submitted(module_suite: Suite) -> int:
    """A pack of 120 assets that waits for its query."""
    return journey.submit_pack(module_suite, make_assets(120))


def publish(suite: Suite, sender: str = "bureau", **changes: Any) -> int:
    values = {"root": HASH, "count": 300, "from": 1, "to": 2, "expires": FAR_FUTURE, "vault": make_hash("vault")}
    suite.send(sender, suite.CreditFileRegistry.functions.publishBatch(*(values | changes).values()))
    return suite.CreditFileRegistry.functions.batchCount().call()


def answer(suite: Suite, query: int, sender: str = "bureau", **changes: Any) -> Any:
    values = {"root": HASH, "found": 90, "missing": 8, "refused": 2, "withheld": 3} | changes
    return suite.send(sender, suite.CreditFileRegistry.functions.answerCredit(query, *values.values()))


def test_publish_batch_is_found_by_its_root(suite: Suite) -> None:
    registry = suite.CreditFileRegistry.functions
    receipt = suite.send("bureau", registry.publishBatch(HASH, 10_000, 5, 7, FAR_FUTURE, make_hash("vault")))
    event = suite.event("CreditFileRegistry", "BatchPublished", receipt)
    batch = event["batchId"]
    assert (event["bureau"], event["root"], event["count"]) == (suite.bureau, HASH, 10_000)
    assert (event["observedFrom"], event["observedTo"], event["expiresAt"]) == (5, 7, FAR_FUTURE)
    assert registry.batchOfRoot(HASH).call() == batch
    expected = (HASH, make_hash("vault"), suite.bureau, 1, 10_000, 5, 7, FAR_FUTURE, suite.chain.second)
    assert registry.batch(batch).call() == expected
    assert registry.batchOfRoot(make_hash("other")).call() == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"root": bytes(32)}, ("CreditFileHashMissing", "root")),
        ({"vault": bytes(32)}, ("CreditFileHashMissing", "vaultRoot")),
        ({"count": 0}, ("CreditFileBadCount", 0, 10_000)),
        ({"count": 10_001}, ("CreditFileBadCount", 10_001, 10_000)),
        ({"from": 3}, ("CreditFileBadDays", 3, 2)),
        ({"expires": 1}, ("CreditFileExpired", 1, ...)),
    ],
)
def test_publish_what_cannot_be_is_refused(suite: Suite, changes: dict[str, Any], error: tuple[Any, ...]) -> None:
    with refused(*error):
        publish(suite, **changes)


def test_publish_a_root_twice_is_refused(suite: Suite) -> None:
    batch = publish(suite)
    with refused("CreditFileRootKnown", HASH, batch):
        publish(suite, "bureau_b")


def test_revoked_records_show_in_bitmap_and_event(suite: Suite) -> None:
    registry, batch = suite.CreditFileRegistry.functions, publish(suite)
    receipt = suite.send("bureau", registry.revoke(batch, [0, 255, 256, 299], 2))
    event = suite.event("CreditFileRegistry", "RecordsRevoked", receipt)
    assert event == {"batchId": batch, "reason": 2, "indices": [0, 255, 256, 299]}
    assert registry.revokedWords(batch, 0, 3).call() == [1 | 1 << 255, 1 | 1 << 43, 0]
    assert registry.revokedWords(batch, 1, 1).call() == [1 | 1 << 43]
    assert [registry.isRevoked(batch, index).call() for index in (0, 1, 256)] == [True, False, True]


def test_revoke_by_another_account_of_the_organisation_works(suite: Suite) -> None:
    batch = publish(suite)
    suite.govern("Consortium", "enrol", suite.newcomer, 1, role_bits("BUREAU"), 0, 9, bytes(32))
    suite.send("newcomer", suite.CreditFileRegistry.functions.revoke(batch, [1], 1))


@pytest.mark.parametrize(
    ("sender", "indices", "reason", "error"),
    [
        ("bureau_b", [1], 1, ("CreditFileNotOwner", ..., 1, 2)),
        ("bureau", [1], 0, ("CreditFileBadReason", 0)),
        ("bureau", [1], 5, ("CreditFileBadReason", 5)),
        ("bureau", [], 1, ("CreditFileNoIndices",)),
        ("bureau", [300], 1, ("CreditFileBadIndex", ..., 300)),
        ("bureau", [4, 4], 1, ("CreditFileAlreadyRevoked", ..., 4)),
    ],
)
def test_revoke_what_cannot_be_is_refused(
    suite: Suite, sender: str, indices: list[int], reason: int, error: tuple[Any, ...]
) -> None:
    batch = publish(suite)
    with refused(*error):
        suite.send(sender, suite.CreditFileRegistry.functions.revoke(batch, indices, reason))


def test_revoke_of_an_unknown_batch_is_refused(suite: Suite) -> None:
    with refused("CreditFileUnknownBatch", 99):
        suite.send("bureau", suite.CreditFileRegistry.functions.revoke(99, [0], 1))


def test_deletion_is_confirmed_by_past_recipients_of_revoked_records(suite: Suite, submitted: int) -> None:
    registry, batch = suite.CreditFileRegistry.functions, publish(suite)
    request_credit(suite, submitted)
    suite.send("bureau", registry.revoke(batch, [7, 290], 2))
    receipt = suite.send("auditor_a", registry.confirmDeletion(batch, [7, 290]))
    event = suite.event("CreditFileRegistry", "DeletionConfirmed", receipt)
    assert event == {"batchId": batch, "recipient": suite.auditor_a, "indices": [7, 290]}
    assert registry.deletionConfirmed(batch, 290, suite.auditor_a).call() is True
    assert registry.deletionConfirmed(batch, 290, suite.risk_control).call() is False
    assert registry.deletionConfirmed(batch, 8, suite.auditor_a).call() is False
    with refused("CreditFileNotRevoked", batch, 8):
        suite.send("auditor_a", registry.confirmDeletion(batch, [8]))
    with refused("CreditFileNoIndices"):
        suite.send("auditor_a", registry.confirmDeletion(batch, []))
    with refused("CreditFileNotRecipient", suite.trustee):
        suite.send("trustee", registry.confirmDeletion(batch, [7]))


def test_query_from_request_to_closing(suite: Suite, submitted: int) -> None:
    registry = suite.CreditFileRegistry.functions
    request = make_request(suite, submitted)
    event = suite.event(
        "CreditFileRegistry", "CreditRequested", suite.send("risk_control", registry.requestCredit(request))
    )
    query = event["queryId"]
    assert query == registry.queryCount().call()
    assert (event["requester"], event["purpose"], event["recipients"]) == (suite.risk_control, 1, request["recipients"])
    for field in ("packId", "count", "handlesRoot", "consentRoot", "requestBlob", "expiresAt"):
        assert event[field] == request[field]
    receipt = answer(suite, query)
    assert suite.event("CreditFileRegistry", "CreditAnswered", receipt)["found"] == 90
    assert registry.answerOf(query, 1).call() == (suite.bureau, 0, suite.chain.second, 90, 8, 2, 3, HASH)
    receipt = suite.send("bureau_b", registry.refuseCredit(query, 5))
    assert suite.event("CreditFileRegistry", "CreditRefused", receipt)["reason"] == 5
    assert registry.answerOf(query, 2).call() == (suite.bureau_b, 5, suite.chain.second, 0, 0, 0, 0, bytes(32))
    receipt = suite.send("risk_control", registry.closeQuery(query))
    assert suite.event("CreditFileRegistry", "QueryClosed", receipt) == {"queryId": query, "answerCount": 1}
    assert suite.event("AssetPackRegistry", "PackAdvanced", receipt) == {"packId": submitted, "status": 4}
    stored = registry.query(query).call()
    assert stored[5:8] == (True, 1, 1)
    assert stored[11] == request["recipients"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"packId": 77}, ("CreditFileNotRiskControlOfPack", 77, ...)),
        ({"purpose": 0}, ("CreditFileBadPurpose", 0, 3)),
        ({"purpose": 2}, ("CreditFileBadPurpose", 2, 3)),
        ({"purpose": 5}, ("CreditFileBadPurpose", 5, 3)),
        ({"count": 99}, ("CreditFileTooFewSubjects", 99, 100)),
        ({"count": 121}, ("CreditFileTooManySubjects", 121, 120)),
        ({"handlesRoot": bytes(32)}, ("CreditFileHashMissing", "handlesRoot")),
        ({"consentRoot": bytes(32)}, ("CreditFileHashMissing", "consentRoot")),
        ({"requestBlob": bytes(32)}, ("CreditFileHashMissing", "requestBlob")),
        ({"expiresAt": 5}, ("CreditFileExpired", 5, ...)),
        ({"recipients": []}, ("CreditFileBadRecipientCount", 0, 16)),
    ],
)
def test_request_that_cannot_be_is_refused(
    suite: Suite, submitted: int, changes: dict[str, Any], error: tuple[Any, ...]
) -> None:
    with refused(*error):
        request_credit(suite, submitted, **changes)


@pytest.mark.parametrize("name", ["originator", "originator_2", "exchange", "oracle_a", "stranger"])
def test_recipient_without_right_to_read_is_refused(suite: Suite, submitted: int, name: str) -> None:
    """An originator stays one with a bureau's role beside."""
    with refused("CreditFileBadRecipient", suite.account[name], ...):
        request_credit(suite, submitted, recipients=[suite.risk_control, suite.account[name]])


def test_recipients_twice_too_many_or_suspended_are_refused(suite: Suite, submitted: int) -> None:
    with refused("CreditFileBadRecipient", suite.auditor_a, role_bits("AUDITOR")):
        request_credit(suite, submitted, recipients=[suite.auditor_a, suite.trustee, suite.auditor_a])
    with refused("CreditFileBadRecipientCount", 17, 16):
        request_credit(suite, submitted, recipients=[suite.trustee] * 17)
    suite.govern("Consortium", "setSuspended", suite.trustee, True)
    with refused("CreditFileBadRecipient", suite.trustee, 0):
        request_credit(suite, submitted, recipients=[suite.trustee])


def test_request_for_a_pack_of_another_risk_control_is_refused(suite: Suite, submitted: int) -> None:
    call = suite.CreditFileRegistry.functions.requestCredit(make_request(suite, submitted))
    with refused("CreditFileNotRiskControlOfPack", submitted, suite.risk_control_2):
        suite.send("risk_control_2", call)


def test_monitoring_query_leaves_the_status_alone(suite: Suite, submitted: int) -> None:
    journey.query_pack(suite, submitted)
    with refused("CreditFileBadPurpose", 1, 4):
        request_credit(suite, submitted)
    query = request_credit(suite, submitted, purpose=2)
    answer(suite, query)
    suite.send("risk_control", suite.CreditFileRegistry.functions.closeQuery(query))
    assert suite.AssetPackRegistry.functions.statusOf(submitted).call() == 4


def test_second_underwriting_query_can_be_closed_after_the_first(suite: Suite, submitted: int) -> None:
    second = request_credit(suite, submitted)
    journey.query_pack(suite, submitted)
    answer(suite, second)
    suite.send("risk_control", suite.CreditFileRegistry.functions.closeQuery(second))
    assert suite.AssetPackRegistry.functions.statusOf(submitted).call() == 4


def test_minimum_subjects_is_set_by_governance(suite: Suite, submitted: int) -> None:
    receipt = suite.govern("CreditFileRegistry", "setMinimumSubjects", 110)
    assert suite.event("CreditFileRegistry", "MinimumSubjectsSet", receipt) == {"minimum": 110}
    assert suite.CreditFileRegistry.functions.minimumSubjects().call() == 110
    with refused("CreditFileTooFewSubjects", 109, 110):
        request_credit(suite, submitted, count=109)


def test_answer_that_does_not_add_up_is_refused(suite: Suite, submitted: int) -> None:
    query = request_credit(suite, submitted)
    with refused("CreditFileWrongSum", 101, 100):
        answer(suite, query, found=91)
    with refused("CreditFileWrongSum", 2**32 + 2**32 - 2, 100):
        answer(suite, query, found=2**32 - 1, missing=2**32 - 1, refused=0)
    with refused("CreditFileHashMissing", "bundleRoot"):
        answer(suite, query, root=bytes(32))


def test_answer_or_refusal_twice_by_an_organisation_is_refused(suite: Suite, submitted: int) -> None:
    query, registry = request_credit(suite, submitted), suite.CreditFileRegistry.functions
    suite.govern("Consortium", "enrol", suite.newcomer, 1, role_bits("BUREAU"), 0, 9, bytes(32))
    answer(suite, query)
    with refused("CreditFileAlreadyAnswered", query, 1):
        answer(suite, query, "newcomer")
    with refused("CreditFileAlreadyAnswered", query, 1):
        suite.send("bureau", registry.refuseCredit(query, 1))


@pytest.mark.parametrize("reason", [0, 7])
def test_refusal_without_a_known_reason_is_refused(suite: Suite, submitted: int, reason: int) -> None:
    query = request_credit(suite, submitted)
    with refused("CreditFileBadReason", reason):
        suite.send("bureau", suite.CreditFileRegistry.functions.refuseCredit(query, reason))


def test_answer_to_no_query_a_closed_or_an_expired_one_is_refused(suite: Suite, submitted: int) -> None:
    with refused("CreditFileUnknownQuery", 99):
        answer(suite, 99)
    closed, expiring = journey.query_pack(suite, submitted), request_credit(suite, submitted, purpose=4)
    with refused("CreditFileQueryClosed", closed):
        answer(suite, closed, "bureau_b")
    suite.chain.pass_seconds(86_400)
    with refused("CreditFileQueryExpired", expiring, ...):
        answer(suite, expiring)


def test_close_by_another_twice_or_unanswered_is_refused(suite: Suite, submitted: int) -> None:
    query, registry = request_credit(suite, submitted), suite.CreditFileRegistry.functions
    with refused("CreditFileNotRequester", query, suite.risk_control_2):
        suite.send("risk_control_2", registry.closeQuery(query))
    suite.send("bureau_b", registry.refuseCredit(query, 3))
    with refused("CreditFileNoAnswer", query):
        suite.send("risk_control", registry.closeQuery(query))
    answer(suite, query)
    suite.send("risk_control", registry.closeQuery(query))
    with refused("CreditFileQueryClosed", query):
        suite.send("risk_control", registry.closeQuery(query))
