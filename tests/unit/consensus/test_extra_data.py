"""extraData beyond the published vectors: strictness."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_node.consensus.qbft.extra_data import ExtraData, Vote, decode_extra_data, encode_extra_data
from chain_node.core import rlp
from chain_node.core.errors import DecodeError

addresses = st.binary(min_size=20, max_size=20)
extras = st.builds(
    ExtraData,
    vanity=st.binary(max_size=40),
    validators=st.lists(addresses, max_size=5).map(tuple),
    vote=st.none() | st.builds(Vote, addresses, st.booleans()),
    round=st.integers(0, 2**32 - 1),
    seals=st.lists(st.binary(min_size=65, max_size=65), max_size=4).map(tuple),
)
ITEMS: list[rlp.Decoded] = [bytes(32), [b"\x01" * 20], [b"\x02" * 20, b"\xff"], b"\x05", [b"\x03" * 65]]


@given(extras)
def test_extra_data_survives_encoding_and_decoding(extra: ExtraData) -> None:
    assert decode_extra_data(encode_extra_data(extra)) == extra


@given(extras)
def test_changed_byte_decodes_to_itself_or_is_refused(extra: ExtraData) -> None:
    raw = encode_extra_data(extra)
    for position in range(len(raw)):
        altered = raw[:position] + bytes((raw[position] ^ 0x81,)) + raw[position + 1 :]
        try:
            decoded = decode_extra_data(altered)
        except DecodeError:
            continue
        assert encode_extra_data(decoded) == altered


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, []),
        (1, b""),
        (1, [b"\x01" * 19]),
        (2, b""),
        (2, [b"\x02" * 20]),
        (2, [b"\x02" * 20, b"\x00"]),
        (2, [b"\x02" * 20, b"\x01"]),
        (2, [b"\x02" * 21, b"\xff"]),
        (3, b"\x00"),
        (3, b"\x00\x05"),
        (3, b"\x01" * 5),
        (4, [b"\x03" * 64]),
        (4, b""),
    ],
)
def test_item_of_the_wrong_form_is_refused(position: int, value: rlp.Decoded) -> None:
    """2.1: Any other byte is an error.
    2.1: Leading zero bytes are an RLP error.
    """
    items = list(ITEMS)
    items[position] = value
    with pytest.raises(DecodeError):
        decode_extra_data(rlp.encode(items))


@pytest.mark.parametrize("items", [ITEMS[:4], [*ITEMS, b""]])
def test_missing_or_additional_item_is_refused(items: list[rlp.Decoded]) -> None:
    """2.1: do not emit them."""
    assert decode_extra_data(rlp.encode(ITEMS)).round == 5
    with pytest.raises(DecodeError, match="5 items"):
        decode_extra_data(rlp.encode(items))


def test_layout_of_ibft_2_is_refused() -> None:
    """2.1: IBFT2 uses a different codec (vote null `80`, 4-byte round)."""
    ibft = rlp.wrap_list(rlp.encode_bytes(bytes(32)) + b"\xc0\x80" + b"\x84\x00\x00\x00\x00" + b"\xc0")
    with pytest.raises(DecodeError):
        decode_extra_data(ibft)
