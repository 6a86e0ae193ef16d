"""A few hundred consortia with faults, and that the same seed is the same run; `make sim` runs more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.regressions import REGRESSIONS
from tests.simulation.runner import play, run_seed
from tests.simulation.scenario import Scenario, draw_scenario

SMOKE_SEEDS = 200
_CHUNK = 20
_PRINT_TRACE_HASHES = """
from tests.simulation.runner import play
from tests.simulation.scenario import draw_scenario
print(*(play(draw_scenario(seed)).trace_hash for seed in {seeds}))
"""


@pytest.mark.parametrize("first", range(0, SMOKE_SEEDS, _CHUNK))
def test_seeds_run_clean(first: int) -> None:
    failed = [result for result in map(run_seed, range(first, first + _CHUNK)) if result.reason]
    assert not failed, "\n".join(
        f"seed {one.seed}: {one.reason} (python -m tests.simulation --seed {one.seed} --trace)" for one in failed
    )


@pytest.mark.parametrize(("scenario", "bug"), REGRESSIONS, ids=[bug[:60] for _, bug in REGRESSIONS])
def test_what_once_failed_runs_clean(scenario: Scenario, bug: str) -> None:
    play(scenario)


def test_same_seed_is_the_same_run() -> None:
    """In other processes, whose sets and dictionaries of bytes have other orders."""
    seeds = (3, 8, 21)
    here = " ".join(play(draw_scenario(seed)).trace_hash for seed in seeds)
    for hash_seed in ("1", "2"):
        elsewhere = subprocess.run(
            [sys.executable, "-c", _PRINT_TRACE_HASHES.format(seeds=seeds)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert elsewhere.stdout.strip() == here
