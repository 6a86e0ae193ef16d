import math

from client.report.interval import DRAWS, simulate_intervals


def test_the_interval_is_as_wide_as_the_binomial_one() -> None:
    count, pd_ppm = 4_000, 100_000
    (found,) = simulate_intervals([1] * count, [pd_ppm] * count, [0], seed=7)
    half = 1.96e6 * math.sqrt(0.1 * 0.9 / count)
    assert abs((found.high_ppm - found.low_ppm) / 2 - half) < 0.25 * half
    assert found.low_ppm < pd_ppm < found.high_ppm


def test_the_same_seed_gives_the_same_interval_for_ever() -> None:
    sizes, pd_ppm = list(range(1, 41)), [20_000 * n for n in range(1, 41)]
    found = simulate_intervals(sizes, pd_ppm, [0, 10, 39], seed=42)
    assert [(each.low_ppm, each.high_ppm) for each in found] == EXPECTED
    assert DRAWS == 400


def test_certain_defaults_have_no_interval() -> None:
    (found,) = simulate_intervals([5, 3], [1_000_000, 0], [0], seed=1)
    assert (found.low_ppm, found.high_ppm) == (625_000, 625_000)


def test_what_is_removed_does_not_count() -> None:
    (found,) = simulate_intervals([5, 3], [1_000_000, 0], [1], seed=1)
    assert (found.low_ppm, found.high_ppm) == (0, 0)


EXPECTED = [(376_829, 695_121), (396_078, 728_104), (0, 1_000_000)]
