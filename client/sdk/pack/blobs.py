"""The vault blobs of a pack's rows: one encrypted blob per chunk, one key for all. Source: docs/protocol.md, 6."""

from collections.abc import Sequence
from typing import NamedTuple

from client.sdk import canonical, cipher
from client.sdk.errors import DecodeError
from client.sdk.pack.asset_row import AssetRow, parse_row

_ROW_TYPES = [bytes, bytes, bytes]


class PackedRow(NamedTuple):
    """One asset as it travels to those who may read it."""

    salt: bytes
    """32 bytes; with `row` it gives the leaf on the chain."""
    row: bytes
    """Canonical asset row."""
    receipt: bytes
    """Signed consent receipt of the borrower."""

    def asset(self) -> AssetRow:
        """Return the row, decoded and checked."""
        return parse_row(self.row)


def encrypt_rows(row_key: bytes, rows: Sequence[PackedRow]) -> bytes:
    """Return the rows blob of one chunk."""
    return cipher.encrypt(row_key, canonical.encode([list(each) for each in rows]))


def decrypt_rows(row_key: bytes, blob: bytes, *, what: str) -> list[PackedRow]:
    """Open a rows blob; TamperedError or DecodeError naming `what` when it is not one made with this key."""
    rows: list[PackedRow] = []
    for item in canonical.decode_array(cipher.decrypt(row_key, blob, what=what), what=what):
        if type(item) is not list or [*map(type, item)] != _ROW_TYPES:
            raise DecodeError(what, got="another shape", expected="an array of [salt, row, receipt]")
        rows.append(PackedRow._make(item))
    return rows
