import pytest

from client.sdk.monitoring.shadow import Comparison


@pytest.mark.parametrize(
    ("kept", "removed", "rates", "chose"),
    [
        ((200, 10), (50, 10), (50_000, 200_000), True),
        ((200, 40), (50, 10), (200_000, 200_000), False),
        ((200, 41), (50, 10), (205_000, 200_000), False),
        ((200, 0), (50, 1), (0, 20_000), True),
        ((200, 0), (50, 0), (0, 0), None),
        ((200, 5), (0, 0), (25_000, 0), None),
        ((0, 0), (50, 5), (0, 100_000), None),
    ],
)
def test_screening_chose_where_the_removed_default_more_often(
    kept: tuple[int, int], removed: tuple[int, int], rates: tuple[int, int], chose: bool | None
) -> None:
    comparison = Comparison(
        kept_count=kept[0], kept_defaults=kept[1], removed_count=removed[0], removed_defaults=removed[1]
    )
    assert (comparison.kept_rate_ppm, comparison.removed_rate_ppm) == rates
    assert comparison.chose is chose
