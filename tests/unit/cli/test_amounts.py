import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk.errors import InvalidInputError
from client.sdk.quantities import parse_day, parse_ppm, parse_ten


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10%", 100_000),
        (" 10 % ", 100_000),
        ("8.1%", 81_000),
        ("0.0001%", 1),
        ("0%", 0),
        ("100%", 1_000_000),
        ("110%", 1_100_000),
        ("5000ppm", 5_000),
        ("1e1%", 100_000),
        ("100000%", 1_000_000_000),
    ],
)
def test_share_is_whole_ppm(text: str, expected: int) -> None:
    assert parse_ppm(text, what="--rate") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "0.1",
        "%",
        "ppm",
        "ten%",
        "-1%",
        "-1ppm",
        "0.00001%",
        "0.5ppm",
        "nan%",
        "inf%",
        "1%%",
        "100001%",
        "1,5%",
    ],
)
def test_other_text_is_no_share(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"--rate: got .*expected a share such as 10%"):
        parse_ppm(text, what="--rate")


@given(st.integers(0, 10**9))
def test_share_written_in_either_unit_is_the_same(ppm: int) -> None:
    assert parse_ppm(f"{ppm}ppm", what="x") == ppm
    assert parse_ppm(f"{ppm // 10_000}.{ppm % 10_000:04d}%", what="x") == ppm


@pytest.mark.parametrize(("text", "day"), [("1970-01-01", 0), ("1970-01-02", 1), (" 2011-12-31 ", 15_339)])
def test_date_is_days_since_1970(text: str, day: int) -> None:
    assert parse_day(text, what="--cut-off") == day


@pytest.mark.parametrize("text", ["", "2011-13-01", "2011-02-29", "31.12.2011", "1969-12-31", "yesterday"])
def test_other_text_is_no_date(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"--cut-off: got .*expected a date"):
        parse_day(text, what="--cut-off")


def test_ten_numbers_are_scaled() -> None:
    assert parse_ten("0,0,0,1,1,2,3,4,6,10", what="--profile") == (0, 0, 0, 1, 1, 2, 3, 4, 6, 10)
    assert parse_ten("0, .5,1,1,1,1,1,1,1,1", what="--profile", scale=1_000_000)[:3] == (0, 500_000, 1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1,1,1,1,1,1,1,1,1",
        "1,1,1,1,1,1,1,1,1,1,1",
        "1,1,1,1,1,1,1,1,1,x",
        "-1,1,1,1,1,1,1,1,1,1",
        "1," * 10,
        "0.5,1,1,1,1,1,1,1,1,1",
        "nan,1,1,1,1,1,1,1,1,1",
    ],
)
def test_other_lists_are_not_ten_numbers(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"--emphasis: got .*ten numbers, level 1 first"):
        parse_ten(text, what="--emphasis")
