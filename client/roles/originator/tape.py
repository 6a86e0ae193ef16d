"""The originator's files: the tape of loans and the consents of their borrowers, read and joined."""

import csv
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import polars as pl

from client.model.schema import ASSET_FIELDS, ASSET_KEYS
from client.sdk.consent import ConsentReceipt, Purpose, make_receipt
from client.sdk.errors import BadRow, BadRowsError, DecodeError, InvalidInputError
from client.sdk.role import Role
from client.sdk.table_mapping import TableMapping
from client.sdk.tabular import read_table

CONSENT_KEYS = ("subject_id", "document_sha256", "purposes")
CONSENT_ROLES = (Role.RISK_CONTROL, Role.TRUSTEE, Role.AUDITOR, Role.BUREAU)
"""Roles that a borrower's consent names as recipients."""

_INDEX = {field.name: index for index, field in enumerate(ASSET_FIELDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentField:
    """A column of the consents file beside its text columns."""

    name: str
    unit: str = "day"
    minimum: int = 0
    maximum: int = 73_049
    nullable: bool = False


CONSENT_FIELDS = (
    ConsentField(name="granted_day"),
    ConsentField(name="expires_day"),
    ConsentField(name="is_explicit", unit="count", maximum=1, nullable=True),
)
"""A file without the column `is_explicit`, or a cell without value, claims no explicit consent."""
CONSENT_MAPPING = TableMapping(
    columns={"granted_day": "granted_on", "expires_day": "expires_on"},
    units={"granted_day": "date", "expires_day": "date"},
)
_WITHOUT_EXPLICIT = replace(CONSENT_MAPPING, absent=frozenset({"is_explicit"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a borrower signed, as the originator's file has it."""

    document_hash: bytes
    """SHA-256 of the signed document, which the originator keeps."""
    purposes: tuple[Purpose, ...]
    granted_day: int
    expires_day: int
    is_explicit: bool
    """Whether the borrower agreed expressly to what needs that: income and deposits as bureaus observe them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """One loan of the tape, with its borrower's consent."""

    loan_id: str
    subject: str
    """The borrower's id as bureaus know it. Leaves the originator only towards registrar and bureaus, hashed."""
    values: tuple[int | None, ...]
    """In the order of ASSET_FIELDS."""
    consent: Consent

    def known(self, field: str) -> int:
        """Return the value of a field that the schema does not let be missing."""
        value = self.values[_INDEX[field]]
        if value is None:
            raise DecodeError(f"loan: {field}", got="nothing", expected="an integer")
        return value

    def receipt(self, handle: bytes) -> ConsentReceipt:
        """Return the consent receipt under a pack's handle, not signed yet."""
        return make_receipt(
            handle=handle,
            purposes=self.consent.purposes,
            recipient_roles=CONSENT_ROLES,
            granted_day=self.consent.granted_day,
            expires_day=self.consent.expires_day,
            is_explicit=self.consent.is_explicit,
            evidence_hash=self.consent.document_hash,
        )


def read_loans(
    tape: Path, consents: Path, *, mapping: TableMapping | None, skip_bad_rows: bool
) -> tuple[list[Loan], tuple[BadRow, ...]]:
    """Read tape and consents; returns the loans and the rows left out (only with `skip_bad_rows`).

    Raises:
        BadRowsError: rows that cannot be taken, among them loans whose borrower has no consent.
        InvalidInputError: a file as a whole cannot be used.
    """
    consent_by_subject, bad_consents = _read_consents(consents, skip_bad_rows=skip_bad_rows)
    table = read_table(tape, ASSET_FIELDS, keys=ASSET_KEYS, unique=("loan_id",), mapping=mapping)
    frame = table.accepted(skip_bad_rows=skip_bad_rows)
    loans, bad = [], list(table.bad_rows)
    columns = [*ASSET_KEYS, *(field.name for field in ASSET_FIELDS), "line"]
    for loan_id, subject, *values, line in frame.select(columns).iter_rows():
        consent = consent_by_subject.get(subject)
        if consent is None:
            bad.append(BadRow(line=line, field="subject_id", value=subject, reason="no consent in the consents file"))
            continue
        loans.append(Loan(loan_id=loan_id, subject=subject, values=tuple(values), consent=consent))
    if bad and not skip_bad_rows:
        raise BadRowsError(str(tape), bad)
    if not loans:
        raise InvalidInputError(str(tape), got="no loan that can be taken", expected="at least one")
    return loans, (*bad, *bad_consents)


def _read_consents(path: Path, *, skip_bad_rows: bool) -> tuple[dict[str, Consent], tuple[BadRow, ...]]:
    mapping = CONSENT_MAPPING if _has_column(path, "is_explicit") else _WITHOUT_EXPLICIT
    table = read_table(path, CONSENT_FIELDS, keys=CONSENT_KEYS, unique=("subject_id",), mapping=mapping)
    found: dict[str, Consent] = {}
    bad = list(table.bad_rows)
    columns = [*CONSENT_KEYS, *(spec.name for spec in CONSENT_FIELDS), "line"]
    frame = table.accepted(skip_bad_rows=skip_bad_rows)
    for subject, document, purposes, granted, expires, is_explicit, line in frame.select(columns).iter_rows():
        try:
            found[subject] = Consent(
                document_hash=_sha256(document),
                purposes=_purposes(purposes),
                granted_day=granted,
                expires_day=expires,
                is_explicit=bool(is_explicit),
            )
        except InvalidInputError as error:
            bad.append(BadRow(line=line, field=error.what, value=str(error.got), reason=f"expected {error.expected}"))
    if bad and not skip_bad_rows:
        raise BadRowsError(str(path), bad)
    return found, tuple(bad)


def _has_column(path: Path, name: str) -> bool:
    """Return whether a table has a column; False for one that cannot be read, which its reader says better."""
    try:
        if path.suffix == ".parquet":
            return name in pl.read_parquet_schema(path)
        opener: Callable[..., TextIO] = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig") as file:
            return name in next(csv.reader(file), [])
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return False


def _sha256(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise InvalidInputError("document_sha256", got=text, expected="64 hex digits")
    return digest


def _purposes(text: str) -> tuple[Purpose, ...]:
    words: Sequence[str] = text.upper().split()
    unknown = [word for word in words if word not in Purpose.__members__]
    if unknown or not words:
        names = ", ".join(each.name.lower() for each in Purpose)
        raise InvalidInputError("purposes", got=text, expected=f"some of {names}, separated by spaces")
    return tuple(Purpose[word] for word in words)
