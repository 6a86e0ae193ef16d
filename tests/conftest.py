"""How the whole suite is spread over processes: long scenes first, and what shares a network stays together."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the items by the network they share, else by file, and start with the scenes of real processes."""
    items.sort(key=lambda item: not _group(item).startswith("e2e"))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    place = item.path.relative_to(ROOT)
    return "-".join(place.parts[:-1]) if place.parts[0] == "e2e" else str(place)
