"""Small tapes for the tests: records of Schedule AL and of ESMA Annex V as mappings, written as files."""

import csv
import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from client.tapes.detect import FormatName
from client.tapes.findings import Finding
from client.tapes.importer import Tables, TapeReport, import_tapes
from client.tapes.sec_elements import NAMESPACE

TODAY = dt.date(2026, 1, 1)
SAMPLE = Path(__file__).parent / "world_omni_2020a_200.xml.gz"
ESMA_NAMESPACE = "urn:esma:xsd:DRAFT1auth.099.001.04"

SEC_LOAN: Mapping[str, Any] = {
    "assetTypeNumber": "Sponsor",
    "assetNumber": "123456789012345678",
    "reportingPeriodEndingDate": "07-31-2020",
    "originatorName": "A Bank",
    "originationDate": "01/2020",
    "originalLoanAmount": "20000.00",
    "originalLoanTerm": "72",
    "loanMaturityDate": "01/2026",
    "originalInterestRatePercentage": "0.065",
    "vehicleNewUsedCode": "2",
    "vehicleModelYear": "2017",
    "vehicleValueAmount": "18000",
    "obligorCreditScore": "701",
    "obligorIncomeVerificationLevelCode": "3",
    "paymentToIncomePercentage": "0.08",
    "obligorGeographicLocation": "TX",
    "reportingPeriodBeginningLoanBalanceAmount": "18500.10",
    "reportingPeriodInterestRatePercentage": "0.065",
    "scheduledPrincipalAmount": "250.00",
    "reportingPeriodActualEndBalanceAmount": "18250.10",
    "actualInterestCollectedAmount": "100.21",
    "actualPrincipalCollectedAmount": "250.00",
    "actualOtherCollectedAmount": "5.00",
    "currentDelinquencyStatus": "12",
}

ESMA_LOAN: Mapping[str, Any] = {
    "AUTL1": "LEI000N202001",
    "AUTL2": "old-1",
    "AUTL3": "L1",
    "AUTL4": "ob-1",
    "AUTL5": "B1",
    "AUTL6": "2021-06-30",
    "AUTL10": "DE212",
    "AUTL16": "42000.00",
    "AUTL17": "GRAN",
    "AUTL18": "EUR",
    "AUTL19": "VRFD",
    "AUTL24": "2020-12-31",
    "AUTL25": "2024-12-31",
    "AUTL26": "48",
    "AUTL28": "EUR",
    "AUTL29": "15000.00",
    "AUTL30": "13000.00",
    "AUTL40": "4.25",
    "AUTL52": "0",
    "AUTL55": "2020",
    "AUTL56": "NEWX",
    "AUTL60": "20000",
    "AUTL68": "0",
    "AUTL69": "0",
    "AUTL70": "PERF",
    "AUTL72": "ND5",
    "AUTL76": "ND5",
    "AUTL82": "Autobank",
}


def record(base: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A record with other values; None leaves the element out, a list repeats it."""
    return {name: value for name, value in (dict(base) | changes).items() if value is not None}


def write_xml(path: Path, records: Sequence[Mapping[str, Any]], *, namespace: str = NAMESPACE) -> Path:
    rows = "".join(f"<assets>{_elements(each)}</assets>\n" for each in records)
    path.write_text(f'<?xml version="1.0"?>\n<assetData xmlns="{namespace}">\n{rows}</assetData>\n')
    return path


def write_esma(path: Path, records: Sequence[Mapping[str, Any]], *, namespace: str = ESMA_NAMESPACE) -> Path:
    rows = "".join(f"<UndrlygXpsrRcrd><Ln>{_elements(each)}</Ln></UndrlygXpsrRcrd>\n" for each in records)
    path.write_text(f'<?xml version="1.0"?>\n<Document xmlns="{namespace}"><Rpt>\n{rows}</Rpt></Document>\n')
    return path


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    names = list(dict.fromkeys(name for each in records for name in each))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(records)
    return path


def run_import(path: Path | list[Path], out: Path, **options: Any) -> tuple[TapeReport, Tables | None]:
    paths = path if isinstance(path, list) else [path]
    form = options.pop("form", FormatName.AUTO)
    return import_tapes(paths, out, form=form, today=TODAY, progress=lambda _: None, **options)


def import_loans(path: Path | list[Path], out: Path, **options: Any) -> tuple[TapeReport, list[dict[str, Any]]]:
    report, tables = run_import(path, out, **options)
    assert tables is not None, [finding.document() for file in report.files for finding in file.findings]
    return report, pl.read_csv(tables.loans, infer_schema_length=None, schema_overrides=_TEXTS).to_dicts()


def period_rows(out: Path) -> list[dict[str, Any]]:
    return pl.read_csv(out / "periods.csv", infer_schema_length=None, schema_overrides=_TEXTS).to_dicts()


def findings_of(report: TapeReport) -> dict[tuple[str, str], Finding]:
    return {(finding.field, finding.problem): finding for file in report.files for finding in file.findings}


_TEXTS = {"loan_id": pl.String, "subject_id": pl.String}


def _elements(each: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{value}</{name}>"
        for name, values in each.items()
        for value in (values if isinstance(values, list) else [values])
    )
