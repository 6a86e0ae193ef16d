"""Which engine runs, and why: what the operator wants, what is installed, and what wrote the data directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chain_node.core.errors import ConfigError
from chain_node.execution.native.library import LibraryMissingError, load_library

EngineName = Literal["native", "py-evm"]
EngineWish = Literal["auto", "native", "py-evm"]

STORE_DIRECTORY = "chain"
"""Of a data directory: everything that the other nodes have as well."""

CACHE_MB_DEFAULT = 64
"""For trie nodes of the native engine; what is in use of a million slots."""

_NATIVE_DIRECTORY = "native"
_DATA_FILE = "data.mdb"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine and the sentence that explains it."""

    name: EngineName
    reason: str


def native_path(data_dir: Path) -> Path:
    """Where the native engine keeps its chain store."""
    return data_dir / STORE_DIRECTORY / _NATIVE_DIRECTORY


def pyevm_path(data_dir: Path) -> Path:
    """Where py-evm's chain store is."""
    return data_dir / STORE_DIRECTORY


def find_writer(data_dir: Path) -> EngineName | None:
    """The engine that wrote the chain store of a data directory; None for a new one."""
    if (native_path(data_dir) / _DATA_FILE).exists():
        return "native"
    return "py-evm" if (pyevm_path(data_dir) / _DATA_FILE).exists() else None


def choose_engine(wish: EngineWish, data_dir: Path | None = None) -> EngineChoice:
    """Decide which engine runs on a data directory, or on a chain in memory.

    Raises:
        ConfigError: the engine that is wanted or needed is not installed or of another version, or the store was
            written by the other one.
    """
    writer = None if data_dir is None else find_writer(data_dir)
    if wish != "auto":
        if writer is not None and writer != wish:
            raise ConfigError("engine", _explain_other_writer(data_dir, writer, wish))
        if wish == "native":
            _require_library("native is wanted")
        return EngineChoice(wish, "as configured")
    if writer == "native":
        _require_library(f"{data_dir} was written by it")
        return EngineChoice("native", "it wrote the chain store")
    if writer == "py-evm":
        return EngineChoice("py-evm", "it wrote the chain store; for the native engine start with an empty chain store")
    try:
        load_library()
    except LibraryMissingError as error:
        return EngineChoice("py-evm", str(error))
    return EngineChoice("native", "its library is installed")


def _require_library(why: str) -> None:
    try:
        load_library()
    except LibraryMissingError as error:
        raise ConfigError("engine", f"{why}, but {error}") from error


def _explain_other_writer(data_dir: Path | None, writer: EngineName, wish: EngineName) -> str:
    return (
        f"{data_dir} was written by {writer}, {wish} cannot read it; give --engine {writer}, or stop the node, delete "
        f"{STORE_DIRECTORY}/ there and let it sync again with --engine {wish} (votes.log stays)"
    )
