"""What holds for the whole suite: its order, and that the same commit always tries the same examples.

HYPOTHESIS_PROFILE=explore tries others; what it finds becomes an `@example` of its test.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

import tests.engines  # noqa: F401 - tells the nodes that tests start which engine is wanted

ROOT = Path(__file__).parent

# How long an example takes says how busy the machine is, not whether it is right.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the end-to-end tests first, so that no core waits for them at the end; the order inside them stays."""
    items.sort(key=lambda item: item.path.relative_to(ROOT).parts[0] != "e2e")
