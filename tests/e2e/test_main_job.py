"""The main job: every step, every figure, every sender, and the chain that is left."""

import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from eth_utils.abi import function_signature_to_4byte_selector, get_abi_input_types

from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.model.schema import CREDIT_FIELDS, CREDIT_KEYS
from client.sdk.artifacts import load_artifact
from client.sdk.pack.assessment import assess
from client.sdk.pack.on_chain import read_assets, read_policy, read_reasons, read_report, read_tables
from client.sdk.pack.reader import PackFile, read_pack
from client.sdk.pack.report import NO_RECORD, band_of, words_of
from client.sdk.pack.status import PackStatus
from client.sdk.screening import Asset, Reason, bring_down, screen
from client.sdk.table_mapping import load_mapping
from client.sdk.tabular import read_table
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium, assert_one_line
from tests.e2e.main_job import AGED as AGED_FILES
from tests.e2e.main_job import PRODUCT, STALE, WITHOUT_FILE, MainJob
from tests.e2e.node_kit import tranchain_node
from tests.e2e.pack_files import CREDIT_MAPPING, write_rows

STEPS = {
    ("CreditFileRegistry", "publishBatch"): "bureau",
    ("AssetPackRegistry", "invite"): "risk-control",
    ("AssetPackRegistry", "open"): ORIGINATOR,
    ("AssetPackRegistry", "addAssets"): ORIGINATOR,
    ("AssetPackRegistry", "submit"): ORIGINATOR,
    ("CreditFileRegistry", "requestCredit"): "risk-control",
    ("CreditFileRegistry", "answerCredit"): "bureau",
    ("CreditFileRegistry", "closeQuery"): "risk-control",
    ("ScoringRounds", "open"): "risk-control",
    ("ScoringRounds", "commitReport"): "oracle-c",
    ("ScoringRounds", "revealReport"): "oracle-c",
    ("ScoringRounds", "publishScores"): "oracle-c",
    ("Screening", "definePolicy"): "risk-control",
    ("Screening", "start"): "risk-control",
    ("Screening", "step"): "risk-control",
    ("Screening", "bringDown"): ORIGINATOR,
    ("AssetPackRegistry", "assign"): ORIGINATOR,
    ("AssetPackRegistry", "acceptTransfer"): "trustee",
    ("Exchange", "issue"): "exchange",
}
"""Every transaction of the job and whose account signs it."""
FINALITY_OF_ONE_VALIDATOR = "crash_final"


def test_every_step_is_a_transaction_of_its_own_institution(consortium: Consortium, main_job: MainJob) -> None:
    senders = _senders_by_function(consortium)
    for step, account in STEPS.items():
        assert senders[step] == {consortium.address(account)}, step
    chain = consortium.chain()
    organisations = {
        chain.call("Consortium", "organisationOf", consortium.address(name)) for name in set(STEPS.values())
    }
    assert len(organisations) == 4
    assert main_job.documents["issue"]["finality"] == FINALITY_OF_ONE_VALIDATOR


def test_submitted_pack_has_the_principal_of_the_tape(consortium: Consortium, main_job: MainJob) -> None:
    submitted = main_job.documents["submit"]
    cents = sum(int(Decimal(loan["outstanding_principal"]) * 100) for loan in main_job.loans)
    assert (submitted["assets_count"], submitted["principal_cents"]) == (len(main_job.loans), cents)
    shown = consortium.ask(None, "pack", "show", str(main_job.pack))
    assert shown["status"] == PackStatus.ISSUED.word
    assert shown["root"] == submitted["root"]


def test_rows_of_the_pack_are_those_of_the_tape_in_another_order(consortium: Consortium, main_job: MainJob) -> None:
    shuffled = [row.loan_id for row in _pack(consortium, main_job).rows]
    of_the_tape = [loan["loan_id"] for loan in main_job.loans]
    assert shuffled != of_the_tape
    assert sorted(shuffled) == sorted(of_the_tape)


def test_query_counts_every_borrower_without_a_file_as_missing(main_job: MainJob, consortium: Consortium) -> None:
    records = _records_by_subject(consortium)
    missing = sum(loan["borrower_id"] not in records for loan in main_job.loans)
    answer = main_job.documents["query"]["answers"][0]
    assert missing >= len(WITHOUT_FILE)
    assert answer["missing_count"] == missing
    assert (answer["found_count"], answer["refused_count"]) == (len(main_job.loans) - missing, 0)


def test_scores_on_chain_are_those_of_the_files(consortium: Consortium, main_job: MainJob) -> None:
    report, pack = _report(consortium, main_job), _pack(consortium, main_job)
    records, subject_by_loan = _records_by_subject(consortium), _subject_by_loan(main_job)
    record_by_handle = {
        row.handle: records[subject] for row in pack.rows if (subject := subject_by_loan[row.loan_id]) in records
    }
    package = ModelPackage.load(DEFAULT_MODEL)
    terms = {"cut_off_day": pack.cut_off_day, "fresh_days": 365, "age_days_max": 730, "allows_relations": False}
    assert report == assess(package, pack.rows, record_by_handle, **terms)
    word_by_loan = {row.loan_id: word for row, word in zip(pack.rows, words_of(report), strict=True)}
    for place in AGED_FILES[1]:
        assert band_of(word_by_loan[main_job.loans[place]["loan_id"]]) > 0
    for place in (*STALE[1], *WITHOUT_FILE):
        assert word_by_loan[main_job.loans[place]["loan_id"]] == NO_RECORD
    assert sum(band_of(word) > 0 for word in words_of(report)) == len(AGED_FILES[1])


def test_model_on_chain_is_the_published_package(consortium: Consortium, main_job: MainJob, tmp_path: Path) -> None:
    verified = consortium.ask(None, "risk", "model", "verify", "1", "--rows", "30")
    assert (verified["is_equal"], verified["rows_count"], verified["differing_count"]) == (True, 30, 0)
    assert {each["what"] for each in verified["comparisons"]} >= {"model.onnx", "program, as executed", "pd table"}
    listed = consortium.ask(None, "risk", "model", "list")["models"]
    assert [(each["model"], each["role"], each["is_published"]) for each in listed][:1] == [(1, "champion", True)]
    other = Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "other"))
    manifest = (other / "manifest.json").read_text()
    (other / "manifest.json").write_text(manifest.replace('"version":1', '"version":2'))
    done = consortium.cli(None, "risk", "model", "verify", "1", other, "--rows", "1")
    assert_one_line(done, "model 1: got another manifest.json, expected that of")


def test_screening_on_chain_is_that_of_the_reference(consortium: Consortium, main_job: MainJob) -> None:
    chain, said = consortium.chain(), main_job.documents["screen"]
    assets = _assets(consortium, main_job)
    run = chain.call("Screening", "run", said["run"])
    policy, tables = read_policy(chain, run.policyId), read_tables(chain, run.modelId)
    screened = screen(assets, policy, tables.pd_ppm, tables.margin_ppm)
    assert said["outcome"] == "target met"
    assert said["bad_rate_before_ppm"] == screened.before.bad_rate_by_balance_ppm
    assert said["bad_rate_after_ppm"] == screened.after.bad_rate_by_balance_ppm <= 100_000
    assert [level["after_count"] for level in said["levels"]] == [t.count for t in screened.after.level_tallies]
    index_by_loan = {row.loan_id: index for index, row in enumerate(_pack(consortium, main_job).rows)}
    left = [index_by_loan[loan_id] for loan_id in main_job.left[:2]]
    closed = bring_down(assets, policy, tables.pd_ppm, tables.margin_ppm, screened, left)
    assert read_reasons(chain, said["run"], len(assets)) == closed.reasons
    told = main_job.documents["bring_down"]
    assert (told["brought_down_count"], told["not_kept_before_count"], told["target_met"]) == (2, 1, True)
    assert told["bad_rate_ppm"] == closed.after.bad_rate_by_balance_ppm


def test_bridge_leads_from_offered_to_issued_in_count_and_cents(main_job: MainJob, consortium: Consortium) -> None:
    bridge = main_job.documents["screen"]["bridge"]
    offered, kept = bridge[0], bridge[-1]
    for figure in ("assets_count", "principal_cents"):
        assert offered[figure] == sum(step[figure] for step in bridge[1:])
    cents_by_loan = {loan["loan_id"]: int(Decimal(loan["outstanding_principal"]) * 100) for loan in main_job.loans}
    left_cents = sum(cents_by_loan[loan_id] for loan_id in main_job.left[:2])
    issued = main_job.documents["issue"]
    assert issued["assets_count"] == kept["assets_count"] - 2
    assert issued["total_cents"] == kept["principal_cents"] - left_cents
    reasons = read_reasons(consortium.chain(), issued["run"], len(main_job.loans))
    rows = _pack(consortium, main_job).rows
    kept_loans = [row.loan_id for row, reason in zip(rows, reasons, strict=True) if reason == Reason.KEPT]
    assert issued["total_cents"] == sum(cents_by_loan[loan_id] for loan_id in kept_loans)


def test_verify_recomputes_every_figure_for_trustee_and_auditor(consortium: Consortium, main_job: MainJob) -> None:
    verified = main_job.documents["verify"]
    assert verified["all_equal"]
    assert len(verified["checks"]) >= 15
    by_auditor = consortium.ask("auditor-b", "exchange", "verify", PRODUCT)
    assert by_auditor["all_equal"]
    assert _on_chain(by_auditor) == _on_chain(verified)


def test_verify_by_the_exchange_itself_is_refused(consortium: Consortium, main_job: MainJob) -> None:
    assert main_job.documents["issue"]["product"] == PRODUCT
    done = consortium.cli("exchange", "exchange", "verify", PRODUCT)
    assert done.code == 1
    assert done.error.startswith("error: refused by")


def test_exported_chain_verifies_after_a_clean_shutdown(consortium: Consortium, main_job: MainJob) -> None:
    issued_in = main_job.documents["issue"]["block"]
    head = consortium.chain().head()
    root = consortium.node.call("eth_getBlockByNumber", hex(head), False)["stateRoot"]
    assert consortium.node.stop() == 0
    try:
        blocks, genesis = consortium.directory / "chain.rlp", consortium.directory / "genesis.json"
        store = ("--genesis", genesis, "--data-dir", consortium.node.network.data_dir)
        exported = tranchain_node("export", "--to", blocks, *store, "--json")
        assert exported.returncode == 0, exported.stderr
        verified = tranchain_node("verify", blocks, "--genesis", genesis, "--json")
        assert verified.returncode == 0, verified.stderr
    finally:
        consortium.node.start()
    said = json.loads(verified.stdout)
    assert said["blocks"] > head >= issued_in
    assert consortium.node.call("eth_getBlockByNumber", hex(head), False)["stateRoot"] == root


def test_promise_of_the_pack_is_what_its_scores_say_and_removed_loans_are_followed(
    consortium: Consortium, main_job: MainJob, tmp_path: Path
) -> None:
    pack = str(main_job.pack)
    made = consortium.ask("risk-control", "risk", "promise", "make", pack)
    run = consortium.chain().call("Screening", "run", main_job.documents["screen"]["run"])
    assert (made["status"], made["loans_count"], made["last_period"]) == ("running", run.keptCount, 0)
    assert len(made["months"]) in (36, 60)
    expected = Decimal(run.afterCountPpm) * run.keptCount / 10**6
    assert expected - 1 <= Decimal(str(made["months"][-1]["expected"])) <= expected
    assert made["months"][-1]["broken_from"] > expected
    assert made["margin_ppm"] >= 1_050_000
    assert consortium.ask("auditor-a", "risk", "promise", "show", pack)["months"] == made["months"]
    record = consortium.ask(None, "risk", "promise", "record", "--model", str(run.modelId))
    assert (record["running_count"], record["worst_ratio_ppm"]) == (1, 0)

    reasons = read_reasons(consortium.chain(), main_job.documents["screen"]["run"], len(main_job.loans))
    rows = _pack(consortium, main_job).rows
    removed = [row.loan_id for row, reason in zip(rows, reasons, strict=True) if reason == Reason.SCREENED]
    outcomes = [{"loan_id": loan_id, "defaulted": "yes" if at < 2 else "no"} for at, loan_id in enumerate(removed)]
    line = ("pack", "shadow-report", pack, "--period", "6", "--outcomes")
    told = consortium.ask(ORIGINATOR, *line, write_rows(tmp_path / "removed.csv", outcomes))
    assert (told["reported_count"], told["defaulted_count"]) == (len(removed), 2)
    kept = [{"loan_id": row.loan_id, "defaulted": "no"} for row in rows if row.loan_id not in removed][:1]
    refused = consortium.cli(ORIGINATOR, *line, write_rows(tmp_path / "kept.csv", kept))
    assert "loans that the screening of this pack removed" in refused.error
    shown = consortium.ask("auditor-a", "risk", "promise", "show", pack)
    assert shown["removed_default_rate_ppm"] == 2 * 10**6 // len(removed)
    assert (shown["kept_default_rate_ppm"], shown["screening_chose"]) == (0, "yes")


def _senders_by_function(consortium: Consortium) -> dict[tuple[str, str], set[str]]:
    """Who called which function of which contract in any block."""
    chain = consortium.chain()
    contracts = {contract for contract, _ in STEPS}
    name_by_address = {chain.address_of(name): name for name in contracts}
    functions = {
        (name, function_signature_to_4byte_selector(f"{entry['name']}({','.join(get_abi_input_types(entry))})")): entry[
            "name"
        ]
        for name in contracts
        for entry in load_artifact(name).abi
        if entry["type"] == "function"
    }
    senders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for height in range(chain.head() + 1):
        for transaction in chain.web3.eth.get_block(height, full_transactions=True)["transactions"]:
            contract = name_by_address.get(transaction.get("to"))
            if contract is not None:
                function = functions[contract, bytes(transaction["input"][:4])]
                senders[contract, function].add(transaction["from"])
    return senders


def _on_chain(verified: Any) -> dict[str, str]:
    """What a verification says of the chain, by figure."""
    return {check["figure"]: check["on_chain"] for check in verified["checks"]}


def _pack(consortium: Consortium, job: MainJob) -> PackFile:
    return read_pack(consortium.chain(), consortium.vault("trustee"), consortium.identity("trustee"), job.pack)


def _report(consortium: Consortium, job: MainJob) -> bytes:
    return read_report(consortium.chain(), job.documents["score"]["round"], len(job.loans))


def _assets(consortium: Consortium, job: MainJob) -> Sequence[Asset]:
    return read_assets(consortium.chain(), job.pack, _report(consortium, job))


def _subject_by_loan(job: MainJob) -> dict[str, str]:
    return {loan["loan_id"]: loan["borrower_id"] for loan in job.loans}


def _records_by_subject(consortium: Consortium) -> dict[str, tuple[int | None, ...]]:
    """The credit files as the bureau uploaded them, read again from its file."""
    path = consortium.directory / "credit_files.csv"
    table = read_table(path, CREDIT_FIELDS, keys=CREDIT_KEYS, unique=CREDIT_KEYS, mapping=load_mapping(CREDIT_MAPPING))
    columns = [*CREDIT_KEYS, *(field.name for field in CREDIT_FIELDS)]
    rows = table.accepted(skip_bad_rows=False).select(columns).iter_rows()
    return {subject: tuple(values) for subject, *values in rows}
