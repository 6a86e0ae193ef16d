"""Transactions for tests of the pool: made as data, never signed."""

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Transaction

SOMEWHERE = Address(b"\x42" * 20)


def sender_address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


def make_transaction(
    *,
    sender: int = 1,
    nonce: int = 0,
    price: int = 0,
    tip: int | None = None,
    gas: int = 21_000,
    data: bytes = b"",
    to: Address | None = SOMEWHERE,
    value: int = 0,
    chain_id: int | None = 170919,
) -> Transaction:
    raw = repr((sender, nonce, price, tip, gas, data, to, value)).encode()
    return Transaction(
        raw=raw,
        hash=keccak(raw),
        type=0 if tip is None else 2,
        chain_id=chain_id,
        nonce=nonce,
        gas_price=price,
        max_fee_per_gas=price,
        max_priority_fee_per_gas=price if tip is None else tip,
        gas=gas,
        to=to,
        value=value,
        data=data,
        access_list=(),
        v=0,
        r=1,
        s=1,
        sender=sender_address(sender),
    )
