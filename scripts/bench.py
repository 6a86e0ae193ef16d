"""Measure what the project promises: `make bench`, or `make bench BENCH=key` for one figure.

Prints machine, commit, workload and medians, and keeps them in build/bench.json under their keys.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import numpy as np  # noqa: E402 - the path is set above
from bench_consortium import STEPS, running_consortium, upload_invented  # noqa: E402 - the path is set above
from bench_failover import kill_figures  # noqa: E402
from bench_figure import Figure, measure_pace_ms, median_figure  # noqa: E402
from bench_model import measure_model  # noqa: E402
from bench_native import (  # noqa: E402
    native_finality_ms,
    native_growth,
    native_net3_tps,
    native_net4_tps,
    native_net7_tps,
    native_node1_tps,
    native_rss_mb,
    native_sync_tps,
)
from bench_native_engine import native_engine_tps  # noqa: E402
from bench_native_pack import native_pack_1m_seconds, native_pack_6069_seconds, native_upload_records_per_s  # noqa: E402
from bench_network import (  # noqa: E402
    finality_ms,
    idle_core_share,
    net3_put_tps,
    node_rss_mb_10k,
    resync_1000_blocks_s,
)
from bench_node import bench_node, read_rss_anon_mb  # noqa: E402
from bench_pack import pack_10k_three_bureaus_seconds  # noqa: E402
from bench_scoring import score_1m  # noqa: E402
from bench_screening import screen_growth  # noqa: E402
from bench_tapes import import_csv_rows_per_s, import_xml_rows_per_s  # noqa: E402
from demo import run_main_job  # noqa: E402
from demo_consortium import NODE_NAMES  # noqa: E402

RESULTS = ROOT / "build" / "bench.json"
UPLOAD_RECORDS = 30_000
SCORE_ROWS = 200_000


def node_put_tps() -> dict[str, Figure]:
    """Contract calls that store one record, over HTTP; and the node's memory after them."""
    found = bench_node(runs=3, transactions=4_000)
    conditions = "4,000 single eth_sendRawTransaction per run, 100 senders, 16 connections, 1 s blocks, py-evm"
    return {
        "node_put_tps": median_figure(found.put_tps, "tx/s", ">= 400", conditions),
        "node_rss_mb": median_figure([found.rss_anon_mb], "MB", "<= 400", f"RssAnon after 3 x {conditions}"),
    }


def upload_records_per_s() -> dict[str, Figure]:
    """Credit records read, encrypted, in the vault and committed on the chain, as one command does it."""
    with running_consortium() as demo:
        rates = [UPLOAD_RECORDS / upload_invented(demo, UPLOAD_RECORDS, run) for run in range(3)]
    conditions = f"{UPLOAD_RECORDS:,} rows per run, whole process of `tranchain bureau upload`, SQLite, embedded vault"
    return {"upload_records_per_s": median_figure(rates, "records/s", ">= 3000", conditions)}


def pack_6069_seconds() -> dict[str, Figure]:
    """From `risk query` to `exchange issue` on one node, sum over the commands; and its memory afterwards."""
    seconds, memory_mb, conditions = _measure_main_job(node_count=1)
    return {
        "pack_6069_seconds": median_figure([seconds], "s", "<= 45", conditions),
        "node_rss_after_pack_mb": median_figure([memory_mb], "MB", "<= 400", "RssAnon after the main job"),
    }


def net3_pack_6069_seconds() -> dict[str, Figure]:
    """The same across three institutions' nodes, with three oracles, all on this machine."""
    seconds, _, conditions = _measure_main_job(node_count=3)
    return {"net3_pack_6069_seconds": median_figure([seconds], "s", "<= 90", conditions)}


def _measure_main_job(*, node_count: int) -> tuple[float, float, str]:
    """Give seconds, memory of the first node in MB, and the conditions."""
    with running_consortium(node_count) as demo:
        run_main_job(demo)
        total = sum(demo.seconds_by_command[step] for step in STEPS)
        memory_mb = read_rss_anon_mb(demo.daemons[NODE_NAMES[demo.organisations[0]]].process.pid)
    each = ", ".join(f"{step} {demo.seconds_by_command[step]:.1f}" for step in STEPS)
    return total, memory_mb, f"nodes: {node_count}, whole processes, 200 ms blocks: {each}"


def report_verify_seconds() -> dict[str, Figure]:
    """Every figure of the report of 6,069 loans recomputed by an account that may read the rows."""
    seconds = []
    with running_consortium() as demo:
        run_main_job(demo)
        file = str(demo.directory / "report.html")
        made = demo.run("tranchain", "report", "1", "--out", file, account="risk-control")
        for _ in range(3):
            verified = demo.run("tranchain", "report", "verify", file, account="trustee")
            if not verified["all_equal"] or verified["recomputed_count"] != made["figures_count"]:
                raise SystemExit(f"not every figure was recomputed: {verified}")
            seconds.append(demo.seconds_by_command["report verify"])
    conditions = f"{made['figures_count']:,} figures, whole process of `tranchain report --verify`, one node"
    return {"report_verify_seconds": median_figure(seconds, "s", "<= 60", conditions)}


def score_rows_per_s() -> dict[str, Figure]:
    """Raw record to score: feature spec and ONNX."""
    from client.model.manifest import ModelPackage
    from client.model.schema import FIELDS

    generator = np.random.default_rng(1)
    columns = {
        name: generator.integers(field.minimum, min(field.maximum, 10**7) + 1, SCORE_ROWS, dtype=np.int64)
        for name, field in FIELDS.items()
    }
    package = ModelPackage.load()
    package.score(columns)
    rates = []
    for _ in range(7):
        begun = time.perf_counter()
        package.score(columns)
        rates.append(SCORE_ROWS / (time.perf_counter() - begun))
    return {
        "score_rows_per_s": median_figure(rates, "rows/s", ">= 150000", f"{SCORE_ROWS:,} random rows, int64 columns")
    }


def model_on_chain() -> dict[str, Figure]:
    """Gas of one score in Solidity, and records a second that one node scores."""
    return measure_model(running_consortium())


def demo_seconds() -> dict[str, Figure]:
    """`make demo` in a fresh clone, everything installed anew from the package registries."""
    with tempfile.TemporaryDirectory(prefix="bench-demo-") as directory:
        clone = Path(directory) / "tranchain"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        begun = time.monotonic()
        subprocess.run(["make", "demo"], cwd=clone, env=environment, check=True)
        seconds = time.monotonic() - begun
    return {"demo_seconds": median_figure([seconds], "s", "<= 240", "fresh clone, fresh environment, make demo")}


BENCHES: dict[str, Callable[[], dict[str, Figure]]] = {
    "report_verify_seconds": report_verify_seconds,
    "score_rows_per_s": score_rows_per_s,
    "score_gas": model_on_chain,
    "score_call_rows_per_s": model_on_chain,
    "screen_1m_over_100k": screen_growth,
    "screen_1m_over_100k_gas": screen_growth,
    "screen_1m_reference_s": screen_growth,
    "node_put_tps": node_put_tps,
    "node_rss_mb": node_put_tps,
    "upload_records_per_s": upload_records_per_s,
    "pack_6069_seconds": pack_6069_seconds,
    "net3_pack_6069_seconds": net3_pack_6069_seconds,
    "pack_10k_three_bureaus_seconds": pack_10k_three_bureaus_seconds,
    "net3_put_tps": net3_put_tps,
    "finality_p50_ms": finality_ms,
    "finality_p95_ms": finality_ms,
    "kill_block_rate_ratio": kill_figures,
    "kill_max_stall_s": kill_figures,
    "resync_1000_blocks_s": resync_1000_blocks_s,
    "idle_core_share": idle_core_share,
    "node_rss_mb_10k": node_rss_mb_10k,
    "score_1m_seconds": score_1m,
    "score_1m_rss_mb": score_1m,
    "import_csv_rows_per_s": import_csv_rows_per_s,
    "import_csv_rss_mb": import_csv_rows_per_s,
    "import_xml_rows_per_s": import_xml_rows_per_s,
    "import_xml_rss_mb": import_xml_rows_per_s,
    "demo_seconds": demo_seconds,
    "native_engine_tps": native_engine_tps,
    "native_node1_tps": native_node1_tps,
    "native_net3_tps": native_net3_tps,
    "native_net4_tps": native_net4_tps,
    "native_net7_tps": native_net7_tps,
    "native_growth": native_growth,
    "native_finality_p95_ms": native_finality_ms,
    "native_sync_tps": native_sync_tps,
    "native_rss_mb": native_rss_mb,
    "native_upload_records_per_s": native_upload_records_per_s,
    "native_pack_6069_seconds": native_pack_6069_seconds,
    "native_pack_1m_seconds": native_pack_1m_seconds,
    "native_pack_1m_rss_mb": native_pack_1m_seconds,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("key", nargs="?", choices=sorted(BENCHES), help="one figure; default: all")
    chosen = parser.parse_args().key
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"machine {machine}\ncommit  {commit.stdout.strip()}")
    benches = [BENCHES[chosen]] if chosen else list(dict.fromkeys(BENCHES.values()))
    RESULTS.parent.mkdir(exist_ok=True)
    for bench in benches:
        pace_before_ms = measure_pace_ms()
        figures = bench()
        pace = f"pace {pace_before_ms} to {measure_pace_ms()} ms"
        for key, figure in figures.items():
            conditions = f"{figure.conditions}; {pace}"
            print(f"{key:24} {figure.value:>12,.10g} {figure.unit} (bound {figure.bound}; {conditions})", flush=True)
            results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            stamp = {"commit": commit.stdout.strip(), "machine": machine, "conditions": conditions}
            results[key] = asdict(figure) | stamp
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
