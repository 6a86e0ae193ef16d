from hypothesis import given
from hypothesis import strategies as st

from client.report.bands import Band, cut_bands, is_safe, join_columns, join_neighbours, join_smallest
from client.report.reading.data import CELL_MIN

SIZES = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=1, max_size=12)
"""Of each band: loans that are in the part, and loans that are not."""


def bands_of(sizes: list[tuple[int, int]]) -> tuple[list[Band], frozenset[int]]:
    bands, part, start = [], set(), 0
    for place, (inside, outside) in enumerate(sizes):
        members = tuple(range(start, start + inside + outside))
        part |= set(members[:inside])
        start += inside + outside
        bands.append(Band(key=f"band_{place}", label=str(place), members=members))
    return bands, frozenset(part)


@given(SIZES)
def test_joined_neighbours_hold_every_loan_once_and_no_small_cell(sizes: list[tuple[int, int]]) -> None:
    bands, part = bands_of(sizes)
    joined = join_neighbours(bands, part)
    everything = [index for band in bands for index in band.members]
    assert [index for band in joined for index in band.members] == everything
    assert len(joined) <= 1 or all(is_safe(band.members, part) for band in joined)


@given(SIZES)
def test_joined_smallest_hold_every_loan_once_and_no_small_cell(sizes: list[tuple[int, int]]) -> None:
    bands, part = bands_of(sizes)
    joined = join_smallest(bands, part, "others")
    everything = sorted(index for band in bands for index in band.members)
    assert sorted(index for band in joined for index in band.members) == everything
    assert len(joined) <= 1 or all(is_safe(band.members, part) for band in joined)


@given(SIZES)
def test_no_difference_of_two_tables_is_a_small_cell(sizes: list[tuple[int, int]]) -> None:
    bands, part = bands_of(sizes)
    joined = join_neighbours(bands, part)
    for band in joined if len(joined) > 1 else ():
        inside = sum(index in part for index in band.members)
        for cell in (len(band.members), inside, len(band.members) - inside):
            assert cell == 0 or cell >= CELL_MIN


def test_bands_that_need_nothing_stay_as_they_are() -> None:
    bands, part = bands_of([(10, 10), (0, 12), (30, 0)])
    assert join_neighbours(bands, part) == bands
    assert join_smallest(bands, part, "others") == bands


def test_a_small_band_goes_to_its_neighbour_and_is_named_by_both() -> None:
    bands, part = bands_of([(10, 10), (3, 0), (10, 10)])
    assert [band.text for band in join_neighbours(bands, part)] == ["0", "1 … 2"]


def test_a_small_last_band_goes_to_the_one_before() -> None:
    bands, part = bands_of([(10, 10), (10, 10), (0, 4)])
    assert [band.text for band in join_neighbours(bands, part)] == ["0", "1 … 2"]


def test_values_fall_into_the_band_whose_lower_limit_they_reach() -> None:
    bands = cut_bands([5, 10, None, 19, 20, 10**9], [10, 20], ["below 10", "10–20", "20 and more"], "not known")
    assert {band.label: band.members for band in bands} == {
        "below 10": (0,),
        "10–20": (1, 3),
        "20 and more": (4, 5),
        "not known": (2,),
    }


@given(st.integers(1, 8).flatmap(lambda width: st.lists(st.lists(st.integers(0, 25), min_size=width, max_size=width))))
def test_joined_columns_cover_the_table_and_have_no_small_cell(lines: list[list[int]]) -> None:
    joined = join_columns(lines)
    width = len(lines[0]) if lines else 0
    assert [column for first, last in joined for column in range(first, last + 1)] == list(range(width))
    if len(joined) > 1:
        sums = [sum(line[first : last + 1]) for line in lines for first, last in joined]
        assert not [size for size in sums if 0 < size < CELL_MIN]


def test_columns_that_need_nothing_stay_as_they_are() -> None:
    assert join_columns([[10, 0, 30], [0, 12, 10]]) == [(0, 0), (1, 1), (2, 2)]
