"""Decoding transactions once: many at a time, beside the event loop when they are many, remembered for a while.

A transaction comes by RPC or gossip and soon again in a proposal. Recovering its sender costs more than anything
else the node does with it outside the engine, so whoever needs one decoded asks here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from threading import Lock

from chain_node.core.codec import DecodeTransactions
from chain_node.core.errors import InvalidInputError
from chain_node.core.types import Hash32, Transaction

Decoded = Transaction | InvalidInputError
"""A transaction, or why it is none."""

REMEMBERED_COUNT_MAX = 32_768
"""Transactions remembered: more than the pool holds, and than come between a proposal and the next."""

REMEMBERED_SIZE_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of all that are remembered; the oldest go first."""

_INLINE_COUNT_MAX = 16
"""So few are decoded at once where they are asked for: a thread would cost more than it saves."""


class TransactionDecoder:
    """Any thread may ask; `decode_soon` belongs to the event loop."""

    def __init__(self, decode_all: DecodeTransactions, worker: Executor | None = None) -> None:
        """Take the engine's decoder, and where to decode many; None decodes everything in place."""
        self._decode_all = decode_all
        self._worker = worker
        self._lock = Lock()
        self._transaction_by_raw: OrderedDict[bytes, Transaction] = OrderedDict()
        """In the order in which they came. A plain dict finds its oldest entry slowly once many before it are gone."""
        self._transaction_by_hash: dict[Hash32, Transaction] = {}
        self._size_bytes = 0

    def get(self, transaction_hash: Hash32) -> Transaction | None:
        """A transaction that was decoded lately."""
        return self._transaction_by_hash.get(transaction_hash)

    def decode(self, raws: Sequence[bytes]) -> list[Decoded]:
        """For each one the transaction, or why it is none."""
        return self._decode(raws, is_remembered=True)

    def decode_included(self, raws: Sequence[bytes]) -> list[Decoded]:
        """As `decode`, for transactions of decided blocks, which come once only."""
        return self._decode(raws, is_remembered=False)

    def _decode(self, raws: Sequence[bytes], *, is_remembered: bool) -> list[Decoded]:
        known = self._transaction_by_raw
        found: list[Decoded | None] = [known.get(raw) for raw in raws]
        missing = [index for index, one in enumerate(found) if one is None]
        if missing:
            decoded = self._decode_all([raws[index] for index in missing])
            for index, one in zip(missing, decoded, strict=True):
                found[index] = one
            if is_remembered:
                self._remember(decoded)
        return [one for one in found if one is not None]

    async def decode_soon(self, raws: Sequence[bytes]) -> list[Decoded]:
        """As `decode`; many new ones are decoded in the worker, and the event loop goes on meanwhile."""
        if self._worker is not None:
            known = self._transaction_by_raw
            if sum(raw not in known for raw in raws) > _INLINE_COUNT_MAX:
                return await asyncio.get_running_loop().run_in_executor(self._worker, self.decode, raws)
        return self.decode(raws)

    def _remember(self, decoded: Sequence[Decoded]) -> None:
        with self._lock:
            for one in decoded:
                if isinstance(one, InvalidInputError) or one.raw in self._transaction_by_raw:
                    continue
                self._transaction_by_raw[one.raw] = one
                self._transaction_by_hash[one.hash] = one
                self._size_bytes += len(one.raw)
            while self._size_bytes > REMEMBERED_SIZE_BYTES_MAX or len(self._transaction_by_raw) > REMEMBERED_COUNT_MAX:
                _, oldest = self._transaction_by_raw.popitem(last=False)
                del self._transaction_by_hash[oldest.hash]
                self._size_bytes -= len(oldest.raw)
