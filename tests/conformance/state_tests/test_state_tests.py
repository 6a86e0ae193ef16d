"""Ethereum's state tests on every engine: a selection with every run, the published thousands by path.

TRANCHAIN_STATE_TESTS=path/to/GeneralStateTests pytest -m slow -n auto tests/conformance/state_tests
"""

import os
from pathlib import Path

import pytest

from chain_node.core.genesis import Fork
from chain_node.core.types import Height
from tests.conformance.engines.side import SIDES, Side, genesis_of
from tests.conformance.state_tests.exclusions import EXCLUSIONS
from tests.conformance.state_tests.state_test import StateTest, difference, hash_seen, read_state_tests

SELECTION = Path(__file__).parent / "selection"
PUBLISHED = Path(os.environ["TRANCHAIN_STATE_TESTS"]) if "TRANCHAIN_STATE_TESTS" in os.environ else None
PUBLISHED_FILES = sorted(path for path in PUBLISHED.rglob("*.json")) if PUBLISHED else []


def differences(engine: str, test: StateTest, directory: Path) -> list[str]:
    """Every case whose result is not the published one."""
    sides: dict[Fork, Side] = {}
    found: list[str] = []
    try:
        for case in test.cases:
            if case.fork not in sides:
                genesis = genesis_of(case.fork, test.alloc, test.chain_id)
                sides[case.fork] = SIDES[engine](genesis, directory / case.fork, hash_seen(Height(0)))
            side = sides[case.fork]
            if (difference_found := difference(side.engine, side.root, case)) is not None:
                found.append(f"{case.name}: {difference_found}")
    finally:
        for side in sides.values():
            side.close()
    return found


def run_file(engine: str, path: Path, root: Path, directory: Path) -> int:
    """Run all cases of a file; gives their count."""
    count, found = 0, []
    for number, test in enumerate(read_state_tests(path, root, engine)):
        found += differences(engine, test, directory / str(number))
        count += len(test.cases)
    assert not found, f"{len(found)} of {count} cases differ:\n" + "\n".join(found[:10])
    return count


@pytest.mark.parametrize("engine", SIDES)
@pytest.mark.parametrize("path", sorted(SELECTION.glob("*.json")), ids=lambda path: path.stem)
def test_selection_gives_what_the_executable_specification_says(engine: str, path: Path, tmp_path: Path) -> None:
    assert run_file(engine, path, SELECTION, tmp_path) > 0


@pytest.mark.slow
@pytest.mark.skipif(PUBLISHED is None, reason="TRANCHAIN_STATE_TESTS names no directory of published state tests")
@pytest.mark.parametrize("engine", SIDES)
@pytest.mark.parametrize("path", PUBLISHED_FILES, ids=lambda path: str(path.relative_to(PUBLISHED)))
def test_published_state_test_gives_its_results(engine: str, path: Path, tmp_path: Path) -> None:
    assert PUBLISHED is not None
    if run_file(engine, path, PUBLISHED, tmp_path) == 0:
        pytest.skip("no case for the rules of this chain, or all are excluded")


def test_every_exclusion_says_why() -> None:
    assert all(len(reason.split()) > 3 for reason in EXCLUSIONS.values())
