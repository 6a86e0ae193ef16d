import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk import canonical
from client.sdk.errors import DecodeError, InvalidInputError

integers = st.integers(min_value=-(2**64), max_value=2**64 - 1)
values = st.recursive(
    integers | st.binary() | st.text() | st.none(), lambda inner: st.lists(inner, max_size=5), max_leaves=20
)


@given(values)
def test_decode_of_encoded_value_gives_the_value(value):
    assert canonical.decode(canonical.encode(value)) == value


@given(st.binary(max_size=60))
def test_decode_of_any_bytes_gives_a_value_with_these_bytes_or_an_error(data):
    try:
        value = canonical.decode(data)
    except DecodeError:
        return
    assert canonical.encode(value) == data


@given(values, st.data())
def test_decode_of_every_strict_prefix_is_refused(value, data):
    encoded = canonical.encode(value)
    cut = data.draw(st.integers(min_value=0, max_value=len(encoded) - 1))
    with pytest.raises(DecodeError):
        canonical.decode(encoded[:cut])


@pytest.mark.parametrize(
    "data",
    [
        b"\x18\x05",  # 5 in two bytes
        b"\x01\x01",  # two values
        b"\x9f\x01\xff",  # array without length
        b"\xf9\x3c\x00",  # 1.0
        b"\xf5",  # true
        b"\xa1\x01\x02",  # a map
        b"\xc2\x41\x05",  # 5 as a big number
        b"\xc0\x61a",  # a tag
        b"",
        b"\x61\xff",  # text that is not UTF-8
        b"\x81" * 1000 + b"\x01",  # deep
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",  # an array of 2^64 - 1
    ],
)
def test_decode_of_other_forms_is_refused(data):
    with pytest.raises(DecodeError):
        canonical.decode(data)


@pytest.mark.parametrize("value", [1.0, True, {1: 2}, 2**64, -(2**64) - 1, [1, [2.5]], object(), {3}])
def test_encode_of_a_value_outside_the_form_is_refused(value):
    with pytest.raises(InvalidInputError):
        canonical.encode(value)


def test_encode_gives_the_shortest_form_of_rfc_8949():
    assert (
        canonical.encode([0, 23, 24, 255, 256, -1, b"\x01", "a", None]).hex()
        == "8900171818" + "18ff" + "190100" + "20" + "4101" + "6161" + "f6"
    )


def test_decode_array_of_another_length_is_refused():
    with pytest.raises(DecodeError, match="pair: got another shape"):
        canonical.decode_array(cbor2.dumps([1, 2, 3]), what="pair", length=2)
