"""Measure what clients do at scale on nodes with the native engine: credit files in, packs from query to issue.

`python scripts/bench_native_pack.py --loans 100000` runs one pack and prints what each step takes, for how it grows.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from bench_consortium import STEPS, meter_of, running_consortium, upload_invented  # noqa: E402 - the path is set above
from bench_figure import Figure, median_figure  # noqa: E402
from bench_pack import run_pack, start_others, submit, write_files  # noqa: E402
from bench_usage import Usage  # noqa: E402
from demo import EXAMPLES, run_main_job  # noqa: E402
from demo_stage import Demo  # noqa: E402

GENESIS = ("--block-period-ms", "100", "--gas-limit", "400000000")
UPLOAD_RECORDS = 200_000
LARGE = 1_000_000
RUNS = 3


def native_upload_records_per_s() -> dict[str, Figure]:
    """Credit records read, encrypted, in the vault and committed on the chain, as one command does it."""
    rates, parts = [], []
    with native_consortium() as demo:
        meter = meter_of(demo)
        for run in range(RUNS):
            with meter.measured() as usage:
                rates.append(UPLOAD_RECORDS / upload_invented(demo, UPLOAD_RECORDS, run))
            parts.append(usage)
    used = ", ".join(f"{name} {1e6 * each.cpu_s / UPLOAD_RECORDS:.0f}" for name, each in parts[-1].items())
    conditions = (
        f"{UPLOAD_RECORDS:,} rows per run, whole process of `tranchain bureau upload`, SQLite, embedded vault; "
        f"processor time a record in us: {used}"
    )
    return {"native_upload_records_per_s": median_figure(rates, "records/s", ">= 10000", conditions)}


def native_pack_6069_seconds() -> dict[str, Figure]:
    """The main job from `risk query` to `exchange issue` across three nodes, sum over the commands."""
    totals = []
    for _ in range(RUNS):
        with native_consortium(node_count=3) as demo:
            run_main_job(demo)
            seconds = {step: demo.seconds_by_command[step] for step in STEPS}
        totals.append(sum(seconds.values()))
    each = ", ".join(f"{step} {taken:.1f}" for step, taken in seconds.items())
    conditions = f"three nodes and oracles, whole processes, 100 ms blocks; last run: {each}"
    return {"native_pack_6069_seconds": median_figure(totals, "s", "<= 12", conditions)}


def native_pack_1m_seconds() -> dict[str, Figure]:
    """A million loans from the query to the issue on one node, and the memory of each process."""
    run = measure_pack(LARGE)
    peak_mb = max(run.peak_mb.values())
    return {
        "native_pack_1m_seconds": median_figure([run.seconds], "s", "<= 300", run.conditions()),
        "native_pack_1m_rss_mb": median_figure([peak_mb], "MB", "<= 3000", run.memory()),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRun:
    """One pack from the query to the issue."""

    loan_count: int
    setup_s: dict[str, float]
    """Upload of the credit files and submission, which come before."""
    seconds_by_step: dict[str, float]
    usage: dict[str, Usage]
    """From the query to the issue, by process; "command" is the commands one after the other."""
    peak_mb: dict[str, float]
    """Most memory of each process (RssAnon), setup included."""

    @property
    def seconds(self) -> float:
        """Sum over the commands."""
        return sum(self.seconds_by_step.values())

    def conditions(self) -> str:
        """Say what was measured and where the time went."""
        steps = ", ".join(f"{step} {taken:.1f}" for step, taken in self.seconds_by_step.items())
        used = ", ".join(f"{name} {each.cpu_s:.0f}" for name, each in self.usage.items())
        before = ", ".join(f"{step} {taken:.0f} s" for step, taken in self.setup_s.items())
        return (
            f"{self.loan_count:,} loans (rows of 6,069 real ones under invented ids), one node, one oracle, whole "
            f"processes, 100 ms blocks: {steps}; processor seconds: {used}; before: {before}; {self.memory()}"
        )

    def memory(self) -> str:
        """Say how much memory each process took."""
        return "largest RssAnon in MB: " + ", ".join(f"{name} {peak:.0f}" for name, peak in self.peak_mb.items())


def measure_pack(loan_count: int) -> PackRun:
    """Upload the credit files, submit a pack, and measure it from the query to the issue."""
    with native_consortium() as demo:
        meter = meter_of(demo)
        write_files(demo.directory, loan_count)
        setup_s: dict[str, float] = {}
        database = ("--db", str(demo.directory / "bureau.db"))
        mapping = ("--mapping", str(EXAMPLES / "mapping_credit_files.toml"))
        files = str(demo.directory / "credit_files.csv")
        with meter.measured():
            demo.run("tranchain", "bureau", "upload", files, *mapping, *database, account="bureau")
            setup_s["bureau upload"] = demo.seconds_by_command["bureau upload"]
            demo.start("bureau-daemon", "tranchain", "bureau", "serve", *database, account="bureau")
            start_others(demo, rows_per_hour=2 * loan_count)
            pack = submit(demo)
            setup_s["pack submit"] = demo.seconds_by_command["pack submit"]
        with meter.measured() as usage:
            run_pack(demo, pack, timeout_s=1_800)
        return PackRun(
            loan_count=loan_count,
            setup_s=setup_s,
            seconds_by_step={step: demo.seconds_by_command[step] for step in STEPS},
            usage=usage,
            peak_mb=meter.peak_mb,
        )


def native_consortium(node_count: int = 1) -> AbstractContextManager[Demo]:
    """The demo's consortium on the native engine, with large blocks."""
    return running_consortium(node_count, engine="native", genesis_options=GENESIS)


def main() -> None:
    """Run one pack and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=10_000, help="size of the pack")
    loan_count = parser.parse_args().loans
    begun = time.monotonic()
    run = measure_pack(loan_count)
    document = {
        "loans_count": loan_count,
        "seconds": round(run.seconds, 1),
        "seconds_by_step": {step: round(taken, 1) for step, taken in run.seconds_by_step.items()},
        "setup_seconds": {step: round(taken, 1) for step, taken in run.setup_s.items()},
        "cpu_seconds": {name: round(each.cpu_s, 1) for name, each in run.usage.items()},
        "peak_mb": {name: round(peak) for name, peak in run.peak_mb.items()},
        "all_seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
