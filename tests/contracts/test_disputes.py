"""Disputes: who may open one, who judges, who decides in the end, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import HASH, commit_report, make_assets, make_scores, reveal_report
from tests.contracts.suite import ROLES, Suite

COUNT = 100
TRUE = make_scores(COUNT)
PLACE = 10
"""Asset that the liars' report is wrong about."""
LIE = TRUE[: 2 * PLACE] + b"\0\1" + TRUE[2 * PLACE + 2 :]
OPEN, WON, REJECTED = 1, 2, 3
VOTER, CONTESTED = 1, 2
OVERRULED = 6


def word_of(report: bytes, place: int = PLACE) -> int:
    return int.from_bytes(report[2 * place : 2 * place + 2], "big")


@dataclass(frozen=True)
class Scored:
    """A scored pack."""

    pack: int
    query: int
    round_id: int


def score(suite: Suite, reports: dict[str, bytes], name: str, recipients: tuple[str, ...]) -> Scored:
    """Score a new pack; reports by oracle, the first of them the agreed one."""
    pack = journey.submit_pack(suite, make_assets(COUNT, name))
    registry = suite.CreditFileRegistry.functions
    query = journey.request_credit(suite, pack, recipients=[suite.account[each] for each in recipients])
    suite.send("bureau", registry.answerCredit(query, HASH, 100, 0, 0, 0))
    suite.send("risk_control", registry.closeQuery(query))
    round_id = journey.open_round(suite, pack, query)
    report_to(suite, round_id, reports)
    return Scored(pack, query, round_id)


def report_to(suite: Suite, round_id: int, reports: dict[str, bytes]) -> None:
    for oracle, report in reports.items():
        commit_report(suite, round_id, oracle, report)
    suite.chain.pass_seconds(30)
    for oracle, report in reports.items():
        reveal_report(suite, round_id, oracle, report)
    first, agreed = next(iter(reports.items()))
    suite.send(first, suite.ScoringRounds.functions.publishScores(round_id, 0, agreed))


READERS = ("risk_control", "auditor_a", "trustee")


@pytest.fixture(scope="module")
def lied(module_suite: Suite) -> Scored:
    """A and B reported a lie, C did not; all three organisations may read."""
    return score(module_suite, {"oracle_a": LIE, "oracle_b": LIE, "oracle_c": TRUE}, "lied", READERS)


@pytest.fixture(scope="module")
def honest(module_suite: Suite) -> Scored:
    """Only A's oracle reported, so that B and C vote."""
    consortium = module_suite.Consortium
    calls = [
        (consortium.address, consortium.encode_abi("setSuspended", [module_suite.account[each], True]))
        for each in ("oracle_b", "oracle_c")
    ]
    module_suite.vote(*calls)
    scored = score(module_suite, {"oracle_a": TRUE}, "honest", READERS)
    calls = [
        (consortium.address, consortium.encode_abi("setSuspended", [module_suite.account[each], False]))
        for each in ("oracle_b", "oracle_c")
    ]
    module_suite.vote(*calls)
    return scored


@pytest.fixture(scope="module")
def unanimous(module_suite: Suite) -> Scored:
    """All three oracles reported the same."""
    return score(module_suite, dict.fromkeys(journey.ORACLES, TRUE), "unanimous", READERS)


def open_dispute(suite: Suite, scored: Scored, sender: str = "risk_control", place: int = PLACE) -> int:
    receipt = suite.send(sender, suite.Disputes.functions.open(scored.round_id, place))
    return int(suite.event("Disputes", "DisputeOpened", receipt)["disputeId"])


def judge(suite: Suite, dispute: int, sender: str, word: int) -> Any:
    return suite.send(sender, suite.Disputes.functions.judge(dispute, word))


def status_of(suite: Suite, dispute: int) -> int:
    return int(suite.Disputes.functions.dispute(dispute).call()[-1])


def enrol(suite: Suite, account: str, organisation: int, role: str) -> None:
    suite.govern("Consortium", "enrol", suite.account[account], organisation, 1 << ROLES[role], 0, 2**40 - 1, HASH)


def test_two_of_three_that_lie_lose_and_are_left_out_of_the_next_round(suite: Suite, lied: Scored) -> None:
    disputes, rounds, packs = (suite.contracts[n].functions for n in ("Disputes", "ScoringRounds", "AssetPackRegistry"))
    before = {name: rounds.faultsOf(suite.account[name]).call()[OVERRULED] for name in journey.ORACLES}
    receipt = suite.send("risk_control", disputes.open(lied.round_id, PLACE))
    event = suite.event("Disputes", "DisputeOpened", receipt)
    assert (event["roundId"], event["packId"], event["assetIndex"]) == (lied.round_id, lied.pack, PLACE)
    assert (event["account"], event["voterCount"], event["byArbiter"]) == (suite.risk_control, 1, False)
    dispute = event["disputeId"]
    assert disputes.hasOpenDispute(lied.pack).call() is True
    assert [disputes.verdictOf(dispute, organisation).call()[0] for organisation in (1, 2, 3, 4)] == [2, 2, 1, 0]
    for contested in ("auditor_a", "trustee"):
        with refused("DisputesNotVoter", dispute, ...):
            judge(suite, dispute, contested, word_of(LIE))

    receipt = judge(suite, dispute, "risk_control", word_of(TRUE))
    event = suite.event("Disputes", "VerdictGiven", receipt)
    assert (event["organisation"], event["word"], event["isWrong"]) == (3, word_of(TRUE), True)
    assert suite.event("Disputes", "DisputeDecided", receipt)["status"] == WON
    assert suite.event("ScoringRounds", "RoundVoided", receipt)["reason"] == 4
    assert suite.event("AssetPackRegistry", "PackSetBack", receipt) == {"packId": lied.pack, "status": 5}
    assert disputes.hasOpenDispute(lied.pack).call() is False
    assert disputes.voidsOf(lied.pack).call() == 1
    assert packs.statusOf(lied.pack).call() == 4
    assert rounds.finalRoundOf(lied.pack).call() == 0
    after = {name: rounds.faultsOf(suite.account[name]).call()[OVERRULED] for name in journey.ORACLES}
    assert {name: after[name] - before[name] for name in after} == {"oracle_a": 1, "oracle_b": 1, "oracle_c": 0}
    assert rounds.reportOf(lied.round_id, suite.oracle_c).call()[2] == 0, "who dissented from a lie is cleared"

    _, query, model, policy = rounds.round(lied.round_id).call()[:4]
    suite.send("risk_control", rounds.open(lied.pack, query, model, policy))
    again = rounds.roundCount().call()
    assert rounds.oraclesOf(again).call() == [suite.oracle_c]
    report_to(suite, again, {"oracle_c": TRUE})
    assert rounds.scoreOf(again, PLACE).call()[0] == word_of(TRUE)
    assert packs.statusOf(lied.pack).call() == 5


def test_majority_of_those_who_are_not_contested_rejects_a_false_dispute_and_it_is_counted(
    suite: Suite, honest: Scored
) -> None:
    disputes = suite.Disputes.functions
    dispute = open_dispute(suite, honest)
    assert disputes.dispute(dispute).call()[6] == 2
    receipt = judge(suite, dispute, "trustee", word_of(TRUE))
    event = suite.event("Disputes", "DisputeDecided", receipt)
    assert event == {
        "disputeId": dispute,
        "roundId": honest.round_id,
        "status": REJECTED,
        "arbiter": "0x" + 40 * "0",
        "documentHash": bytes(32),
    }
    assert disputes.falseDisputesOf(suite.risk_control, 3).call() == [1, 1]
    assert disputes.falseDisputesOf(suite.trustee, 2).call() == [0, 0]
    assert disputes.hasOpenDispute(honest.pack).call() is False
    assert suite.ScoringRounds.functions.round(honest.round_id).call()[14] == 3
    with refused("DisputesRejectedBefore", honest.round_id, 3):
        open_dispute(suite, honest, place=PLACE + 1)
    with refused("DisputesNotOpen", dispute, REJECTED):
        judge(suite, dispute, "risk_control", 1)
    open_dispute(suite, honest, "trustee")


def test_half_of_the_voters_cannot_void_a_round(suite: Suite, honest: Scored) -> None:
    dispute = open_dispute(suite, honest)
    judge(suite, dispute, "risk_control", word_of(LIE))
    assert status_of(suite, dispute) == OPEN
    with refused("DisputesAlreadyJudged", dispute, 3):
        judge(suite, dispute, "risk_control", word_of(TRUE))
    judge(suite, dispute, "trustee", word_of(LIE))
    assert status_of(suite, dispute) == WON


def test_accounts_that_may_not_read_can_neither_dispute_nor_judge(suite: Suite, honest: Scored) -> None:
    for sender in ("originator", "bureau", "oracle_c", "exchange", "regulator", "risk_control_2", "stranger"):
        with refused("DisputesNotEntitled", honest.round_id, suite.account[sender]):
            open_dispute(suite, honest, sender)
    dispute = open_dispute(suite, honest, "auditor_a")
    for sender in ("originator", "bureau", "oracle_c", "risk_control_2", "stranger"):
        with refused("DisputesNotEntitled", honest.round_id, suite.account[sender]):
            judge(suite, dispute, sender, 1)
    with refused("DisputesNotVoter", dispute, 1):
        judge(suite, dispute, "auditor_a", 1)


def test_auditor_of_a_recipients_organisation_judges_for_it_while_its_account_is_in_force(
    suite: Suite, honest: Scored
) -> None:
    dispute = open_dispute(suite, honest)
    enrol(suite, "newcomer", 4, "AUDITOR")
    enrol(suite, "newcomer_2", 2, "AUDITOR")
    with refused("DisputesNotEntitled", honest.round_id, suite.newcomer):
        judge(suite, dispute, "newcomer", 1)
    suite.govern("Consortium", "setSuspended", suite.trustee, True)
    with refused("DisputesNotEntitled", honest.round_id, suite.trustee):
        judge(suite, dispute, "trustee", word_of(TRUE))
    judge(suite, dispute, "newcomer_2", word_of(TRUE))
    assert status_of(suite, dispute) == REJECTED


def test_dispute_of_what_is_not_in_force_is_refused(suite: Suite, honest: Scored) -> None:
    disputes = suite.Disputes.functions
    with refused("DisputesNotEntitled", 99, suite.risk_control):
        suite.send("risk_control", disputes.open(99, 0))
    with refused("ScoringUnknownAsset", honest.round_id, COUNT):
        open_dispute(suite, honest, place=COUNT)
    with refused("DisputesNotOpen", 99, 0):
        judge(suite, 99, "trustee", 1)
    dispute = open_dispute(suite, honest)
    with refused("DisputesAlreadyOpen", honest.round_id, dispute):
        open_dispute(suite, honest, "trustee")
    judge(suite, dispute, "risk_control", 1)
    judge(suite, dispute, "trustee", 1)
    with refused("DisputesRoundNotFinal", honest.round_id, 4):
        open_dispute(suite, honest)


def test_withdrawn_pack_is_not_disputed_and_an_open_dispute_ends_all_the_same(suite: Suite, honest: Scored) -> None:
    dispute = open_dispute(suite, honest)
    suite.send("originator", suite.AssetPackRegistry.functions.withdraw(honest.pack))
    judge(suite, dispute, "risk_control", 1)
    judge(suite, dispute, "trustee", 1)
    assert status_of(suite, dispute) == WON
    assert suite.AssetPackRegistry.functions.statusOf(honest.pack).call() == 12


def test_regulator_decides_where_nobody_is_left_to_vote(suite: Suite, unanimous: Scored) -> None:
    disputes = suite.Disputes.functions
    dispute = open_dispute(suite, unanimous)
    assert disputes.dispute(dispute).call()[9] is True
    with refused("DisputesArbiterDecides", dispute):
        judge(suite, dispute, "trustee", 1)
    for sender in ("auditor_a", "risk_control", "governor_a"):
        with refused("DisputesNotArbiter", dispute, suite.account[sender]):
            suite.send(sender, disputes.decide(dispute, True, HASH))
    with refused("DisputesGroundsMissing"):
        suite.send("regulator", disputes.decide(dispute, True, bytes(32)))
    receipt = suite.send("regulator", disputes.decide(dispute, False, HASH))
    event = suite.event("Disputes", "DisputeDecided", receipt)
    assert (event["status"], event["arbiter"], event["documentHash"]) == (REJECTED, suite.regulator, HASH)


def test_auditor_decides_where_no_regulator_is_enrolled_the_disinterested_first(
    suite: Suite, unanimous: Scored
) -> None:
    """Organisations 1 to 3 are contested, 3 of them disputes; 4 has no part in it."""
    disputes = suite.Disputes.functions
    dispute = open_dispute(suite, unanimous)
    suite.govern("Consortium", "revoke", suite.regulator)
    enrol(suite, "newcomer", 3, "AUDITOR")
    assert disputes.isArbiter(dispute, suite.auditor_a).call() is True
    assert disputes.isArbiter(dispute, suite.newcomer).call() is False
    enrol(suite, "newcomer_2", 4, "AUDITOR")
    assert disputes.isArbiter(dispute, suite.auditor_a).call() is False
    suite.send("newcomer_2", disputes.decide(dispute, True, HASH))
    assert status_of(suite, dispute) == WON
    assert suite.ScoringRounds.functions.round(unanimous.round_id).call()[14] == 4


def test_arbiter_decides_after_the_time_for_verdicts(suite: Suite, honest: Scored) -> None:
    disputes = suite.Disputes.functions
    receipt = suite.govern("Disputes", "setVerdictWindow", 600)
    assert suite.event("Disputes", "VerdictWindowSet", receipt) == {"windowSeconds": 600}
    assert disputes.verdictWindow().call() == 600
    dispute = open_dispute(suite, honest)
    until = disputes.dispute(dispute).call()[4] + 600
    with refused("DisputesTooEarly", dispute, until):
        suite.send("regulator", disputes.decide(dispute, True, HASH))
    suite.chain.pass_seconds(600)
    suite.send("regulator", disputes.decide(dispute, True, HASH))
    assert status_of(suite, dispute) == WON


def test_second_void_of_a_pack_is_the_arbiters_to_decide(suite: Suite, lied: Scored) -> None:
    disputes, rounds = suite.Disputes.functions, suite.ScoringRounds.functions
    judge(suite, open_dispute(suite, lied), "risk_control", word_of(TRUE))
    suite.send("risk_control", rounds.open(lied.pack, *rounds.round(lied.round_id).call()[1:4]))
    again = rounds.roundCount().call()
    report_to(suite, again, {"oracle_c": LIE})
    dispute = open_dispute(suite, Scored(lied.pack, lied.query, again), "trustee")
    assert disputes.dispute(dispute).call()[6:10] == (2, 0, 0, True)
    with refused("DisputesArbiterDecides", dispute):
        judge(suite, dispute, "auditor_a", 1)
    suite.send("regulator", disputes.decide(dispute, True, HASH))
    assert disputes.voidsOf(lied.pack).call() == 2
    suite.send("risk_control", rounds.open(lied.pack, *rounds.round(lied.round_id).call()[1:4]))
    oracles = rounds.oraclesOf(rounds.roundCount().call()).call()
    assert sorted(oracles) == sorted([suite.oracle_a, suite.oracle_b])


def bring_down_and_assign(suite: Suite, pack: int, run: int) -> None:
    suite.send("originator", suite.Screening.functions.bringDown(run, [], []))
    suite.send("originator", suite.AssetPackRegistry.functions.assign(pack, HASH))


def test_open_dispute_stops_title_and_issue_and_a_won_one_undoes_the_offer(suite: Suite, lied: Scored) -> None:
    packs, rounds, pack = suite.AssetPackRegistry.functions, suite.ScoringRounds.functions, lied.pack
    run = journey.screen_pack(suite, pack, lied.round_id)
    bring_down_and_assign(suite, pack, run)
    dispute = open_dispute(suite, lied)
    with refused("AssetPackDisputed", pack):
        suite.send("trustee", packs.acceptTransfer(pack))
    judge(suite, dispute, "risk_control", word_of(LIE))
    assert status_of(suite, dispute) == REJECTED
    suite.send("trustee", packs.acceptTransfer(pack))
    dispute = open_dispute(suite, lied, "trustee")
    with refused("ExchangeDisputed", pack):
        journey.issue(suite, pack)
    receipt = judge(suite, dispute, "risk_control", word_of(TRUE))
    assert suite.event("AssetPackRegistry", "PackSetBack", receipt) == {"packId": pack, "status": 8}
    stored = packs.pack(pack).call()
    assert (stored[1], stored[8], stored[-1]) == (4, "0x" + 40 * "0", bytes(32))

    suite.send("risk_control", rounds.open(pack, *rounds.round(lied.round_id).call()[1:4]))
    again = rounds.roundCount().call()
    report_to(suite, again, {"oracle_c": TRUE})
    with refused("ScreeningWrongRound", lied.round_id, pack):
        suite.send("risk_control", suite.Screening.functions.start(pack, lied.round_id, rounds.round(again).call()[3]))
    second = journey.screen_pack(suite, pack, again)
    assert suite.Screening.functions.runOf(pack).call() == second > run
    bring_down_and_assign(suite, pack, second)
    suite.send("trustee", packs.acceptTransfer(pack))
    journey.issue(suite, pack)
    with refused("DisputesTooLate", pack, 9):
        open_dispute(suite, Scored(pack, lied.query, again))


def test_screening_that_began_on_void_scores_does_not_go_on_with_the_next(suite: Suite, lied: Scored) -> None:
    screening, rounds, pack = suite.Screening.functions, suite.ScoringRounds.functions, lied.pack
    policy = rounds.round(lied.round_id).call()[3]
    suite.send("risk_control", screening.start(pack, lied.round_id, policy))
    begun = screening.runCount().call()
    judge(suite, open_dispute(suite, lied), "risk_control", word_of(TRUE))
    with refused("ScreeningWrongPackStatus", pack, 4):
        suite.send("risk_control", screening.step(begun))
    suite.send("risk_control", rounds.open(pack, *rounds.round(lied.round_id).call()[1:4]))
    report_to(suite, rounds.roundCount().call(), {"oracle_c": TRUE})
    with refused("ScreeningWrongRound", lied.round_id, pack):
        suite.send("risk_control", screening.step(begun))


def test_screening_of_void_scores_is_not_brought_down_in_place_of_the_next(suite: Suite, lied: Scored) -> None:
    screening, rounds, pack = suite.Screening.functions, suite.ScoringRounds.functions, lied.pack
    first = journey.screen_pack(suite, pack, lied.round_id)
    judge(suite, open_dispute(suite, lied), "risk_control", word_of(TRUE))
    suite.send("risk_control", rounds.open(pack, *rounds.round(lied.round_id).call()[1:4]))
    again = rounds.roundCount().call()
    report_to(suite, again, {"oracle_c": TRUE})
    second = journey.screen_pack(suite, pack, again)
    with refused("ScreeningSuperseded", first, second):
        suite.send("originator", screening.bringDown(first, [], []))


def test_dispute_of_a_challengers_round_stops_nothing_and_leaves_the_pack_alone(suite: Suite, lied: Scored) -> None:
    rounds, disputes = suite.ScoringRounds.functions, suite.Disputes.functions
    model = journey.propose_model(suite)
    suite.govern("RiskModelRegistry", "activateChallenger", model, 0)
    _, query, _, policy = rounds.round(lied.round_id).call()[:4]
    suite.send("risk_control", rounds.open(lied.pack, query, model, policy))
    round_id = rounds.roundCount().call()
    report_to(suite, round_id, {"oracle_a": LIE, "oracle_b": LIE})
    dispute = open_dispute(suite, Scored(lied.pack, query, round_id))
    assert disputes.hasOpenDispute(lied.pack).call() is False
    judge(suite, dispute, "risk_control", word_of(TRUE))
    assert rounds.round(round_id).call()[14] == 4
    assert suite.AssetPackRegistry.functions.statusOf(lied.pack).call() == 5
    assert rounds.finalRoundOf(lied.pack).call() == lied.round_id
