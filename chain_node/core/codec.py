"""Bytes of headers, blocks and receipts. No I/O.

Strict: whatever decodes, encodes to the same bytes again; everything else is a DecodeError. Transactions have
their own file and are re-exported here.

Source: Ethereum Yellow Paper, section 4.3; EIP-1559 (base fee); EIP-2718 (typed receipts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from chain_node.core import rlp
from chain_node.core.errors import DecodeError, InvalidInputError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_list, read_scalar
from chain_node.core.limits import BLOCK_SIZE_BYTES_MAX, EXTRA_DATA_SIZE_BYTES_MAX
from chain_node.core.transaction_codec import decode_transaction
from chain_node.core.trie import BLOOM_SIZE_BYTES
from chain_node.core.types import Address, Block, Hash32, Header, Height, Log, Receipt, Transaction

__all__ = [
    "DecodeTransactions",
    "decode_block",
    "decode_blocks",
    "decode_each",
    "decode_header",
    "decode_receipt",
    "decode_transaction",
    "encode_block",
    "encode_header",
    "encode_receipt",
    "need_transaction",
]

_BERLIN_FIELD_COUNT = 15
_LONDON_FIELD_COUNT = 16
_HEADER_SIZE_BYTES_MAX = EXTRA_DATA_SIZE_BYTES_MAX + 1024
_BLOCK_LIST_COUNT_MAX = 4
"""With the withdrawals of later forks, to name them in the error."""


def encode_header(header: Header) -> bytes:
    """RLP of a header: 15 items without a base fee, 16 with."""
    items: list[bytes] = [
        header.parent_hash,
        header.ommers_hash,
        header.coinbase,
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.logs_bloom.to_bytes(BLOOM_SIZE_BYTES, "big"),
        rlp.scalar(header.difficulty),
        rlp.scalar(header.number),
        rlp.scalar(header.gas_limit),
        rlp.scalar(header.gas_used),
        rlp.scalar(header.timestamp),
        header.extra_data,
        header.mix_hash,
        header.nonce,
    ]
    if header.base_fee_per_gas is not None:
        items.append(rlp.scalar(header.base_fee_per_gas))
    return rlp.encode(items)


def decode_header(raw: bytes) -> Header:
    """Decode a header of the Berlin or London layout.

    Raises:
        DecodeError: not canonical, too large, or a layout of a later fork.
    """
    if len(raw) > _HEADER_SIZE_BYTES_MAX:
        raise DecodeError(offset=0, expected=f"a header of at most {_HEADER_SIZE_BYTES_MAX} bytes, got {len(raw)}")
    fields = read_list(rlp.decode(raw), field="header")
    if len(fields) not in (_BERLIN_FIELD_COUNT, _LONDON_FIELD_COUNT):
        raise DecodeError(offset=0, expected=f"header with 15 or 16 fields, got {len(fields)}")
    extra_data = read_bytes(fields[12], field="extra data")
    if len(extra_data) > EXTRA_DATA_SIZE_BYTES_MAX:
        raise DecodeError(offset=0, expected=f"extra data of at most {EXTRA_DATA_SIZE_BYTES_MAX} bytes")
    return Header(
        parent_hash=Hash32(read_bytes(fields[0], field="parent hash", size=32)),
        ommers_hash=Hash32(read_bytes(fields[1], field="ommers hash", size=32)),
        coinbase=Address(read_bytes(fields[2], field="coinbase", size=20)),
        state_root=Hash32(read_bytes(fields[3], field="state root", size=32)),
        transactions_root=Hash32(read_bytes(fields[4], field="transactions root", size=32)),
        receipts_root=Hash32(read_bytes(fields[5], field="receipts root", size=32)),
        logs_bloom=int.from_bytes(read_bytes(fields[6], field="logs bloom", size=BLOOM_SIZE_BYTES), "big"),
        difficulty=read_scalar(fields[7], field="difficulty"),
        number=Height(read_scalar(fields[8], field="number", maximum=UINT64_MAX)),
        gas_limit=read_scalar(fields[9], field="gas limit", maximum=UINT64_MAX),
        gas_used=read_scalar(fields[10], field="gas used", maximum=UINT64_MAX),
        timestamp=read_scalar(fields[11], field="timestamp", maximum=UINT64_MAX),
        extra_data=extra_data,
        mix_hash=read_bytes(fields[13], field="mix hash", size=32),
        nonce=read_bytes(fields[14], field="nonce", size=8),
        base_fee_per_gas=read_scalar(fields[15], field="base fee") if len(fields) == _LONDON_FIELD_COUNT else None,
    )


def encode_block(block: Block) -> bytes:
    """RLP of [header, transactions, []]; a typed transaction is a byte string inside the list, a legacy one a list."""
    transactions = rlp.wrap_list(b"".join([_encode_transaction(transaction) for transaction in block.transactions]))
    return rlp.wrap_list(encode_header(block.header) + transactions + rlp.EMPTY_LIST)


DecodeTransactions = Callable[[Sequence[bytes]], Sequence[Transaction | InvalidInputError]]
"""Decodes many transactions at once; for each one, or why it is none."""


def decode_each(raws: Sequence[bytes]) -> list[Transaction]:
    """Decode transactions one after the other; raises what the first bad one raises."""
    return [decode_transaction(raw) for raw in raws]


def need_transaction(decoded: Transaction | InvalidInputError) -> Transaction:
    """One of what a `DecodeTransactions` gave; raises what is wrong with it."""
    if isinstance(decoded, InvalidInputError):
        raise decoded
    return decoded


def decode_block(raw: bytes, decode_transactions: DecodeTransactions = decode_each) -> Block:
    """Decode a block and recover the sender of each transaction.

    Raises:
        DecodeError: not canonical, has ommers, or carries lists of a later fork.
        InvalidTransactionError: a transaction is malformed or its signature is bad.
    """
    lists = rlp.split_items(raw, items_max=_BLOCK_LIST_COUNT_MAX)
    if len(lists) != 3:
        raise DecodeError(offset=0, expected=f"a block of 3 lists, got {len(lists)}")
    header_raw, body, ommers = lists
    if ommers != rlp.EMPTY_LIST:
        raise DecodeError(offset=len(raw) - len(ommers), expected="an empty list of ommers")
    header = decode_header(header_raw)
    raws = [_transaction_bytes(body, start, end) for start, end in rlp.iterate_list(body, 0, len(body))]
    return Block(header, tuple(need_transaction(one) for one in decode_transactions(raws)))


def decode_blocks(stream: BinaryIO) -> Iterator[Block]:
    """Decode blocks written one after the other, as other clients export them, without reading ahead.

    Raises:
        DecodeError: a block is larger than BLOCK_SIZE_BYTES_MAX, the last one is cut short, or as decode_block.
    """
    while raw := _read_block_bytes(stream):
        yield decode_block(raw)


def encode_receipt(receipt: Receipt) -> bytes:
    """Bytes of a receipt as they enter the receipts trie: RLP, after the type byte for types 1 and 2."""
    payload = rlp.encode(
        [
            rlp.scalar(receipt.status),
            rlp.scalar(receipt.cumulative_gas_used),
            receipt.logs_bloom.to_bytes(BLOOM_SIZE_BYTES, "big"),
            [[log.address, log.topics, log.data] for log in receipt.logs],
        ]
    )
    return payload if receipt.transaction_type == 0 else bytes((receipt.transaction_type,)) + payload


def decode_receipt(raw: bytes) -> Receipt:
    """Decode what `encode_receipt` made.

    Raises:
        DecodeError: not canonical, or a type other than 0, 1, 2.
    """
    transaction_type = raw[0] if raw[:1] in (b"\x01", b"\x02") else 0
    payload = raw[1:] if transaction_type else raw
    status, gas, bloom, logs = read_list(rlp.decode(payload), field="receipt", size=4)
    return Receipt(
        transaction_type=transaction_type,
        status=read_scalar(status, field="status", maximum=1),
        cumulative_gas_used=read_scalar(gas, field="cumulative gas used", maximum=UINT64_MAX),
        logs_bloom=int.from_bytes(read_bytes(bloom, field="logs bloom", size=BLOOM_SIZE_BYTES), "big"),
        logs=tuple(_read_log(log) for log in read_list(logs, field="logs")),
    )


def _read_log(item: rlp.Decoded) -> Log:
    address, topics, data = read_list(item, field="log", size=3)
    return Log(
        address=Address(read_bytes(address, field="log address", size=20)),
        topics=tuple(read_bytes(topic, field="topic", size=32) for topic in read_list(topics, field="topics")),
        data=read_bytes(data, field="log data"),
    )


def _encode_transaction(transaction: Transaction) -> bytes:
    return transaction.raw if transaction.type == 0 else rlp.encode_bytes(transaction.raw)


def _transaction_bytes(raw: bytes, start: int, end: int) -> bytes:
    is_list, payload_start, payload_end = rlp.read_prefix(raw, start, end)
    if is_list:
        return raw[start:end]
    payload = raw[payload_start:payload_end]
    if payload[:1] >= b"\xc0":
        raise DecodeError(offset=start, expected="a legacy transaction as a list, not as a byte string")
    return payload


def _read_block_bytes(stream: BinaryIO) -> bytes:
    """Bytes of the next block; empty at the end of the stream."""
    head = stream.read(1)
    if not head:
        return b""
    if head[0] < 0xC0:
        raise DecodeError(offset=0, expected="an RLP list")
    size = head[0] - 0xC0
    if size > 55:
        size_bytes = stream.read(size - 55)
        head += size_bytes
        size = int.from_bytes(size_bytes, "big")
    if size > BLOCK_SIZE_BYTES_MAX:
        raise DecodeError(offset=0, expected=f"a block of at most {BLOCK_SIZE_BYTES_MAX} bytes, got {size}")
    return head + stream.read(size)
