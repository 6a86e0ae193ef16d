"""Where the time of a network under load goes: `python scripts/bench_profile.py` draws docs/performance_profile.png.

Linux `perf` samples all nodes while `tranchain bench put` loads them; samples are sorted by what they are for, as the
library or the function tells, and given as CPU time a transaction, summed over all nodes.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402 - the path is set above
from matplotlib.figure import Figure  # noqa: E402
from native_network import NativeNetwork, native_network  # noqa: E402

SAMPLES_PER_S = 499
TRANSACTIONS = 20_000
_SHOWN_US_MIN = 0.5
PICTURE = ROOT / "docs" / "performance_profile.png"
LOAD = "load generator, whole process"
KINDS = (
    ("senders' signatures (secp256k1)", r"secp256k1|ecdsa|ecmult", r"_native|coincurve"),
    ("LMDB", r"mdb_|heed|lmdb", r"_native|lmdb"),
    ("hashing (keccak, sha)", r"keccak|sha3|sha256|Sha3", r""),
    ("state trie", r"trie|state::|rlp", r"_native"),
    ("EVM", r"revm|interpreter|evm", r"_native"),
    ("engine, else", r"", r"_native"),
    ("TLS", r"", r"libssl|libcrypto|_ssl|cryptography|_rust"),
    ("event loop, HTTP, JSON", r"", r"uvloop|httptools|orjson|loop\.cpython|parser\.cpython"),
    ("kernel: sockets, disk, threads", r"", r"kernel|\[vdso\]|unknown"),
    ("Python interpreter", r"", r"python|_ctypes|_asyncio|_struct"),
    ("memory and strings (libc)", r"", r"libc[.-]|libm[.-]|ld-linux|libpthread|libstdc"),
)
"""What samples are for: name, pattern of the function, pattern of the library; the first that fits both counts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validators", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--to", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    found = {count: profile(count) for count in arguments.validators}
    print(json.dumps({str(count): each for count, each in found.items()}, indent=1))
    draw(found, arguments.to)


def profile(validators: int) -> dict[str, Any]:
    """Give the throughput and the CPU time a transaction by kind, in us, of a network of so many validators."""
    with native_network(validators) as native:
        native.put(TRANSACTIONS)
        report, samples = _sampled(native)
    us_by_kind = {kind: 1e6 * count / SAMPLES_PER_S / TRANSACTIONS for kind, count in samples.items()}
    us_by_kind = {kind: us for kind, us in us_by_kind.items() if us >= _SHOWN_US_MIN}
    us_by_kind[LOAD] = report["generator"]["cpu_us_per_transaction"]
    return {
        "throughput_tps": report["throughput_tps"],
        "us_by_kind": {kind: round(us, 1) for kind, us in sorted(us_by_kind.items(), key=lambda pair: -pair[1])},
    }


def _sampled(native: NativeNetwork) -> tuple[dict[str, Any], Counter[str]]:
    pids = ",".join(str(node.process.pid) for node in native.nodes if node.process is not None)
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "perf.data"
        options = ("-e", "cpu-clock", "-F", str(SAMPLES_PER_S), "-p", pids, "-o", str(data))
        with subprocess.Popen(["perf", "record", *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as perf:
            report = native.put(TRANSACTIONS)
            perf.terminate()
            _, said = perf.communicate()  # it writes its file now
        form = ("--stdio", "--no-children", "-F", "sample,dso,symbol", "--sort", "dso,symbol", "-t", "|")
        printed = subprocess.run(
            ["perf", "report", "-i", str(data), *form], capture_output=True, text=True, check=True
        ).stdout
    samples = count_kinds(printed)
    if not samples:
        raise SystemExit(f"perf took no samples: {said.decode()}")
    return report, samples


def count_kinds(printed: str) -> Counter[str]:
    """Sort the samples of a report of perf by what they are for."""
    samples: Counter[str] = Counter()
    for line in printed.splitlines():
        parts = line.split("|")
        if line.startswith("#") or len(parts) < 3:
            continue
        count, library, function = int(parts[0]), parts[1].strip(), "|".join(parts[2:])
        fitting = (
            kind
            for kind, of_function, of_library in KINDS
            if re.search(of_function, function) and re.search(of_library, library)
        )
        samples[next(fitting, f"other ({library})")] += count
    return samples


def draw(found: dict[int, dict[str, Any]], path: Path) -> None:
    """Draw one bar a kind and network."""
    kinds = list(dict.fromkeys(kind for each in found.values() for kind in each["us_by_kind"]))
    kinds.sort(key=lambda kind: max(each["us_by_kind"].get(kind, 0.0) for each in found.values()))
    figure = Figure(figsize=(9, 5.5), layout="constrained", facecolor="white")
    axes = figure.subplots()
    height = 0.8 / len(found)
    for place, (validators, each) in enumerate(found.items()):
        name = f"validators: {validators} ({each['throughput_tps']:,.0f} transactions per second)"
        values = [each["us_by_kind"].get(kind, 0.0) for kind in kinds]
        where = [number + (place - (len(found) - 1) / 2) * height for number in range(len(kinds))]
        bars = axes.barh(where, values, height * 0.9, color=("#2a78d6", "#1baf7a", "#eb6834")[place % 3], label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=8, color="#52514e", padding=2)
    axes.set_yticks(range(len(kinds)), kinds, fontsize=9)
    axes.set_xlabel("µs of CPU a transaction, all nodes together; two cores have 2,000,000 a second", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e4e3df", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    with path.open("wb") as file:
        FigureCanvasAgg(figure).print_png(file)


if __name__ == "__main__":
    main()
