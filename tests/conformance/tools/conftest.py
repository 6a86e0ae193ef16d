"""A node for the tools, and the packages that `make conformance` installs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.node_kit import NodeProcess, make_network

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def packages() -> Path:
    """Folder of the installed npm packages."""
    folder = HERE / "node_modules"
    if not (folder / ".package-lock.json").exists():
        pytest.skip("the tools are not installed: `make conformance` does it where npm reaches a registry")
    return folder


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node of a consortium with one account that may deploy; gas is free. Indirectly parametrized with the fork."""
    fork: str = getattr(request, "param", "london")
    directory = tmp_path_factory.mktemp(f"node-{fork}")
    with NodeProcess(
        make_network(directory, [], "--block-period-ms", "100", "--fork", fork), options=["--no-vault"]
    ) as running:
        yield running


@pytest.fixture
def environment(node: NodeProcess, tmp_path: Path) -> dict[str, str]:
    """Environment of a tool: where the node is, who sends, where to build."""
    return {
        **os.environ,
        "RPC_URL": node.url,
        "PRIVATE_KEY": "0x" + bytes(node.network.deployer.key).hex(),
        "BUILD_DIRECTORY": str(tmp_path),
        "CI": "1",
    }
