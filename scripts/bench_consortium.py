"""The demo's consortium as benchmarks use it: founded, empty, in a temporary directory; and credit files for it."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench_usage import UsageMeter
from demo import EXAMPLES
from demo_consortium import MEMBERS
from demo_network import found_network, start_network
from demo_stage import ROOT, Demo, find_port, stopping

from chain_node.execution.native.library import LibraryMissingError, load_library
from chain_node.node.engine_choice import EngineName

STEPS = (
    "risk query",
    "risk score",
    "risk screen",
    "pack bring-down",
    "pack assign",
    "exchange accept",
    "exchange issue",
)
"""Commands from the query to the issue."""


@contextmanager
def running_consortium(
    node_count: int = 1,
    *,
    engine: EngineName = "py-evm",
    genesis_options: Sequence[str] = ("--block-period-ms", "200"),
    has_all_oracles: bool = False,
) -> Iterator[Demo]:
    """Give the consortium; the first members run nodes, with this engine and no other."""
    if engine == "native":
        check_library()
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=build) as directory:
        demo = Demo(
            Path(directory).resolve(),
            {name: f"http://127.0.0.1:{find_port()}" for name in list(MEMBERS)[:node_count]},
            registrar=f"http://127.0.0.1:{find_port()}",
            has_all_oracles=has_all_oracles,
            genesis_options=tuple(genesis_options),
            engine=engine,
        )
        with stopping(demo):
            start_network(demo)
            found_network(demo)
            yield demo


def check_library() -> None:
    """End the program where the native engine is not built."""
    try:
        load_library()
    except LibraryMissingError as error:
        raise SystemExit(f"native figures are for the native engine alone: {error}") from error


def meter_of(demo: Demo) -> UsageMeter:
    """Return a meter of the consortium's processes."""
    return UsageMeter(daemons=lambda: {name: each.process.pid for name, each in demo.daemons.items()})


def upload_invented(demo: Demo, record_count: int, run: int) -> float:
    """Upload a file of invented people as the bureau, into a database of the run; gives the seconds it took."""
    path = demo.directory / f"credit_{run}.csv"
    _write_credit_files(path, record_count, run)
    mapping = ("--mapping", str(EXAMPLES / "mapping_credit_files.toml"))
    database = ("--db", str(demo.directory / f"bureau_{run}.db"))
    demo.run("tranchain", "bureau", "upload", str(path), *mapping, *database, account="bureau")
    return demo.seconds_by_command["bureau upload"]


def _write_credit_files(path: Path, count: int, seed: int) -> None:
    """Write a file of invented people whose figures are drawn from the example's rows."""
    with (ROOT / EXAMPLES / "credit_files.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    generator = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number in range(count):
            writer.writerow([f"B{seed}{number:09}", *generator.choice(rows)[1:]])
