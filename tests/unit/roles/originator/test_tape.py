import csv
import hashlib
from pathlib import Path

import pytest

from client.model.schema import ASSET_FIELDS
from client.roles.originator.tape import CONSENT_ROLES, Loan, read_loans
from client.sdk.consent import Purpose
from client.sdk.errors import BadRow, BadRowsError, InvalidInputError
from client.sdk.role import role_bitmap
from tests.unit.sdk.pack.samples import ASSET

DOCUMENT = hashlib.sha256(b"signed").hexdigest()


def loan_line(number: int, **changes: object) -> dict[str, object]:
    return {"loan_id": f"L{number}", "subject_id": f"S{number}", **ASSET, **changes}


def consent_line(number: int, **changes: object) -> dict[str, object]:
    line = {
        "subject_id": f"S{number}",
        "document_sha256": DOCUMENT,
        "purposes": "underwriting monitoring",
        "granted_on": "2011-12-01",
        "expires_on": "2040-12-31",
    }
    return {**line, **changes}


def write(path: Path, lines: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return path


def read(
    directory: Path, loans: list[dict[str, object]], consents: list[dict[str, object]], *, skip: bool = False
) -> tuple[list[Loan], tuple[BadRow, ...]]:
    tape, papers = write(directory / "loans.csv", loans), write(directory / "consents.csv", consents)
    return read_loans(tape, papers, mapping=None, skip_bad_rows=skip)


def test_loan_comes_with_its_borrowers_consent(tmp_path: Path) -> None:
    (loan,), bad = read(tmp_path, [loan_line(1)], [consent_line(2), consent_line(1)])
    assert bad == ()
    assert (loan.loan_id, loan.subject) == ("L1", "S1")
    assert loan.values == tuple(ASSET[field.name] for field in ASSET_FIELDS)
    assert loan.known("balance_cents") == ASSET["balance_cents"]
    assert loan.consent.purposes == (Purpose.UNDERWRITING, Purpose.MONITORING)
    assert (loan.consent.granted_day, loan.consent.expires_day) == (15_309, 25_932)


@pytest.mark.parametrize(("cell", "expected"), [("1", True), ("0", False), ("", False)])
def test_consent_is_explicit_only_where_the_file_says_so(tmp_path: Path, cell: str, expected: bool) -> None:
    (loan,), _ = read(tmp_path, [loan_line(1)], [consent_line(1, is_explicit=cell)])
    assert loan.receipt(b"\x05" * 32).is_explicit is expected
    (without,), _ = read(tmp_path, [loan_line(1)], [consent_line(1)])
    assert without.receipt(b"\x05" * 32).is_explicit is False


def test_receipt_says_what_the_borrower_signed_under_the_packs_handle(tmp_path: Path) -> None:
    (loan,), _ = read(tmp_path, [loan_line(1)], [consent_line(1)])
    receipt = loan.receipt(b"\x05" * 32)
    assert receipt.handle == b"\x05" * 32
    assert receipt.purposes == 1 << Purpose.UNDERWRITING | 1 << Purpose.MONITORING
    assert receipt.recipient_roles == role_bitmap(CONSENT_ROLES)
    assert receipt.evidence_hash.hex() == DOCUMENT
    assert receipt.nonce != loan.receipt(b"\x05" * 32).nonce


def test_two_loans_of_one_borrower_need_one_consent(tmp_path: Path) -> None:
    loans, _ = read(tmp_path, [loan_line(1), loan_line(2, subject_id="S1")], [consent_line(1)])
    assert [loan.subject for loan in loans] == ["S1", "S1"]


@pytest.mark.parametrize(
    ("loans", "line", "field", "reason"),
    [
        ([loan_line(1), loan_line(2, balance_cents=-1)], 3, "balance_cents", "-1"),
        ([loan_line(1), loan_line(2, term_months="long")], 3, "term_months", "long"),
        ([loan_line(1), loan_line(2, term_months="")], 3, "term_months", ""),
        ([loan_line(1), loan_line(2, loan_id="L1")], 3, "loan_id", "L1"),
        ([loan_line(1), loan_line(2, subject_id="S9")], 3, "subject_id", "S9"),
        ([loan_line(1, region_code=250), loan_line(2)], 2, "region_code", "250"),
    ],
)
def test_bad_row_of_the_tape_is_listed_and_left_out_on_demand(
    tmp_path: Path, loans: list[dict[str, object]], line: int, field: str, reason: str
) -> None:
    consents = [consent_line(1), consent_line(2)]
    with pytest.raises(BadRowsError, match=f"1 bad row \\({field}\\)") as refused:
        read(tmp_path, loans, consents)
    (bad,) = refused.value.rows
    assert (bad.line, bad.field, bad.value) == (line, field, reason)
    taken, left_out = read(tmp_path, loans, consents, skip=True)
    assert len(taken) == 1
    assert [(row.line, row.field) for row in left_out] == [(line, field)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"document_sha256": "ab"}, "document_sha256"),
        ({"document_sha256": "g" * 64}, "document_sha256"),
        ({"purposes": "curiosity"}, "purposes"),
        ({"purposes": "underwriting curiosity"}, "purposes"),
        ({"granted_on": "soon"}, "granted_day"),
        ({"expires_on": ""}, "expires_day"),
    ],
)
def test_bad_consent_is_listed_and_its_loan_left_out(tmp_path: Path, changes: dict[str, object], field: str) -> None:
    loans, consents = [loan_line(1), loan_line(2)], [consent_line(1), consent_line(2, **changes)]
    with pytest.raises(BadRowsError, match=field) as refused:
        read(tmp_path, loans, consents)
    assert [(row.line, row.field) for row in refused.value.rows] == [(3, field)]
    taken, left_out = read(tmp_path, loans, consents, skip=True)
    assert [loan.loan_id for loan in taken] == ["L1"]
    assert {(row.field, row.line) for row in left_out} == {("subject_id", 3), (field, 3)}


def test_tape_without_a_good_loan_is_refused_even_on_demand(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no loan that can be taken"):
        read(tmp_path, [loan_line(1)], [consent_line(2)], skip=True)


@pytest.mark.parametrize("column", ["loan_id", "subject_id", "balance_cents"])
def test_missing_column_of_the_tape_is_named(tmp_path: Path, column: str) -> None:
    line = loan_line(1)
    del line[column]
    with pytest.raises(InvalidInputError, match=column):
        read(tmp_path, [line], [consent_line(1)])
