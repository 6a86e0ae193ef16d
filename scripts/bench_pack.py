"""Measure a pack from the query to its issue, with bureaus of three organisations and three oracles on one node."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench_consortium import STEPS, running_consortium
from bench_figure import Figure, median_figure
from demo import EXAMPLES
from demo_bureaus import admit_bureau
from demo_consortium import AUDITOR_BY_ORACLE, ORIGINATOR
from demo_stage import ROOT, Demo

LOANS = 10_000
BUREAUS = {"bank-bureau": "bank", "card-bureau": "card", "account-bureau": "account"}
"""Each bureau's part of the example's credit files, by the name of its mapping."""


def pack_10k_three_bureaus_seconds() -> dict[str, Figure]:
    """From `risk query` to `exchange issue`, sum over the commands."""
    with three_bureaus(LOANS) as (demo, pack):
        run_pack(demo, pack)
        seconds = {step: demo.seconds_by_command[step] for step in STEPS}
    each = ", ".join(f"{step} {taken:.1f}" for step, taken in seconds.items())
    load = f"load average {os.getloadavg()[0]:.1f}"
    conditions = f"{LOANS:,} loans, one node, whole processes, 200 ms blocks, py-evm: {each}; {load}"
    figure = median_figure([sum(seconds.values())], "s", "<= 90", conditions)
    return {"pack_10k_three_bureaus_seconds": figure}


@contextmanager
def three_bureaus(loan_count: int) -> Iterator[tuple[Demo, str]]:
    """Give a consortium with three bureaus, three oracles and a submitted pack of enlarged real loans."""
    with running_consortium(has_all_oracles=True) as demo:
        write_files(demo.directory, loan_count)
        start_bureaus(demo)
        start_others(demo)
        yield demo, submit(demo)


def write_files(directory: Path, loan_count: int) -> None:
    """Write tape, consents and credit files: the example's rows again and again, under invented ids."""
    examples = ROOT / EXAMPLES
    loans = _read(examples / "loans.csv")
    records = {row["national_id"]: row for row in _read(examples / "credit_files.csv")}
    consents = {row["subject_id"]: row for row in _read(examples / "consents.csv")}
    with ExitStack() as stack:

        def writer(name: str, like: dict[str, str]) -> csv.DictWriter[str]:
            found = csv.DictWriter(stack.enter_context((directory / f"{name}.csv").open("w", newline="")), list(like))
            found.writeheader()
            return found

        tape, papers = writer("loans", loans[0]), writer("consents", next(iter(consents.values())))
        files = writer("credit_files", next(iter(records.values())))
        for number in range(loan_count):
            loan = loans[number % len(loans)]
            original, person = loan["borrower_id"], f"Y{number:010}"
            tape.writerow({**loan, "loan_id": f"L{number:07}", "borrower_id": person})
            papers.writerow({**consents[original], "subject_id": person})
            if original in records:
                files.writerow({**records[original], "national_id": person})


def start_bureaus(demo: Demo) -> None:
    """Admit the two further bureaus, have all three upload their parts, and start their daemons."""
    own, *others = BUREAUS
    options_by_bureau: dict[str, tuple[str, ...]] = {
        own: ("--keystore", str(demo.consortium.keystore("bureau")), "--db", str(demo.directory / "bureau.db"))
    }
    for name in others:
        joined = admit_bureau(demo, name)
        options_by_bureau[name] = (*joined.account_options, *joined.database_options)
    for name, options in options_by_bureau.items():
        mapping = ("--mapping", str(EXAMPLES / f"mapping_{BUREAUS[name]}_bureau.toml"))
        demo.run("tranchain", "bureau", "upload", str(demo.directory / "credit_files.csv"), *mapping, *options)
        demo.start(f"{name}-daemon", "tranchain", "bureau", "serve", *options)


def start_others(demo: Demo, *, rows_per_hour: int = 200_000) -> None:
    """Start the registrar and the oracles."""
    key_file = ("--key-file", str(demo.directory / "registrar.key.json"))
    demo.run("tranchain", "registrar", "init", *key_file, "--scrypt-n", "4096", account="registrar", show=False)
    listen = ("--listen", demo.registrar.removeprefix("http://"), "--log", str(demo.directory / "requests.log"))
    limit = ("--rows-per-hour", str(rows_per_hour))
    demo.start("registrar", "tranchain", "registrar", "serve", *key_file, *listen, *limit, account="registrar")
    for oracle in demo.oracles:
        auditor = AUDITOR_BY_ORACLE[oracle]
        reader = ("--auditor", str(demo.consortium.keystore(auditor)), "--db", str(demo.directory / f"{oracle}.db"))
        demo.start(oracle, "tranchain", "oracle", "serve", *reader, account=oracle)


def submit(demo: Demo) -> str:
    """Invite and submit the pack; gives its id."""
    originator = demo.consortium.identity(ORIGINATOR).address
    database = ("--db", str(demo.directory / "risk_control.db"))
    invited = demo.run("tranchain", "risk", "invite", "--originator", originator, *database, account="risk-control")
    pack = str(invited["pack"])
    demo.run(
        *("tranchain", "pack", "submit", str(demo.directory / "loans.csv"), "--pack", pack),
        *("--mapping", str(EXAMPLES / "mapping_loans.toml"), "--consents", str(demo.directory / "consents.csv")),
        *("--cut-off", "2011-12-31", "--closing", "2012-01-15", "--db", str(demo.directory / "originator.db")),
        account=ORIGINATOR,
    )
    return pack


def run_pack(demo: Demo, pack: str, *, timeout_s: int = 300) -> None:
    """Query, score, screen, transfer and issue."""
    timeout = ("--timeout", str(timeout_s))
    demo.run("tranchain", "risk", "query", pack, *timeout, account="risk-control")
    demo.run("tranchain", "risk", "score", pack, *timeout, account="risk-control")
    demo.run("tranchain", "risk", "screen", pack, "--expected-bad-rate", "10%", account="risk-control")
    demo.run("tranchain", "pack", "bring-down", pack, account=ORIGINATOR)
    document = demo.directory / "assignment.txt"
    document.write_text(f"Assignment of the claims of pack {pack}.\n")
    demo.run("tranchain", "pack", "assign", pack, "--document", str(document), account=ORIGINATOR, show=False)
    demo.run("tranchain", "exchange", "accept", pack, account="trustee", show=False)
    reader = ("--reader", str(demo.consortium.keystore("trustee")))
    demo.run("tranchain", "exchange", "issue", "BENCH-1", "--pack", pack, *reader, account="exchange")


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
