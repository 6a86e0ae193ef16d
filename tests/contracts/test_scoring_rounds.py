"""Commit, reveal, agree, publish."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak

from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import HASH, commit_report, hash_chunks, make_assets, make_hash, make_scores, reveal_report
from tests.contracts.suite import Suite

COUNT = 100
SCORES = make_scores(COUNT)
OTHER = bytes([0, 1]) * COUNT


@pytest.fixture(scope="module")
def queried(module_suite: Suite) -> dict[str, int]:
    """A queried pack, and what a round needs beside."""
    pack = journey.submit_pack(module_suite, make_assets(COUNT))
    query = journey.query_pack(module_suite, pack)
    model, policy = journey.activate_model(module_suite), journey.define_policy(module_suite)
    return {"pack": pack, "query": query, "model": model, "policy": policy}


def open_round(suite: Suite, queried: dict[str, int], sender: str = "risk_control", **changes: int) -> int:
    call = suite.ScoringRounds.functions.open(*(queried | changes).values())
    return suite.event("ScoringRounds", "RoundOpened", suite.send(sender, call))["roundId"]


def publish(suite: Suite, round_id: int, scores: bytes = SCORES, sender: str = "oracle_a", index: int = 0) -> Any:
    return suite.send(sender, suite.ScoringRounds.functions.publishScores(round_id, index, scores))


def test_round_from_opening_to_scores(suite: Suite, queried: dict[str, int]) -> None:
    rounds = suite.ScoringRounds.functions
    round_id = open_round(suite, queried)
    opened = suite.chain.second
    expected = (*queried.values(), opened, COUNT, 2, 3, 0, 0, 1, bytes(32))
    assert rounds.round(round_id).call() == expected
    assert sorted(rounds.oraclesOf(round_id).call()) == sorted(suite.account[name] for name in journey.ORACLES)
    for oracle in journey.ORACLES:
        commit_report(suite, round_id, oracle, SCORES)
    report_hash = keccak(b"".join(hash_chunks(SCORES)))
    receipt = reveal_report(suite, round_id, "oracle_a", SCORES)
    event = suite.event("ScoringRounds", "ReportRevealed", receipt)
    assert event == {"roundId": round_id, "oracle": suite.oracle_a, "reportHash": report_hash}
    receipt = reveal_report(suite, round_id, "oracle_b", SCORES)
    assert suite.event("ScoringRounds", "RoundAgreed", receipt)["reportHash"] == report_hash
    assert rounds.chunkHashes(round_id).call() == hash_chunks(SCORES)
    assert rounds.reportOf(round_id, suite.oracle_a).call()[1] == report_hash
    receipt = publish(suite, round_id)
    pointer = suite.event("ScoringRounds", "ScoresPublished", receipt)["pointer"]
    assert bytes(suite.chain.w3.eth.get_code(pointer)) == b"\0" + SCORES
    assert rounds.scoreChunkPointer(round_id, 0).call() == pointer
    assert suite.event("ScoringRounds", "RoundFinal", receipt)["packId"] == queried["pack"]
    assert rounds.scoreChunk(round_id, 0).call() == SCORES
    assert suite.AssetPackRegistry.functions.statusOf(queried["pack"]).call() == 5
    assert rounds.round(round_id).call()[9:] == (1, 3, report_hash)
    assert rounds.roundCount().call() == round_id


def test_open_for_a_pack_that_is_not_ready_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    with refused("ScoringPackNotReady", queried["pack"], suite.risk_control_2, 4):
        open_round(suite, queried, "risk_control_2")
    submitted = journey.submit_pack(suite, make_assets(COUNT, "other"))
    with refused("ScoringPackNotReady", submitted, suite.risk_control, 3):
        open_round(suite, queried, pack=submitted)


def test_open_with_another_query_model_or_policy_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    unanswered = journey.request_credit(suite, queried["pack"], purpose=4)
    for query in (unanswered, 99):
        with refused("ScoringQueryNotReady", query, queried["pack"]):
            open_round(suite, queried, query=query)
    with refused("ScoringModelNotUsable", 99):
        open_round(suite, queried, model=99)
    for policy in (0, 99):
        with refused("ScoringUnknownPolicy", policy):
            open_round(suite, queried, policy=policy)


def test_open_without_any_oracle_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    consortium = suite.Consortium
    calls = [
        (consortium.address, consortium.encode_abi("revoke", [suite.account[oracle]])) for oracle in journey.ORACLES
    ]
    suite.vote(*calls)
    with refused("ScoringNoOracles"):
        open_round(suite, queried)


def test_commit_that_cannot_be_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    with refused("ScoringUnknownRound", 99):
        suite.send("oracle_a", rounds.commitReport(99, HASH))
    with refused("ScoringZeroCommitment"):
        suite.send("oracle_a", rounds.commitReport(round_id, bytes(32)))
    receipt = suite.send("oracle_a", rounds.commitReport(round_id, HASH))
    assert suite.event("ScoringRounds", "ReportCommitted", receipt)["commitment"] == HASH
    with refused("ScoringAlreadyCommitted", round_id, suite.oracle_a):
        suite.send("oracle_a", rounds.commitReport(round_id, make_hash("second thought")))


def test_oracle_enrolled_after_the_opening_takes_no_part(suite: Suite, queried: dict[str, int]) -> None:
    round_id = open_round(suite, queried)
    suite.govern("Consortium", "enrol", suite.newcomer, 3, 1 << 4, 0, 9, bytes(32))
    with refused("ScoringNotOracleOfRound", round_id, suite.newcomer):
        suite.send("newcomer", suite.ScoringRounds.functions.commitReport(round_id, HASH))


def test_reveal_waits_for_all_commitments_or_the_window(suite: Suite, queried: dict[str, int]) -> None:
    round_id = open_round(suite, queried)
    for oracle in ("oracle_a", "oracle_b"):
        commit_report(suite, round_id, oracle, SCORES)
    with refused("ScoringRevealNotOpen", round_id, ...):
        reveal_report(suite, round_id, "oracle_a", SCORES)
    suite.chain.pass_seconds(600)
    with refused("ScoringCommitClosed", round_id):
        commit_report(suite, round_id, "oracle_c", SCORES)
    reveal_report(suite, round_id, "oracle_a", SCORES)
    reveal_report(suite, round_id, "oracle_b", SCORES)
    assert suite.ScoringRounds.functions.round(round_id).call()[10] == 2


def test_reveal_of_something_else_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    commit_report(suite, round_id, "oracle_a", SCORES)
    commit_report(suite, round_id, "oracle_b", OTHER)
    suite.chain.pass_seconds(600)
    with refused("ScoringWrongReveal"):
        reveal_report(suite, round_id, "oracle_a", OTHER)
    with refused("ScoringWrongReveal"):
        suite.send("oracle_a", rounds.revealReport(round_id, make_hash("oracle_b"), hash_chunks(OTHER)))
    with refused("ScoringWrongReveal", bytes(32), ...):
        reveal_report(suite, round_id, "oracle_c", SCORES)
    for hashes in ([], [HASH, HASH]):
        with refused("ScoringWrongChunkCount", 1, len(hashes)):
            suite.send("oracle_a", rounds.revealReport(round_id, HASH, hashes))
    reveal_report(suite, round_id, "oracle_a", SCORES)
    with refused("ScoringAlreadyRevealed", round_id, suite.oracle_a):
        reveal_report(suite, round_id, "oracle_a", SCORES)


@pytest.mark.parametrize("order", [("oracle_b", "oracle_a", "oracle_c"), ("oracle_a", "oracle_c", "oracle_b")])
def test_dissenter_is_named_whether_early_or_late(
    suite: Suite, queried: dict[str, int], order: tuple[str, ...]
) -> None:
    round_id = open_round(suite, queried)
    reports = {"oracle_a": SCORES, "oracle_b": OTHER, "oracle_c": SCORES}
    for oracle, report in reports.items():
        commit_report(suite, round_id, oracle, report)
    receipts = [reveal_report(suite, round_id, oracle, reports[oracle]) for oracle in order]
    event = suite.event("ScoringRounds", "OracleDissented", receipts[-1])
    assert (event["oracle"], event["reportHash"]) == (suite.oracle_b, keccak(b"".join(hash_chunks(OTHER))))
    with refused("ScoringNotAgreedOracle", round_id, suite.oracle_b):
        publish(suite, round_id, sender="oracle_b")
    publish(suite, round_id, sender="oracle_c")


def test_publish_before_agreement_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    round_id = open_round(suite, queried)
    with refused("ScoringWrongStatus", round_id, 2, 1):
        publish(suite, round_id)


def test_publish_what_was_not_agreed_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    round_id = open_round(suite, queried)
    journey.agree(suite, round_id, SCORES)
    with refused("ScoringUnknownChunk", round_id, 1):
        publish(suite, round_id, index=1)
    with refused("ScoringUnknownChunk", round_id, 0):
        suite.call("stranger", suite.ScoringRounds.functions.scoreChunk(round_id, 0))
    for wrong in (SCORES[:-1], SCORES[:-2], SCORES + b"\0\1", b""):
        with refused("ScoringWrongLength", 2 * COUNT, len(wrong)):
            publish(suite, round_id, wrong)
    with refused("ScoringWrongHash", keccak(SCORES), keccak(OTHER)):
        publish(suite, round_id, OTHER)
    publish(suite, round_id)
    with refused("ScoringAlreadyPublished", round_id, 0):
        publish(suite, round_id)


@pytest.mark.parametrize(
    ("place", "word"), [(0, 101), (15, 127), (16, 0x0080), (20, 0x0100), (31, 0x0400), (48, 0x0801), (99, 0x8005)]
)
def test_word_that_is_no_score_is_refused(suite: Suite, queried: dict[str, int], place: int, word: int) -> None:
    """Even when all oracles agree on it: screening would stumble over it for ever."""
    bad = SCORES[: 2 * place] + word.to_bytes(2, "big") + SCORES[2 * place + 2 :]
    round_id = open_round(suite, queried)
    journey.agree(suite, round_id, bad)
    with refused("ScoringBadWord", place // 16):
        publish(suite, round_id, bad)


def test_every_valid_word_is_taken(suite: Suite) -> None:
    words = [0, *(quality << 8 | score for quality in range(8) for score in range(1, 101))]
    scores = b"".join(word.to_bytes(2, "big") for word in words)
    pack = journey.submit_pack(suite, make_assets(len(words), "all words"))
    round_id = journey.open_round(suite, pack, journey.query_pack(suite, pack))
    journey.agree(suite, round_id, scores)
    publish(suite, round_id, scores)


def test_commit_window_is_set_by_governance(suite: Suite, queried: dict[str, int]) -> None:
    receipt = suite.govern("ScoringRounds", "setCommitWindow", 0)
    assert suite.event("ScoringRounds", "CommitWindowSet", receipt) == {"windowSeconds": 0}
    assert suite.ScoringRounds.functions.commitWindow().call() == 0
    round_id = open_round(suite, queried)
    with refused("ScoringCommitClosed", round_id):
        commit_report(suite, round_id, "oracle_a", SCORES)
