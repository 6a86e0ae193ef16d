"""Commit, reveal, agree, publish."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak
from web3.logs import DISCARD

from client.roles.oracle.service import reveal_gas
from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import HASH, commit_report, hash_chunks, make_assets, make_hash, make_scores, reveal_report
from tests.contracts.suite import Suite

COUNT = 100
SCORES = make_scores(COUNT)
OTHER = bytes([0, 1]) * COUNT
OPEN, FINAL, VOID = 1, 3, 4
SILENT, LATE, DISSENTING, MALFORMED, UNPUBLISHED = 1, 2, 3, 4, 5


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


def named(suite: Suite, receipt: Any) -> dict[str, int]:
    """Faults that a transaction named oracles for."""
    logs = suite.contracts["ScoringRounds"].events.OracleNamed().process_receipt(receipt, errors=DISCARD)
    return {log["args"]["oracle"]: log["args"]["fault"] for log in logs}


def fault_of(suite: Suite, round_id: int, oracle: str) -> int:
    return int(suite.ScoringRounds.functions.reportOf(round_id, suite.account[oracle]).call()[2])


def counted(suite: Suite, oracle: str, before: list[int]) -> dict[int, int]:
    """How much its counts of faults have grown."""
    now = suite.ScoringRounds.functions.faultsOf(suite.account[oracle]).call()
    growth = {fault: now[fault] - before[fault] for fault in range(1, 7)}
    return {fault: count for fault, count in growth.items() if count}


def agree_on(suite: Suite, round_id: int, reports: dict[str, bytes]) -> None:
    """Commit and reveal, each oracle its own report; an empty one has a chunk of no bytes."""
    rounds = suite.ScoringRounds.functions
    hashes = {oracle: hash_chunks(report) or [keccak(b"")] for oracle, report in reports.items()}
    for oracle in reports:
        word = journey.commitment(suite, round_id, oracle, HASH, hashes[oracle])
        suite.send(oracle, rounds.commitReport(round_id, word))
    if len(reports) < len(journey.ORACLES):
        suite.chain.pass_seconds(30)
    for oracle in reports:
        suite.send(oracle, rounds.revealReport(round_id, HASH, hashes[oracle]))


def agree_without(suite: Suite, round_id: int, silent: str) -> None:
    agree_on(suite, round_id, {oracle: SCORES for oracle in journey.ORACLES if oracle != silent})


def publish(suite: Suite, round_id: int, scores: bytes = SCORES, sender: str = "oracle_a", index: int = 0) -> Any:
    return suite.send(sender, suite.ScoringRounds.functions.publishScores(round_id, index, scores))


def test_round_from_opening_to_scores(suite: Suite, queried: dict[str, int]) -> None:
    rounds = suite.ScoringRounds.functions
    round_id = open_round(suite, queried)
    opened = suite.chain.second
    expected = (*queried.values(), opened, 0, 0, 0, COUNT, 2, 3, 0, 0, 1, 1, bytes(32))
    assert rounds.round(round_id).call() == expected
    assert rounds.finalRoundOf(queried["pack"]).call() == 0
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
    assert rounds.round(round_id).call()[12:] == (1, 1, 3, report_hash)
    assert rounds.roundCount().call() == rounds.finalRoundOf(queried["pack"]).call() == round_id
    assert rounds.reportersOf(round_id).call() == [suite.oracle_a, suite.oracle_b]


def test_reveal_that_a_quorum_agrees_with_takes_more_gas_than_one_before_and_no_more_than_oracles_give(
    suite: Suite, queried: dict[str, int]
) -> None:
    round_id = open_round(suite, queried)
    for oracle in journey.ORACLES:
        commit_report(suite, round_id, oracle, SCORES)
    reveal = suite.ScoringRounds.functions.revealReport(round_id, make_hash("oracle_b"), hash_chunks(SCORES))
    needed_before = reveal_report(suite, round_id, "oracle_a", SCORES)["gasUsed"]
    receipt = suite.send("oracle_b", reveal, gas=reveal_gas(len(hash_chunks(SCORES))))
    assert suite.event("ScoringRounds", "RoundAgreed", receipt)
    assert receipt["gasUsed"] > needed_before + needed_before // 4 + 20_000  # as much as a client gives an estimate


def test_open_for_a_pack_that_is_not_ready_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    with refused("ScoringPackNotReady", queried["pack"], suite.risk_control_2, 4):
        open_round(suite, queried, "risk_control_2")
    submitted = journey.submit_pack(suite, make_assets(COUNT, "other"))
    with refused("ScoringPackNotReady", submitted, suite.risk_control, 3):
        open_round(suite, queried, pack=submitted)


def test_open_with_another_query_model_or_policy_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    unanswered = journey.request_credit(suite, queried["pack"], purpose=2)
    monitoring = journey.request_credit(suite, queried["pack"], purpose=2)
    suite.send("bureau", suite.CreditFileRegistry.functions.answerCredit(monitoring, HASH, 100, 0, 0, 0))
    suite.send("risk_control", suite.CreditFileRegistry.functions.closeQuery(monitoring))
    for query in (unanswered, monitoring, 99):
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


def test_reveal_waits_for_all_commitments_or_a_quorum_and_the_grace(suite: Suite, queried: dict[str, int]) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    commit_report(suite, round_id, "oracle_a", SCORES)
    suite.chain.pass_seconds(3_600)
    assert rounds.revealOpensAt(round_id).call() == 0
    with refused("ScoringRevealNotOpen", round_id, 0):
        reveal_report(suite, round_id, "oracle_a", SCORES)
    commit_report(suite, round_id, "oracle_b", SCORES)
    opens_at = rounds.revealOpensAt(round_id).call()
    assert opens_at == rounds.round(round_id).call()[5] + 30
    with refused("ScoringRevealNotOpen", round_id, opens_at):
        reveal_report(suite, round_id, "oracle_a", SCORES)
    suite.chain.pass_seconds(30)
    reveal_report(suite, round_id, "oracle_a", SCORES)
    receipt = reveal_report(suite, round_id, "oracle_b", SCORES)
    assert named(suite, receipt) == {suite.oracle_c: SILENT}
    assert fault_of(suite, round_id, "oracle_c") == SILENT
    publish(suite, round_id)


def test_silent_oracle_that_comes_after_all_is_named_late_instead(suite: Suite, queried: dict[str, int]) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    before = rounds.faultsOf(suite.oracle_c).call()
    agree_without(suite, round_id, "oracle_c")
    assert counted(suite, "oracle_c", before) == {SILENT: 1}
    commit_report(suite, round_id, "oracle_c", SCORES)
    assert fault_of(suite, round_id, "oracle_c") == LATE
    assert counted(suite, "oracle_c", before) == {LATE: 1}
    assert rounds.round(round_id).call()[11] == 2, "a late commitment does not count"
    with refused("ScoringAlreadyCommitted", round_id, suite.oracle_c):
        commit_report(suite, round_id, "oracle_c", SCORES)
    with refused("ScoringWrongReveal", bytes(32), ...):
        reveal_report(suite, round_id, "oracle_c", SCORES)


def test_oracle_that_commits_and_never_reveals_is_named_late_after_the_grace(
    suite: Suite, queried: dict[str, int]
) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    for oracle in journey.ORACLES:
        commit_report(suite, round_id, oracle, SCORES)
    with refused("ScoringWrongStatus", round_id, 2, 1):
        suite.send("oracle_a", rounds.nameAbsent(round_id))
    for oracle in ("oracle_a", "oracle_b"):
        reveal_report(suite, round_id, oracle, SCORES)
    until = rounds.round(round_id).call()[6] + 30
    with refused("ScoringTooEarly", round_id, until):
        suite.send("oracle_a", rounds.nameAbsent(round_id))
    publish(suite, round_id)
    suite.chain.pass_seconds(30)
    assert named(suite, suite.send("oracle_a", rounds.nameAbsent(round_id))) == {suite.oracle_c: LATE}
    assert named(suite, suite.send("oracle_a", rounds.nameAbsent(round_id))) == {}


def test_reveal_of_something_else_is_refused(suite: Suite, queried: dict[str, int]) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    commit_report(suite, round_id, "oracle_a", SCORES)
    commit_report(suite, round_id, "oracle_b", OTHER)
    suite.chain.pass_seconds(30)
    with refused("ScoringWrongReveal"):
        reveal_report(suite, round_id, "oracle_a", OTHER)
    with refused("ScoringWrongReveal"):
        suite.send("oracle_a", rounds.revealReport(round_id, make_hash("oracle_b"), hash_chunks(OTHER)))
    with refused("ScoringWrongReveal", bytes(32), ...):
        reveal_report(suite, round_id, "oracle_c", SCORES)
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
    event = suite.event("ScoringRounds", "OracleNamed", receipts[-1])
    assert (event["oracle"], event["fault"]) == (suite.oracle_b, DISSENTING)
    assert event["reportHash"] == keccak(b"".join(hash_chunks(OTHER)))
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
    with refused("ScoringWrongHash", keccak(SCORES), keccak(OTHER)):
        publish(suite, round_id, OTHER)
    publish(suite, round_id)
    with refused("ScoringAlreadyPublished", round_id, 0):
        publish(suite, round_id)


@pytest.mark.parametrize("chunk_count", [0, 2])
def test_report_of_another_size_names_its_oracle_and_does_not_count(
    suite: Suite, queried: dict[str, int], chunk_count: int
) -> None:
    """Even when two of three oracles reveal the same one."""
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    hashes = [HASH] * chunk_count
    for oracle in ("oracle_a", "oracle_b"):
        word = journey.commitment(suite, round_id, oracle, HASH, hashes)
        suite.send(oracle, rounds.commitReport(round_id, word))
    commit_report(suite, round_id, "oracle_c", SCORES)
    for oracle in ("oracle_a", "oracle_b"):
        receipt = suite.send(oracle, rounds.revealReport(round_id, HASH, hashes))
        assert named(suite, receipt) == {suite.account[oracle]: MALFORMED}
    assert rounds.round(round_id).call()[14] == OPEN


@pytest.mark.parametrize(
    "bad",
    [
        *(
            SCORES[: 2 * place] + word.to_bytes(2, "big") + SCORES[2 * place + 2 :]
            for place, word in [(0, 101), (15, 127), (16, 0x0080), (31, 0x0400), (48, 0x0801), (99, 0x8005)]
        ),
        SCORES[:-1],
        SCORES[:-2],
        SCORES + b"\0\1",
        b"",
    ],
)
def test_agreed_bytes_that_are_no_report_void_the_round_for_who_agreed(
    suite: Suite, queried: dict[str, int], bad: bytes
) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    reports = {"oracle_a": bad, "oracle_b": bad, "oracle_c": SCORES}
    agree_on(suite, round_id, reports)
    assert fault_of(suite, round_id, "oracle_c") == DISSENTING
    receipt = publish(suite, round_id, bad)
    event = suite.event("ScoringRounds", "RoundVoided", receipt)
    assert event == {"roundId": round_id, "packId": queried["pack"], "reason": 2}
    assert named(suite, receipt) == {suite.oracle_a: MALFORMED, suite.oracle_b: MALFORMED, suite.oracle_c: 0}
    for call in (
        rounds.publishScores(round_id, 0, bad),
        rounds.commitReport(round_id, HASH),
        rounds.revealReport(round_id, HASH, []),
    ):
        with refused("ScoringWrongStatus", round_id, OPEN, VOID):
            suite.send("oracle_a", call)
    with refused("ScoringWrongStatus", round_id, FINAL, VOID):
        suite.call("stranger", rounds.scoreOf(round_id, 0))

    receipt = suite.send("risk_control", rounds.open(*queried.values()))
    left_out = suite.contracts["ScoringRounds"].events.OracleLeftOut().process_receipt(receipt, errors=DISCARD)
    assert {log["args"]["oracle"] for log in left_out} == {suite.oracle_a, suite.oracle_b}
    assert rounds.oraclesOf(round_id + 1).call() == [suite.oracle_c]
    with refused("ScoringNotOracleOfRound", round_id + 1, suite.oracle_a):
        commit_report(suite, round_id + 1, "oracle_a", SCORES)
    commit_report(suite, round_id + 1, "oracle_c", SCORES)
    reveal_report(suite, round_id + 1, "oracle_c", SCORES)
    publish(suite, round_id + 1, sender="oracle_c")
    assert rounds.finalRoundOf(queried["pack"]).call() == round_id + 1


def test_round_void_for_all_oracles_leaves_out_none(suite: Suite, queried: dict[str, int]) -> None:
    round_id = open_round(suite, queried)
    agree_on(suite, round_id, dict.fromkeys(journey.ORACLES, b""))
    publish(suite, round_id, b"")
    assert len(suite.ScoringRounds.functions.oraclesOf(open_round(suite, queried)).call()) == 3


def test_another_round_supersedes_one_that_was_not_agreed_without_blame(suite: Suite, queried: dict[str, int]) -> None:
    round_id = open_round(suite, queried)
    commit_report(suite, round_id, "oracle_a", SCORES)
    receipt = suite.send("risk_control", suite.ScoringRounds.functions.open(*queried.values()))
    assert suite.event("ScoringRounds", "RoundVoided", receipt)["reason"] == 1
    assert named(suite, receipt) == {}
    assert len(suite.ScoringRounds.functions.oraclesOf(round_id + 1).call()) == 3
    with refused("ScoringWrongStatus", round_id, OPEN, VOID):
        commit_report(suite, round_id, "oracle_b", SCORES)


def test_agreed_round_that_nobody_publishes_is_void_after_a_while(suite: Suite, queried: dict[str, int]) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    agree_on(suite, round_id, {"oracle_a": OTHER, "oracle_b": OTHER, "oracle_c": SCORES})
    until = rounds.round(round_id).call()[7] + 300
    with refused("ScoringRoundRunning", round_id, until):
        open_round(suite, queried)
    suite.chain.pass_seconds(300)
    receipt = suite.send("risk_control", rounds.open(*queried.values()))
    assert suite.event("ScoringRounds", "RoundVoided", receipt)["reason"] == 3
    assert named(suite, receipt) == {suite.oracle_a: UNPUBLISHED, suite.oracle_b: UNPUBLISHED, suite.oracle_c: 0}
    assert rounds.oraclesOf(round_id + 1).call() == [suite.oracle_c]


def test_score_of_an_asset_names_the_model_that_made_it(suite: Suite, queried: dict[str, int]) -> None:
    rounds, round_id = suite.ScoringRounds.functions, open_round(suite, queried)
    with refused("ScoringUnknownRound", 99):
        suite.call("stranger", rounds.scoreOf(99, 0))
    journey.agree(suite, round_id, SCORES)
    with refused("ScoringWrongStatus", round_id, FINAL, 2):
        suite.call("stranger", rounds.scoreOf(round_id, 0))
    publish(suite, round_id)
    for index in (0, 3, 7, 49, 99):
        word = int.from_bytes(SCORES[2 * index : 2 * index + 2], "big")
        assert rounds.scoreOf(round_id, index).call() == [word, queried["model"]]
    with refused("ScoringUnknownAsset", round_id, COUNT):
        suite.call("stranger", rounds.scoreOf(round_id, COUNT))


def test_issued_pack_is_scored_again_for_monitoring_and_keeps_its_status(suite: Suite) -> None:
    rounds, assets = suite.ScoringRounds.functions, make_assets(COUNT, "monitored")
    pack, first = journey.score_pack(suite, assets)
    journey.transfer_pack(suite, pack, journey.screen_pack(suite, pack, first))
    journey.issue(suite, pack)
    query = journey.request_credit(suite, pack, purpose=2)
    suite.send("bureau", suite.CreditFileRegistry.functions.answerCredit(query, HASH, 100, 0, 0, 0))
    suite.send("risk_control", suite.CreditFileRegistry.functions.closeQuery(query))
    opened = rounds.round(first).call()
    with refused("ScoringQueryNotReady", opened[1], pack):
        suite.send("risk_control", rounds.open(pack, opened[1], opened[2], opened[3]))
    second = first + 1
    suite.send("risk_control", rounds.open(pack, query, opened[2], opened[3]))
    assert rounds.round(second).call()[13] == 2
    assert rounds.finalRoundOf(pack).call() == first
    journey.agree(suite, second, SCORES)
    publish(suite, second)
    assert rounds.finalRoundOf(pack).call() == second
    assert suite.AssetPackRegistry.functions.statusOf(pack).call() == 9


def test_every_valid_word_is_taken(suite: Suite) -> None:
    words = [0, *(quality << 8 | score for quality in range(8) for score in range(1, 101))]
    scores = b"".join(word.to_bytes(2, "big") for word in words)
    pack = journey.submit_pack(suite, make_assets(len(words), "all words"))
    round_id = journey.open_round(suite, pack, journey.query_pack(suite, pack))
    journey.agree(suite, round_id, scores)
    publish(suite, round_id, scores)


def test_challenger_scores_beside_the_champion_and_moves_no_pack(suite: Suite, queried: dict[str, int]) -> None:
    rounds, models = suite.ScoringRounds.functions, []
    for _ in range(2):
        models.append(journey.propose_model(suite))
        suite.govern("RiskModelRegistry", "activateChallenger", models[-1], 0)
    underwriting = open_round(suite, queried)
    challenging = [open_round(suite, queried, model=model) for model in models]
    assert [rounds.round(each).call()[13:15] for each in (underwriting, *challenging)] == [
        (1, OPEN),
        (3, OPEN),
        (3, OPEN),
    ]
    journey.agree(suite, challenging[0], OTHER)
    publish(suite, challenging[0], OTHER)
    assert rounds.scoreOf(challenging[0], 5).call() == [1, models[0]]
    assert rounds.finalRoundOf(queried["pack"]).call() == 0
    assert suite.AssetPackRegistry.functions.statusOf(queried["pack"]).call() == 4
    journey.agree(suite, underwriting, SCORES)
    publish(suite, underwriting)
    with refused("ScreeningWrongRound", challenging[0], queried["pack"]):
        start = suite.Screening.functions.start(queried["pack"], challenging[0], queried["policy"])
        suite.send("risk_control", start)
    open_round(suite, queried, model=models[0])
    with refused("ScoringPackNotReady", queried["pack"], suite.risk_control, 5):
        open_round(suite, queried)
    with refused("ScoringPackNotReady", queried["pack"], suite.risk_control_2, 5):
        open_round(suite, queried, "risk_control_2", model=models[0])


def test_windows_are_set_by_governance(suite: Suite, queried: dict[str, int]) -> None:
    receipt = suite.govern("ScoringRounds", "setWindows", 0, 60)
    assert suite.event("ScoringRounds", "WindowsSet", receipt) == {"graceSeconds": 0, "publishSeconds": 60}
    assert suite.ScoringRounds.functions.windows().call() == [0, 60]
    round_id = open_round(suite, queried)
    for oracle in ("oracle_a", "oracle_b"):
        commit_report(suite, round_id, oracle, SCORES)
    reveal_report(suite, round_id, "oracle_a", SCORES)
