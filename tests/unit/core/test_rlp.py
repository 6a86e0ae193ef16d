"""RLP: canonical form only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_node.core import rlp
from chain_node.core.errors import DecodeError

items = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@given(items)
def test_item_survives_encoding_and_decoding(item: rlp.Decoded) -> None:
    assert rlp.decode(rlp.encode(item)) == item


@given(st.binary(max_size=200))
def test_whatever_decodes_encodes_to_the_same_bytes(raw: bytes) -> None:
    try:
        item = rlp.decode(raw)
    except DecodeError:
        return
    assert rlp.encode(item) == raw


@given(items)
def test_every_strict_prefix_of_an_item_is_refused(item: rlp.Decoded) -> None:
    raw = rlp.encode(item)
    for size in range(len(raw)):
        with pytest.raises(DecodeError):
            rlp.decode(raw[:size])


@pytest.mark.parametrize(
    "raw",
    [
        "8100",  # a byte below 0x80 needs no prefix
        "817f",
        "b800",  # long form of a short string
        "b837" + "00" * 55,
        "b90038" + "00" * 56,  # leading zero in the length
        "f800",
        "f90038" + "00" * 56,
        "8000",
        "c000",
        "",
        "b8",
        "bfffffffffffffffff",
    ],
)
def test_encoding_that_is_not_canonical_is_refused(raw: str) -> None:
    with pytest.raises(DecodeError):
        rlp.decode(bytes.fromhex(raw))


def test_lists_nested_beyond_the_limit_are_refused() -> None:
    item: rlp.Decoded = []
    for _ in range(15):
        item = [item]
    assert rlp.decode(rlp.encode(item)) == item
    with pytest.raises(DecodeError, match="nested"):
        rlp.decode(rlp.encode([item]))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (b"", "80"),
        (b"\x00", "00"),
        (b"\x7f", "7f"),
        (b"\x80", "8180"),
        (b"dog", "83646f67"),
        ([b"cat", b"dog"], "c88363617483646f67"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (rlp.scalar(1024), "820400"),
    ],
)
def test_item_has_the_bytes_of_the_specification(item: rlp.Item, expected: str) -> None:
    assert rlp.encode(item).hex() == expected


def test_list_is_split_into_the_encodings_of_its_items() -> None:
    raw = rlp.encode([b"cat", [b"dog", []], b""])
    assert rlp.split_items(raw, items_max=3) == [rlp.encode(b"cat"), rlp.encode([b"dog", []]), b"\x80"]
    assert [raw[start:end] for start, end in rlp.split_list(raw)] == rlp.split_items(raw, items_max=3)
    with pytest.raises(DecodeError, match="at most 2 items"):
        rlp.split_items(raw, items_max=2)
    for damaged in (raw[:-1], raw + b"\x00", b"\x80", b""):
        with pytest.raises(DecodeError):
            rlp.split_items(damaged, items_max=3)
