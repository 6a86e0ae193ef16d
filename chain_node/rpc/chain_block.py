"""A block of the chain as the RPC needs it: its transactions decoded only where asked for. No I/O.

Decoding a transaction recovers its sender, which costs more than everything else in an answer; most answers need
one transaction, or hashes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from chain_node.core import rlp
from chain_node.core.codec import DecodeTransactions, decode_each, decode_header, encode_block, need_transaction
from chain_node.core.hashing import keccak
from chain_node.core.types import Block, Hash32, Header, Height, Transaction
from chain_node.rpc.block_receipts import BlockReceipts


class ChainBlock:
    """One imported block. Its bytes are trusted: they came out of the store, or went into it."""

    __slots__ = ("_decode", "_raw", "_transactions", "hash", "header", "size_bytes")

    def __init__(
        self,
        header: Header,
        block_hash: Hash32,
        raw_transactions: list[bytes],
        *,
        size_bytes: int,
        decode: DecodeTransactions = decode_each,
    ) -> None:
        self.header = header
        self.hash = block_hash
        self.size_bytes = size_bytes
        self._raw = raw_transactions
        self._decode = decode
        self._transactions: list[Transaction | None] = [None] * len(raw_transactions)

    @classmethod
    def from_bytes(cls, encoded: bytes, block_hash: Hash32, decode: DecodeTransactions = decode_each) -> ChainBlock:
        """Take apart an encoded block without decoding its transactions; `decode` is what will."""
        header, body, _ = _items(encoded)
        raw = [_transaction_bytes(item) for item in _items(body)]
        return cls(decode_header(header), block_hash, raw, size_bytes=len(encoded), decode=decode)

    @classmethod
    def from_block(cls, block: Block, block_hash: Hash32, *, size_bytes: int | None = None) -> ChainBlock:
        """Take over a decoded block."""
        size = len(encode_block(block)) if size_bytes is None else size_bytes
        made = cls(block.header, block_hash, [transaction.raw for transaction in block.transactions], size_bytes=size)
        made._transactions = list(block.transactions)
        return made

    @property
    def height(self) -> Height:
        """Height of the block."""
        return self.header.number

    @property
    def transaction_count(self) -> int:
        """Number of transactions."""
        return len(self._raw)

    def raw_transaction(self, index: int) -> bytes:
        """A transaction's bytes."""
        return self._raw[index]

    def transaction(self, index: int) -> Transaction:
        """A transaction; decoded on first use."""
        transaction = self._transactions[index]
        return self._decode_at([index])[0] if transaction is None else transaction

    def transaction_hash(self, index: int) -> Hash32:
        """A transaction's hash, without decoding it."""
        transaction = self._transactions[index]
        return keccak(self._raw[index]) if transaction is None else transaction.hash

    def transactions(self) -> tuple[Transaction, ...]:
        """All transactions; those that were not decoded before are decoded in one go."""
        missing = [index for index, transaction in enumerate(self._transactions) if transaction is None]
        if missing:
            self._decode_at(missing)
        return tuple(transaction for transaction in self._transactions if transaction is not None)

    def _decode_at(self, indices: Sequence[int]) -> list[Transaction]:
        decoded = [need_transaction(one) for one in self._decode([self._raw[index] for index in indices])]
        for index, transaction in zip(indices, decoded, strict=True):
            self._transactions[index] = transaction
        return decoded


ReceiptsOf = Callable[[ChainBlock], BlockReceipts]
"""Reads the receipts of a block."""


def _items(encoded: bytes) -> Iterator[bytes]:
    """Encodings of the items of a list."""
    _, position, stop = rlp.read_prefix(encoded, 0, len(encoded))
    while position < stop:
        _, _, end = rlp.read_prefix(encoded, position, stop)
        yield encoded[position:end]
        position = end


def _transaction_bytes(item: bytes) -> bytes:
    is_list, start, end = rlp.read_prefix(item, 0, len(item))
    return item if is_list else item[start:end]
