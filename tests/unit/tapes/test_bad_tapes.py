"""Tapes that are wrong: refused as a whole, or record by record with field, count, line and what was expected."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.sdk.errors import InvalidInputError
from client.tapes.detect import FormatName, find_format
from client.tapes.findings import Effect
from client.tapes.sec_elements import LEASE_NAMESPACE, NAMESPACE
from tests.unit.tapes.kit import (
    ESMA_LOAN,
    SAMPLE,
    SEC_LOAN,
    findings_of,
    import_loans,
    record,
    run_import,
    write_csv,
    write_esma,
    write_xml,
)

GOOD = record(SEC_LOAN, assetNumber="good")
BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def whole(name: str) -> bytes:
    """Files that are no tape as a whole."""
    text = gzip.decompress(SAMPLE.read_bytes())
    root = f'<assetData xmlns="{NAMESPACE}">'.encode()
    return {
        "truncated": text[: len(text) // 2],
        "truncated gzip": SAMPLE.read_bytes()[:9_000],
        "wrong namespace": text.replace(NAMESPACE.encode(), b"http://example.org/tape"),
        "leases": text.replace(NAMESPACE.encode(), LEASE_NAMESPACE.encode()),
        "lease columns": b"assetNumber,lesseeCreditScore\n1,700\n",
        "bomb": text.replace(b"<assetData", BOMB.encode() + b"<assetData"),
        "outside": text.replace(b"<assetData", OUTSIDE.encode() + b"<assetData"),
        "no tape": b"name,amount\na,1\n",
        "empty": b"",
        "endless value": root + b"<assets><assetNumber>" + b"9" * 300_000 + b"</assetNumber></assets></assetData>",
        "endless tag": root + b'<assets a="' + b"9" * 3_000_000 + b'"/></assetData>',
        "endless depth": root + b"<assets>" + b"<x>" * 100 + b"</x>" * 100 + b"</assets></assetData>",
        "no record": root + b"</assetData>",
        "no csv": b'assetNumber,originatorName\n1,"a' + b"b" * 70_000 + b"\n",
        "two columns": b"assetNumber,ASSETNUMBER\n1,2\n",
        "no text": b"assetNumber\n\xff\xfe\n",
    }[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("truncated", "broken"),
        ("truncated gzip", "cut off"),
        ("wrong namespace", r"http://example.org/tape, expected assetData in"),
        ("leases", "leases"),
        ("lease columns", "leases"),
        ("bomb", "document type declaration"),
        ("outside", "document type declaration"),
        ("no tape", "got a table of name, amount"),
        ("empty", "no header"),
        ("endless value", "a value without end"),
        ("endless tag", "a tag without end"),
        ("endless depth", "elements without end"),
        ("no record", "no record"),
        ("no csv", "not CSV"),
        ("two columns", "2 columns for assetNumber"),
        ("no text", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_tape_is_refused_with_the_reason(tmp_path: Path, name: str, message: str) -> None:
    path = tmp_path / "tape"
    path.write_bytes(whole(name))
    with pytest.raises(InvalidInputError, match=message):
        run_import(path, tmp_path / "out", skip_bad_rows=True)
    assert not (tmp_path / "out/loans.csv").exists()


def test_a_file_of_another_format_than_wanted_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="got a file of format sec-xml, expected esma-xml"):
        find_format(SAMPLE, FormatName.ESMA_XML)


@pytest.mark.parametrize(
    ("changes", "field", "problem", "effect"),
    [
        ({"assetNumber": None}, "loan_id", "missing", Effect.RECORD_LEFT_OUT),
        ({"assetNumber": "good"}, "loan_id", "duplicate", Effect.RECORD_LEFT_OUT),
        ({"reportingPeriodEndingDate": "31-07-2020"}, "reportingPeriodEndingDate", "invalid", Effect.VALUE_LEFT_OUT),
        ({"reportingPeriodEndingDate": "02-30-2020"}, "period", "missing", Effect.RECORD_LEFT_OUT),
        ({"reportingPeriodEndingDate": "07-31-2031"}, "period", "in the future", Effect.RECORD_LEFT_OUT),
        ({"reportingPeriodActualEndBalanceAmount": "-0.01"}, "balance_cents", "negative", Effect.RECORD_LEFT_OUT),
        ({"reportingPeriodActualEndBalanceAmount": None}, "balance_cents", "missing", Effect.RECORD_LEFT_OUT),
        ({"originationDate": "08/2020"}, "months_on_book", "out of range", Effect.LOAN_LEFT_OUT),
        ({"originalLoanTerm": "0"}, "term_months", "out of range", Effect.LOAN_LEFT_OUT),
        ({"originalLoanTerm": "six"}, "term_months", "missing", Effect.LOAN_LEFT_OUT),
        ({"obligorGeographicLocation": "Texas"}, "region_code", "missing", Effect.LOAN_LEFT_OUT),
        ({"currentDelinquencyStatus": "-1"}, "days_past_due", "out of range", Effect.LOAN_LEFT_OUT),
        ({"originalLoanAmount": "1e30"}, "originalLoanAmount", "invalid", Effect.VALUE_LEFT_OUT),
        ({"vehicleNewUsedCode": "3"}, "vehicleNewUsedCode", "invalid", Effect.VALUE_LEFT_OUT),
        ({"zeroBalanceCode": "7"}, "zeroBalanceCode", "invalid", Effect.VALUE_LEFT_OUT),
        ({"coObligorIndicator": "yes"}, "coObligorIndicator", "invalid", Effect.VALUE_LEFT_OUT),
        ({"obligorCreditScore": "5000"}, "bureau_score", "out of range", Effect.VALUE_LEFT_OUT),
        ({"reportingPeriodInterestRatePercentage": "-0.01"}, "rate_ppm", "out of range", Effect.LOAN_LEFT_OUT),
        ({"paymentToIncomePercentage": "-0.01"}, "payment_to_income_ppm", "out of range", Effect.VALUE_LEFT_OUT),
        ({"vehicleModelYear": "1850"}, "vehicle_age_years", "out of range", Effect.VALUE_LEFT_OUT),
        ({"originationDate": "01/-091"}, "originationDate", "invalid", Effect.VALUE_LEFT_OUT),
        ({"originatorName": "x" * 51}, "originatorName", "invalid", Effect.VALUE_LEFT_OUT),
    ],
)
@pytest.mark.parametrize("write", [write_xml, write_csv], ids=["xml", "csv"])
def test_a_bad_value_is_found_and_does_what_it_must(
    tmp_path: Path,
    write: Callable[[Path, list[dict[str, Any]]], Path],
    changes: dict[str, Any],
    field: str,
    problem: str,
    effect: Effect,
) -> None:
    path = write(tmp_path / "tape", [GOOD, record(SEC_LOAN, **changes)])
    report, tables = run_import(path, tmp_path / "strict")
    finding = findings_of(report)[field, problem]
    assert (finding.count, finding.effect, [example.record for example in finding.examples]) == (1, effect, [2])
    assert [example.line for example in finding.examples] == [4 if write is write_xml else 3]
    assert finding.expected
    left_out = any(each.effect is not Effect.VALUE_LEFT_OUT for each in findings_of(report).values())
    assert (tables is None) == left_out
    _, loans = import_loans(path, tmp_path / "skipping", skip_bad_rows=True)
    assert next(loan["loan_id"] for loan in loans) == "good"
    assert len(loans) == (1 if left_out else 2)


def test_an_element_that_stands_twice_counts_once_and_is_noted(tmp_path: Path) -> None:
    twice = record(GOOD, originalLoanTerm=["72", "60"], subvented=["1", "2"])
    report, (loan,) = import_loans(write_xml(tmp_path / "tape.xml", [twice]), tmp_path)
    assert loan["term_months"] == 72
    assert list(findings_of(report)) == [("originalLoanTerm", "repeated")]


def test_rows_of_another_length_are_left_out_with_their_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "tape.csv", [GOOD, record(GOOD, assetNumber="b", originatorName="two\nlines")])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1] + ",1,2", lines[1][:40]]))
    report, _ = import_loans(path, tmp_path, skip_bad_rows=True)
    width = len(GOOD)
    assert [
        example.line for example in findings_of(report)["record", f"{width + 2} values, expected {width}"].examples
    ] == [5]
    assert report.files[0].record_count == 4
    assert report.files[0].taken_count == 2


def test_only_the_first_places_of_a_problem_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    bad = [record(SEC_LOAN, assetNumber=str(n), vehicleTypeCode="9") for n in range(50)]
    report, _ = import_loans(write_xml(tmp_path / "tape.xml", bad), tmp_path)
    finding = findings_of(report)["vehicleTypeCode", "invalid"]
    assert (finding.count, len(finding.examples)) == (50, 3)
    assert finding.expected == "one of 1, 2, 3, 4, 98, 99"


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"AUTL70": "DEAD"}, "AUTL70", "invalid"),
        ({"AUTL3": None, "AUTL2": None}, "loan_id", "missing"),
        ({"AUTL6": "2031-06-30"}, "period", "in the future"),
        ({"AUTL30": "-1"}, "balance_cents", "negative"),
        ({"AUTL10": "XX1"}, "region_code", "missing"),
        ({"AUTL28": "SEK"}, "currency_code", "missing"),
        ({"AUTL99": "1"}, "AUTL99", "unmapped"),
    ],
)
def test_a_bad_exposure_is_found(tmp_path: Path, changes: dict[str, Any], field: str, problem: str) -> None:
    path = write_esma(tmp_path / "tape.xml", [record(ESMA_LOAN, AUTL3="good"), record(ESMA_LOAN, **changes)])
    report, _ = run_import(path, tmp_path, skip_bad_rows=True)
    assert findings_of(report)[field, problem].count == 1


def test_no_month_of_the_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cut-off 2019-01"):
        run_import(SAMPLE, tmp_path, cut_off="2019-01")
