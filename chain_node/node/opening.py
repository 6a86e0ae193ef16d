"""Opening the chain of a data directory: genesis, engine, the store that the engine writes, and the checks at start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import structlog

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.core.codec import encode_block
from chain_node.core.errors import ConfigError
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.types import Block, Header, Height
from chain_node.execution import ExecutionEngine, NodeSource
from chain_node.execution.genesis_state import initial_result
from chain_node.execution.state_view import StateReader
from chain_node.node.chain import make_commit
from chain_node.node.engine_choice import (
    CACHE_MB_DEFAULT,
    STORE_DIRECTORY,
    EngineName,
    EngineWish,
    choose_engine,
    native_path,
    pyevm_path,
)
from chain_node.node.native_store import open_native
from chain_node.node.paired_engines import PairedEngine, PairedStore, catch_up
from chain_node.storage import ChainStore, LmdbStore, MemoryStore, StoreIdentity

if TYPE_CHECKING:
    from chain_node.execution.pyevm_engine import PyEvmEngine

VOTES_FILE = "votes.log"
EVIDENCE_FILE = "evidence.log"

_VERIFY_DIRECTORY = "verify"
_CATCH_UP_LOG_BLOCKS = 1_000
_log = structlog.get_logger("node")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the operator wants of the engine."""

    wish: EngineWish = "auto"
    verify_with: EngineName | None = None
    """Second engine that must agree on every block."""
    cache_mb: int = CACHE_MB_DEFAULT
    """Memory for trie nodes of the native engine, in MB."""


@dataclass(frozen=True, slots=True)
class OpenChain:
    """A chain store and the engine whose state it holds."""

    store: ChainStore
    engine: ExecutionEngine
    reason: str = ""
    """Why this engine."""


def read_genesis(path: Path) -> Genesis:
    """Read genesis.json.

    Raises:
        ConfigError: it cannot be read or used; the message names file and key.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError("genesis", f"{path} cannot be read: {reason}") from error
    try:
        return parse_genesis(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.key}", error.reason) from error


def make_engine(genesis: Genesis, source: NodeSource) -> PyEvmEngine:
    """py-evm over a store that keeps trie nodes by hash."""
    from chain_node.execution.pyevm_engine import PyEvmEngine  # a second and 40 MB, which the native engine saves

    return PyEvmEngine(chain_id=genesis.chain_id, schedule=genesis.schedule, source=source)


def open_chain(genesis: Genesis, data_dir: Path, options: EngineOptions) -> OpenChain:
    """Open the chain store of a data directory with its engine; a new one gets the genesis block.

    Raises:
        ConfigError: the engine cannot be had, or the store belongs to another genesis or engine, or cannot be read.
        StoreLockedError: another node has it open.
        StoreFullError: no room for the genesis block.
        EngineFault: the engine that verifies makes something else of the chain.
    """
    choice = choose_engine(options.wish, data_dir)
    first = _open(genesis, data_dir, choice.name, options.cache_mb, path=_path(data_dir, choice.name))
    if options.verify_with is None:
        return replace(first, reason=choice.reason)
    if options.verify_with == choice.name:
        raise ConfigError("verify_with", f"got {choice.name}, which runs already; expected the other engine")
    choose_engine(options.verify_with)
    path = data_dir / STORE_DIRECTORY / _VERIFY_DIRECTORY / options.verify_with
    second = _open(genesis, data_dir, options.verify_with, options.cache_mb, path=path)
    catch_up(genesis, first.store, second.store, second.engine, _log_progress)
    engine = PairedEngine(first.engine, second.engine)
    return OpenChain(PairedStore(first.store, second.store), engine, choice.reason)


@contextmanager
def open_scratch(genesis: Genesis, wish: EngineWish = "auto") -> Iterator[OpenChain]:
    """A chain that is thrown away: in memory for py-evm, in a temporary directory for the native engine."""
    if choose_engine(wish).name == "py-evm":
        memory = MemoryStore()
        opened = OpenChain(memory, make_engine(genesis, memory))
        _put_genesis(genesis, opened)
        yield opened
        return
    with TemporaryDirectory(prefix="tranchain-") as directory:
        path = Path(directory)
        opened = _open(genesis, path, "native", CACHE_MB_DEFAULT, path=path)
        try:
            yield opened
        finally:
            opened.store.close()


def _path(data_dir: Path, name: EngineName) -> Path:
    return native_path(data_dir) if name == "native" else pyevm_path(data_dir)


def _open(genesis: Genesis, data_dir: Path, name: EngineName, cache_mb: int, *, path: Path) -> OpenChain:
    genesis_hash = block_hash(_genesis_header(genesis))
    try:
        path.mkdir(parents=True, exist_ok=True)
        if name == "native":
            store, engine = open_native(
                path, genesis_hash, chain_id=genesis.chain_id, schedule=genesis.schedule, cache_mb=cache_mb
            )
            opened = OpenChain(store, engine)
        else:
            lmdb_store = LmdbStore(path, StoreIdentity(genesis_hash=genesis_hash, engine_name="py-evm"))
            opened = OpenChain(lmdb_store, make_engine(genesis, lmdb_store))
    except PermissionError as error:
        raise ConfigError("data_dir", f"{data_dir} cannot be written: {error.strerror}") from error
    if opened.store.head() is None:
        _put_genesis(genesis, opened)
    return opened


def _genesis_header(genesis: Genesis) -> Header:
    """Computed without any engine: a store must know whose it is before it is opened."""
    return genesis.build_header(initial_result(genesis.alloc, StateReader(MemoryStore())).state_root)


def _put_genesis(genesis: Genesis, opened: OpenChain) -> None:
    result = opened.engine.initialise(genesis.alloc)
    block = Block(genesis.build_header(result.state_root), ())
    opened.store.commit_block(make_commit(block, encode_block(block), block_hash(block.header), result))


def _log_progress(height: Height) -> None:
    if height % _CATCH_UP_LOG_BLOCKS == 0:
        _log.info("verifying_engine_catches_up", height=height)
