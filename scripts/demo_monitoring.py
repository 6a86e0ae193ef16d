"""The demo's second part: a year of the issued pool, a measure that a trigger asks for, and the report of it all."""

import time
from pathlib import Path
from typing import Any

from demo_consortium import ORIGINATOR
from demo_report import REGISTRY
from demo_stage import ROOT, Demo
from rich import box
from rich.console import Console
from rich.table import Table

from client.sdk.chain import ChainClient
from client.sdk.monitoring.on_chain import read_entries

MONTHS = 12
ASSETS_MAX = 100
"""Of one measure; those that are furthest behind come first."""


def monitor_year(demo: Demo, pack: str, examples: Path) -> None:
    """Report twelve months, look at the last, and order what it asks for."""
    demo.say("The pool is monitored by terms that were set before; the servicer reports the twelve months of 2012")
    terms = ("--terms", str(examples / "monitoring.toml"))
    demo.run("tranchain", "risk", "promise", "make", pack, account="risk-control", show=False)
    demo.run("tranchain", "risk", "monitor-start", pack, *terms, account="risk-control")
    tape = (str(examples / "servicer_2012.csv.gz"), "--mapping", str(examples / "mapping_servicer.toml"))
    demo.run("tranchain", "servicer", "report", pack, *tape, "--all", "--skip-others", account=ORIGINATOR)
    demo.say("Risk control looks at December: every figure is computed again from what was reported")
    month = demo.run("tranchain", "risk", "monitor", pack, account="risk-control")
    _print_month(month)
    fired = [row["trigger"] for row in month["triggers"] if row["fires"]]
    if not fired:
        raise SystemExit("no trigger fires in December; the demo's terms expect one")
    carry_out_measure(demo, pack, fired)


def carry_out_measure(demo: Demo, pack: str, fired: list[str]) -> None:
    """Order weekly collection of what is past due; the servicer carries it out, the trustee confirms."""
    demo.say(f"The pool is on alert ({', '.join(fired)}): risk control orders weekly collection of what is past due")
    entries = read_entries(ChainClient(demo.urls_of("risk-control"), REGISTRY), int(pack), MONTHS)
    late = sorted(
        (index for index, entry in enumerate(entries) if entry.state.is_live and entry.band),
        key=lambda index: (-entries[index].band, index),
    )[:ASSETS_MAX]
    grounds = _write(demo, "grounds.txt", f"Pack {pack}: {', '.join(fired)} above the limit in December.\n")
    ordered = demo.run(
        *("tranchain", "measure", "order", pack, "--kind", "collect", "--assets", ",".join(map(str, late))),
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


def _print_month(month: dict[str, Any]) -> None:
    """Print the triggers of the month and a line for each month before, in percent."""
    triggers = Table("trigger", "value %", "limit %", "cushion %", "fires", box=box.SIMPLE_HEAD)
    for row in month["triggers"]:
        shares = (_percent(row[f"{name}_ppm"]) for name in ("value", "limit", "cushion"))
        triggers.add_row(row["trigger"], *shares, "yes" if row["fires"] else "-")
    columns = ("pool_factor", "prepayment_year", "top_levels", "arrears", "net_loss", "promised")
    titles = ("pool factor %", "CPR %", "levels 8-10 %", "61+ days %", "net loss %", "promised %")
    months = Table("month", *titles, "defaults", "fired", box=box.SIMPLE_HEAD)
    for row in month["history"]:
        shares = (_percent(row[f"{name}_ppm"]) for name in columns)
        months.add_row(row["month"], *shares, str(row["defaulted_count"]), row["fired"])
    for table in (triggers, months):
        for column in table.columns[1:-1]:
            column.justify = "right"
        Console(width=110).print(table)


def _percent(ppm: int) -> str:
    return f"{ppm / 1e4:.2f}"


def _write(demo: Demo, name: str, text: str) -> Path:
    path = demo.directory / name
    path.write_text(text)
    return path
