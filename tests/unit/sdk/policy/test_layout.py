"""Layouts: classes of assets as data."""

import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.codes import REGIONS
from client.sdk.errors import DecodeError, InvalidInputError
from client.sdk.pack.asset_row import AssetRow
from client.sdk.policy.layout import DEFAULT_LAYOUT, Dimension, Layout, parse_layout
from tests.unit.sdk.pack.samples import row as make_row

KEY = bytes(range(32))


def of_borrower(number: int) -> AssetRow:
    return replace(make_row(), handle=number.to_bytes(32, "big"))


def classes(dimension: Dimension, rows: list[AssetRow], row_key: bytes = KEY) -> list[int]:
    buckets = Layout((dimension,)).bucketing(rows, row_key)
    return [buckets.bytes_of(row)[0] for row in rows]


def test_cuts_belong_to_the_class_above_them() -> None:
    dimension = Dimension(kind="cuts", field="term_months", values=(13, 37))
    rows = [make_row(term_months=months) for months in (1, 12, 13, 36, 37, 600)]
    assert classes(dimension, rows) == [0, 0, 1, 1, 2, 2]
    assert dimension.class_names == ("below 13", "13 to 36", "37 and more")


def test_missing_value_has_a_class_of_its_own() -> None:
    row = make_row(annual_income_cents=None)
    assert classes(Dimension(kind="cuts", field="annual_income_cents", values=(1,)), [row]) == [255]


def test_codes_of_a_list_are_told_from_all_others() -> None:
    rows = [make_row(region_code=code) for code in (4, 5, 6)]
    assert classes(Dimension(kind="in", field="region_code", values=(5,)), rows) == [0, 1, 0]


def test_groups_are_a_permutation_that_only_the_row_key_gives() -> None:
    dimension = Dimension(kind="groups", field="region_code")
    rows = [make_row(region_code=code) for code in REGIONS.values()]
    one, other = classes(dimension, rows), classes(dimension, rows, bytes(32))
    assert sorted(one) == list(range(len(REGIONS))) == sorted(other)
    assert one != other


def test_borrowers_with_several_loans_are_numbered_and_all_others_are_zero() -> None:
    rows = [of_borrower(number) for number in (1, 2, 2, 3, 3, 3)]
    got = classes(Dimension(kind="subject", field="subject"), rows)
    assert got[0] == 0
    assert got[1] == got[2] != got[3] == got[4] == got[5]
    assert set(got) == {0, 1, 2}


def test_more_than_255_such_borrowers_share_numbers_and_never_get_zero() -> None:
    rows = [of_borrower(number) for number in range(300) for _ in range(2)]
    got = classes(Dimension(kind="subject", field="subject"), rows)
    assert min(got) == 1
    assert max(got) == 255


DIMENSIONS = st.one_of(
    st.builds(
        lambda cuts: Dimension(kind="cuts", field="balance_cents", values=tuple(sorted(cuts))),
        st.sets(st.integers(0, 10**12), min_size=1, max_size=20),
    ),
    st.just(Dimension(kind="groups", field="region_code")),
    st.just(Dimension(kind="subject", field="subject")),
)


@given(st.lists(DIMENSIONS, min_size=1, max_size=16, unique=True))
def test_document_says_the_layout(dimensions: list[Dimension]) -> None:
    layout = Layout(tuple(dimensions))
    assert parse_layout(layout.to_bytes()) == layout


def test_group_is_the_rank_of_its_keyed_hash() -> None:
    fields = b"region_code"
    hashes = {code: hmac.digest(KEY, fields + code.to_bytes(2, "big"), "sha256") for code in REGIONS.values()}
    rows = [make_row(region_code=code) for code in REGIONS.values()]
    expected = [sum(other < hashes[code] for other in hashes.values()) for code in REGIONS.values()]
    assert classes(Dimension(kind="groups", field="region_code"), rows) == expected


@pytest.mark.parametrize(
    ("field", "value", "place", "expected"),
    [
        ("term_months", 12, 0, 0),
        ("term_months", 13, 0, 1),
        ("term_months", 36, 0, 2),
        ("term_months", 600, 0, 10),
        ("rate_ppm", 49_999, 1, 0),
        ("rate_ppm", 50_000, 1, 1),
        ("rate_ppm", 10_000_000, 1, 20),
        ("days_past_due", 0, 2, 0),
        ("days_past_due", 1, 2, 1),
        ("days_past_due", 29, 2, 1),
        ("days_past_due", 30, 2, 2),
        ("days_past_due", 60, 2, 3),
        ("days_past_due", 36_500, 2, 4),
    ],
)
def test_default_layout_has_years_bands_and_arrears(field: str, value: int, place: int, expected: int) -> None:
    row = make_row(**{field: value})
    assert DEFAULT_LAYOUT.bucketing([row], KEY).bytes_of(row)[place] == expected


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("cuts", "no_such_field", (1,)),
        ("cuts", "credit_age_months", (1,)),
        ("cuts", "term_months", ()),
        ("cuts", "term_months", (2, 1)),
        ("cuts", "term_months", (1, 1)),
        ("cuts", "balance_cents", tuple(range(255))),
        ("groups", "region_code", (1,)),
        ("subject", "term_months", ()),
        ("groups", "subject", ()),
        ("bands", "term_months", (1,)),
    ],
)
def test_bad_dimension_is_refused(kind: str, field: str, values: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match="dimension"):
        Dimension(kind=kind, field=field, values=values)  # type: ignore[arg-type]  # wrong on purpose


def test_layout_of_none_or_too_many_dimensions_is_refused() -> None:
    cuts = [Dimension(kind="cuts", field="term_months", values=(cut,)) for cut in range(1, 18)]
    for dimensions in ([], cuts, cuts[:1] * 2):
        with pytest.raises(InvalidInputError, match="1 to 16 different ones"):
            Layout(tuple(dimensions))


@pytest.mark.parametrize(
    "document", [b"", b"\x80", DEFAULT_LAYOUT.to_bytes()[:-1], b"\x82\x02\x80", b"\x82\x01\x81\x80"]
)
def test_other_bytes_are_no_layout(document: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_layout(document)
