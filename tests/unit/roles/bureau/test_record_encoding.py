"""Every acceptable credit record has a leaf, and comes back from its canonical bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.schema import CREDIT_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.leaf import leaf
from client.sdk.pack.credit_record import encode_record, parse_record

VALUES = st.tuples(
    *(
        st.integers(field.minimum, field.maximum) | (st.none() if field.nullable else st.nothing())
        for field in CREDIT_FIELDS
    )
)
OF_32_BYTES = (15_000, 1_015, 190, 19, *[None] * 4, 4, 3, 96_788, 2_391, *[None] * 7)


@given(VALUES)
def test_record_of_any_values_has_a_leaf_and_comes_back(values: tuple[int | None, ...]):
    assert len(leaf(bytes(32), encode_record(values))) == 32
    assert parse_record(encode_record(values)) == values


def test_record_of_the_forbidden_size_is_one_byte_longer_and_has_one_encoding_only():
    plain = canonical.encode([SCHEMA_VERSION, *OF_32_BYTES])
    assert len(plain) == 32
    assert len(encode_record(OF_32_BYTES)) == 33
    assert parse_record(encode_record(OF_32_BYTES)) == OF_32_BYTES
    with pytest.raises(DecodeError, match="another encoding"):
        parse_record(plain)


@pytest.mark.parametrize("extra", [[None], [0], [None, None]])
def test_record_with_something_behind_its_values_is_refused(extra: list[int | None]):
    values = (15_000, *[1] * (len(CREDIT_FIELDS) - 1))
    with pytest.raises(DecodeError, match="another encoding"):
        parse_record(canonical.encode([SCHEMA_VERSION, *values, *extra]))
    with pytest.raises(DecodeError, match="another shape"):
        parse_record(canonical.encode([SCHEMA_VERSION, *values[:-1]]))
