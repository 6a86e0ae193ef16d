"""Headers, blocks and receipts: strict both ways."""

import io
from dataclasses import replace

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from chain_node.core import rlp
from chain_node.core.codec import (
    decode_block,
    decode_blocks,
    decode_header,
    decode_receipt,
    decode_transaction,
    encode_block,
    encode_header,
    encode_receipt,
)
from chain_node.core.errors import DecodeError, InvalidTransactionError
from chain_node.core.limits import BLOCK_SIZE_BYTES_MAX
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import EMPTY_OMMERS_HASH, Block, Header, Log, Receipt

HEADER = Header(
    parent_hash=b"\x01" * 32,
    ommers_hash=EMPTY_OMMERS_HASH,
    coinbase=b"\x02" * 20,
    state_root=b"\x03" * 32,
    transactions_root=EMPTY_TRIE_ROOT,
    receipts_root=EMPTY_TRIE_ROOT,
    logs_bloom=1 << 2047,
    difficulty=1,
    number=300,
    gas_limit=60_000_000,
    gas_used=21_000,
    timestamp=1_795_222_503,
    extra_data=b"\xc0",
    mix_hash=b"\x04" * 32,
    nonce=bytes(8),
)
LONDON = replace(HEADER, base_fee_per_gas=0)


def transactions() -> tuple:
    fields = {"nonce": 0, "gas": 90_000, "to": "0x" + "22" * 20, "value": 5, "data": b"", "chainId": 1}
    legacy = Account.sign_transaction(fields | {"gasPrice": 3}, b"\x11" * 32)
    typed = Account.sign_transaction(fields | {"type": 2, "maxFeePerGas": 3, "maxPriorityFeePerGas": 3}, b"\x11" * 32)
    return tuple(decode_transaction(bytes(one.raw_transaction)) for one in (legacy, typed))


@pytest.mark.parametrize("header", [HEADER, LONDON], ids=["berlin", "london"])
def test_header_survives_encoding_and_decoding(header: Header) -> None:
    assert decode_header(encode_header(header)) == header


def test_header_without_base_fee_differs_from_one_with_zero() -> None:
    assert len(rlp.decode(encode_header(HEADER))) == 15
    assert len(rlp.decode(encode_header(LONDON))) == 16


@pytest.mark.parametrize("count", [14, 17, 20])
def test_header_of_another_fork_is_refused(count: int) -> None:
    items = [*rlp.decode(encode_header(LONDON)), b"", b"", b"", b""][:count]
    with pytest.raises(DecodeError, match=f"15 or 16 fields, got {count}"):
        decode_header(rlp.encode(items))


@pytest.mark.parametrize("field", range(16))
def test_header_field_that_is_a_list_is_refused(field: int) -> None:
    items = rlp.decode(encode_header(LONDON))
    items[field] = []
    with pytest.raises(DecodeError, match="as a byte string"):
        decode_header(rlp.encode(items))


def test_every_changed_byte_of_a_block_decodes_to_itself_or_is_refused() -> None:
    raw = encode_block(Block(LONDON, transactions()))
    for position in range(len(raw)):
        altered = raw[:position] + bytes((raw[position] ^ 0x01,)) + raw[position + 1 :]
        try:
            block = decode_block(altered)
        except (DecodeError, InvalidTransactionError):
            continue
        assert encode_block(block) == altered


def test_block_with_legacy_and_typed_transactions_survives_encoding_and_decoding() -> None:
    block = Block(LONDON, transactions())
    assert decode_block(encode_block(block)) == block


def test_block_with_ommers_or_withdrawals_is_refused() -> None:
    header, body, _ = rlp.decode(encode_block(Block(LONDON, transactions())))
    with pytest.raises(DecodeError, match="ommers"):
        decode_block(rlp.encode([header, body, [header]]))
    with pytest.raises(DecodeError, match="3 lists, got 4"):
        decode_block(rlp.encode([header, body, [], []]))


def test_legacy_transaction_wrapped_in_a_byte_string_is_refused() -> None:
    header, body, ommers = rlp.decode(encode_block(Block(LONDON, transactions())))
    with pytest.raises(DecodeError, match="legacy transaction as a list"):
        decode_block(rlp.encode([header, [rlp.encode(body[0])], ommers]))


def test_blocks_one_after_another_are_read_from_a_stream() -> None:
    blocks = [Block(replace(HEADER, number=number), ()) for number in range(5)]
    stream = io.BytesIO(b"".join(encode_block(block) for block in blocks))
    assert list(decode_blocks(stream)) == blocks


@pytest.mark.parametrize("cut", [1, 2, 3, 100])
def test_stream_that_ends_inside_a_block_is_refused(cut: int) -> None:
    raw = encode_block(Block(HEADER, ()))
    with pytest.raises(DecodeError):
        list(decode_blocks(io.BytesIO(raw + raw[:cut])))


def test_stream_that_announces_a_huge_block_is_refused_before_reading_it() -> None:
    prefix = b"\xfb" + (BLOCK_SIZE_BYTES_MAX + 1).to_bytes(4, "big")
    with pytest.raises(DecodeError, match="a block of at most"):
        list(decode_blocks(io.BytesIO(prefix)))


logs = st.builds(
    Log,
    address=st.binary(min_size=20, max_size=20),
    topics=st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple),
    data=st.binary(max_size=80),
)


@given(
    st.builds(
        Receipt,
        transaction_type=st.integers(0, 2),
        status=st.integers(0, 1),
        cumulative_gas_used=st.integers(0, 2**64 - 1),
        logs_bloom=st.integers(0, 2**2048 - 1),
        logs=st.lists(logs, max_size=3).map(tuple),
    )
)
def test_receipt_survives_encoding_and_decoding(receipt: Receipt) -> None:
    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_receipt_of_unknown_type_is_refused() -> None:
    receipt = Receipt(transaction_type=0, status=1, cumulative_gas_used=1, logs_bloom=0, logs=())
    with pytest.raises(DecodeError):
        decode_receipt(b"\x03" + encode_receipt(receipt))
