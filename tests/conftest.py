"""The order of the whole suite: the long scenes of real processes first, so that no core waits for them at the end."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the end-to-end tests first; the order inside them stays."""
    items.sort(key=lambda item: item.path.relative_to(ROOT).parts[0] != "e2e")
