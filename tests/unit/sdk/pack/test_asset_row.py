import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.schema import ASSET_FIELDS, SCHEMA_VERSION
from client.sdk import canonical
from client.sdk.errors import DecodeError
from client.sdk.pack.asset_row import (
    CLASS_MAX,
    AssetRow,
    parse_row,
    principal_class,
)
from tests.unit.sdk.pack.samples import asset_values, row

VALUES = st.tuples(
    *(
        st.one_of(st.integers(field.minimum, field.maximum), *([st.none()] if field.nullable else []))
        for field in ASSET_FIELDS
    )
)


@given(st.binary(min_size=32, max_size=32), st.text(max_size=40), VALUES)
def test_row_decoded_again_is_the_same(handle: bytes, loan_id: str, values: tuple[int | None, ...]) -> None:
    asset = AssetRow(handle, loan_id, values)
    assert parse_row(asset.to_bytes()) == asset


def test_row_is_version_handle_loan_id_and_values_in_order() -> None:
    asset = row(7)
    assert canonical.decode_array(asset.to_bytes(), what="row") == [SCHEMA_VERSION, asset.handle, "L7", *asset.values]


@pytest.mark.parametrize(
    "items",
    [
        [SCHEMA_VERSION + 1, bytes(32), "L1", *asset_values()],
        [SCHEMA_VERSION, bytes(31), "L1", *asset_values()],
        [SCHEMA_VERSION, "h" * 32, "L1", *asset_values()],
        [SCHEMA_VERSION, bytes(32), b"L1", *asset_values()],
        [SCHEMA_VERSION, bytes(32), "L1", *asset_values()[:-1]],
        [SCHEMA_VERSION, bytes(32), "L1", *asset_values(), 0],
        [SCHEMA_VERSION, bytes(32), "L1", *asset_values(balance_cents=-1)],
        [SCHEMA_VERSION, bytes(32), "L1", *asset_values(term_months=None)],
        [SCHEMA_VERSION, bytes(32), "L1", *asset_values(region_code=0)],
        [SCHEMA_VERSION, bytes(32), "L1", *asset_values()[:-1], "1"],
    ],
)
def test_row_of_another_shape_is_refused(items: list[canonical.Value]) -> None:
    with pytest.raises(DecodeError, match="asset row"):
        parse_row(canonical.encode(items))


def test_refusal_of_a_value_names_the_field_and_never_the_value() -> None:
    items = [SCHEMA_VERSION, bytes(32), "L1", *asset_values(annual_income_cents=-987_654_321)]
    with pytest.raises(DecodeError, match="annual_income_cents") as refused:
        parse_row(canonical.encode(items))
    assert "987654321" not in str(refused.value)


def test_value_that_is_missing_is_not_known() -> None:
    asset = row(annual_income_cents=None)
    assert asset.value("annual_income_cents") is None
    with pytest.raises(DecodeError, match="annual_income_cents"):
        asset.known("annual_income_cents")
    assert asset.known("term_months") == 36


@pytest.mark.parametrize(
    ("balance_cents", "unit", "expected"),
    [
        (0, 1_000, 1),
        (49_999, 1_000, 1),
        (149_999, 1_000, 1),
        (150_000, 1_000, 2),
        (249_999, 1_000, 2),
        (250_000, 1_000, 3),
        (1_150_000, 1_000, 12),
        (50, 1, 1),
        (150, 1, 2),
        (10**12, 1_000, CLASS_MAX),
    ],
)
def test_principal_class_is_rounded_half_up_and_bounded(balance_cents: int, unit: int, expected: int) -> None:
    assert principal_class(balance_cents, unit) == expected


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_principal_class_is_the_nearest_number_of_units(balance_cents: int, unit: int) -> None:
    found = principal_class(balance_cents, unit)
    assert 1 <= found <= CLASS_MAX
    if 1 < found < CLASS_MAX:
        assert -unit * 100 <= 2 * (balance_cents - found * unit * 100) < unit * 100
