"""Every scenario that ever failed, with the bug it showed: replayed by `test_simulation.py`.

Scenarios are kept as data, because a seed means another scenario whenever `draw_scenario` changes. What only showed in
the time between blocks is a test of `test_named_scenarios.py`.
"""

from __future__ import annotations

from tests.simulation.scenario import ClockJump, Crash, Scenario, Weather

REGRESSIONS: tuple[tuple[Scenario, str], ...] = (
    (
        Scenario(
            seed=1,
            validators=4,
            clients=2,
            faults_end_ms=25_000,
            events=(ClockJump(4_000, 2, -60_000),),
        ),
        "a validator whose clock was behind blamed all others for blocks from the future, and shut them out",
    ),
    (
        Scenario(
            seed=20011,
            validators=7,
            period_ms=500,
            clients=1,
            weather=Weather(latency_ms=1, jitter_ms=1, loss=0.1, relinks=0.1),
            faults_end_ms=6_915,
            skews_ms=(0, 0, 0, 167),
            drifts_ppm=(0, 0, -26),
            liars=((0, "bad_seals"), (1, "bad_seals")),
            events=(
                Crash(188, 5, 16, 50, is_silent=True),
                Crash(1_324, 5, 27, 500),
                Crash(1_973, 0, 26, 8_000),
                Crash(2_334, 3, 14, 2_000),
                Crash(2_487, 5, 24, 0, is_silent=True),
                Crash(4_648, 2, 33, 50),
                Crash(4_749, 1, 17, 0),
                Crash(4_895, 4, 18, 0),
            ),
        ),
        "a bad late seal of a block to come was passed on unchecked, and who passed it on was blamed",
    ),
)
