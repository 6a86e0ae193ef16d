"""Transactions against eth-account: every type, both ways of being wrong."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_node.core import rlp
from chain_node.core.codec import decode_transaction
from chain_node.core.crypto import CURVE_ORDER
from chain_node.core.errors import DecodeError, InvalidTransactionError
from chain_node.core.hashing import keccak

KEY = b"\x11" * 32
SENDER = bytes.fromhex(Account.from_key(KEY).address[2:])
BASE: dict[str, Any] = {"nonce": 7, "gas": 90_000, "to": "0x" + "22" * 20, "value": 5, "data": b"\x01\x02"}
ACCESS_LIST = [{"address": "0x" + "33" * 20, "storageKeys": ["0x" + "44" * 32, "0x" + "55" * 32]}]
LEGACY = BASE | {"gasPrice": 3}
LEGACY_BOUND = LEGACY | {"chainId": 170919}
TYPE_1 = BASE | {"type": 1, "gasPrice": 3, "chainId": 170919, "accessList": ACCESS_LIST}
TYPE_2 = BASE | {
    "type": 2,
    "maxFeePerGas": 9,
    "maxPriorityFeePerGas": 2,
    "chainId": 170919,
    "accessList": ACCESS_LIST,
}


def sign(fields: dict[str, Any]) -> Any:
    return Account.sign_transaction(fields, KEY)


@pytest.mark.parametrize("fields", [LEGACY, LEGACY_BOUND, TYPE_1, TYPE_2], ids=["legacy", "eip155", "type1", "type2"])
@pytest.mark.parametrize("is_creation", [False, True])
def test_transaction_of_every_type_decodes_with_its_sender(fields: dict[str, Any], is_creation: bool) -> None:
    signed = sign(fields | ({"to": b""} if is_creation else {}))
    transaction = decode_transaction(bytes(signed.raw_transaction))
    assert transaction.sender == SENDER
    assert transaction.hash == bytes(signed.hash)
    assert transaction.raw == bytes(signed.raw_transaction)
    assert transaction.type == fields.get("type", 0)
    assert transaction.chain_id == fields.get("chainId")
    assert (transaction.nonce, transaction.gas, transaction.value, transaction.data) == (7, 90_000, 5, b"\x01\x02")
    assert transaction.to == (None if is_creation else b"\x22" * 20)
    assert (transaction.v, transaction.r, transaction.s) == (signed.v, signed.r, signed.s)
    if transaction.type:
        assert transaction.access_list == ((b"\x33" * 20, (b"\x44" * 32, b"\x55" * 32)),)
    fees = (transaction.gas_price, transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas)
    assert fees == ((9, 9, 2) if transaction.type == 2 else (3, 3, 3))


@pytest.mark.parametrize("fields", [LEGACY_BOUND, TYPE_1, TYPE_2], ids=["eip155", "type1", "type2"])
def test_every_changed_byte_gives_another_transaction_or_an_error(fields: dict[str, Any]) -> None:
    """Decoders: a change decodes to something that encodes to the same bytes or raises; nothing else."""
    raw = bytes(sign(fields).raw_transaction)
    for position in range(len(raw)):
        for mask in (0x01, 0x80, 0xFF):
            altered = raw[:position] + bytes((raw[position] ^ mask,)) + raw[position + 1 :]
            try:
                transaction = decode_transaction(altered)
            except (DecodeError, InvalidTransactionError):
                continue
            assert transaction.hash == keccak(altered)
            assert transaction.sender != SENDER


@pytest.mark.parametrize("fields", [LEGACY_BOUND, TYPE_2], ids=["eip155", "type2"])
def test_every_strict_prefix_is_refused(fields: dict[str, Any]) -> None:
    raw = bytes(sign(fields).raw_transaction)
    for size in range(len(raw)):
        with pytest.raises((DecodeError, InvalidTransactionError)):
            decode_transaction(raw[:size])


@settings(max_examples=200)
@given(st.binary(max_size=150))
def test_random_bytes_are_refused_with_a_typed_error(raw: bytes) -> None:
    with pytest.raises((DecodeError, InvalidTransactionError)):
        decode_transaction(raw)


def legacy_with(position: int, value: bytes) -> bytes:
    items = rlp.decode(bytes(sign(LEGACY_BOUND).raw_transaction))
    assert isinstance(items, list)
    items[position] = value
    return rlp.encode(items)


def test_signature_with_a_high_s_is_refused() -> None:
    """EIP-2: s above n/2 is invalid, although it would recover with the other parity."""
    signed = sign(LEGACY_BOUND)
    items = rlp.decode(bytes(signed.raw_transaction))
    assert isinstance(items, list)
    parity = (signed.v - 35) % 2
    items[6] = rlp.scalar(signed.v + (1 if parity == 0 else -1))
    items[8] = rlp.scalar(CURVE_ORDER - signed.s)
    with pytest.raises(InvalidTransactionError, match="above n/2"):
        decode_transaction(rlp.encode(items))


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (0, b"\x00\x01", "nonce without leading zeros"),
        (0, b"\xff" * 8, "nonce of at most"),
        (2, b"\x01" + bytes(8), "gas of at most"),
        (3, b"\x22" * 19, "to of 0 or 20 bytes"),
        (4, b"\x01" + bytes(32), "value of at most"),
        (6, b"\x1a", "v is 26"),
        (7, b"", "r is not in"),
        (8, b"", "s is not in"),
    ],
)
def test_legacy_field_out_of_range_is_refused_by_name(position: int, value: bytes, message: str) -> None:
    with pytest.raises((DecodeError, InvalidTransactionError), match=message):
        decode_transaction(legacy_with(position, value))


def test_priority_fee_above_the_fee_cap_is_refused() -> None:
    items = rlp.decode(bytes(sign(TYPE_2).raw_transaction)[1:])
    assert isinstance(items, list)
    items[2], items[3] = items[3], items[2]
    with pytest.raises(InvalidTransactionError, match="max priority fee 9 is above max fee 2"):
        decode_transaction(b"\x02" + rlp.encode(items))


@pytest.mark.parametrize("kind", [0, 3, 4, 0x7F, 0x80, 0xBF])
def test_unknown_type_is_refused(kind: int) -> None:
    with pytest.raises(InvalidTransactionError, match=f"type {kind} "):
        decode_transaction(bytes((kind,)) + b"\xc0")


def test_decoded_transaction_is_frozen() -> None:
    transaction = decode_transaction(bytes(sign(TYPE_2).raw_transaction))
    assert replace(transaction, nonce=8).nonce == 8
    with pytest.raises(AttributeError):
        transaction.nonce = 8  # type: ignore[misc]
