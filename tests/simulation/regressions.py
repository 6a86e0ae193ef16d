"""Every scenario that ever failed, with the bug it showed: replayed by `test_simulation.py`.

Scenarios are kept as data, because a seed means another scenario whenever `draw_scenario` changes.
"""

from __future__ import annotations

from tests.simulation.scenario import Scenario

REGRESSIONS: tuple[tuple[Scenario, str], ...] = ()
