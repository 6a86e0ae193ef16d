"""One asset of a pack: its canonical bytes, and what of it the chain may see. Pure: no I/O.

Source: docs/protocol.md, 6; docs/adr/0006.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from client.model.schema import ASSET_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack.values import checked_values

HANDLE_SIZE = 32
BUCKETS_SIZE = 4
"""Bucket bytes of an asset: term class, rate class, arrears class, region group."""
CLASS_MAX = 0xFFFF

_ASSET_INDEX = {field.name: index for index, field in enumerate(ASSET_FIELDS)}
_RATE_BAND_PPM = 50_000
_ARREARS_STEPS_DAYS = (1, 30, 60, 90)


@dataclass(frozen=True, slots=True)
class AssetRow:
    """One loan of a pack, its borrower under the handle of that pack."""

    handle: bytes
    """32 bytes."""
    loan_id: str
    """The originator's own id of the loan."""
    values: tuple[int | None, ...]
    """In the order of ASSET_FIELDS."""

    def value(self, field: str) -> int | None:
        """Return the value of a field of the asset schema."""
        return self.values[_ASSET_INDEX[field]]

    def known(self, field: str) -> int:
        """Return the value of a field that the schema does not let be missing."""
        value = self.value(field)
        if value is None:
            raise DecodeError(f"asset row: {field}", got="nothing", expected="an integer")
        return value

    def to_bytes(self) -> bytes:
        """Return the canonical row."""
        return canonical.encode([SCHEMA_VERSION, self.handle, self.loan_id, *self.values])


def parse_row(data: bytes) -> AssetRow:
    """Read a canonical row; DecodeError when it is not one of this schema version, or a value is out of its range."""
    version, handle, loan_id, *values = canonical.decode_array(data, what="asset row", length=3 + len(ASSET_FIELDS))
    if version != SCHEMA_VERSION:
        raise DecodeError("asset row", got=f"schema version {version!r}", expected=str(SCHEMA_VERSION))
    if not (isinstance(handle, bytes) and len(handle) == HANDLE_SIZE and isinstance(loan_id, str)):
        raise DecodeError("asset row", got="another shape", expected="[version, handle, loan id, values]")
    return AssetRow(handle, loan_id, checked_values(ASSET_FIELDS, values, what="asset row"))


def principal_class(balance_cents: int, class_unit: int) -> int:
    """Return the balance in units of `class_unit` currency units, rounded half up, from 1 to 65,535."""
    unit_cents = class_unit * 100
    return min(max((2 * balance_cents + unit_cents) // (2 * unit_cents), 1), CLASS_MAX)


def region_groups(row_key: bytes, region_count: int) -> list[int]:
    """Return the group number of each region code (index 0 is code 1): a permutation only the row key gives."""
    keyed = sorted(range(region_count), key=lambda code: hmac.digest(row_key, b"region" + bytes([code]), "sha256"))
    groups = [0] * region_count
    for group, code in enumerate(keyed):
        groups[code] = group
    return groups


def bucket_bytes(row: AssetRow, groups: Sequence[int]) -> bytes:
    """Return the four bytes the chain sees of a row's term, rate, arrears and region."""
    term_class = min(-(-row.known("term_months") // 12), 255)
    rate_class = min(row.known("rate_ppm") // _RATE_BAND_PPM, 255)
    days_past_due = row.known("days_past_due")
    arrears_class = sum(days_past_due >= step for step in _ARREARS_STEPS_DAYS)
    return bytes([term_class, rate_class, arrears_class, groups[row.known("region_code") - 1]])
