"""Receipts of a block, decoded one by one where they are asked for. No I/O.

A block holds thousands, and most requests want one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import overload

from chain_node.core import rlp
from chain_node.core.codec import decode_receipt
from chain_node.core.trie import BLOOM_SIZE_BYTES
from chain_node.core.types import Receipt


class BlockReceipts(Sequence[Receipt]):
    """A sequence over encoded receipts, which came out of the store and can be trusted. Any thread."""

    __slots__ = ("_encoded", "_logs_before", "_receipts")

    def __init__(self, encoded: Sequence[bytes]) -> None:
        self._encoded = encoded
        self._receipts: list[Receipt | None] = [None] * len(encoded)
        self._logs_before: list[int] | None = None

    def __len__(self) -> int:
        return len(self._encoded)

    @overload
    def __getitem__(self, index: int) -> Receipt: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Receipt]: ...
    def __getitem__(self, index: int | slice) -> Receipt | Sequence[Receipt]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        receipt = self._receipts[index]
        if receipt is None:
            receipt = self._receipts[index] = decode_receipt(self._encoded[index])
        return receipt

    def logs_bloom(self, index: int) -> int:
        """The log filter of a receipt, without decoding it."""
        encoded = self._encoded[index]
        start, _ = _find_bloom(encoded)
        return int.from_bytes(encoded[start : start + BLOOM_SIZE_BYTES], "big")

    def logs_before(self, index: int) -> int:
        """Number of logs in the receipts before one; counted once, without decoding them."""
        if self._logs_before is None:
            self._logs_before = list(accumulate(map(_count_logs, self._encoded), initial=0))
        return self._logs_before[index]


def _count_logs(encoded: bytes) -> int:
    """Items of the list that follows the log filter."""
    bloom, end = _find_bloom(encoded)
    _, position, end = rlp.read_prefix(encoded, bloom + BLOOM_SIZE_BYTES, end)
    count = 0
    while position < end:
        _, _, position = rlp.read_prefix(encoded, position, end)
        count += 1
    return count


def _find_bloom(encoded: bytes) -> tuple[int, int]:
    """Where the log filter starts, the third of four fields after the type byte if there is one; and the end of all."""
    start = 1 if encoded[:1] in (b"\x01", b"\x02") else 0
    _, position, end = rlp.read_prefix(encoded, start, len(encoded))
    for _ in range(2):
        _, _, position = rlp.read_prefix(encoded, position, end)
    _, position, _ = rlp.read_prefix(encoded, position, end)
    return position, end
