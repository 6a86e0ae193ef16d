"""Generate the borrowers that the three-feature network of the source document is trained on.

    python scripts/source_borrowers.py --out borrowers.csv

Income, deposits and loans are drawn by a seed; risk falls with income and deposits and rises with loans. Nobody of them
exists, and nothing here was measured.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from client.model.arithmetic import Int64Array  # noqa: E402
from client.model.schema import FIELDS, MISSING  # noqa: E402

PACKAGE = ROOT / "examples/source_documents/model"
"""The model that was trained on them."""
BORROWERS = 3_000
SEED = 1_912


def generate() -> pl.DataFrame:
    """Return the borrowers with what became of them."""
    generator = np.random.default_rng(SEED)
    income = generator.lognormal(15.9, 0.6, BORROWERS)
    deposits = income * generator.lognormal(-1.2, 1.0, BORROWERS)
    loans = income * generator.lognormal(-0.6, 0.8, BORROWERS)
    log_odds = -2.2 - 0.6 * (np.log(income) - 15.9) - 0.5 * (np.log(deposits) - 14.7) + 0.9 * (np.log(loans) - 15.3)
    is_bad = generator.random(BORROWERS) < 1 / (1 + np.exp(-log_odds))
    return pl.DataFrame(
        {
            "income_cents": income.astype(np.int64),
            "deposits_cents": deposits.astype(np.int64),
            "other_loans_cents": loans.astype(np.int64),
            "outcome": np.where(is_bad, "bad", "good"),
        }
    )


def columns() -> dict[str, Int64Array]:
    """Return the borrowers as the columns that a model reads; fields they do not have are missing."""
    frame = generate()
    absent = np.full(frame.height, MISSING, dtype=np.int64)
    return {name: frame[name].to_numpy() if name in frame.columns else absent for name in FIELDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    generate().write_csv(parser.parse_args().out)


if __name__ == "__main__":
    main()
