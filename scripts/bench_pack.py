"""Measure a pack from the query to its issue, with bureaus of three organisations and three oracles on one node."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench_figure import Figure, median_figure
from demo import EXAMPLES
from demo_bureaus import JoinedBureau, admit_bureau
from demo_consortium import AUDITOR_BY_ORACLE, MEMBERS, ORIGINATOR
from demo_network import found_network, start_network
from demo_stage import ROOT, Demo, find_port, stopping

LOANS = 10_000
FIELDS_BY_BUREAU = {
    "bank-bureau": (
        "months_since_oldest_line",
        "delinquencies_2y",
        "months_since_delinquency",
        "months_since_record",
        "public_records",
        "bankruptcies",
    ),
    "card-bureau": ("open_lines", "total_lines", "inquiries_6m"),
    "account-bureau": ("revolving_balance", "revolving_utilisation"),
}
"""Columns of the example's credit files, divided over three bureaus."""
STEPS = (
    "risk query",
    "risk score",
    "risk screen",
    "pack bring-down",
    "pack assign",
    "exchange accept",
    "exchange issue",
)
_IDS = ("national_id", "observed_on")


def pack_10k_three_bureaus_seconds() -> dict[str, Figure]:
    """From `risk query` to `exchange issue`, sum over the commands."""
    with three_bureaus(LOANS) as (demo, pack):
        run_pack(demo, pack)
        seconds = {step: demo.seconds_by_command[step] for step in STEPS}
    conditions = f"{LOANS:,} loans, one node, whole processes, 200 ms blocks, py-evm: " + ", ".join(
        f"{step} {taken:.1f}" for step, taken in seconds.items()
    )
    figure = median_figure([sum(seconds.values())], "s", "<= 90", conditions)
    return {"pack_10k_three_bureaus_seconds": figure}


@contextmanager
def three_bureaus(loan_count: int) -> Iterator[tuple[Demo, str]]:
    """Give a consortium with three bureaus, three oracles and a submitted pack of enlarged real loans."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-pack-", dir=ROOT / "build") as directory:
        urls = {next(iter(MEMBERS)): f"http://127.0.0.1:{find_port()}"}
        registrar = f"http://127.0.0.1:{find_port()}"
        demo = Demo(Path(directory).resolve(), urls, registrar=registrar, has_all_oracles=True)
        with stopping(demo):
            start_network(demo)
            found_network(demo)
            files = write_files(demo.directory, loan_count)
            start_bureaus(demo, files)
            start_others(demo)
            yield demo, submit(demo)


def write_files(directory: Path, loan_count: int) -> dict[str, Path]:
    """Write tape, consents and each bureau's credit files: the example's rows again and again, under invented ids."""
    examples = ROOT / EXAMPLES
    loans = _read(examples / "loans.csv")
    records = {row["national_id"]: row for row in _read(examples / "credit_files.csv")}
    consents = {row["subject_id"]: row for row in _read(examples / "consents.csv")}
    tape, papers, files = [], [], []
    for number in range(loan_count):
        loan = loans[number % len(loans)]
        original, person = loan["borrower_id"], f"Y{number:010}"
        tape.append({**loan, "loan_id": f"L{number:07}", "borrower_id": person})
        papers.append({**consents[original], "subject_id": person})
        if original in records:
            files.append({**records[original], "national_id": person})
    _write(directory / "loans.csv", tape)
    _write(directory / "consents.csv", papers)
    paths = {}
    for bureau, fields in FIELDS_BY_BUREAU.items():
        paths[bureau] = directory / f"{bureau}.csv"
        _write(paths[bureau], [{name: row[name] for name in (*_IDS, *fields)} for row in files])
        _write_mapping(paths[bureau].with_suffix(".toml"), fields)
    return paths


def start_bureaus(demo: Demo, files: dict[str, Path]) -> None:
    """Admit the two further bureaus, have all three upload, and start their daemons."""
    own, *others = files
    bureaus: dict[str, tuple[str, ...]] = {
        own: ("--keystore", str(demo.consortium.keystore("bureau")), "--db", str(demo.directory / "bureau.db"))
    }
    for name in others:
        joined: JoinedBureau = admit_bureau(demo, name)
        bureaus[name] = (*joined.account_options, *joined.database_options)
    for name, options in bureaus.items():
        mapping = ("--mapping", str(files[name].with_suffix(".toml")))
        demo.run("tranchain", "bureau", "upload", str(files[name]), *mapping, *options)
        demo.start(f"{name}-daemon", "tranchain", "bureau", "serve", *options)


def start_others(demo: Demo) -> None:
    """Start the registrar and the three oracles."""
    key_file = ("--key-file", str(demo.directory / "registrar.key.json"))
    demo.run("tranchain", "registrar", "init", *key_file, "--scrypt-n", "4096", account="registrar", show=False)
    listen = ("--listen", demo.registrar.removeprefix("http://"), "--log", str(demo.directory / "requests.log"))
    demo.start("registrar", "tranchain", "registrar", "serve", *key_file, *listen, account="registrar")
    for oracle, auditor in AUDITOR_BY_ORACLE.items():
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


def run_pack(demo: Demo, pack: str) -> None:
    """Query, score, screen, transfer and issue."""
    demo.run("tranchain", "risk", "query", pack, account="risk-control")
    demo.run("tranchain", "risk", "score", pack, "--timeout", "300", account="risk-control")
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


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _write_mapping(path: Path, fields: Sequence[str]) -> None:
    """Write the lines of the example's mapping that are about these columns."""
    lines = (ROOT / EXAMPLES / "mapping_credit_files.toml").read_text().splitlines()
    wanted = {f'"{name}"' for name in (*_IDS, *fields)}
    kept, names = [], set()
    for line in lines:
        name, _, value = line.partition(" = ")
        if value in wanted:
            names.add(name)
        is_column = value.startswith('"') and name != "absent"
        if not is_column or value in wanted or name in names:
            kept.append(line)
    path.write_text("\n".join(kept) + "\n")
