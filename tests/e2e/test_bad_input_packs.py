"""Packs that must not go on: refused in one line, and the pack as it was or to be continued."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from client.sdk.attestation import AttestationDomain, attest, compute_chunk_hash
from client.sdk.errors import ContractRefusedError, RefusedError
from client.sdk.hashing import keccak
from client.sdk.pack.on_chain import read_assets, read_reasons, read_report, read_tables
from client.sdk.pack.reader import read_credit, read_pack
from client.sdk.pack.report import NO_RECORD, words_of
from client.sdk.pack.status import PackStatus
from client.sdk.policy.on_chain import layout_of_pack
from client.sdk.policy.policy_file import read_policy_file
from client.sdk.screening import Reason, screen
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium, assert_one_line
from tests.e2e.main_job import MainJob, invite, submit_line, submit_pack
from tests.e2e.pack_files import Row, example_loans, write_pack

ERASED = 40
"""Place of the loan whose borrower is erased between the bureau's answer and the scores."""

SMALLEST = min(Decimal(loan["loan_amount"]) for loan in example_loans(300, 110))
"""Amount of the one loan of the scored pack that is smaller than all others."""


@pytest.fixture(scope="module")
def scored(consortium: Consortium) -> MainJob:
    """A scored pack of 110 loans, one of whose borrowers was erased after the bureau had answered.

    Its classes tell the smallest loan from all others.
    """
    policy = consortium.directory / "scored.toml"
    policy.write_text(f'eligible = ["balance_cents >= {SMALLEST}", "balance_cents <= {SMALLEST}"]\n')
    job = submit_pack(consortium, "scored", example_loans(300, 110), policy)
    job.documents["query"] = consortium.ask("risk-control", "risk", "query", str(job.pack))
    erase = ("bureau", "erase", job.loans[ERASED]["borrower_id"], "--db", consortium.directory / "bureau.db")
    job.documents["erase"] = consortium.ask("bureau", *erase)
    score = ("risk", "score", str(job.pack), "--timeout", "60")
    job.documents["score"] = consortium.ask("risk-control", *score)
    return job


def status_of(consortium: Consortium, pack: int) -> PackStatus:
    return PackStatus(consortium.chain().call("AssetPackRegistry", "pack", pack).status)


def loans_by_reason(consortium: Consortium, job: MainJob, reason: Reason) -> list[Row]:
    chain, trustee = consortium.chain(), consortium.identity("trustee")
    rows = read_pack(chain, consortium.vault("trustee"), trustee, job.pack).rows
    reasons = read_reasons(chain, job.documents["screen"]["run"], len(rows))
    wanted = {row.loan_id for row, each in zip(rows, reasons, strict=True) if each == reason}
    return [loan for loan in job.loans if loan["loan_id"] in wanted]


def test_loan_that_is_pledged_already_is_refused_until_its_pack_lets_it_go(
    consortium: Consortium, main_job: MainJob, tmp_path: Path
) -> None:
    kept, prepaid = (loans_by_reason(consortium, main_job, why)[0] for why in (Reason.KEPT, Reason.BROUGHT_DOWN))
    others = example_loans(500, 100)
    pack, files = invite(consortium), write_pack(tmp_path, "twice", [kept, *others])
    done = consortium.cli(ORIGINATOR, *submit_line(consortium, pack, files))
    assert_one_line(done, "PledgeAlreadyLive", f"packId {main_job.pack}")
    assert status_of(consortium, pack) == PackStatus.OPEN
    assert consortium.chain().call("AssetPackRegistry", "assetCount", pack) == 0
    assert consortium.ask(ORIGINATOR, "pack", "withdraw", str(pack))["pack"] == pack
    again = invite(consortium)
    files = write_pack(tmp_path, "let_go", [prepaid, *others])
    said = consortium.ask(ORIGINATOR, *submit_line(consortium, again, files))
    assert said["assets_count"] == 101
    assert consortium.ask(ORIGINATOR, "pack", "withdraw", str(again))["pack"] == again
    assert status_of(consortium, again) == PackStatus.WITHDRAWN


def test_asset_that_the_registrar_did_not_attest_is_refused(consortium: Consortium, tmp_path: Path) -> None:
    loans = example_loans(620, 100)
    pack, files = invite(consortium), write_pack(tmp_path, "unattested", loans)
    closed = ("--registrar", "http://127.0.0.1:1")
    done = consortium.cli(ORIGINATOR, *submit_line(consortium, pack, files), *closed)
    assert_one_line(done, "the registrar is not available", code=3)
    chain, originator = consortium.chain(), consortium.identity(ORIGINATOR).account
    leaves, nullifiers = ([keccak(kind + bytes([i])) for i in range(100)] for kind in (b"leaf", b"nullifier"))
    domain = AttestationDomain(chain_id=chain.chain_id, pledge_registry=chain.address_of("PledgeRegistry"))
    own = attest(originator, domain, pack=pack, first_index=0, chunk_hash=compute_chunk_hash(nullifiers, leaves))
    classes, buckets = b"\x00\x01" * 100, bytes(400)
    for attestation in (own, b"", bytes(65), own[:64] + b"\x00"):
        with pytest.raises(ContractRefusedError, match="PledgeNotAttested"):
            chain.send(
                "AssetPackRegistry",
                "addAssets",
                [pack, 0, leaves, nullifiers, classes, buckets, keccak(b"rows"), attestation],
                originator,
            )
    assert chain.call("AssetPackRegistry", "assetCount", pack) == 0
    assert consortium.ask(ORIGINATOR, *submit_line(consortium, pack, files))["assets_count"] == 100


def test_record_erased_after_the_answer_is_not_used(consortium: Consortium, scored: MainJob) -> None:
    assert scored.documents["query"]["answers"][0]["found_count"] >= 100
    assert scored.documents["erase"]["revoked_count"] == 1
    chain, trustee = consortium.chain(), consortium.identity("trustee")
    rows = read_pack(chain, consortium.vault("trustee"), trustee, scored.pack).rows
    report = read_report(chain, scored.documents["score"]["round"], len(rows))
    erased = scored.loans[ERASED]["loan_id"]
    (word,) = [word for row, word in zip(rows, words_of(report), strict=True) if row.loan_id == erased]
    assert word == NO_RECORD
    again = ("bureau", "erase", scored.loans[ERASED]["borrower_id"], "--db", consortium.directory / "bureau.db")
    assert consortium.ask("bureau", *again)["erased_before"]


def test_what_if_answers_as_the_reference_and_writes_nothing(consortium: Consortium, scored: MainJob) -> None:
    chain = consortium.chain()
    head = chain.head()
    said = consortium.ask("risk-control", *what_if_line(consortium, scored), "--expected-bad-rate", "5%")
    targets = [answer["expected_bad_rate_ppm"] for answer in said["answers"]]
    assert targets == [120_000, 50_000]
    assert chain.head() == head
    current = chain.call("ScoringRounds", "round", scored.documents["score"]["round"])
    assets = read_assets(chain, scored.pack, read_report(chain, scored.documents["score"]["round"], 110))
    tables = read_tables(chain, current.modelId)
    _, layout = layout_of_pack(chain, scored.pack)
    for answer, target in zip(said["answers"], targets, strict=True):
        policy = replace(read_policy_file(None).compile(1, layout), expected_bad_rate_ppm=target)
        expected = screen(assets, policy, tables.pd_ppm, tables.margin_ppm)
        assert answer["bad_rate_after_ppm"] == expected.after.bad_rate_by_balance_ppm
        assert answer["kept_count"] == expected.after.tally.count
        assert answer["screened_count"] == expected.reasons.count(Reason.SCREENED)


def test_what_if_that_differs_by_one_borrower_is_refused(consortium: Consortium, scored: MainJob) -> None:
    line = what_if_line(consortium, scored)
    consortium.ask("risk-control", *line)
    rule = ("--eligible", f"balance_cents >= {SMALLEST + Decimal('0.01')}")
    assert_one_line(consortium.cli("risk-control", *line, *rule), "what-if", "differ by 1", "at least 10")
    consortium.ask("risk-control", *line, "--eligible", f"balance_cents <= {SMALLEST}")


def what_if_line(consortium: Consortium, job: MainJob) -> list[str]:
    database = str(consortium.directory / "risk_control.db")
    return ["risk", "what-if", str(job.pack), "--expected-bad-rate", "12%", "--db", database]


def test_target_that_cannot_be_met_leaves_the_pack_as_it_was(consortium: Consortium, scored: MainJob) -> None:
    line = ("risk", "screen", str(scored.pack), "--expected-bad-rate")
    done = consortium.cli("risk-control", *line, "0.1%")
    assert_one_line(done, "--expected-bad-rate", "0.1%", "what binds", "the pack is as it was")
    assert "lowest reachable" in done.out
    assert status_of(consortium, scored.pack) == PackStatus.SCORED
    said = consortium.ask("risk-control", *line, "12%", "--mode", "per-level")
    assert said["outcome"] == "target met"
    assert status_of(consortium, scored.pack) == PackStatus.SCREENED


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--expected-bad-rate", "ten"),
        ("--expected-bad-rate", "-1%"),
        ("--expected-bad-rate", "10"),
        ("--mode", "half"),
        ("--profile", "1,2,3"),
        ("--emphasis", "2,1,1,1,1,1,1,1,1,1"),
        ("--age-factors", "90%,100%,110%"),
        ("--age-factors", "110%"),
        ("--eligible", "days_past_due <= 45"),
        ("--eligible", "colour <= 45"),
        ("--limit", "region_code 0.00001%"),
        ("--limit", "subject 1%"),
    ],
)
def test_bad_policy_is_one_line_and_no_run(consortium: Consortium, main_job: MainJob, option: str, value: str) -> None:
    chain = consortium.chain()
    before = chain.call("Screening", "policyCount")
    line = ("risk", "screen", str(main_job.pack), "--expected-bad-rate", "10%", option, value)
    assert_one_line(consortium.cli("risk-control", *line))
    assert chain.call("Screening", "policyCount") == before


def test_step_before_its_time_says_which_step_is_due(consortium: Consortium, main_job: MainJob) -> None:
    pack = invite(consortium)
    for line, words in (
        (("risk", "query", str(pack)), ("is invited, not submitted", "tranchain pack submit")),
        (("risk", "score", str(pack)), ("is invited, not queried", "tranchain pack submit")),
        (("risk", "screen", str(pack), "--expected-bad-rate", "10%"), ("no final scores", "tranchain risk score")),
        (("risk", "show", str(pack)), ("no screening", "tranchain risk screen")),
        (("risk", "query", str(main_job.pack)), ("is issued, not submitted",)),
    ):
        assert_one_line(consortium.cli("risk-control", *line), *words)
    assert_one_line(consortium.cli(ORIGINATOR, "pack", "bring-down", str(pack)), "no screening")
    assert_one_line(consortium.cli("trustee", "exchange", "accept", str(pack)), "refused by AssetPackRegistry")
    reader = ("--reader", consortium.members.keystore("trustee"))
    issue = ("exchange", "issue", "AGAIN", "--pack", str(main_job.pack), *reader)
    assert_one_line(consortium.cli("exchange", *issue), "is issued, not transferred")
    assert_one_line(consortium.cli(None, "exchange", "show", "NOTHING"), "no product NOTHING")
    assert status_of(consortium, pack) == PackStatus.INVITED


def test_originator_may_read_its_rows_and_no_credit_file(consortium: Consortium, main_job: MainJob) -> None:
    chain, originator, vault = consortium.chain(), consortium.identity(ORIGINATOR), consortium.vault(ORIGINATOR)
    assert len(read_pack(chain, vault, originator, main_job.pack).rows) == len(main_job.loans)
    with pytest.raises(RefusedError, match="vault"):
        read_credit(chain, vault, originator, main_job.documents["query"]["query"])


def test_second_query_of_nearly_the_same_borrowers_is_refused(
    consortium: Consortium, scored: MainJob, tmp_path: Path
) -> None:
    assert status_of(consortium, scored.pack) >= PackStatus.SCORED
    loans = example_loans(300, 105)
    shifted = [{**loan, "loan_id": f"N{place}", "issue_date": "2011-11-30"} for place, loan in enumerate(loans)]
    pack, files = invite(consortium), write_pack(tmp_path, "near", shifted)
    consortium.ask(ORIGINATOR, *submit_line(consortium, pack, files))
    done = consortium.cli("risk-control", "risk", "query", str(pack), "--timeout", "30")
    assert_one_line(done, "refused by every bureau", "budget")
    assert status_of(consortium, pack) == PackStatus.SUBMITTED
    assert_one_line(consortium.cli("risk-control", "risk", "score", str(pack)), "is submitted, not queried")
