"""Train the credit model from the LendingClub loans and write its package; about three minutes on one core.

python scripts/train_model.py --data loans.csv.gz            write client/model/artifacts/lendingclub_v1
python scripts/train_model.py --data loans.csv.gz --check    train again and compare with it, byte for byte
"""

import os

# Before numpy loads: sums must be taken in one order, by the instructions every x86-64 server has (AVX2).
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from client.model.committed import DEFAULT_MODEL
from client.model.manifest import FILES, MANIFEST, raw_fields_of
from client.model.training import card, export, pipeline
from client.model.training.assessment import Assessment, assess
from client.model.training.data import LoanSet, load_loans

TRAIN_YEARS = (2007, 2010)
TEST_YEAR = 2011
STEPS = 3 * (1 + pipeline.FOLDS) + 2
DEFAULT_DEFINITION = "charged off at any time within the contractual life of the loan (36 or 60 months)"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="loans.csv.gz of LendingClub 2007-2011")
    arguments.add_argument("--out", type=Path, default=DEFAULT_MODEL, help="directory of the model package")
    arguments.add_argument("--check", action="store_true", help="compare with --out instead of writing it")
    options = arguments.parse_args()
    if not options.data.is_file():
        print(f"{options.data}: no such file; --data names LendingClub's loans.csv.gz", file=sys.stderr)
        return 2
    if not options.check:
        train(options.data, options.out)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        train(options.data, Path(scratch))
        return compare(Path(scratch), options.out)


def train(data: Path, out: Path) -> None:
    loans = load_loans(data)
    train_loans, test_loans = loans.issued(*TRAIN_YEARS), loans.issued(TEST_YEAR, TEST_YEAR)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("training", total=STEPS)

        def report(step: str) -> None:
            progress.advance(task)
            progress.console.print(f"done: {step}")

        model = pipeline.calibrate(train_loans, report)
        years = pipeline.walk_forward(train_loans, report)
        margins = pipeline.margins_ppm(years)
        figures = assess(
            train=train_loans, test=test_loans, model=model, margins=margins, walk_forward=years, report=report
        )
    write(out, data, (train_loans, test_loans), model, margins, figures)
    network = figures.hindsight.network
    print(f"{out}: AUC {network.auc:.4f}, KS {network.ks:.3f} on {len(test_loans)} loans of {TEST_YEAR}")


def write(
    out: Path,
    data: Path,
    loans: tuple[LoanSet, LoanSet],
    model: pipeline.Calibrated,
    margins: tuple[int, ...],
    figures: Assessment,
) -> None:
    train_loans, test_loans = loans
    spec = model.fitted.spec
    held_out = pipeline.count_by_score(model.scores(test_loans), test_loans.defaulted)
    facts = {
        "name": "lendingclub",
        "version": 1,
        "default_definition": DEFAULT_DEFINITION,
        "raw_fields": [field.model_dump() for field in raw_fields_of(spec)],
        "cut_points": [int(cut) for cut in model.cut_points],
        "pd_ppm": model.pd_ppm,
        "margin_ppm": margins,
        "calibration": export.counts("issued 2007-2010, out of fold", model.totals, model.defaults),
        "validation": export.counts("issued 2011, out of time", *held_out),
        "training": {
            "data_sha256": hashlib.sha256(data.read_bytes()).hexdigest(),
            "issue_years": TRAIN_YEARS,
            "loans": len(train_loans),
            "seed": pipeline.SEED,
            "packages": export.training_packages(),
        },
    }
    text = card.render(figures, train_loans=len(train_loans), test_loans=len(test_loans))
    export.write_package(out, network=model.fitted.network, spec_bytes=spec.canonical_bytes, card=text, facts=facts)


def compare(fresh: Path, committed: Path) -> int:
    different = [
        name
        for name in (*FILES, MANIFEST)
        if not (committed / name).is_file() or (fresh / name).read_bytes() != (committed / name).read_bytes()
    ]
    print(f"{committed}: {'differs in ' + ', '.join(different) if different else 'reproduced byte for byte'}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
