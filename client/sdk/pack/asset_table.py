"""The rows of a whole pack, kept as canonical bytes and columns; as a sequence it gives each row. Pure."""

from collections.abc import Sequence
from functools import cached_property
from typing import overload

from client.sdk.pack.asset_row import AssetRow, parse_row
from client.sdk.pack.columns import AssetColumns, decode_rows


class AssetTable(Sequence[AssetRow]):
    """Asset rows in the order of the pack, all of them checked."""

    def __init__(self, encoded: Sequence[bytes]):
        """Decode canonical rows; DecodeError for the first that is none."""
        self.encoded = tuple(encoded)
        self.decoded: AssetColumns = decode_rows(self.encoded)

    @classmethod
    def of(cls, rows: Sequence[AssetRow]) -> "AssetTable":
        """Return the rows as a table."""
        return rows if isinstance(rows, AssetTable) else cls([row.to_bytes() for row in rows])

    @cached_property
    def rows(self) -> tuple[AssetRow, ...]:
        """The rows one by one, made when first asked for: those who only score do not need them."""
        return tuple(map(parse_row, self.encoded))

    @overload
    def __getitem__(self, index: int) -> AssetRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[AssetRow]: ...

    def __getitem__(self, index: int | slice) -> AssetRow | Sequence[AssetRow]:
        """Return a row or some."""
        return self.rows[index]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.encoded)
