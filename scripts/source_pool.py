"""The generated pool of examples/source_documents/pool_2017_1.toml: loans with the margins that the source prints.

    python scripts/source_pool.py --out pool.csv      write the tape, for `tranchain pack submit`
    python scripts/source_pool.py                     print its stratification tables

Everything but the margins is invented by a seed; no loan of it exists.
"""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from client.model.codes import CURRENCIES, PURPOSES, REGIONS  # noqa: E402
from client.model.schema import ASSET_FIELDS, ASSET_KEYS  # noqa: E402

SOURCE = ROOT / "examples/source_documents/pool_2017_1.toml"
PPM = 1_000_000
CUT_OFF_DAY = 17_409
"""2017-08-31."""
_PROVINCES = [name for name in REGIONS if name.startswith("CN-") and name not in ("CN-71", "CN-81", "CN-82")]
_TERMS = (12, 18, 24, 36)


def generate(margins: dict[str, Any]) -> pl.DataFrame:
    """Return the tape of the pool: the keys and fields of the schema, and nothing a lender would not have."""
    generator = np.random.default_rng(margins["seed"])
    count = margins["loans"]
    yuan = _in_bands(margins["amounts"]["bands"], count, generator) // 100 * 100
    terms = generator.choice(_TERMS, count)
    months = np.minimum(generator.integers(0, 9, count), terms - 1)
    principal = yuan * 100
    known = {
        "origination_day": CUT_OFF_DAY - months * 30 - generator.integers(0, 28, count),
        "currency_code": np.full(count, CURRENCIES["CNY"]),
        "original_principal_cents": principal,
        "balance_cents": principal * (terms - months) // terms,
        "term_months": terms,
        "months_on_book": months,
        "rate_ppm": generator.integers(80, 181, count) * 1_000,
        "days_past_due": np.where(generator.random(count) < 0.01, generator.integers(1, 30, count), 0),
        "region_code": _regions(margins["regions"]["leading_ppm"], count, generator),
        "purpose_code": np.full(count, PURPOSES["car"]),
        "borrower_age_years": _in_bands(margins["ages"]["bands"], count, generator),
    }
    ids = {
        "loan_id": [f"GEN-2017-1-{number:05}" for number in range(1, count + 1)],
        "subject_id": [f"GEN-B-{number:05}" for number in generator.permutation(count) + 1],
    }
    fields = {field.name: known.get(field.name, [None] * count) for field in ASSET_FIELDS}
    return pl.DataFrame({name: ids[name] for name in ASSET_KEYS} | fields)


def stratify(pool: pl.DataFrame, name: str, edges: Sequence[int]) -> pl.DataFrame:
    """Return a stratification table: loans and balances by band, each band from an edge up to below the next."""
    labels = [f"{low:,} to {high - 1:,}" for low, high in pairwise(edges)]
    place = pl.sum_horizontal(*(pl.col(name) >= low for low in edges[:-1])).cast(pl.Int64) - 1
    names = dict(enumerate(labels))
    table = _table(pool.with_columns(place.alias("band")), sort_by="band")
    return table.with_columns(pl.col("band").replace_strict(names, return_dtype=pl.String))


def by_region(pool: pl.DataFrame) -> pl.DataFrame:
    """Return the table of provinces, the largest first."""
    names = {code: name for name, code in REGIONS.items()}
    labelled = pool.with_columns(pl.col("region_code").replace_strict(names, return_dtype=pl.String).alias("band"))
    return _table(labelled, sort_by=None)


def _table(labelled: pl.DataFrame, *, sort_by: str | None) -> pl.DataFrame:
    total, balance = labelled.height, labelled["balance_cents"].sum()
    table = labelled.group_by("band").agg(loans=pl.len(), balance_cents=pl.col("balance_cents").sum())
    table = table.sort(sort_by) if sort_by else table.sort("loans", "band", descending=[True, False])
    return table.with_columns(
        loans_ppm=pl.col("loans").cast(pl.Int64) * PPM // total, balance_ppm=pl.col("balance_cents") * PPM // balance
    )


def _in_bands(bands: Sequence[tuple[int, int, int]], count: int, generator: np.random.Generator) -> Any:
    """Draw numbers evenly inside bands, so many of each band as its share says; in no order."""
    numbers = [
        generator.integers(low, high + 1, size)
        for (low, high, _), size in zip(bands, _sizes([share for *_, share in bands], count), strict=True)
    ]
    return generator.permutation(np.concatenate(numbers))


def _regions(leading: dict[str, int], count: int, generator: np.random.Generator) -> Any:
    others = [name for name in _PROVINCES if name not in leading]
    rest = PPM - sum(leading.values())
    shares = [*leading.values(), *(rest // len(others) for _ in others[1:])]
    sizes = _sizes([*shares, PPM - sum(shares)], count)
    codes = [np.full(size, REGIONS[name]) for name, size in zip([*leading, *others], sizes, strict=True)]
    return generator.permutation(np.concatenate(codes))


def _sizes(shares_ppm: Sequence[int], count: int) -> list[int]:
    """Cut a count by shares that make a million; what rounding leaves goes to the largest remainders."""
    exact = [share * count for share in shares_ppm]
    sizes = [value // PPM for value in exact]
    order = sorted(range(len(exact)), key=lambda index: -(exact[index] % PPM))
    for index in order[: count - sum(sizes)]:
        sizes[index] += 1
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="CSV file of the tape")
    arguments = parser.parse_args()
    pool = generate(tomllib.loads(SOURCE.read_text()))
    if arguments.out:
        pool.write_csv(arguments.out)
        return
    print("generated, none of these loans exists; only the margins are the source's\n")
    amounts = [0, 5_000_000, 15_000_000, 25_000_001, 50_000_001]
    with pl.Config(tbl_rows=40, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        print("amount lent in cents of CNY", stratify(pool, "original_principal_cents", amounts))
        print("age of the borrower", stratify(pool, "borrower_age_years", [18, 20, 30, 40, 51, 66]))
        print("province", by_region(pool))


if __name__ == "__main__":
    main()
