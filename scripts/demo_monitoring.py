"""The demo's second part: a year of the issued pool, a measure that a trigger asks for, and the report of it all."""

import time
from pathlib import Path

from demo_consortium import ORIGINATOR
from demo_report import REGISTRY
from demo_stage import ROOT, Demo

from client.sdk.chain import ChainClient
from client.sdk.monitoring.on_chain import read_entries

MONTHS = 12


def monitor_year(demo: Demo, pack: str, examples: Path) -> None:
    """Report twelve months, look at the last, and order what it asks for."""
    demo.say("The pool is monitored by terms that were set before; the servicer reports the twelve months of 2012")
    terms = ("--terms", str(examples / "monitoring.toml"))
    demo.run("tranchain", "risk", "monitor-start", pack, *terms, account="risk-control", show=False)
    tape = (str(examples / "servicer_2012.csv.gz"), "--mapping", str(examples / "mapping_servicer.toml"))
    demo.run("tranchain", "servicer", "report", pack, *tape, "--all", "--skip-others", account=ORIGINATOR)
    demo.say("Risk control looks at December: every figure is computed again from what was reported")
    month = demo.run("tranchain", "risk", "monitor", pack, account="risk-control")
    fired = [row["trigger"] for row in month["triggers"] if row["fires"]]
    if not fired:
        raise SystemExit("no trigger fires in December; the demo's terms expect one")
    carry_out_measure(demo, pack, fired)


def carry_out_measure(demo: Demo, pack: str, fired: list[str]) -> None:
    """Order weekly collection of what is past due; the servicer carries it out, the trustee confirms."""
    demo.say(f"The pool is on alert ({', '.join(fired)}): risk control orders weekly collection of what is past due")
    entries = read_entries(ChainClient(demo.urls_of("risk-control"), REGISTRY), int(pack), MONTHS)
    late = [str(index) for index, entry in enumerate(entries) if entry.state.is_live and entry.band]
    grounds = _write(demo, "grounds.txt", f"Pack {pack}: {', '.join(fired)} above the limit in December.\n")
    ordered = demo.run(
        *("tranchain", "measure", "order", pack, "--kind", "collect", "--assets", ",".join(late)),
        *("--grounds", str(grounds), "--days", "30"),
        account="risk-control",
        show=False,
    )
    measure = str(ordered["measure"])
    evidence = _write(demo, "evidence.txt", f"Weekly reminders and remittance of {len(late)} loans since today.\n")
    carry_out = ("tranchain", "measure", "carry-out", measure, "--evidence", str(evidence))
    demo.run(*carry_out, account=ORIGINATOR, show=False)
    demo.run("tranchain", "measure", "confirm", measure, account="trustee", show=False)
    demo.run("tranchain", "measure", "list", pack, account="risk-control")


def write_report(demo: Demo, pack: str) -> None:
    """Write the report of the pack and verify it from another institution's node."""
    demo.say("The report of the pack: one HTML file, every figure with the block and the call it comes from")
    path = ROOT / "build" / "report.html"
    path.parent.mkdir(exist_ok=True)
    demo.run("tranchain", "report", pack, "--out", str(path), account="risk-control", show=False)
    begun = time.monotonic()
    demo.run("tranchain", "report", "--verify", str(path), account="trustee", show=False)
    seconds = time.monotonic() - begun
    print(f"\n  report: {path.relative_to(ROOT)}; the trustee recomputed every figure in {seconds:.1f} s")


def _write(demo: Demo, name: str, text: str) -> Path:
    path = demo.directory / name
    path.write_text(text)
    return path
