from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.credit.credit_network import CreditNetwork, start
from tests.unit.roles.bureau.conftest import postgres_url

__all__ = ["network", "postgres_url"]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CreditNetwork]:
    started = start(tmp_path_factory.mktemp("network"))
    yield started
    started.node.stop()
