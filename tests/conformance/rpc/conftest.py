"""web3.py's suites carry a marker of a plugin that this project does not use; its asynchronous half is not run."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "asyncio: of web3.py's asynchronous suites, which are not run here")
