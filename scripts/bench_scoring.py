"""Measure what an oracle does between decryption and report, on a million loans made from those of the example.

In a process of its own, so that the memory is that of the scoring and of the bytes it is given.
"""

import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from bench_figure import Figure, median_figure  # noqa: E402

from client.model.manifest import ModelPackage  # noqa: E402
from client.model.schema import ASSET_FIELDS, ASSET_KEYS, CREDIT_FIELDS, CREDIT_KEYS, Field  # noqa: E402
from client.sdk.pack.assessment import assess  # noqa: E402
from client.sdk.pack.asset_row import HANDLE_SIZE, AssetRow  # noqa: E402
from client.sdk.pack.asset_table import AssetTable  # noqa: E402
from client.sdk.pack.credit_record import encode_record  # noqa: E402
from client.sdk.pack.credit_table import FoundRecords  # noqa: E402
from client.sdk.pack.report import WORD_SIZE, report_hash  # noqa: E402
from client.sdk.table_mapping import load_mapping  # noqa: E402
from client.sdk.tabular import read_table  # noqa: E402

EXAMPLE = ROOT / "examples" / "lendingclub_2011"
LOANS = 1_000_000
RUNS = 3
_LOAN_ID = "LC%09d"
TERMS = {"cut_off_day": 15_339, "fresh_days": 90, "age_days_max": 730, "allows_relations": False}


def score_1m() -> dict[str, Figure]:
    """A pack of a million loans and as many credit records: canonical bytes to the hash of the report."""
    runs = [_run() for _ in range(RUNS)]
    conditions = (
        f"{LOANS:,} canonical rows and records (values of 6,069 real loans), decoded and checked, joined by handle, "
        "features, ONNX on 2 threads, words and their hash; one process, "
        f"{statistics.median(each['cpu_seconds'] for each in runs):.1f} s of processor time"
    )
    return {
        "score_1m_seconds": median_figure([each["seconds"] for each in runs], "s", "<= 10", conditions, digits=2),
        "score_1m_rss_mb": median_figure([each["rss_mb"] for each in runs], "MB", "<= 1500", "largest RSS of it"),
    }


def _run() -> dict[str, float]:
    command = [sys.executable, str(Path(__file__).resolve())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _measure() -> dict[str, float]:
    rows, found = _inputs(LOANS)
    package = ModelPackage.load()
    begun, begun_cpu = time.perf_counter(), time.process_time()
    records, _ = found.merged()
    report = assess(package, AssetTable(rows), records, **TERMS)  # type: ignore[arg-type]  # integers and a flag
    report_hash(report)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu
    if len(report) != LOANS * WORD_SIZE or report.count(b"\0\0") > LOANS // 2:
        raise RuntimeError(f"{len(report)} bytes of report, expected a score of most loans")
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "rss_mb": rss_mb}


def _inputs(count: int) -> tuple[list[bytes], FoundRecords]:
    """Return what decryption gives: canonical rows, and records with where they were found."""
    generator = random.Random(1)
    assets, credit = (
        _values("loans.csv", ASSET_FIELDS, ASSET_KEYS),
        _values("credit_files.csv", CREDIT_FIELDS, CREDIT_KEYS),
    )
    whole = [AssetRow(bytes(HANDLE_SIZE), _LOAN_ID % 0, values).to_bytes() for values in assets]
    start = whole[0].index(bytes(HANDLE_SIZE))
    middle = whole[0][start + HANDLE_SIZE : whole[0].index(b"LC")]
    tails = [each[start + HANDLE_SIZE + len(middle) + len(_LOAN_ID % 0) :] for each in whole]
    encoded = [encode_record(values) for values in credit]
    handles = [generator.randbytes(HANDLE_SIZE) for _ in range(count)]
    rows = [
        b"".join((whole[0][:start], handle, middle, (_LOAN_ID % number).encode(), generator.choice(tails)))
        for number, handle in enumerate(handles)
    ]
    generator.shuffle(handles)
    found = FoundRecords()
    for number, handle in enumerate(handles):
        record = bytes(bytearray(generator.choice(encoded)))  # as decryption gives: its own bytes each
        found.add(handle, record, organisation=1, batch_id=1 + number // 10_000, index=number % 10_000)
    return rows, found


def _values(file: str, fields: Sequence[Field], keys: Sequence[str]) -> list[tuple[int | None, ...]]:
    mapping = load_mapping(EXAMPLE / f"mapping_{file.removesuffix('.csv')}.toml")
    frame = read_table(EXAMPLE / file, fields, keys=keys, mapping=mapping).frame
    return list(frame.select([field.name for field in fields]).iter_rows())


if __name__ == "__main__":
    print(json.dumps(_measure()))
