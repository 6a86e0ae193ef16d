"""Decoding of signed transactions: strict, with the sender recovered. No I/O.

Source: EIP-155 (legacy chain id), EIP-2718 (envelope), EIP-2930 (type 1), EIP-1559 (type 2), EIP-2 (low s),
EIP-2681 (nonce bound).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from chain_node.core import rlp
from chain_node.core.crypto import recover_address
from chain_node.core.errors import BadSignatureError, DecodeError, InvalidTransactionError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_list, read_scalar
from chain_node.core.hashing import keccak
from chain_node.core.types import AccessList, Address, Hash32, Transaction

LEGACY, ACCESS_LIST, FEE_CAP = 0, 1, 2
_FIRST_LIST_BYTE = 0xC0

_REMEMBERED_MAX = 4_096
"""Transactions remembered: one comes by gossip or RPC, and soon again in a proposal."""

_REMEMBERED_SIZE_BYTES_MAX = 2_048
"""Larger ones are decoded anew, so that the memory of all is bounded."""


class _Common(NamedTuple):
    """The five fields that every type has in the same order."""

    gas: int
    to: Address | None
    value: int
    data: bytes


class _Signature(NamedTuple):
    v: int
    parity: int
    r: int
    s: int


def decode_transaction(raw: bytes) -> Transaction:
    """Decode a signed transaction of type 0, 1 or 2 and recover its sender.

    Args:
        raw: type byte and payload, or the RLP list of a legacy transaction.

    Raises:
        DecodeError: not the canonical encoding of a transaction.
        InvalidTransactionError: unknown type, bad signature, or fee caps that contradict one another.
    """
    return _decode_remembered(raw) if len(raw) <= _REMEMBERED_SIZE_BYTES_MAX else _decode(raw)


@lru_cache(maxsize=_REMEMBERED_MAX)
def _decode_remembered(raw: bytes) -> Transaction:
    return _decode(raw)


def _decode(raw: bytes) -> Transaction:
    if not raw:
        raise DecodeError(offset=0, expected="a transaction")
    first = raw[0]
    if first >= _FIRST_LIST_BYTE:
        return _decode_legacy(raw)
    if first == ACCESS_LIST:
        return _decode_access_list(raw)
    if first == FEE_CAP:
        return _decode_fee_cap(raw)
    raise InvalidTransactionError(f"transaction type {first} is not supported, expected 0, 1 or 2")


def _decode_legacy(raw: bytes) -> Transaction:
    items = read_list(rlp.decode(raw), field="legacy transaction", size=9)
    nonce = _read_nonce(items[0])
    gas_price = read_scalar(items[1], field="gas price")
    common = _read_common(items[2:6])
    v = read_scalar(items[6], field="v")
    r, s = read_scalar(items[7], field="r"), read_scalar(items[8], field="s")
    unsigned = [_bytes_of(item) for item in items[:6]]
    if v in (27, 28):
        chain_id, parity = None, v - 27
    elif v >= 35:
        chain_id, parity = (v - 35) // 2, (v - 35) % 2
        unsigned += [rlp.scalar(chain_id), b"", b""]
    else:
        raise InvalidTransactionError(f"v is {v}, expected 27, 28 or at least 35")
    signature = _Signature(v, parity, r, s)
    signing_hash = keccak(rlp.encode(unsigned))
    return Transaction(
        raw=raw,
        hash=keccak(raw),
        type=LEGACY,
        chain_id=chain_id,
        nonce=nonce,
        gas_price=gas_price,
        max_fee_per_gas=gas_price,
        max_priority_fee_per_gas=gas_price,
        gas=common.gas,
        to=common.to,
        value=common.value,
        data=common.data,
        access_list=(),
        v=v,
        r=r,
        s=s,
        sender=_recover_sender(signing_hash, signature),
    )


def _decode_access_list(raw: bytes) -> Transaction:
    items, signing_hash = _decode_typed(raw, item_count=11)
    gas_price = read_scalar(items[2], field="gas price")
    common = _read_common(items[3:7])
    signature = _read_signature(items[8:11])
    return Transaction(
        raw=raw,
        hash=keccak(raw),
        type=ACCESS_LIST,
        chain_id=read_scalar(items[0], field="chain id"),
        nonce=_read_nonce(items[1]),
        gas_price=gas_price,
        max_fee_per_gas=gas_price,
        max_priority_fee_per_gas=gas_price,
        gas=common.gas,
        to=common.to,
        value=common.value,
        data=common.data,
        access_list=_read_access_list(items[7]),
        v=signature.v,
        r=signature.r,
        s=signature.s,
        sender=_recover_sender(signing_hash, signature),
    )


def _decode_fee_cap(raw: bytes) -> Transaction:
    items, signing_hash = _decode_typed(raw, item_count=12)
    priority_fee = read_scalar(items[2], field="max priority fee per gas")
    fee = read_scalar(items[3], field="max fee per gas")
    if priority_fee > fee:
        raise InvalidTransactionError(f"max priority fee {priority_fee} is above max fee {fee}")
    common = _read_common(items[4:8])
    signature = _read_signature(items[9:12])
    return Transaction(
        raw=raw,
        hash=keccak(raw),
        type=FEE_CAP,
        chain_id=read_scalar(items[0], field="chain id"),
        nonce=_read_nonce(items[1]),
        gas_price=fee,
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=priority_fee,
        gas=common.gas,
        to=common.to,
        value=common.value,
        data=common.data,
        access_list=_read_access_list(items[8]),
        v=signature.v,
        r=signature.r,
        s=signature.s,
        sender=_recover_sender(signing_hash, signature),
    )


def _decode_typed(raw: bytes, *, item_count: int) -> tuple[list[rlp.Decoded], Hash32]:
    """Fields of a typed transaction and the hash its sender signed: type byte, then all fields but the last three."""
    items = read_list(rlp.decode(raw[1:]), field=f"type {raw[0]} transaction", size=item_count)
    return items, keccak(raw[:1] + rlp.encode(items[:-3]))


def _read_nonce(item: rlp.Decoded) -> int:
    return read_scalar(item, field="nonce", maximum=UINT64_MAX - 1)


def _read_common(items: list[rlp.Decoded]) -> _Common:
    gas, to, value, data = items
    recipient = read_bytes(to, field="to")
    if len(recipient) not in (0, 20):
        raise DecodeError(offset=0, expected=f"to of 0 or 20 bytes, got {len(recipient)}")
    return _Common(
        gas=read_scalar(gas, field="gas", maximum=UINT64_MAX),
        to=Address(recipient) if recipient else None,
        value=read_scalar(value, field="value"),
        data=read_bytes(data, field="data"),
    )


def _read_access_list(item: rlp.Decoded) -> AccessList:
    entries = []
    for entry in read_list(item, field="access list"):
        address, keys = read_list(entry, field="access list entry", size=2)
        entries.append(
            (
                Address(read_bytes(address, field="access list address", size=20)),
                tuple(read_bytes(key, field="storage key", size=32) for key in read_list(keys, field="storage keys")),
            )
        )
    return tuple(entries)


def _read_signature(items: list[rlp.Decoded]) -> _Signature:
    parity = read_scalar(items[0], field="signature parity", maximum=1)
    return _Signature(parity, parity, read_scalar(items[1], field="r"), read_scalar(items[2], field="s"))


def _recover_sender(signing_hash: Hash32, signature: _Signature) -> Address:
    encoded = signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big") + bytes((signature.parity,))
    try:
        return recover_address(signing_hash, encoded)
    except BadSignatureError as error:
        raise InvalidTransactionError(f"signature: {error.reason}") from error


def _bytes_of(item: rlp.Decoded) -> bytes:
    return read_bytes(item, field="legacy transaction field")
