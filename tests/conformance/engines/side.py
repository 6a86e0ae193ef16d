"""One engine with its own store, as a chain of real blocks: what a differential test sets side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.core.codec import encode_block
from chain_node.core.genesis import Genesis, GenesisAccount, parse_genesis
from chain_node.core.types import (
    EMPTY_OMMERS_HASH,
    FIRST_ROUND,
    Address,
    Block,
    Hash32,
    Header,
    Height,
    Transaction,
)
from chain_node.execution import BlockContext, BlockLimits, BuildResult, ExecutionEngine, ExecutionResult
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.node.chain import Chain, make_commit
from chain_node.node.native_store import open_native
from chain_node.storage import ChainStore, MemoryStore
from tests.engines import ENGINES

GAS_LIMIT = 60_000_000
_CACHE_MB = 8
_VALIDATOR = Address(b"\x11" * 20)
_FORKS: dict[str, dict[str, int]] = {
    "istanbul": {"istanbulBlock": 0},
    "berlin": {"berlinBlock": 0},
    "london": {"berlinBlock": 0, "londonBlock": 0},
}


def genesis_of(fork: str, alloc: Mapping[Address, GenesisAccount], chain_id: int) -> Genesis:
    """A genesis with these rules and this state; published tests have states that no genesis file may describe."""
    extra = ExtraData(vanity=EMPTY_VANITY, validators=(_VALIDATOR,), vote=None, round=FIRST_ROUND, seals=())
    text = {
        "config": {"chainId": chain_id, "zeroBaseFee": True, **_FORKS[fork], "qbft": {"blockperiodseconds": 1}},
        "gasLimit": hex(GAS_LIMIT),
        "difficulty": "0x1",
        "mixHash": "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365",
        **({"baseFeePerGas": "0x0"} if fork == "london" else {}),
        "extraData": "0x" + encode_extra_data(extra).hex(),
        "alloc": {},
    }
    return replace(parse_genesis(json.dumps(text)), alloc=dict(alloc))


class Side:
    """A chain on one engine, from its genesis on, stored as a node stores it."""

    def __init__(self, genesis: Genesis, store: ChainStore, engine: ExecutionEngine, genesis_hash: Hash32) -> None:
        """Begin a chain in an empty store."""
        self._store = store
        self.engine = engine
        result = engine.initialise(genesis.alloc)
        block = Block(genesis.build_header(result.state_root), ())
        store.commit_block(make_commit(block, encode_block(block), genesis_hash, result))
        self.chain = Chain(genesis, store, engine)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @property
    def root(self) -> Hash32:
        """The state after the last block."""
        return self.chain.head().header.state_root

    def block_hash(self, height: Height) -> Hash32 | None:
        """The hash of a stored block."""
        return self._store.block_hash(height)

    def context(self, *, base_fee: int | None, coinbase: Address, gas_limit: int = GAS_LIMIT) -> BlockContext:
        """Surroundings of the next block."""
        parent = self.chain.head().header
        return BlockContext(
            height=Height(parent.number + 1),
            timestamp=parent.timestamp + 1,
            gas_limit=gas_limit,
            coinbase=coinbase,
            base_fee_per_gas=base_fee,
            block_hash=self.block_hash,
        )

    def build(self, candidates: Iterable[Transaction], context: BlockContext, limits: BlockLimits) -> BuildResult:
        """Build on the last block."""
        return self.engine.build_block(self.root, candidates, context, limits)

    def execute(self, transactions: Sequence[Transaction], context: BlockContext) -> ExecutionResult:
        """Execute on the last block what was built elsewhere."""
        return self.engine.execute_block(self.root, transactions, context, gas_per_transaction=0)

    def add(self, transactions: Sequence[Transaction], context: BlockContext, result: ExecutionResult) -> Header:
        """Store the block that these results belong to; gives its header."""
        parent = self.chain.head().header
        header = Header(
            parent_hash=block_hash(parent),
            ommers_hash=EMPTY_OMMERS_HASH,
            coinbase=context.coinbase,
            state_root=result.state_root,
            transactions_root=result.transactions_root,
            receipts_root=result.receipts_root,
            logs_bloom=result.logs_bloom,
            difficulty=context.difficulty,
            number=context.height,
            gas_limit=context.gas_limit,
            gas_used=result.gas_used,
            timestamp=context.timestamp,
            extra_data=parent.extra_data,
            mix_hash=parent.mix_hash,
            nonce=parent.nonce,
            base_fee_per_gas=context.base_fee_per_gas,
        )
        self.chain.add(Block(header, tuple(transactions)), result)
        return header


def hash_of_genesis(genesis: Genesis) -> Hash32:
    """The hash of the genesis block, as py-evm has it."""
    engine = PyEvmEngine(chain_id=genesis.chain_id, schedule=genesis.schedule, source=MemoryStore())
    return block_hash(genesis.build_header(engine.initialise(genesis.alloc).state_root))


def py_evm_side(genesis: Genesis, directory: Path, genesis_hash: Hash32) -> Side:
    """py-evm with a store in memory."""
    store = MemoryStore()
    engine = PyEvmEngine(chain_id=genesis.chain_id, schedule=genesis.schedule, source=store)
    return Side(genesis, store, engine, genesis_hash)


def native_side(genesis: Genesis, directory: Path, genesis_hash: Hash32) -> Side:
    """The native engine with its store."""
    directory.mkdir(parents=True, exist_ok=True)
    store, engine = open_native(
        directory, genesis_hash, chain_id=genesis.chain_id, schedule=genesis.schedule, cache_mb=_CACHE_MB
    )
    return Side(genesis, store, engine, genesis_hash)


SideMaker = Callable[[Genesis, Path, Hash32], Side]
_MAKERS: dict[str, SideMaker] = {"py-evm": py_evm_side, "native": native_side}
SIDES = {name: _MAKERS[name] for name in ENGINES}
"""Every engine that this machine has, by its name; the first one is the reference."""
