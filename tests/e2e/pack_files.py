"""Files of a small pack, cut from the real loans of `examples/`: tape, consents and credit files."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.node_kit import ROOT

EXAMPLES = ROOT / "examples" / "lendingclub_2011"
LOANS_MAPPING = EXAMPLES / "mapping_loans.toml"
CREDIT_MAPPING = EXAMPLES / "mapping_credit_files.toml"
Row = dict[str, str]


@dataclass(frozen=True)
class PackFiles:
    """The originator's two files."""

    tape: Path
    consents: Path

    def submit_options(self) -> list[str]:
        """Options of `tranchain pack submit` beside the pack and the database."""
        return [
            *("--mapping", str(LOANS_MAPPING), "--consents", str(self.consents)),
            *("--cut-off", "2011-12-31", "--closing", "2012-01-15"),
        ]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows as CSV, with the columns of the first."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def example_loans(first: int, count: int) -> list[Row]:
    """Return some of the real loans."""
    return read_rows(EXAMPLES / "loans.csv")[first : first + count]


def write_pack(directory: Path, name: str, loans: Sequence[Row]) -> PackFiles:
    """Write the tape of these loans and the consents of their borrowers."""
    borrowers = {loan["borrower_id"] for loan in loans}
    consents = [row for row in read_rows(EXAMPLES / "consents.csv") if row["subject_id"] in borrowers]
    return PackFiles(
        write_rows(directory / f"{name}_loans.csv", loans), write_rows(directory / f"{name}_consents.csv", consents)
    )


def credit_rows(borrowers: Iterable[str]) -> list[Row]:
    """Return the real credit files of borrowers, of those who have one."""
    wanted = set(borrowers)
    return [row for row in read_rows(EXAMPLES / "credit_files.csv") if row["national_id"] in wanted]


def changed(rows: Sequence[Row], place: int, column: str, value: str) -> list[Row]:
    """Return the rows with one cell changed."""
    return [{**row, column: value} if index == place else row for index, row in enumerate(rows)]


def mapped(rows: Sequence[Row], change: Callable[[Row], Row]) -> list[Row]:
    """Return the rows, each changed."""
    return [change(row) for row in rows]
