"""Make the demo's data from the LendingClub loans: an originator's tape, a bureau's credit files, the known outcomes.

    python scripts/make_examples.py --data loans.csv.gz            write examples/lendingclub_2011
    python scripts/make_examples.py --data loans.csv.gz --check    make them again and compare, byte for byte

The loans are drawn from those issued in 2011, which the model was not trained on. Column names and units are those of a
real tape (dollars, percent, dates), so that the mapping files beside them are exercised.
"""

import argparse
import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
from example_tape import servicer_tape

PACK_SIZE = 6_069
YEAR = "2011"
SEED = 2_011
WITHOUT_FILE = 61
"""About one borrower in a hundred has no credit file at any bureau."""

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "lendingclub_2011"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="loans.csv.gz of LendingClub 2007-2011")
    arguments.add_argument("--out", type=Path, default=EXAMPLES, help="directory of the example files")
    arguments.add_argument("--check", action="store_true", help="compare with --out instead of writing it")
    options = arguments.parse_args()
    if not options.data.is_file():
        print(f"{options.data}: no such file; --data names LendingClub's loans.csv.gz", file=sys.stderr)
        return 2
    frames = make(pl.read_csv(options.data, infer_schema_length=None))
    files = {name: _bytes_of(name, frame) for name, frame in frames.items()}
    different = [name for name, content in files.items() if not _holds(options.out / name, content)]
    if not options.check:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (options.out / name).write_bytes(content)
    print(f"{options.out}: {'changed ' + ', '.join(different) if different else 'same as before'}")
    return 1 if options.check and different else 0


def make(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Draw the pack and split each loan's columns by who knows them."""
    year = frame.filter(pl.col("issue_d").str.starts_with(YEAR))
    generator = np.random.default_rng(SEED)
    drawn = np.sort(generator.choice(len(year), PACK_SIZE, replace=False))
    pack = year[drawn].with_columns(
        national_id=pl.Series([national_id(loan) for loan in year[drawn]["loan_uid"]]),
        month_start=pl.col("issue_d") + "-01",
    )
    absent = set(generator.choice(PACK_SIZE, WITHOUT_FILE, replace=False).tolist())
    with_file = pack[[row for row in range(PACK_SIZE) if row not in absent]]
    return {
        "loans.csv": _tape(pack),
        "credit_files.csv": _credit_files(with_file).sort("national_id"),
        "consents.csv": _consents(pack),
        "outcomes.csv": pack.select(loan_id="loan_uid", defaulted="default"),
        "servicer_2012.csv.gz": servicer_tape(pack),
    }


def national_id(loan: str) -> str:
    """Invent a national id: ten digits that depend on the loan alone and belong to nobody."""
    digest = hashlib.sha256(f"tranchain example borrower of {loan}".encode()).digest()
    return f"X{int.from_bytes(digest[:8], 'big') % 10**10:010}"


def _tape(pack: pl.DataFrame) -> pl.DataFrame:
    return pack.select(
        loan_id="loan_uid",
        borrower_id="national_id",
        issue_date="month_start",
        currency=pl.lit("USD"),
        loan_amount=_decimal("funded_amnt"),
        outstanding_principal=_decimal("funded_amnt"),
        term="term_months",
        months_on_book=pl.lit(0),
        interest_rate=_decimal("int_rate", 100),
        days_past_due=pl.lit(0),
        state="addr_state",
        purpose="purpose",
        annual_income=_decimal("annual_inc"),
        employment_length="emp_length",
        home_ownership="home_ownership",
        income_verification="verification_status",
        dti=_decimal("dti"),
    )


def _credit_files(pack: pl.DataFrame) -> pl.DataFrame:
    return pack.select(
        national_id="national_id",
        observed_on="month_start",
        months_since_oldest_line=_months("issue_d") - _months("earliest_cr_line"),
        delinquencies_2y=_whole("delinq_2yrs"),
        inquiries_6m=_whole("inq_last_6mths"),
        months_since_delinquency=_whole("mths_since_last_delinq"),
        months_since_record=_whole("mths_since_last_record"),
        open_lines=_whole("open_acc"),
        total_lines=_whole("total_acc"),
        public_records=_whole("pub_rec"),
        bankruptcies=_whole("pub_rec_bankruptcies"),
        revolving_balance=_decimal("revol_bal"),
        revolving_utilisation=_decimal("revol_util", 100),
    )


def _consents(pack: pl.DataFrame) -> pl.DataFrame:
    """Invent what every borrower signed: these columns belong to nobody and are not in the source."""
    documents = [hashlib.sha256(f"example consent of {person}".encode()).hexdigest() for person in pack["national_id"]]
    return pack.select(
        subject_id="national_id",
        document_sha256=pl.Series(documents),
        purposes=pl.lit("underwriting monitoring"),
        granted_on="month_start",
        expires_on=pl.lit("2040-12-31"),
    )


def _months(column: str) -> pl.Expr:
    year = pl.col(column).str.slice(0, 4).cast(pl.Int64)
    return year * 12 + pl.col(column).str.slice(5, 2).cast(pl.Int64)


def _decimal(column: str, factor: int = 1) -> pl.Expr:
    """Write dollars or percent with two decimals, as tapes do."""
    return (pl.col(column) * factor).round(2).cast(pl.Decimal(18, 2)).alias(column)


def _whole(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int64)


def _bytes_of(name: str, frame: pl.DataFrame) -> bytes:
    text = frame.write_csv().encode()
    return gzip.compress(text, compresslevel=9, mtime=0) if name.endswith(".gz") else text


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


if __name__ == "__main__":
    sys.exit(main())
