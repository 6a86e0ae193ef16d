import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from client.sdk.abi_words import encode_words

WORDS = st.binary(min_size=32, max_size=32)
VALUES = {
    "uint256": st.integers(0, 2**256 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "bytes32": WORDS,
    "bytes32[]": st.lists(WORDS, max_size=5),
    "bytes": st.binary(max_size=70),
    "address": st.binary(min_size=20, max_size=20).map(to_checksum_address),
    "bool": st.booleans(),
}


@given(st.data())
def test_words_are_those_of_the_general_encoder(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=6))
    values = [data.draw(VALUES[kind]) for kind in kinds]
    assert encode_words(kinds, values) == encode(kinds, values)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint32", 2**32),
        ("uint32", -1),
        ("uint32", True),
        ("uint32", "1"),
        ("bytes32", bytes(31)),
        ("bytes32", "0x" + "00" * 32),
        ("bytes32[]", [bytes(32), bytes(33)]),
        ("bytes32[]", bytes(64)),
        ("bytes", bytearray(3)),
        ("address", "0x" + "ab" * 20),
        ("address", bytes(20)),
        ("bool", 1),
        ("uint256[]", [1]),
        ("(uint256)", (1,)),
    ],
)
def test_what_does_not_fit_is_left_to_the_general_encoder(kind: str, value: object) -> None:
    assert encode_words([kind], [value]) is None
    assert encode_words(["uint256", kind], [1, value]) is None


def test_another_number_of_values_is_left_to_the_general_encoder() -> None:
    assert encode_words(["uint256"], []) is None
