from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from client.bench.signing import CHUNK, Unsigned, sign, sign_all

NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)


@given(
    key=st.integers(min_value=1, max_value=2**250).map(lambda number: number.to_bytes(32)),
    nonce=NUMBERS,
    gas=NUMBERS,
    price=NUMBERS,
    value=NUMBERS,
    to=st.binary(min_size=20, max_size=20),
    data=st.binary(max_size=300),
    chain_id=st.integers(min_value=1, max_value=2**31),
)
def test_signed_transaction_is_that_of_eth_account(
    key: bytes, nonce: int, gas: int, price: int, value: int, to: bytes, data: bytes, chain_id: int
) -> None:
    unsigned = Unsigned(key=key, nonce=nonce, gas=gas, gas_price_wei=price, to=to, value_wei=value, data=data)
    fields = {"nonce": nonce, "gas": gas, "gasPrice": price, "to": to, "value": value, "data": data}
    expected = Account.sign_transaction({**fields, "chainId": chain_id}, key)
    signed = sign(unsigned, chain_id)
    assert signed.raw_hex.decode() == "0x" + expected.raw_transaction.hex()
    assert signed.hash == "0x" + expected.hash.hex()


def test_processes_sign_in_the_given_order() -> None:
    unsigned = [
        Unsigned(key=bytes(31) + b"\1", nonce=nonce, gas=1, gas_price_wei=0, to=bytes(20), value_wei=0, data=b"")
        for nonce in range(2 * CHUNK + 5)
    ]
    chunks = list(sign_all(unsigned, 7))
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 5]
    assert chunks[2][4] == sign(unsigned[-1], 7)
    assert chunks[0][0] == sign(unsigned[0], 7)
