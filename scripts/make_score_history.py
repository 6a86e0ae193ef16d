"""Make the history that `tranchain risk model watch` is shown with: loans of 2010 and 2011 by month and score.

    python scripts/make_score_history.py --data loans.csv.gz            write score_history.csv of lendingclub_2011
    python scripts/make_score_history.py --data loans.csv.gz --check    make it again and compare

Loans of 2010 were trained on, so each is scored by a network that was trained without it (a minute on one core); loans
of 2011 by the committed model. All are cut into scores by the cut points of the committed model.
"""

import os

# Before numpy loads: as in `tranchain risk model train`.
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl

from client.model.calibration import scores_of
from client.model.manifest import ModelPackage
from client.model.training.feature_file import load_feature_file
from client.model.training.pipeline import out_of_fold_outputs
from client.model.training.reader import read_loans

ROOT = Path(__file__).resolve().parents[1]
FEATURES = ROOT / "examples" / "models" / "lendingclub.toml"
OUT = ROOT / "examples" / "lendingclub_2011" / "score_history.csv"
FIRST_YEAR = 2010


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="loans.csv.gz of LendingClub 2007-2011")
    arguments.add_argument("--out", type=Path, default=OUT, help="the file")
    arguments.add_argument("--check", action="store_true", help="compare with --out instead of writing it")
    options = arguments.parse_args()
    text = make(options.data).write_csv()
    is_same = options.out.is_file() and options.out.read_text() == text
    if not options.check:
        options.out.write_text(text)
    print(f"{options.out}: {'same as before' if is_same else 'changed'}")
    return 0 if is_same or not options.check else 1


def make(data: Path) -> pl.DataFrame:
    """Return counts of loans by month, score and outcome."""
    file = load_feature_file(FEATURES)
    package = ModelPackage.load()
    if file.time is None:
        raise ValueError(f"{FEATURES}: no time column")
    loans = read_loans(data, file)
    train, test = loans.issued(*file.time.train_years), loans.issued(*file.time.test_years)
    outputs = out_of_fold_outputs(file.design(), train, lambda step: print(f"done: {step}"))
    scores = scores_of(outputs, np.array(package.manifest.cut_points, dtype=np.int64))
    scored = pl.DataFrame(
        {
            "month": np.concatenate([train.issue_month, test.issue_month]),
            "score": np.concatenate([scores, package.score(test.columns)]),
            "defaulted": np.concatenate([train.defaulted, test.defaulted]),
        }
    )
    month = pl.format("{}-{}", 1970 + pl.col("month") // 12, (pl.col("month") % 12 + 1).cast(pl.String).str.zfill(2))
    return (
        scored.filter(pl.col("month") >= (FIRST_YEAR - 1970) * 12)
        .with_columns(month=month)
        .group_by("month", "score", "defaulted")
        .agg(loans=pl.len())
        .sort("month", "score", "defaulted")
    )


if __name__ == "__main__":
    sys.exit(main())
