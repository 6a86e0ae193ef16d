"""The three operations against plain Python integers, and the encoding."""

from bisect import bisect_right

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.arithmetic import RATIO_LIMIT, divide_truncating, ratio_ppm
from client.model.errors import RecordShapeError, SpecError
from client.model.feature_spec import Feature, FeatureSpec, Input, Lookup, MissingFlag, Ratio
from client.model.schema import MISSING

INT64 = st.integers(-(2**63), 2**63 - 1)

SPEC = FeatureSpec(
    inputs=(Input("amount", -1_000, 5_000), Input("income", 0, 10**12)),
    ratios=(Ratio("share", "amount", "income"),),
    features=(
        Lookup("share", (-10, 0, 1_000_000), (-4, -3, 2, 7), 99),
        MissingFlag("income", 128),
        Lookup("share", (5,), (1, -1), 0),
    ),
)


def truncated(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def python_features(amount: int, income: int) -> list[int]:
    """The same spec in plain Python integers."""
    amount = MISSING if amount == MISSING else min(max(amount, -1_000), 5_000)
    income = MISSING if income == MISSING else min(max(income, 0), 10**12)
    flag = 128 if income == MISSING else 0
    if MISSING in (amount, income) or income == 0:
        return [99, flag, 0]
    share = truncated(amount * 10**6, income)
    return [(-4, -3, 2, 7)[bisect_right((-10, 0, 1_000_000), share)], flag, (1, -1)[bisect_right((5,), share)]]


@given(st.lists(st.tuples(INT64 | st.integers(-50, 50), st.sampled_from([0, 1, 3, 49, MISSING]) | INT64), max_size=30))
def test_features_of_any_int64_equal_plain_python(rows: list[tuple[int, int]]) -> None:
    columns = {
        "amount": np.array([row[0] for row in rows], dtype=np.int64),
        "income": np.array([row[1] for row in rows], dtype=np.int64),
    }
    expected = np.array([python_features(*row) for row in rows], dtype=np.int64).reshape(len(rows), 3)
    np.testing.assert_array_equal(SPEC.features_of(columns), expected)


@given(numerator=INT64, denominator=INT64)
def test_ratio_of_any_int64_truncates_toward_zero_after_the_clamp(numerator: int, denominator: int) -> None:
    got = int(ratio_ppm(np.array([numerator], dtype=np.int64), np.array([denominator], dtype=np.int64))[0])
    if MISSING in (numerator, denominator) or denominator == 0:
        assert got == MISSING
    else:
        clamped = [min(max(value, -RATIO_LIMIT), RATIO_LIMIT) for value in (numerator, denominator)]
        assert got == truncated(clamped[0] * 10**6, clamped[1])


@given(dividend=st.integers(-(2**62), 2**62), divisor=st.integers(-(2**62), 2**62).filter(bool))
def test_divide_truncating_equals_solidity_signed_division(dividend: int, divisor: int) -> None:
    assert int(divide_truncating(np.array([dividend]), divisor)[0]) == truncated(dividend, divisor)


def test_lookup_at_a_cut_belongs_to_the_bin_above() -> None:
    spec = FeatureSpec(inputs=(Input("x", -100, 100),), ratios=(), features=(Lookup("x", (0, 10), (1, 2, 3), 4),))
    got = spec.features_of({"x": np.array([-1, 0, 9, 10, 1_000, MISSING], dtype=np.int64)})
    assert got[:, 0].tolist() == [1, 2, 2, 3, 3, 4]


def test_blocks_do_not_change_the_result() -> None:
    generator = np.random.default_rng(1)
    columns = {"amount": generator.integers(-2_000, 9_000, 10_001), "income": generator.integers(0, 9_000, 10_001)}
    whole = SPEC.features_of(columns)
    for start in (0, 4_095, 10_000):
        part = SPEC.features_of({name: column[start : start + 7] for name, column in columns.items()})
        np.testing.assert_array_equal(part, whole[start : start + 7])


def test_digest_of_a_known_spec_never_changes() -> None:
    assert SPEC.digest.hex() == "5fe8dd05562392cfd766c83d91b8dc2ede602a749c5e5cd1642c36afd4c405b8"


def test_spec_decoded_from_its_bytes_is_equal() -> None:
    assert FeatureSpec.from_bytes(SPEC.canonical_bytes) == SPEC


@given(st.data())
def test_decoder_given_a_changed_byte_never_accepts_other_bytes(data: st.DataObject) -> None:
    encoded = bytearray(SPEC.canonical_bytes)
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = FeatureSpec.from_bytes(bytes(encoded))
    except SpecError:
        return
    assert decoded.canonical_bytes == bytes(encoded)


def test_decoder_given_another_encoding_refuses() -> None:
    loose = cbor2.dumps(cbor2.loads(SPEC.canonical_bytes)).replace(b"\x18\x80", b"\x19\x00\x80", 1)
    assert cbor2.loads(loose) == cbor2.loads(SPEC.canonical_bytes)
    with pytest.raises(SpecError, match="canonical"):
        FeatureSpec.from_bytes(loose)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ((Lookup("nobody", (), (1,), 0),), "nobody"),
        ((Lookup("amount", (1,), (1,), 0),), "1 values"),
        ((Lookup("amount", (2, 1), (1, 2, 3), 0),), "strictly rising"),
        ((Lookup("amount", (1, 1), (1, 2, 3), 0),), "strictly rising"),
        ((Lookup("amount", (1,), (1, 2.5), 0),), "got 2.5, expected integers"),  # type: ignore[arg-type]  # as decoded
        ((Lookup("amount", (2**63,), (1, 2), 0),), "expected integers of 64 bits"),
        ((MissingFlag("amount", True),), "got True, expected integers"),
    ],
)
def test_spec_that_breaks_a_rule_is_refused(features: tuple[Feature, ...], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        FeatureSpec(inputs=SPEC.inputs, ratios=(), features=features)


def test_ratio_of_a_later_number_is_refused() -> None:
    with pytest.raises(SpecError, match="earlier ratio"):
        FeatureSpec(inputs=SPEC.inputs, ratios=(Ratio("a", "b", "income"), Ratio("b", "a", "income")), features=())


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"amount": np.zeros(2, dtype=np.int64)}, "income: got no such column"),
        ({"amount": np.zeros(2), "income": np.zeros(2, dtype=np.int64)}, "amount: got float64"),
        ({"amount": np.zeros((2, 1), dtype=np.int64), "income": np.zeros(2, dtype=np.int64)}, "one-dimensional"),
        ({"amount": np.zeros(2, dtype=np.int64), "income": np.zeros(3, dtype=np.int64)}, "3 rows, expected 2"),
        ({"amount": [1, 2], "income": np.zeros(2, dtype=np.int64)}, "amount: got list"),
    ],
)
def test_columns_of_wrong_type_or_shape_are_refused(columns: dict[str, object], reason: str) -> None:
    with pytest.raises(RecordShapeError, match=reason):
        SPEC.features_of(columns)  # type: ignore[arg-type]  # what a careless caller does
