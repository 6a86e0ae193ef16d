"""Three organisations' oracles: the same records give the same bytes, whoever reads when, and whoever is down.

The node is a real process; the oracles run in this process, so that what happens between two of their steps is decided
here.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.roles.oracle import service
from client.roles.oracle.service import OracleService, Step
from client.roles.oracle.store import ReportStore
from client.roles.risk_control import models, scoring
from client.roles.risk_control.query import closed_query_of
from client.sdk.consent import Purpose
from client.sdk.database import open_engine
from client.sdk.pack.reader import read_credit
from client.sdk.pack.recompute import read_inputs
from client.sdk.pack.report import NO_RECORD, report_hash, score_of, words_of
from client.sdk.screening import Policy
from scripts.demo_consortium import AUDITOR_BY_ORACLE
from tests.e2e.consortium import REGISTRY, Consortium, found_consortium
from tests.e2e.main_job import MAIN_LOANS, MainJob, submit_pack, upload_credit_files
from tests.e2e.pack_files import example_loans

ORACLES = tuple(AUDITOR_BY_ORACLE)
GRACE_S, PUBLISH_S = 4, 6


@dataclass
class Scoring:
    """A queried pack that can be scored again and again, and the oracles."""

    consortium: Consortium
    job: MainJob
    package: ModelPackage
    oracles: dict[str, OracleService] = field(default_factory=dict)

    def open_round(self) -> int:
        chain, identity = self.consortium.chain("risk-control"), self.consortium.identity("risk-control")
        return scoring.open_round(
            chain,
            identity,
            pack_id=self.job.pack,
            query_id=closed_query_of(chain, self.job.pack, Purpose.UNDERWRITING),
            model_id=models.champion(chain),
            policy_id=scoring.ensure_policy(chain, identity, Policy(expected_bad_rate_ppm=1_000_000)),
            is_fresh=True,
        )

    def steps(self, oracle: str, round_id: int) -> list[Step]:
        """Let an oracle do what is due now, once its own node has the round."""
        wait_until(lambda: self.consortium.chain(oracle).call("ScoringRounds", "roundCount") >= round_id)
        return [step for step in self.oracles[oracle].advance() if step.round_id == round_id]

    def did(self, oracle: str, round_id: int) -> list[str]:
        return [step.did for step in self.steps(oracle, round_id)]

    def states(self, round_id: int) -> dict[str, str]:
        """What each oracle did, by its account's name."""
        name_by_address = {self.consortium.address(name): name for name in ORACLES}
        states = scoring.oracle_states(self.consortium.chain(), round_id)
        return {name_by_address[state.oracle]: state.did for state in states}


def wait_until(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def make_oracle(consortium: Consortium, name: str, package: Any) -> OracleService:
    """An organisation's oracle with its database, as it starts."""
    chain, auditor = consortium.chain(name), AUDITOR_BY_ORACLE[name]
    database = open_engine(str(consortium.directory / f"{name}.db"))
    return OracleService(
        chain,
        consortium.vault(auditor),
        oracle=consortium.identity(name).account,
        auditor=consortium.identity(auditor),
        packages=[package],
        store=ReportStore(database, chain_id=chain.chain_id, registry=REGISTRY),
    )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scoring]:
    running = found_consortium(tmp_path_factory.mktemp("oracles"), oracles=ORACLES)
    try:
        upload_credit_files(running)
        running.start_bureau()
        running.start_registrar()
        running.vote("ScoringRounds", "setWindows", [GRACE_S, PUBLISH_S], "Short windows")
        job = submit_pack(running, "oracles", example_loans(*MAIN_LOANS))
        job.documents["query"] = running.ask("risk-control", "risk", "query", str(job.pack))
        bench = Scoring(running, job, ModelPackage.load(DEFAULT_MODEL))
        bench.oracles |= {name: make_oracle(running, name, bench.package) for name in ORACLES}
        yield bench
    finally:
        running.stop()


def erase(bench: Scoring, place: int) -> None:
    """Have the bureau erase the borrower of a loan of the pack, and every node know it."""
    borrower = bench.job.loans[place]["borrower_id"]
    consortium = bench.consortium
    consortium.ask("bureau", "bureau", "erase", borrower, "--db", consortium.directory / "bureau.db")
    height = consortium.node.height()
    wait_until(lambda: all(node.height() >= height for node in consortium.nodes.values()))


def test_oracle_that_cannot_read_what_counts_reports_nothing_and_says_why(bench: Scoring) -> None:
    round_id = bench.open_round()
    assert bench.did(ORACLES[0], round_id) == ["committed"]
    erase(bench, 20)
    for late in ORACLES[1:]:
        [step] = bench.steps(late, round_id)
        assert step.is_problem
        assert "1 subjects' records, which count as of block" in step.did
        assert "--new-round" in step.did
        assert bench.steps(late, round_id) == []
    assert bench.states(round_id) == dict(zip(ORACLES, ["committed", "silent", "silent"], strict=True))


@pytest.fixture(scope="module")
def agreed_round(bench: Scoring) -> int:
    """A round of two oracles, the third being down; opened after another borrower was erased."""
    erase(bench, 21)
    round_id = bench.open_round()
    up = (ORACLES[0], ORACLES[2])
    for oracle in up:
        assert bench.did(oracle, round_id) == ["committed"]
    assert bench.did(up[0], round_id) == []
    wait_until(lambda: bench.did(up[0], round_id) == ["revealed"], 90)
    wait_until(lambda: bench.did(up[1], round_id) == ["revealed"])
    return round_id


def test_round_is_agreed_by_two_while_the_third_is_down(bench: Scoring, agreed_round: int) -> None:
    wait_until(lambda: list(bench.states(agreed_round).values()).count("agrees") == 2)
    assert bench.states(agreed_round) == dict(zip(ORACLES, ["agrees", "silent", "agrees"], strict=True))
    assert scoring.states_text(scoring.oracle_states(bench.consortium.chain(), agreed_round)).count("silent") == 1
    assert bench.did(ORACLES[1], agreed_round) == []


def test_report_is_what_the_third_organisation_computes_as_of_the_round(bench: Scoring, agreed_round: int) -> None:
    chain, auditor = bench.consortium.chain("auditor-b"), bench.consortium.identity("auditor-b")
    vault = bench.consortium.vault("auditor-b")
    current = chain.call("ScoringRounds", "round", agreed_round)
    inputs = read_inputs(chain, vault, auditor, agreed_round)
    rows, report = inputs.pack.rows, inputs.report(bench.package)
    assert report_hash(report) == bytes(current.reportHash)
    loan_id = bench.job.loans[21]["loan_id"]
    [index] = [index for index, row in enumerate(rows) if row.loan_id == loan_id]
    assert (words_of(report)[index], inputs.records.erased_handles) == (NO_RECORD, frozenset())
    revoked = list(chain.events("CreditFileRegistry", "RecordsRevoked"))[-1]
    before = read_credit(chain, vault, auditor, current.queryId, as_of_block=revoked.block_number - 1)
    assert before.erased_handles == {rows[index].handle}


def test_publishers_wait_for_those_before_them_and_do_not_fail_each_other(
    bench: Scoring, agreed_round: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = max((ORACLES[0], ORACLES[2]), key=lambda name: bench.consortium.address(name).lower())
    assert bench.did(later, agreed_round) == []
    monkeypatch.setattr(service, "PUBLISH_TURN_S", 0.0)
    found: list[Step] = []
    threads = [
        threading.Thread(target=lambda name=name: found.extend(bench.steps(name, agreed_round)))
        for name in (ORACLES[0], ORACLES[2])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "published" in [step.did for step in found]
    assert not any(step.is_problem for step in found), found
    assert bench.consortium.chain().call("ScoringRounds", "round", agreed_round).status == scoring.FINAL
    scored = bench.consortium.ask("risk-control", "pack", "show", str(bench.job.pack))
    assert scored["status"] == "scored"


def test_false_dispute_is_rejected_by_who_is_not_contested_and_counted(bench: Scoring, agreed_round: int) -> None:
    """The exchange's oracle was down, so the exchange alone votes; its own trustee is who disputes."""
    opened = bench.consortium.ask("trustee", "risk", "dispute", "open", str(agreed_round), "7")
    assert {each["standing"] for each in opened["organisations"]} == {"contested", "voter"}
    line = ("risk", "dispute", "judge", str(opened["dispute"]))
    dry = bench.consortium.ask("auditor-b", *line, "--dry-run")
    assert (dry["status"], dry["signed"]) == ("open", "nothing")
    contested = bench.consortium.cli("auditor-a", *line)
    assert contested.code == 1
    assert "DisputesTooEarly" in contested.error
    judged = bench.consortium.ask("auditor-b", *line)
    assert judged["found"] == "the score on the chain is right"
    assert judged["own_word"] == judged["reported_word"]
    assert judged["score_by_own_node"] == score_of(judged["own_word"])
    assert judged["status"] == "rejected: the dispute was false"
    assert (judged["false_disputes_of_account"], judged["false_disputes_of_organisation"]) == (1, 1)
    again = bench.consortium.cli("auditor-b", "risk", "dispute", "open", str(agreed_round), "8")
    assert "DisputesRejectedBefore" in again.error


class Liar:
    """A model package in all but its scores: it makes the riskiest borrowers the safest."""

    def __init__(self, honest: ModelPackage):
        self._honest = honest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._honest, name)

    def score(self, columns: Any) -> Any:
        scores = self._honest.score(columns)
        return np.where(scores > LIED_FROM, 1, scores).astype(np.uint8)


LIED_FROM = 70


@pytest.fixture(scope="module")
def lied(bench: Scoring) -> tuple[Scoring, int]:
    """Another pack, and a final round of it in which the oracles of two organisations lied alike."""
    consortium = bench.consortium
    scene = Scoring(consortium, submit_pack(consortium, "lied", example_loans(430, 100)), bench.package)
    consortium.ask("risk-control", "risk", "query", str(scene.job.pack))
    packages = dict(zip(ORACLES, (Liar(bench.package), Liar(bench.package), bench.package), strict=True))
    scene.oracles |= {name: make_oracle(consortium, name, package) for name, package in packages.items()}
    round_id = scene.open_round()
    for did in ("committed", "revealed"):
        for oracle in ORACLES:
            assert did in scene.did(oracle, round_id)
    wait_until(lambda: any("published" in scene.did(oracle, round_id) for oracle in ORACLES[:2]))
    return scene, round_id


def test_two_oracles_of_three_that_lie_alike_lose_the_dispute(lied: tuple[Scoring, int]) -> None:
    scene, round_id = lied
    consortium, chain = scene.consortium, scene.consortium.chain()
    assert scene.states(round_id) == dict(zip(ORACLES, ["agrees", "agrees", "dissents"], strict=True))
    assert consortium.ask("risk-control", "pack", "show", str(scene.job.pack))["status"] == "scored"
    check = ("risk", "dispute", "check", str(round_id))
    found = consortium.ask("auditor-c", *check)
    assert 0 < found["differing_count"] < found["assets_count"] == 100
    asset = found["differing_first"][0]
    dispute = consortium.ask("auditor-c", "risk", "dispute", "open", str(round_id), str(asset))["dispute"]
    judged = consortium.ask("risk-control", "risk", "dispute", "judge", str(dispute))
    assert (judged["found"], judged["signed"]) == ("the score on the chain is wrong", "verdict")
    assert score_of(judged["reported_word"]) == 1
    assert score_of(judged["own_word"]) == judged["score_by_own_node"] > LIED_FROM
    assert judged["status"] == "won: the round is void"
    assert consortium.ask("risk-control", "pack", "show", str(scene.job.pack))["status"] == "queried"
    assert scene.states(round_id) == dict(zip(ORACLES, ["overruled", "overruled", "revealed"], strict=True))
    listed = consortium.ask(None, "risk", "dispute", "list", "--pack", str(scene.job.pack))
    assert [each["dispute"] for each in listed["disputes"]] == [dispute]
    overruled = {each["oracle"]: each["overruled_count"] for each in listed["oracles"]}
    assert overruled == {consortium.address(name): int(name != ORACLES[2]) for name in ORACLES}

    again = scene.open_round()
    assert chain.call("ScoringRounds", "oraclesOf", again) == [consortium.address(ORACLES[2])]
    assert scene.did(ORACLES[0], again) == []
    assert scene.did(ORACLES[2], again) == ["committed"]
    scene.oracles[ORACLES[2]] = make_oracle(consortium, ORACLES[2], scene.package)  # it starts again
    assert scene.did(ORACLES[2], again) == ["revealed"]
    assert scene.did(ORACLES[2], again) == ["published"]
    assert consortium.ask("auditor-a", "risk", "dispute", "check", str(again))["differing_count"] == 0
    assert consortium.ask("risk-control", "pack", "show", str(scene.job.pack))["status"] == "scored"
