"""After the end of a pack or a record: loans are free again, blobs and keys are gone, products still verify."""

import pytest

from client.sdk.errors import RefusedError
from client.sdk.pack.on_chain import read_reasons
from client.sdk.pack.reader import read_pack
from client.sdk.pack.status import PackStatus
from client.sdk.screening import Reason
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium
from tests.e2e.main_job import PRODUCT, MainJob, submit_pack
from tests.e2e.pack_files import example_loans

FORGOTTEN_LOANS = (780, 120)


def test_loans_that_screening_removed_can_be_offered_again(consortium: Consortium, main_job: MainJob) -> None:
    """Their pledges are freed first: to find each of them not live inside one transaction would cost too much."""
    chain = consortium.chain()
    trustee = consortium.identity("trustee")
    rows = read_pack(chain, consortium.vault("trustee"), trustee, main_job.pack).rows
    reasons = read_reasons(chain, int(chain.call("Screening", "runOf", main_job.pack)), len(rows))
    removed = {row.loan_id for row, reason in zip(rows, reasons, strict=True) if reason == Reason.SCREENED}
    assert len(removed) >= 100
    again = submit_pack(consortium, "again", [loan for loan in main_job.loans if loan["loan_id"] in removed])
    assert chain.call("AssetPackRegistry", "pack", again.pack).status == PackStatus.SUBMITTED
    assert again.documents["submit"]["assets_count"] == len(removed)


def test_withdrawn_pack_is_forgotten_and_its_rows_are_gone(consortium: Consortium, main_job: MainJob) -> None:
    job = submit_pack(consortium, "forgotten", example_loans(*FORGOTTEN_LOANS))
    database = ("--db", consortium.directory / "risk_control.db")
    too_early = consortium.cli("risk-control", "risk", "forget", str(job.pack), *database)
    assert too_early.code == 1
    assert f"pack {job.pack} is submitted, not withdrawn or closed" in too_early.error
    consortium.ask(ORIGINATOR, "pack", "withdraw", str(job.pack))
    forgotten = consortium.ask("risk-control", "risk", "forget", str(job.pack), *database)
    assert forgotten["purged_count"] >= 3  # pack key, row key, rows
    with pytest.raises(RefusedError):
        read_pack(consortium.chain(), consortium.vault("trustee"), consortium.identity("trustee"), job.pack)
    offered_again = submit_pack(consortium, "remembered", example_loans(*FORGOTTEN_LOANS))
    assert offered_again.pack != job.pack


def test_product_is_verified_and_deletion_confirmed_after_a_record_was_erased(
    consortium: Consortium, main_job: MainJob
) -> None:
    borrower = main_job.loans[100]["borrower_id"]
    consortium.ask("bureau", "bureau", "erase", borrower, "--db", consortium.directory / "bureau.db")
    verified = consortium.ask("trustee", "exchange", "verify", PRODUCT)
    assert verified["all_equal"]
    assert any("1 as the chain has them, their records erased since" in check["source"] for check in verified["checks"])
    chain = consortium.chain()
    revoked = [event for event in chain.events("CreditFileRegistry", "RecordsRevoked") if event.args["reason"] == 2][-1]
    batch, index = int(revoked.args["batchId"]), int(revoked.args["indices"][0])
    trustee = consortium.address("trustee")
    assert not chain.call("CreditFileRegistry", "deletionConfirmed", batch, index, trustee)
    consortium.ask("trustee", "risk", "confirm-deletion", str(batch), "--index", str(index))
    assert chain.call("CreditFileRegistry", "deletionConfirmed", batch, index, trustee)
