"""SEC Schedule AL: what a record becomes, in XML and in CSV, month after month."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from client.model.codes import INCOME_VERIFICATION, PURPOSES, REGIONS
from client.model.schema import ASSET_FIELDS, ASSET_KEYS, CREDIT_FIELDS, CREDIT_KEYS
from client.sdk.tabular import read_table
from client.tapes.findings import Effect
from client.tapes.sec_elements import ALIASES, ELEMENTS
from tests.unit.tapes.kit import (
    SAMPLE,
    SEC_LOAN,
    findings_of,
    import_loans,
    period_rows,
    record,
    run_import,
    write_csv,
    write_xml,
)


def test_real_records_become_tables_that_the_clients_read(tmp_path: Path) -> None:
    report, tables = run_import(SAMPLE, tmp_path)
    assert tables is not None
    assert tables.credit_files is not None
    assert [report.files[0].record_count, tables.loan_count, tables.credit_file_count] == [200, 200, 200]
    assert not list(report.files[0].findings)
    loans = read_table(tables.loans, ASSET_FIELDS, keys=ASSET_KEYS, unique=("loan_id",))
    credit = read_table(tables.credit_files, CREDIT_FIELDS, keys=CREDIT_KEYS)
    assert (loans.frame.height, credit.frame.height, loans.bad_rows, credit.bad_rows) == (200, 200, (), ())
    first = loans.frame.row(0, named=True)
    assert first["loan_id"] == "WO20A-000001"
    assert [first[name] for name in ("original_principal_cents", "balance_cents", "rate_ppm")] == [
        2_901_959,
        2_556_538,
        68_700,
    ]
    assert [first[name] for name in ("term_months", "months_on_book", "payment_to_income_ppm")] == [76, 11, 137_000]
    assert credit.frame["bureau_score"][0] == 735


def test_csv_and_xml_of_the_same_records_give_the_same_tables(tmp_path: Path) -> None:
    text = gzip.decompress(SAMPLE.read_bytes()).decode()
    records = [
        {name: _between(part, name) for name in ELEMENTS if f"<{name}>" in part} for part in text.split("<assets>")[1:]
    ]
    run_import(SAMPLE, tmp_path / "xml")
    run_import(write_csv(tmp_path / "tape.csv", records), tmp_path / "csv")
    for name in ("loans.csv", "credit_files.csv", "periods.csv"):
        assert (tmp_path / "xml" / name).read_bytes() == (tmp_path / "csv" / name).read_bytes()


def test_a_record_becomes_an_asset_row_field_by_field(tmp_path: Path) -> None:
    _, (loan,) = import_loans(write_xml(tmp_path / "tape.xml", [SEC_LOAN]), tmp_path)
    expected = {
        "loan_id": "123456789012345678",
        "subject_id": "123456789012345678",
        "origination_day": 18_262,
        "currency_code": 840,
        "original_principal_cents": 2_000_000,
        "balance_cents": 1_825_010,
        "term_months": 72,
        "months_on_book": 6,
        "rate_ppm": 65_000,
        "days_past_due": 12,
        "region_code": REGIONS["TX"],
        "purpose_code": PURPOSES["car"],
        "income_verification_code": INCOME_VERIFICATION["source_verified"],
        "originator_code": 1,
        "vehicle_value_cents": 1_800_000,
        "vehicle_age_years": 3,
        "is_new_vehicle": 0,
        "payment_to_income_ppm": 80_000,
    }
    assert {name: value for name, value in loan.items() if value is not None} == expected


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "current"),
        ({"zeroBalanceCode": "1", "reportingPeriodActualEndBalanceAmount": "0"}, "prepaid"),
        ({"zeroBalanceCode": "1", "loanMaturityDate": "07/2020"}, "repaid"),
        ({"zeroBalanceCode": "3", "repurchaseAmount": "18500.10"}, "repurchased"),
        ({"zeroBalanceCode": "4", "chargedoffPrincipalAmount": "18500.10"}, "defaulted"),
        ({"zeroBalanceCode": ["3", "4"]}, "defaulted"),
        ({"reportingPeriodActualEndBalanceAmount": None, "recoveredAmount": "900"}, "defaulted"),
        ({"paymentExtendedNumber": "1"}, "holiday"),
        ({"modificationTypeCode": ["1", "4"]}, "holiday"),
        ({"modificationTypeCode": "3"}, "modified"),
        ({"reportingPeriodModificationIndicator": "true"}, "modified"),
    ],
)
def test_the_state_of_a_loan_follows_its_codes(tmp_path: Path, changes: dict[str, object], state: str) -> None:
    other = record(SEC_LOAN, assetNumber="2")
    run_import(write_xml(tmp_path / "tape.xml", [record(SEC_LOAN, **changes), other]), tmp_path)
    row = period_rows(tmp_path)[0]
    assert row["state"] == state
    assert (row["balance_cents"] == 0) == (state not in ("current", "holiday", "modified"))


def test_principal_above_the_schedule_is_prepaid(tmp_path: Path) -> None:
    paid = record(SEC_LOAN, actualPrincipalCollectedAmount="1250.55", recoveredAmount="7")
    run_import(write_xml(tmp_path / "tape.xml", [paid]), tmp_path)
    row = period_rows(tmp_path)[0]
    assert [row["scheduled_cents"], row["prepaid_cents"]] == [25_000, 100_055]
    assert [row["interest_cents"], row["fees_cents"], row["recovered_cents"]] == [10_021, 500, 700]


@pytest.mark.parametrize(
    ("changes", "scheduled", "capitalised"),
    [
        ({}, 25_000, 0),
        ({"reportingPeriodActualEndBalanceAmount": "18250.00"}, 25_010, 0),
        ({"reportingPeriodActualEndBalanceAmount": "18600.10"}, 25_000, 35_000),
        ({"reportingPeriodBeginningLoanBalanceAmount": None}, 25_000, 0),
    ],
)
def test_a_month_adds_up_to_the_cent(
    tmp_path: Path, changes: dict[str, object], scheduled: int, capitalised: int
) -> None:
    run_import(write_xml(tmp_path / "tape.xml", [record(SEC_LOAN, **changes)]), tmp_path)
    row = period_rows(tmp_path)[0]
    assert (row["scheduled_cents"], row["capitalised_cents"]) == (scheduled, capitalised)


@pytest.mark.parametrize(("text", "score"), [("701", 701), ("0", None), ("NONE", None), ("-", None), ("851.0", 851)])
def test_a_credit_score_that_stands_for_none_is_missing(tmp_path: Path, text: str, score: int | None) -> None:
    records = [record(SEC_LOAN, obligorCreditScore=text), record(SEC_LOAN, assetNumber="2")]
    run_import(write_xml(tmp_path / "tape.xml", records), tmp_path)
    rows = pl.read_csv(tmp_path / "credit_files.csv", schema_overrides={"subject_id": pl.String}).rows(named=True)
    assert {row["subject_id"]: row["bureau_score"] for row in rows}.get(SEC_LOAN["assetNumber"]) == score


def test_ratios_are_percent_where_the_file_shows_it(tmp_path: Path) -> None:
    records = [record(SEC_LOAN, assetNumber=str(n), paymentToIncomePercentage=f"{4 + n}.5") for n in range(5)]
    report, loans = import_loans(write_xml(tmp_path / "tape.xml", records), tmp_path)
    assert report.files[0].unit_by_ratio == {"rate_ppm": "fraction", "payment_to_income_ppm": "percent"}
    assert [loan["payment_to_income_ppm"] for loan in loans] == [45_000, 55_000, 65_000, 75_000, 85_000]


def test_one_wrong_ratio_does_not_make_a_file_percent(tmp_path: Path) -> None:
    records = [record(SEC_LOAN, assetNumber=str(n)) for n in range(40)]
    records.append(record(SEC_LOAN, assetNumber="wrong", paymentToIncomePercentage="2.5"))
    report, loans = import_loans(write_xml(tmp_path / "tape.xml", records), tmp_path)
    assert report.files[0].unit_by_ratio["payment_to_income_ppm"] == "fraction"
    assert loans[0]["payment_to_income_ppm"] == 80_000


def test_misspelled_columns_of_csv_are_understood(tmp_path: Path) -> None:
    by_right_name = {right: wrong for wrong, right in ALIASES.items()}
    given = record(SEC_LOAN, reportingPeriodModificationIndicator="True")
    renamed = {by_right_name.get(name, name.upper()): value for name, value in given.items()}
    report, _ = import_loans(write_csv(tmp_path / "tape.csv", [renamed]), tmp_path)
    assert not list(report.files[0].findings)
    assert [row["state"] for row in period_rows(tmp_path)] == ["modified"]


def test_months_of_several_files_follow_each_other(tmp_path: Path) -> None:
    def month(number: int, ids: str) -> Path:
        records = [record(SEC_LOAN, assetNumber=each, reportingPeriodEndingDate=f"{number:02}-28-2020") for each in ids]
        return write_xml(tmp_path / f"{number}.xml", records)

    files = [month(5, "ac"), month(2, "abc"), month(3, "abc")]
    report, loans = import_loans(files, tmp_path / "out", cut_off="2020-03", deal="D-1")
    assert report.count_by_period == {"2020-02": 3, "2020-03": 3, "2020-05": 2}
    assert report.missing_periods == ("2020-04",)
    assert report.disappeared_by_period == {"2020-05": 1}
    assert [loan["loan_id"] for loan in loans] == ["D-1/a", "D-1/b", "D-1/c"]
    assert {loan["months_on_book"] for loan in loans} == {2}
    assert len(period_rows(tmp_path / "out")) == 8


def test_parquet_holds_what_csv_holds(tmp_path: Path) -> None:
    run_import(SAMPLE, tmp_path / "csv")
    _, tables = run_import(SAMPLE, tmp_path / "parquet", as_parquet=True)
    assert tables is not None
    loans = read_table(tables.loans, ASSET_FIELDS, keys=ASSET_KEYS)
    assert loans.frame.equals(read_table(tmp_path / "csv/loans.csv", ASSET_FIELDS, keys=ASSET_KEYS).frame)


def test_elements_without_a_place_are_counted_and_unknown_ones_named(tmp_path: Path) -> None:
    odd = record(SEC_LOAN, vehicleColour="red", underwritingIndicator="true")
    report, _ = import_loans(write_xml(tmp_path / "tape.xml", [odd]), tmp_path)
    finding = findings_of(report)["vehicleColour", "unmapped"]
    assert (finding.count, finding.effect, finding.examples[0].value) == (1, Effect.NOTED, "red")
    assert report.files[0].count_by_unused == {"assetTypeNumber": 1, "underwritingIndicator": 1}


def _between(text: str, name: str) -> str:
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
