"""Three organisations' oracles: the same records give the same bytes, whoever reads when, and whoever is down.

The node is a real process; the oracles run in this process, so that what happens between two of their steps is decided
here.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.roles.oracle import service
from client.roles.oracle.service import OracleService, Step
from client.roles.oracle.store import ReportStore
from client.roles.risk_control import models, scoring
from client.roles.risk_control.query import closed_query_of
from client.sdk.database import open_engine
from client.sdk.pack.reader import read_credit
from client.sdk.pack.recompute import read_inputs
from client.sdk.pack.report import NO_RECORD, report_hash, words_of
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
            query_id=closed_query_of(chain, self.job.pack),
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
        for name, auditor in AUDITOR_BY_ORACLE.items():
            chain = running.chain(name)
            store = ReportStore(
                open_engine(str(running.directory / f"{name}.db")), chain_id=chain.chain_id, registry=REGISTRY
            )
            bench.oracles[name] = OracleService(
                chain,
                running.vault(auditor),
                oracle=running.identity(name).account,
                auditor=running.identity(auditor),
                packages=[bench.package],
                store=store,
            )
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
