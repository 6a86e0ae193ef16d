"""One founded suite for all tests of contracts; every test starts from it, or from its module's scene."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.suite import Suite, found_suite


@pytest.fixture(scope="session")
def founded() -> Suite:
    """The suite as governance founded it; not for tests themselves."""
    return found_suite()


@pytest.fixture(scope="module")
def module_suite(founded: Suite) -> Iterator[Suite]:
    """For scenes of a module: what they send is undone after its last test."""
    founded.chain.tester.mine_blocks()
    snapshot = founded.chain.tester.take_snapshot()
    yield founded
    founded.chain.tester.revert_to_snapshot(snapshot)


@pytest.fixture
def suite(module_suite: Suite) -> Iterator[Suite]:
    """What a test sends is undone after it."""
    module_suite.chain.tester.mine_blocks()
    snapshot = module_suite.chain.tester.take_snapshot()
    yield module_suite
    module_suite.chain.tester.revert_to_snapshot(snapshot)
