"""One asset of a pack: its canonical bytes, and what of it the chain may see. Pure: no I/O.

Source: docs/protocol.md, 6; docs/adr/0006.
"""

from dataclasses import dataclass

from client.model.schema import ASSET_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack.values import checked_values

HANDLE_SIZE = 32
CLASS_MAX = 0xFFFF

_ASSET_INDEX = {field.name: index for index, field in enumerate(ASSET_FIELDS)}


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
