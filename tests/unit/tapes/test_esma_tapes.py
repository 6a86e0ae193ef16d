"""ESMA Annex V: what an exposure becomes, no-data codes, and the change of sums between two months."""

from pathlib import Path

import pytest

from client.model.codes import INCOME_VERIFICATION, REGIONS
from client.tapes.esma_elements import ELEMENTS
from tests.unit.tapes.kit import ESMA_LOAN, findings_of, import_loans, period_rows, record, run_import, write_esma


def test_there_are_84_fields() -> None:
    assert list(ELEMENTS) == [f"AUTL{number}" for number in range(1, 85)]


def test_an_exposure_becomes_an_asset_row_field_by_field(tmp_path: Path) -> None:
    _, (loan,) = import_loans(write_esma(tmp_path / "tape.xml", [ESMA_LOAN]), tmp_path)
    expected = {
        "loan_id": "L1",
        "subject_id": "B1",
        "origination_day": 18_627,
        "currency_code": 978,
        "original_principal_cents": 1_500_000,
        "balance_cents": 1_300_000,
        "term_months": 48,
        "months_on_book": 5,
        "rate_ppm": 42_500,
        "days_past_due": 0,
        "region_code": REGIONS["EU-DE"],
        "purpose_code": 1,
        "annual_income_cents": 4_200_000,
        "income_verification_code": INCOME_VERIFICATION["verified"],
        "originator_code": 1,
        "vehicle_value_cents": 2_000_000,
        "vehicle_age_years": 0,
        "is_new_vehicle": 1,
    }
    assert {name: value for name, value in loan.items() if value is not None} == expected


def test_no_data_is_a_reason_and_no_number(tmp_path: Path) -> None:
    given = record(ESMA_LOAN, AUTL16="ND1", AUTL26="ND5", AUTL60="ND4-2022-01-31", AUTL7="ND5")
    report, (loan,) = import_loans(write_esma(tmp_path / "tape.xml", [given]), tmp_path)
    expected = {"AUTL7": {"ND5": 1}, "AUTL16": {"ND1": 1}, "AUTL26": {"ND5": 1}, "AUTL60": {"ND4": 1}}
    assert report.files[0].findings.no_data == expected | {"AUTL72": {"ND5": 1}, "AUTL76": {"ND5": 1}}
    assert (loan["annual_income_cents"], loan["vehicle_value_cents"], loan["term_months"]) == (None, None, 48)
    assert not list(report.files[0].findings)


@pytest.mark.parametrize(
    ("field", "code"), [("AUTL69", "ND1"), ("AUTL30", "ND2"), ("AUTL60", "ND5"), ("AUTL16", "ND6")]
)
def test_no_data_where_the_template_forbids_it_is_invalid(tmp_path: Path, field: str, code: str) -> None:
    report, _ = run_import(write_esma(tmp_path / "tape.xml", [record(ESMA_LOAN, **{field: code})]), tmp_path)
    finding = findings_of(report)[field, "invalid"]
    assert (finding.count, finding.examples[0].value) == (1, code)


def test_no_data_may_stand_in_elements_of_its_own(tmp_path: Path) -> None:
    given = record(ESMA_LOAN, AUTL16="<NoDataOptn><NoData>ND2</NoData></NoDataOptn>")
    report, (loan,) = import_loans(write_esma(tmp_path / "tape.xml", [given]), tmp_path)
    assert report.files[0].findings.no_data["AUTL16"] == {"ND2": 1}
    assert loan["annual_income_cents"] is None


@pytest.mark.parametrize(
    ("income", "currency", "expected"), [("GRAN", "EUR", 4_200_000), ("DSPL", "EUR", None), ("GRAN", "GBP", None)]
)
def test_only_gross_yearly_income_in_the_loans_currency_is_income(
    tmp_path: Path, income: str, currency: str, expected: int | None
) -> None:
    given = record(ESMA_LOAN, AUTL17=income, AUTL18=currency)
    _, (loan,) = import_loans(write_esma(tmp_path / "tape.xml", [given]), tmp_path)
    assert loan["annual_income_cents"] == expected


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PERF", "current"),
        ("ARRE", "current"),
        ("RARR", "modified"),
        ("DFLT", "defaulted"),
        ("DADB", "defaulted"),
        ("REBR", "repurchased"),
        ("RDMD", "prepaid"),
        ("OTHR", "current"),
    ],
)
def test_the_account_status_says_the_state(tmp_path: Path, status: str, state: str) -> None:
    records = [record(ESMA_LOAN, AUTL70=status), record(ESMA_LOAN, AUTL3="L2")]
    run_import(write_esma(tmp_path / "tape.xml", records), tmp_path)
    assert period_rows(tmp_path)[0]["state"] == state


def test_the_money_of_a_month_is_the_change_of_the_sums(tmp_path: Path) -> None:
    june = [ESMA_LOAN, record(ESMA_LOAN, AUTL3="L2", AUTL52="100")]
    july = [
        record(ESMA_LOAN, AUTL6="2021-07-31", AUTL30="12000", AUTL52="700.50"),
        record(ESMA_LOAN, AUTL3="L2", AUTL6="2021-07-31", AUTL52="100", AUTL70="DFLT", AUTL72="12900", AUTL76="40"),
    ]
    files = [write_esma(tmp_path / "7.xml", july), write_esma(tmp_path / "6.xml", june)]
    report, _ = import_loans(files, tmp_path / "out")
    assert report.missing_periods == ()
    money = ("scheduled_cents", "prepaid_cents", "defaulted_cents")
    rows = {
        (row["loan_id"], row["period"]): tuple(row[name] for name in money) for row in period_rows(tmp_path / "out")
    }
    assert rows["L1", "2021-06"] == (None, None, None)
    assert rows["L1", "2021-07"] == (29_950, 70_050, None)
    assert rows["L2", "2021-07"][:2] == (1_300_000, 0)


def test_files_of_two_formats_are_refused(tmp_path: Path) -> None:
    from client.sdk.errors import InvalidInputError
    from tests.unit.tapes.kit import SAMPLE

    with pytest.raises(InvalidInputError, match="as the first"):
        run_import([SAMPLE, write_esma(tmp_path / "tape.xml", [ESMA_LOAN])], tmp_path)
