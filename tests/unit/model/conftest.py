"""The committed model and the example loans, read through the committed mapping files."""

import csv
import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client.model.arithmetic import Int64Array
from client.model.manifest import ModelPackage
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS, MISSING, Field

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "lendingclub_2011"
FACTORS = {"dollars": 100, "percent": 10_000}


@pytest.fixture(scope="session")
def package() -> ModelPackage:
    return ModelPackage.load()


@pytest.fixture(scope="session")
def example_rows() -> tuple[list[list[int | None]], list[list[int | None]], list[int]]:
    """Asset rows, credit rows and outcomes of the example loans whose borrower has a credit file."""
    assets = read_mapped("loans.csv", "mapping_loans.toml", ASSET_FIELDS, "loan_id")
    subjects = read_mapped("loans.csv", "mapping_loans.toml", (), "subject_id")
    credit = read_mapped("credit_files.csv", "mapping_credit_files.toml", CREDIT_FIELDS, "subject_id")
    with (EXAMPLES / "outcomes.csv").open(newline="") as lines:
        outcomes = {row["loan_id"]: int(row["defaulted"]) for row in csv.DictReader(lines)}
    pairs = [(loan, subject) for loan, subject in zip(assets, subjects, strict=True) if subject in credit]
    return (
        [assets[loan] for loan, _ in pairs],
        [credit[subject] for _, subject in pairs],
        [outcomes[loan] for loan, _ in pairs],
    )


@pytest.fixture(scope="session")
def example_columns(example_rows: Any) -> dict[str, Int64Array]:
    assets, credit, _ = example_rows
    named = [(ASSET_FIELDS, assets), (CREDIT_FIELDS, credit)]
    return {
        field.name: np.array([MISSING if row[index] is None else row[index] for row in rows], dtype=np.int64)
        for fields, rows in named
        for index, field in enumerate(fields)
    }


def read_mapped(file: str, mapping_file: str, fields: Sequence[Field], key: str) -> dict[str, list[int | None]]:
    mapping = tomllib.loads((EXAMPLES / mapping_file).read_text())
    with (EXAMPLES / file).open(newline="") as lines:
        return {
            row[mapping["columns"][key]]: [converted(field, row, mapping) for field in fields]
            for row in csv.DictReader(lines)
        }


def converted(field: Field, row: Mapping[str, str], mapping: Mapping[str, Any]) -> int | None:
    column = mapping["columns"].get(field.name)
    if column is None or not row[column]:
        assert column or mapping["absent"] == "others"
        return None
    text = row[column]
    if field.name in mapping.get("values", {}):
        return int(mapping["values"][field.name][text])
    unit = mapping["units"].get(field.name)
    if unit == "date":
        return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days
    value = Decimal(text) * FACTORS.get(unit, 1)
    assert value == int(value), f"{field.name}: {text} is no whole number of its unit"
    return int(value)
