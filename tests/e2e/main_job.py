"""The main job on a small pack of real loans, step by step by the command line, each step by its own institution."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.sdk.pack.on_chain import read_reasons, read_report
from client.sdk.pack.reader import read_pack
from client.sdk.pack.report import score_of, words_of
from client.sdk.screening import Reason
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium
from tests.e2e.pack_files import CREDIT_MAPPING, PackFiles, Row, credit_rows, example_loans, write_pack, write_rows

BORROWERS_WITH_FILES = 1_210
"""The first loans of the example; the bureau has the credit files of their borrowers."""
MAIN_LOANS = (0, 300)
PRODUCT = "SMALL-1"
TARGET = "10%"

AGED = ("2010-10-01", (5, 6, 7))
"""Observed more than a year before the cut-off: used, and weighed by the age factor."""
STALE = ("2009-06-01", (8, 9))
"""Observed more than two years before the cut-off: not used."""
WITHOUT_FILE = (10, 11)


@dataclass
class MainJob:
    """What every step of the job said, by its name."""

    pack: int
    loans: list[Row]
    files: PackFiles
    documents: dict[str, Any] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    """Loans reported at closing; screening had removed the last one before."""


def upload_credit_files(consortium: Consortium) -> Any:
    """Upload the credit files, some made older and some left out, and start the bureau's daemon."""
    loans = example_loans(0, BORROWERS_WITH_FILES)
    day_by_borrower = {loans[place]["borrower_id"]: day for day, places in (AGED, STALE) for place in places}
    without = {loans[place]["borrower_id"] for place in WITHOUT_FILE}
    rows = [
        {**row, "observed_on": day_by_borrower.get(row["national_id"], row["observed_on"])}
        for row in credit_rows(loan["borrower_id"] for loan in loans)
        if row["national_id"] not in without
    ]
    path = write_rows(consortium.directory / "credit_files.csv", rows)
    database = ("--db", consortium.directory / "bureau.db")
    return consortium.ask("bureau", "bureau", "upload", path, "--mapping", CREDIT_MAPPING, *database)


def invite(consortium: Consortium, policy: Path | None = None) -> int:
    """Have risk control invite the originator; gives the pack's id."""
    options = ["--db", consortium.directory / "risk_control.db", "--originator", consortium.address(ORIGINATOR)]
    options += ["--policy", policy] if policy else []
    return int(consortium.ask("risk-control", "risk", "invite", *options)["pack"])


def submit_line(consortium: Consortium, pack: int, files: PackFiles) -> list[str]:
    """Return the command that submits a tape."""
    return [
        *("pack", "submit", str(files.tape), "--pack", str(pack), *files.submit_options()),
        *("--db", str(consortium.directory / "originator.db"), "--registrar", consortium.registrar_url),
    ]


def submit_pack(consortium: Consortium, name: str, loans: list[Row], policy: Path | None = None) -> MainJob:
    """Invite and submit a pack of these loans."""
    pack = invite(consortium, policy)
    files = write_pack(consortium.directory, name, loans)
    job = MainJob(pack, loans, files)
    job.documents["submit"] = consortium.ask(ORIGINATOR, *submit_line(consortium, pack, files))
    return job


def query_and_score(consortium: Consortium, job: MainJob) -> None:
    """Query every borrower's credit file, and have the oracle score the pack."""
    job.documents["query"] = consortium.ask("risk-control", "risk", "query", str(job.pack))
    job.documents["score"] = consortium.ask("risk-control", "risk", "score", str(job.pack), "--timeout", "60")


def screen(consortium: Consortium, job: MainJob, *options: str) -> Any:
    """Screen the pack to the target."""
    line = ("risk", "screen", str(job.pack), "--expected-bad-rate", TARGET, *options)
    job.documents["screen"] = consortium.ask("risk-control", *line)
    return job.documents["screen"]


def bring_down(consortium: Consortium, job: MainJob, left: Path | None) -> Any:
    """Report what left before closing."""
    options = ("--left", left) if left else ()
    job.documents["bring_down"] = consortium.ask(ORIGINATOR, "pack", "bring-down", str(job.pack), *options)
    return job.documents["bring_down"]


def transfer(consortium: Consortium, job: MainJob) -> None:
    """Assign title and accept it."""
    document = consortium.directory / f"assignment_{job.pack}.txt"
    document.write_text(f"Assignment of the claims of pack {job.pack} to the SPV.\n")
    assign = ("pack", "assign", str(job.pack), "--document", document)
    job.documents["assign"] = consortium.ask(ORIGINATOR, *assign)
    job.documents["accept"] = consortium.ask("trustee", "exchange", "accept", str(job.pack))


def issue_and_verify(consortium: Consortium, job: MainJob, product: str) -> None:
    """Issue the product, and have the trustee recompute it."""
    reader = ("--reader", consortium.members.keystore("trustee"))
    line = ("exchange", "issue", product, "--pack", str(job.pack), *reader)
    job.documents["issue"] = consortium.ask("exchange", *line)
    job.documents["verify"] = consortium.ask("trustee", "exchange", "verify", product)


def run_main_job(
    consortium: Consortium, *, name: str = "main", loans: list[Row] | None = None, product: str = PRODUCT
) -> MainJob:
    """Run the whole job."""
    job = submit_pack(consortium, name, loans or example_loans(*MAIN_LOANS))
    query_and_score(consortium, job)
    screen(consortium, job)
    bring_down(consortium, job, _left_before_closing(consortium, job))
    transfer(consortium, job)
    issue_and_verify(consortium, job, product)
    return job


def _left_before_closing(consortium: Consortium, job: MainJob) -> Path:
    """Write a file of the two riskiest loans that screening kept, so that the target stays met, and one it removed."""
    chain, originator = consortium.chain(), consortium.identity(ORIGINATOR)
    rows = read_pack(chain, consortium.vault(ORIGINATOR), originator, job.pack).rows
    words = words_of(read_report(chain, job.documents["score"]["round"], len(rows)))
    reasons = read_reasons(chain, job.documents["screen"]["run"], len(rows))
    by_risk = sorted(range(len(rows)), key=lambda index: score_of(words[index]), reverse=True)
    kept, removed = (
        [rows[index].loan_id for index in by_risk if reasons[index] == which]
        for which in (Reason.KEPT, Reason.SCREENED)
    )
    job.left = (kept[0], kept[1], removed[0])
    path = consortium.directory / "left_before_closing.csv"
    return write_rows(path, [{"loan_id": loan_id, "reason": "prepaid"} for loan_id in job.left])
