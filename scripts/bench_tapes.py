"""Measure the importers of tapes on files made from the records of a real one, each with a number of its own."""

import gzip
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from bench_figure import Figure, median_figure  # noqa: E402

SAMPLE = ROOT / "tests/unit/tapes/world_omni_2020a_200.xml.gz"
CSV_ROWS = 1_000_000
XML_ROWS = 60_000
_RUN = """
import datetime, resource, sys, time
from pathlib import Path
from client.tapes.detect import FormatName
from client.tapes.importer import import_tapes
source, out = map(Path, sys.argv[1:])
begun = time.perf_counter()
_, tables = import_tapes([source], out, form=FormatName.AUTO, today=datetime.date(2026, 1, 1), progress=lambda _: None)
print(time.perf_counter() - begun, tables.period_row_count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def import_csv_rows_per_s() -> dict[str, Figure]:
    """Schedule AL as CSV to the three tables, once over a million rows; and the most memory it took."""
    with tempfile.TemporaryDirectory(prefix="bench-tapes-") as directory:
        tape = Path(directory) / "tape.csv"
        _write(tape, _csv_lines(CSV_ROWS))
        size_mb = tape.stat().st_size >> 20
        seconds, rows, rss_mb = _import(tape, Path(directory) / "out")
    conditions = f"{rows:,} rows of 59 columns, {size_mb} MB, whole import to CSV"
    return {
        "import_csv_rows_per_s": median_figure([rows / seconds], "rows/s", ">= 40000", conditions),
        "import_csv_rss_mb": median_figure([rss_mb], "MB", "<= 800", f"largest RSS of it: {conditions}"),
    }


def import_xml_rows_per_s() -> dict[str, Figure]:
    """Schedule AL as XML (EX-102) to the three tables."""
    rates, rss = [], []
    with tempfile.TemporaryDirectory(prefix="bench-tapes-") as directory:
        tape = Path(directory) / "tape.xml"
        _write(tape, _xml_lines(XML_ROWS))
        size_mb = tape.stat().st_size >> 20
        for _ in range(3):
            seconds, rows, rss_mb = _import(tape, Path(directory) / "out")
            rates.append(rows / seconds)
            rss.append(rss_mb)
    conditions = f"{XML_ROWS:,} records, {size_mb} MB, whole import to CSV, one process"
    return {
        "import_xml_rows_per_s": median_figure(rates, "rows/s", ">= 5000", conditions),
        "import_xml_rss_mb": median_figure(rss, "MB", "<= 800", f"largest RSS of it: {conditions}"),
    }


def _import(tape: Path, out: Path) -> tuple[float, int, int]:
    """Import in a process of its own; gives seconds, rows and largest RSS in MB."""
    line = [sys.executable, "-c", _RUN, str(tape), str(out)]
    done = subprocess.run(line, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    seconds, rows, rss_mb = done.stdout.split()
    return float(seconds), int(rows), int(rss_mb)


def _records() -> tuple[str, list[str], str]:
    """Give what stands before, in and after the records of the sample."""
    text = gzip.decompress(SAMPLE.read_bytes()).decode()
    head, _, rest = text.partition("<assets>")
    body, _, tail = rest.rpartition("</assets>")
    return head, [part.partition("</assets>")[0] for part in body.split("<assets>")], tail


def _xml_lines(count: int) -> Iterator[str]:
    head, records, tail = _records()
    yield head
    for number in range(count):
        record = records[number % len(records)]
        begin, _, rest = record.partition("<assetNumber>")
        yield f"<assets>{begin}<assetNumber>N{number:09}</assetNumber>{rest.partition('</assetNumber>')[2]}</assets>\n"
    yield tail


def _csv_lines(count: int) -> Iterator[str]:
    _, records, _ = _records()
    rows = [dict(_elements(record)) for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    yield ",".join(names) + "\n"
    lines = [",".join(row.get(name, "") if name != "assetNumber" else "{}" for name in names) + "\n" for row in rows]
    for number in range(count):
        yield lines[number % len(lines)].replace("{}", f"N{number:09}")


def _elements(record: str) -> Iterator[tuple[str, str]]:
    for part in record.split("</")[:-1]:
        name, _, value = part.rpartition("<")[2].partition(">")
        yield name, value


def _write(path: Path, lines: Iterator[str]) -> None:
    with path.open("w") as file:
        file.writelines(lines)
