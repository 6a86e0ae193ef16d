"""Which engine runs: what is installed, what is wanted, and what wrote the data directory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from chain_node.core.errors import ConfigError
from chain_node.core.genesis import parse_genesis
from chain_node.execution.native.library import load_library, package_version
from chain_node.node.engine_choice import EngineName, choose_engine, find_writer
from chain_node.node.opening import EngineOptions, open_chain
from tests.engines import ALL, IS_NATIVE_BUILT
from tests.unit.rpc.memory_node import genesis_text

GENESIS = parse_genesis(genesis_text())
LIBRARY = "chain_node.execution.native._native"
needs_native = pytest.mark.skipif(not IS_NATIVE_BUILT, reason="the native engine is not built")


def write_chain(directory: Path, engine: EngineName) -> None:
    open_chain(GENESIS, directory, EngineOptions(wish=engine)).store.close()


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation without Rust."""
    monkeypatch.setitem(sys.modules, LIBRARY, None)
    load_library.cache_clear()
    yield
    load_library.cache_clear()


@pytest.fixture
def old_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library that an earlier version left behind."""
    library = ModuleType(LIBRARY)
    library.__dict__.update(VERSION="0.0.1", __file__="/there/_native.abi3.so")
    monkeypatch.setitem(sys.modules, LIBRARY, library)
    load_library.cache_clear()
    yield
    load_library.cache_clear()


def test_version_of_the_crate_is_that_of_the_package() -> None:
    """Otherwise every library would be refused."""
    root = Path(__file__).parents[3]
    crate = (root / "chain_node/execution/native/Cargo.toml").read_text()
    assert f'\nversion = "{package_version()}"\n' in crate
    assert f'\nversion = "{package_version()}"\n' in (root / "pyproject.toml").read_text()


@pytest.mark.usefixtures("no_library")
def test_without_the_library_py_evm_runs_and_says_how_to_build(tmp_path: Path) -> None:
    choice = choose_engine("auto", tmp_path)
    assert choice.name == "py-evm"
    assert "no library was built" in choice.reason
    assert "rustup" in choice.reason


@pytest.mark.usefixtures("no_library")
def test_native_without_the_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"engine: native is wanted, but .*rustup"):
        choose_engine("native", tmp_path)


@pytest.mark.usefixtures("old_library")
@pytest.mark.parametrize("wish", ["auto", "native"])
def test_library_of_another_version_is_refused_with_what_to_do(wish: EngineName, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/there/_native.abi3.so is .* version 0\.0\.1.*remove the file.*build"):
        choose_engine(wish, tmp_path)


@pytest.mark.usefixtures("old_library")
def test_py_evm_runs_beside_a_library_of_another_version(tmp_path: Path) -> None:
    assert choose_engine("py-evm", tmp_path).name == "py-evm"


@pytest.mark.parametrize("engine", ALL)
def test_auto_follows_what_wrote_the_chain_store(engine: EngineName, tmp_path: Path) -> None:
    write_chain(tmp_path, engine)
    assert find_writer(tmp_path) == engine
    choice = choose_engine("auto", tmp_path)
    assert (choice.name, "it wrote the chain store" in choice.reason) == (engine, True)


@needs_native
@pytest.mark.parametrize(("writer", "wish"), [("py-evm", "native"), ("native", "py-evm")])
def test_store_of_the_other_engine_is_refused_with_what_to_do(
    writer: EngineName, wish: EngineName, tmp_path: Path
) -> None:
    write_chain(tmp_path, writer)
    reason = rf"written by {writer}, {wish} cannot read it; give --engine {writer}, or .*delete chain/"
    with pytest.raises(ConfigError, match=reason):
        open_chain(GENESIS, tmp_path, EngineOptions(wish=wish))


@needs_native
def test_native_store_without_the_library_is_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    write_chain(tmp_path, "native")
    request.getfixturevalue("no_library")
    with pytest.raises(ConfigError, match=r"was written by it, but the native engine is not installed"):
        choose_engine("auto", tmp_path)


def test_engine_is_not_verified_with_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="verify_with: got py-evm, which runs already"):
        open_chain(GENESIS, tmp_path, EngineOptions(wish="py-evm", verify_with="py-evm"))
