"""Opening the chain of a data directory: genesis, store, engine, and the checks at start."""

from __future__ import annotations

from pathlib import Path

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.core.codec import encode_block
from chain_node.core.errors import ConfigError
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.types import Block
from chain_node.execution import NodeSource
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.node.chain import make_commit
from chain_node.storage import LmdbStore, MemoryStore, StoreIdentity

STORE_DIRECTORY = "chain"
VOTES_FILE = "votes.log"
EVIDENCE_FILE = "evidence.log"


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
    """The execution engine of this version."""
    return PyEvmEngine(chain_id=genesis.chain_id, schedule=genesis.schedule, source=source)


def open_store(genesis: Genesis, data_dir: Path) -> LmdbStore:
    """Open the chain store of a data directory; a new one gets the genesis block.

    Raises:
        ConfigError: the store belongs to another genesis or engine.
        StoreLockedError: another node has it open.
        StoreFullError: no room for the genesis block.
    """
    result = make_engine(genesis, MemoryStore()).initialise(genesis.alloc)
    header = genesis.build_header(result.state_root)
    genesis_hash = block_hash(header)
    identity = StoreIdentity(genesis_hash=genesis_hash, engine_name=PyEvmEngine.name)
    try:
        store = LmdbStore(data_dir / STORE_DIRECTORY, identity)
    except PermissionError as error:
        raise ConfigError("data_dir", f"{data_dir} cannot be written: {error.strerror}") from error
    if store.head() is None:
        block = Block(header, ())
        store.commit_block(make_commit(block, encode_block(block), genesis_hash, result))
    return store
