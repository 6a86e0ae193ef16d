from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.report.figures import DERIVATIONS, Figures, Source, divide_half_up, follow
from client.report.formatting import exact, shown, text_of
from client.sdk.errors import DecodeError
from tests.unit.report.made_up import figure


def figures_of(answer: object) -> Figures:
    return Figures("part", lambda contract, function, arguments: answer)


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_division_rounds_half_up(numerator: int, denominator: int) -> None:
    error = divide_half_up(numerator, denominator) - Fraction(numerator, denominator)
    assert Fraction(-1, 2) < error <= Fraction(1, 2)


def test_division_by_nothing_gives_nothing() -> None:
    assert divide_half_up(5, 0) == 0


def test_a_share_of_parts_of_a_whole_adds_up_within_rounding() -> None:
    shares = [DERIVATIONS["share_ppm"](part, 7) for part in (1, 2, 4)]
    assert abs(sum(shares) - 1_000_000) <= len(shares)


def test_loss_a_year_is_the_rate_over_the_life_in_years() -> None:
    assert DERIVATIONS["per_year_ppm"](100_000, 2_400) == 50_000


def test_a_month_without_prepayment_has_no_speed_and_one_that_prepays_all_has_the_highest() -> None:
    cpr = DERIVATIONS["cpr_ppm"]
    assert (cpr(0, 1_000, 10), cpr(990, 1_000, 10), cpr(5, 10, 10)) == (0, 1_000_000, 0)


def test_one_per_cent_a_month_is_a_cpr_of_eleven_per_cent() -> None:
    assert DERIVATIONS["cpr_ppm"](100, 10_100, 100) == 113_615  # 1 - 0.99^12, rounded down


def test_an_answer_is_followed_by_names_and_places() -> None:
    answer = SimpleNamespace(sums=[(1, 2), (3, 4)], root=b"\x01\x02", is_met=True)
    assert [follow(answer, path) for path in ("sums.1.0", "root", "is_met")] == [3, "0x0102", 1]


def test_a_figure_of_a_call_says_which_value_of_which_call_it_is() -> None:
    made = figures_of(([5, 6], [7, 8])).call("level_2", "count", "Screening.levels", 1, True, path="1.0")
    assert (made.value, made.id) == (7, "part.level_2")
    assert made.source.describe() == "Screening.levels(1, true).1.0"


def test_a_derived_figure_names_its_parts() -> None:
    figures = figures_of(None)
    parts = [figures.of("rows", f"part_{n}", "count", n, "loans") for n in (3, 4)]
    total = figures.derive("total", "count", "sum", *parts)
    assert (total.value, total.source.arguments) == (7, ("part.part_3", "part.part_4"))


def test_one_key_cannot_have_two_values() -> None:
    figures = figures_of(None)
    figures.of("rows", "count", "count", 3, "loans")
    figures.of("rows", "count", "count", 3, "loans")
    with pytest.raises(DecodeError, match="two values"):
        figures.of("rows", "count", "count", 4, "loans")


def test_a_text_is_no_number() -> None:
    with pytest.raises(DecodeError, match="a text"):
        _ = figure("name", "abc", "text").number


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (123_456_789, "cents", "1,234,567.89"),
        (-5, "cents", "\u22120.05"),
        (81_049, "ppm", "8.10\u00a0%"),
        (81_050, "ppm", "8.11\u00a0%"),
        (-49, "ppm", "0.00\u00a0%"),
        (1_050_000, "factor", "1.050×"),
        (2_158, "hundredths", "21.58"),
        (1_234, "count", "1,234"),
        (1_234, "number", "1234"),
        (15_339, "day", "2011-12-31"),
        (-1, "day", "-1"),
        (0, "second", "1970-01-01 00:00:00 UTC"),
        (2**60, "second", str(2**60)),
        ("issued", "text", "issued"),
    ],
)
def test_values_are_printed_by_their_unit(value: int | str, unit: str, expected: str) -> None:
    assert text_of(value, unit) == expected  # type: ignore[arg-type]


def test_the_note_over_a_figure_has_its_last_digit() -> None:
    assert exact(figure("rate", 81_049, "ppm")) == "81049 ppm"
    assert shown(figure("rate", 81_049, "ppm")) == "8.10\u00a0%"


def test_sources_are_values() -> None:
    assert Source(kind="call", function="Screening.run", arguments=(1,)) == Source(
        kind="call", function="Screening.run", arguments=(1,)
    )
