"""`python -m tests.simulation --seeds 10000`: run many seeds; `--seed 123 --trace`: look at one."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.runner import Result, play_traced, run_seeds
from tests.simulation.scenario import draw_scenario

_PROGRESS_SECONDS = 10


def main() -> int:
    """Run what the arguments say; 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--trace", action="store_true", help="print what happens, with --seed")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _run_one(arguments.seed, is_traced=arguments.trace)
    return _run_many(range(arguments.first, arguments.first + arguments.seeds), arguments.jobs)


def _run_one(seed: int, *, is_traced: bool) -> int:
    scenario = draw_scenario(seed)
    trace, ending = play_traced(scenario)
    print(scenario)
    print(*(trace if is_traced else ()), sep="\n")
    print(ending)
    return int("Outcome(" not in ending)


def _run_many(seeds: range, jobs: int) -> int:
    started = reported = time.monotonic()
    failed: list[Result] = []
    count = height = 0
    slowest: Result | None = None
    for result in run_seeds(seeds, jobs):
        count += 1
        if result.outcome is not None:
            height += result.outcome.height
            if slowest is None or slowest.outcome is None or slowest.outcome.healing < result.outcome.healing:
                slowest = result
        if result.reason:
            failed.append(result)
            print(f"seed {result.seed}: {result.reason}", flush=True)
        now = time.monotonic()
        if now - reported >= _PROGRESS_SECONDS:
            reported = now
            rate = count / (now - started)
            minutes = (len(seeds) - count) / rate / 60
            progress = (
                f"{count} of {len(seeds)} seeds, {len(failed)} failed, {rate:.1f} a second, {minutes:.0f} min left"
            )
            print(progress, file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    print(
        f"{count} seeds ({seeds.start} to {seeds.stop - 1}), {height} blocks, {seconds:.0f} s with {jobs} jobs, "
        f"{seconds * jobs / max(count, 1):.3f} s a seed: {len(failed)} failed"
    )
    if slowest is not None and slowest.outcome is not None:
        print(f"longest until all were alive again: {slowest.outcome.healing:.1f} timeouts, seed {slowest.seed}")
    for result in sorted(failed, key=lambda one: one.seed):
        print(f"  seed {result.seed}: {result.reason} (python -m tests.simulation --seed {result.seed} --trace)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
