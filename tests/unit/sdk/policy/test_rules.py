"""Rules as text, and over the classes of a layout."""

import pytest

from client.model.codes import REGIONS
from client.sdk.errors import InvalidInputError
from client.sdk.policy.layout import DEFAULT_LAYOUT, Dimension, Layout
from client.sdk.policy.rules import compile_rules, layout_for, parse_concentration, parse_eligibility
from client.sdk.screening import Limit
from tests.unit.sdk.pack.samples import row as make_row

KEY = bytes(32)


def is_eligible(rule: str, **values: int | None) -> bool:
    """Whether a row with these values is let in, by way of layout, class and bitmap."""
    parsed = parse_eligibility(rule)
    layout = layout_for([parsed], [], base=DEFAULT_LAYOUT)
    (compiled,), _ = compile_rules([parsed], [], layout)
    row = make_row(**values)
    return bool(compiled.classes >> layout.bucketing([row], KEY).bytes_of(row)[compiled.dimension] & 1)


@pytest.mark.parametrize(
    ("rule", "field", "eligible", "not_eligible"),
    [
        ("term_months <= 60", "term_months", [1, 60], [61, 600]),
        ("months_on_book >= 3", "months_on_book", [3, 600], [0, 2]),
        ("rate_ppm <= 24.5%", "rate_ppm", [0, 245_000], [245_001]),
        ("balance_cents >= 1000", "balance_cents", [100_000], [99_999]),
        ("annual_income_cents >= 12000.50", "annual_income_cents", [1_200_050], [1_200_049, None]),
        ("annual_income_cents <= 12000", "annual_income_cents", [0], [1_200_001, None]),
        ("origination_day >= 2011-01-31", "origination_day", [15_005], [15_004]),
        ("region_code in CA NY", "region_code", [REGIONS["CA"], REGIONS["NY"]], [REGIONS["TX"]]),
        ("region_code not in CA", "region_code", [REGIONS["TX"]], [REGIONS["CA"]]),
        ("purpose_code not in wedding", "purpose_code", [1], [14, None]),
        ("days_past_due <= 29", "days_past_due", [0, 29], [30, 90]),
    ],
)
def test_rule_lets_in_what_it_says_and_never_what_is_missing(
    rule: str, field: str, eligible: list[int], not_eligible: list[int | None]
) -> None:
    assert all(is_eligible(rule, **{field: value}) for value in eligible)
    assert not any(is_eligible(rule, **{field: value}) for value in not_eligible)


def test_two_rules_of_one_field_share_a_dimension_and_both_hold() -> None:
    rules = [parse_eligibility("months_on_book >= 3"), parse_eligibility("months_on_book <= 24")]
    layout = layout_for(rules, [], base=DEFAULT_LAYOUT)
    assert len(layout.dimensions) == len(DEFAULT_LAYOUT.dimensions) + 1
    (compiled,), _ = compile_rules(rules, [], layout)
    assert compiled.classes == 0b010


def test_rule_that_the_default_classes_can_tell_adds_nothing() -> None:
    rules = [parse_eligibility("term_months <= 60"), parse_eligibility("rate_ppm >= 5%")]
    assert layout_for(rules, [parse_concentration("region_code 20%")], base=DEFAULT_LAYOUT) == DEFAULT_LAYOUT


def test_cut_between_the_default_ones_makes_their_classes_finer() -> None:
    layout = layout_for([parse_eligibility("term_months <= 40")], [], base=DEFAULT_LAYOUT)
    assert len(layout.dimensions) == 4
    assert 41 in layout.dimensions[0].values


def test_limits_are_over_groups_bands_and_borrowers() -> None:
    limits = [
        parse_concentration("subject 1%"),
        parse_concentration("borrower_age_years at 30 40 50 35%"),
        parse_concentration("region_code 20%"),
    ]
    layout = layout_for([], limits, base=DEFAULT_LAYOUT)
    assert layout.dimensions[4:] == (
        Dimension(kind="subject", field="subject"),
        Dimension(kind="cuts", field="borrower_age_years", values=(30, 40, 50)),
    )
    assert compile_rules([], limits, layout) == (
        (),
        (
            Limit(dimension=3, limit_ppm=200_000, exempts_zero=False),
            Limit(dimension=4, limit_ppm=10_000, exempts_zero=True),
            Limit(dimension=5, limit_ppm=350_000, exempts_zero=False),
        ),
    )


def test_rule_that_the_pack_cannot_tell_names_its_classes_and_the_remedy() -> None:
    for rules, limits in (
        ([parse_eligibility("days_past_due <= 10")], []),
        ([parse_eligibility("annual_income_cents >= 1")], []),
        ([], [parse_concentration("subject 1%")]),
    ):
        with pytest.raises(InvalidInputError, match="tranchain risk invite --policy"):
            compile_rules(rules, limits, DEFAULT_LAYOUT)


def test_two_limits_of_the_same_groups_are_refused() -> None:
    limits = [parse_concentration("region_code 20%"), parse_concentration("region_code 30%")]
    with pytest.raises(InvalidInputError, match="a second one"):
        compile_rules([], limits, DEFAULT_LAYOUT)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("term_months < 60", "FIELD <= VALUE"),
        ("term_months <= five", "term_months"),
        ("term_months <= 601", "1 to 600"),
        ("rate_ppm <= 30", "a share such as"),
        ("balance_cents <= 1.005", "an amount in currency units"),
        ("origination_day <= yesterday", "a date"),
        ("region_code in Atlantis", "one of AK"),
        ("term_months in 12 24", "a field with codes"),
        ("credit_age_months <= 60", "field of a rule"),
        ("", "FIELD <= VALUE"),
    ],
)
def test_bad_rule_says_what_is_expected(text: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_eligibility(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text", ["region_code", "balance_cents 20%", "subject at 1 2 20%", "region_code 20", "nobody 1%"]
)
def test_bad_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_concentration(text)


def test_more_rules_than_dimensions_are_refused() -> None:
    limits = [parse_concentration(f"balance_cents at {cut} 50%") for cut in range(1, 14)]
    with pytest.raises(InvalidInputError, match="16"):
        layout_for([], limits, base=Layout(DEFAULT_LAYOUT.dimensions))
