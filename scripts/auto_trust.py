"""`make auto-trust`: the whole life of a real auto trust on one node, by real processes.

    python scripts/auto_trust.py                         pack, screening, then every month to the last report
    python scripts/auto_trust.py --months 6              only the first months
    python scripts/auto_trust.py --without-holidays      report the payment holidays of 2020 as arrears
    python scripts/auto_trust.py --training training.csv write what examples/models/ally_auto.toml trains on, and end

3,454 loans of Ally Auto Receivables Trust 2017-3, from May 2017 to December 2020; where they come from, and what had to
be derived, is in examples/ally_2017_3/SOURCE.md.
"""

import argparse
import csv
import sys
import tempfile
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from auto_trust_data import (  # noqa: E402
    TRUST,
    loans_with_outcome,
    period_rows,
    write_consents,
)
from auto_trust_life import print_life  # noqa: E402
from auto_trust_report import print_outcomes, read_outcomes  # noqa: E402
from demo_consortium import AUDITOR_BY_ORACLE, MEMBERS, ORIGINATOR  # noqa: E402
from demo_network import found_network, start_network  # noqa: E402
from demo_report import REGISTRY  # noqa: E402
from demo_stage import Demo, find_port, stopping  # noqa: E402

from client.sdk.chain import ChainClient  # noqa: E402
from client.sdk.monitoring.on_chain import replay  # noqa: E402

MODEL = TRUST / "model"
PRODUCT = "ALLY-2017-3"
CUT_OFF, CLOSING = "2017-05-31", "2017-06-15"
TARGET = "6%"


def prepare(demo: Demo) -> Path:
    """Import the trust's own tape of its first month; returns the directory of the tables."""
    demo.say("The originator's tape is the trust's Schedule AL of May 2017: checked and imported")
    tables = demo.directory / "tables"
    demo.run("tranchain", "tape", "import", str(TRUST / "static.csv.gz"), "--out", str(tables))
    write_consents(tables / "loans.csv", tables / "consents.csv")
    return tables


def issue(demo: Demo, tables: Path) -> str:
    """From the bureau's files to the product; returns the pack's id."""
    directory, consortium = demo.directory, demo.consortium
    demo.say("The bureau has the scores of the tape, as observed at origination")
    bureau_db = ("--db", str(directory / "bureau.db"))
    demo.run("tranchain", "bureau", "upload", str(tables / "credit_files.csv"), *bureau_db, account="bureau")
    _serve(demo, bureau_db)
    demo.say("Risk control invites the originator; the pack is submitted, queried, scored and screened")
    risk_db = ("--db", str(directory / "risk_control.db"))
    originator = consortium.identity(ORIGINATOR).address
    invited = demo.run("tranchain", "risk", "invite", "--originator", originator, *risk_db, account="risk-control")
    pack = str(invited["pack"])
    demo.run(
        *("tranchain", "pack", "submit", str(tables / "loans.csv"), "--pack", pack),
        *("--consents", str(tables / "consents.csv"), "--cut-off", CUT_OFF, "--closing", CLOSING),
        *("--db", str(directory / "originator.db")),
        account=ORIGINATOR,
    )
    demo.run("tranchain", "risk", "query", pack, account="risk-control")
    demo.run("tranchain", "risk", "score", pack, "--timeout", "120", account="risk-control")
    demo.run("tranchain", "risk", "screen", pack, "--expected-bad-rate", TARGET, account="risk-control")
    demo.run("tranchain", "pack", "bring-down", pack, account=ORIGINATOR)
    document = directory / "assignment.txt"
    document.write_text(f"Assignment of the claims of pack {pack} to the SPV of product {PRODUCT}.\n")
    demo.run("tranchain", "pack", "assign", pack, "--document", str(document), account=ORIGINATOR, show=False)
    demo.run("tranchain", "exchange", "accept", pack, account="trustee", show=False)
    reader = ("--reader", str(consortium.keystore("trustee")))
    demo.run("tranchain", "exchange", "issue", PRODUCT, "--pack", pack, *reader, account="exchange")
    return pack


def write_periods(path: Path, months: int | None, *, with_holidays: bool) -> Path:
    """Write the servicer's tape: a row a loan and month."""
    rows = [row for _, each in islice(period_rows(with_holidays=with_holidays), months) for row in each]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _serve(demo: Demo, bureau_db: tuple[str, ...]) -> None:
    directory = demo.directory
    demo.start("bureau", "tranchain", "bureau", "serve", *bureau_db, account="bureau")
    key_file = ("--key-file", str(directory / "registrar.key.json"))
    demo.run("tranchain", "registrar", "init", *key_file, "--scrypt-n", "4096", account="registrar", show=False)
    listen = ("--listen", demo.registrar.removeprefix("http://"), "--log", str(directory / "registrar.requests.log"))
    demo.start("registrar", "tranchain", "registrar", "serve", *key_file, *listen, account="registrar")
    for oracle in demo.oracles:
        auditor = ("--auditor", str(demo.consortium.keystore(AUDITOR_BY_ORACLE[oracle])))
        where = ("--db", str(directory / f"{oracle}.db"), "--model", str(MODEL))
        demo.start(oracle, "tranchain", "oracle", "serve", *auditor, *where, account=oracle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, help="months after the cut-off; default: all 43")
    parser.add_argument("--without-holidays", action="store_true", help="report payment holidays as arrears")
    parser.add_argument("--training", type=Path, help="write the training data here, and end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="auto-trust-") as directory:
        organisation = next(iter(MEMBERS))
        demo = Demo(
            Path(directory).resolve(),
            {organisation: f"http://127.0.0.1:{find_port()}"},
            registrar=f"http://127.0.0.1:{find_port()}",
        )
        if arguments.training:
            tables = prepare(demo)
            loans_with_outcome(tables / "loans.csv", tables / "credit_files.csv").write_csv(arguments.training)
            return
        with stopping(demo):
            run(demo, arguments.months, with_holidays=not arguments.without_holidays)


def run(demo: Demo, months: int | None, *, with_holidays: bool) -> None:
    """Run the whole life."""
    start_network(demo)
    found_network(demo, MODEL)
    tables = prepare(demo)
    pack = issue(demo, tables)
    monitor(demo, pack, months, with_holidays=with_holidays)
    demo.say("What screening promised, and what became of the loans")
    print_outcomes(read_outcomes(demo, int(pack), tables))


def monitor(demo: Demo, pack: str, months: int | None, *, with_holidays: bool) -> None:
    """Report every month as the servicer, which is the originator, and show what monitoring says."""
    demo.say("Risk control starts the monitoring; the originator services its loans")
    terms = ("--terms", str(TRUST / "terms.toml"))
    demo.run("tranchain", "risk", "monitor-start", pack, *terms, account="risk-control")
    demo.say("The servicer reports month by month")
    tape = write_periods(demo.directory / "periods.csv", months, with_holidays=with_holidays)
    line = ("tranchain", "servicer", "report", pack, str(tape), "--all", "--skip-others")
    reported = demo.run(*line, account=ORIGINATOR, show=False)["periods"]
    print(f"    {len(reported)} months, {demo.seconds_by_command['servicer report']:.1f} s", flush=True)
    demo.say("Risk control computes every month again from the chain")
    demo.run("tranchain", "risk", "monitor", pack, account="risk-control")
    print_life(replay(ChainClient(demo.rpc, REGISTRY), int(pack)))


if __name__ == "__main__":
    main()
