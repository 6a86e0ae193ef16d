"""The row file of a report: every loan of the pack, encrypted for those who may have it. Pure: no I/O.

Canonical CBOR `[1, chain id, registry, pack, block, key blob, ciphertext]`: the rows under a fresh AES-256-GCM key,
that key sealed by HPKE (label `report-rows`) to each recipient. Source: docs/protocol.md, "Reports".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from client.model.schema import ASSET_FIELDS
from client.report.document import Head
from client.report.reading.data import ReportData
from client.sdk import canonical, cipher
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import DecodeError, RefusedError
from client.sdk.hashing import address_bytes, address_text
from client.sdk.hpke import SealInfo, decode_key_blob
from client.sdk.keystore import Identity
from client.sdk.pack.asset_row import AssetRow, parse_row
from client.sdk.recipients import open_sealed
from client.sdk.role import Role

FORMAT: Final = 1
RECIPIENTS: Final = (Role.RISK_CONTROL, Role.TRUSTEE, Role.REGULATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRow:
    """One loan with what became of it in the screening."""

    index: int
    score: int
    """0 without a usable record."""
    reason: int
    """Number of a `Reason`."""
    row: AssetRow

    def columns(self) -> dict[str, int | str | None]:
        """Return the loan as a line of a table."""
        named = zip((field.name for field in ASSET_FIELDS), self.row.values, strict=True)
        own: dict[str, int | str | None] = {
            "index": self.index,
            "loan_id": self.row.loan_id,
            "score": self.score,
            "reason": self.reason,
        }
        return {**own, **dict(named)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """An opened row file."""

    pack_id: int
    block: int
    rows: tuple[ReportedRow, ...]


def reported_rows(data: ReportData) -> list[ReportedRow]:
    """Return the rows of a pack with score and reason."""
    screening = data.screened
    joined = zip(screening.scores, screening.reasons, data.rows, strict=True)
    return [
        ReportedRow(index=index, score=score, reason=int(reason), row=row)
        for index, (score, reason, row) in enumerate(joined)
    ]


def seal_rows(rows: Sequence[ReportedRow], head: Head, keys: KeyDirectory, recipients: Sequence[str]) -> bytes:
    """Return the bytes of a row file; RefusedError when a recipient has no usable key, or there is no recipient."""
    if not recipients:
        raise RefusedError("this client", "no account of risk control, trustee or regulator has an encryption key")
    key = cipher.new_key()
    blob = keys.key_blob(recipients, key, label="report-rows", subject=head.pack_id, expires_at=0)
    plain = canonical.encode([[each.index, each.score, each.reason, each.row.to_bytes()] for each in rows])
    start: list[canonical.Value] = [FORMAT, head.chain_id, address_bytes(head.registry), head.pack_id, head.block]
    return canonical.encode([*start, blob, cipher.encrypt(key, plain)])


def open_rows(data: bytes, identity: Identity) -> RowFile:
    """Open a row file.

    Raises:
        DecodeError: the bytes are no row file.
        RefusedError: it is not sealed to this account.
        TamperedError: it was changed.
    """
    parts = canonical.decode_array(data, what="row file", length=7)
    match parts:
        case [1, int(chain_id), bytes(registry), int(pack_id), int(block), bytes(blob), bytes(sealed_rows)]:
            sealed = decode_key_blob(blob).get(identity.address)
        case _:
            raise DecodeError("row file", got="another shape", expected="one that `tranchain report --rows` wrote")
    if sealed is None:
        raise RefusedError(f"row file of pack {pack_id}", f"it is not sealed to {identity.address}")
    info = SealInfo(
        label="report-rows",
        chain_id=chain_id,
        registry=address_text(registry),
        subject=pack_id,
        recipient=identity.address,
        expires_at=0,
    )
    plain = cipher.decrypt(open_sealed(identity, sealed, info), sealed_rows, what=f"rows of pack {pack_id}")
    rows = tuple(_row(item) for item in canonical.decode_array(plain, what="row file"))
    return RowFile(pack_id=pack_id, block=block, rows=rows)


def _row(item: object) -> ReportedRow:
    match item:
        case [int(index), int(score), int(reason), bytes(row)]:
            return ReportedRow(index=index, score=score, reason=reason, row=parse_row(row))
        case _:
            raise DecodeError("row file", got="another shape", expected="[index, score, reason, row]")
