"""Files of blocks: writing one, and verifying one from its genesis with every rule of validity.

The format is the plain concatenation of RLP blocks that Besu, geth and GoQuorum write and read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from chain_node.consensus.qbft.verification import VerifiedBlock, verify_chain
from chain_node.core.codec import decode_blocks
from chain_node.core.errors import ConfigError, InvalidBlockError, InvalidInputError, invariant
from chain_node.core.genesis import Genesis
from chain_node.core.types import Address, Block, Hash32, Header, Height
from chain_node.execution import BlockContext, ExecutionResult, StateChanges
from chain_node.node.block_maker import BlockMaker
from chain_node.node.opening import make_engine, open_store
from chain_node.node.validators import read_validators


class InvalidChainError(InvalidInputError):
    """A file of blocks breaks a rule at a height."""

    def __init__(self, height: int, reason: str) -> None:
        self.height = height
        self.reason = reason
        super().__init__(f"block {height}: {reason}")


def export_blocks(
    genesis: Genesis, data_dir: Path, target: Path, *, first: int, last: int | None, progress: Callable[[int], None]
) -> int:
    """Write the blocks of a stopped node to a file; gives how many there are.

    Args:
        last: last block; None for the head.
        progress: hears of every block written.

    Raises:
        ConfigError: the range is not in the chain, or the file exists or cannot be written.
        UnavailableError: a running node has the chain open.
    """
    store = open_store(genesis, data_dir)
    try:
        head = store.head()
        newest = 0 if head is None else head.height
        end = newest if last is None else last
        if not 0 <= first <= end <= newest:
            raise ConfigError("from, to-block", f"got {first} to {end}, the chain has blocks 0 to {newest}")
        with _create(target) as file:
            for height in range(first, end + 1):
                file.write(store.block(Height(height)) or b"")
                progress(height)
        return end - first + 1
    finally:
        store.close()


def verify_file(source: Path, genesis: Genesis) -> Iterator[VerifiedBlock]:
    """Verify a file of blocks from block 0: every header, seal and root, everything executed again.

    Raises:
        ConfigError: the file cannot be read.
        InvalidChainError: height and reason of the first block that is not valid.
    """
    try:
        with source.open("rb") as file:
            yield from verify_stream(file, genesis)
    except OSError as error:
        raise ConfigError(str(source), f"cannot be read: {error.strerror}") from error


def verify_stream(file: BinaryIO, genesis: Genesis) -> Iterator[VerifiedBlock]:
    """As `verify_file`, for an open file."""
    replay = _Replay(genesis)
    height = 0
    verified = verify_chain(
        decode_blocks(file),
        genesis,
        genesis_state_root=replay.genesis_state_root,
        execute_block=replay.execute,
        read_validators=replay.read_validators,
    )
    try:
        for block in verified:
            yield block
            replay.keep(block)
            height += 1
    except InvalidInputError as error:
        raise InvalidChainError(height, str(error)) from error


class _Replay:
    """A chain executed in memory; what was read and written is kept as trie nodes by hash."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._nodes: dict[Hash32, bytes] = {}
        self._codes: dict[Hash32, bytes] = {}
        self._hashes: list[Hash32] = []
        self._engine = make_engine(genesis, self)
        self._maker = BlockMaker(genesis, self._engine, self._hash_at)
        initial = self._engine.initialise(genesis.alloc)
        self._add(initial.changes)
        self.genesis_state_root = initial.state_root

    def read_node(self, node_hash: Hash32) -> bytes | None:
        """The encoding of a trie node."""
        return self._nodes.get(node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        """A contract's code."""
        return self._codes.get(code_hash)

    def keep(self, block: VerifiedBlock) -> None:
        """Remember the hash of a block that passed."""
        self._hashes.append(block.hash)

    def execute(self, block: Block, parent: Header) -> ExecutionResult:
        """Execute a block with the sender rule, and keep its state."""
        result = self._maker.execute(block, parent)
        self._maker.forget()
        self._add(result.changes)
        return result

    def read_validators(self, header: Header) -> tuple[Address, ...]:
        """Ask the contract on the state after a block."""
        contract = self._genesis.qbft.validator_contract
        if contract is None:
            raise InvalidBlockError("this network has no validator contract")
        context = BlockContext(
            height=header.number,
            timestamp=header.timestamp,
            gas_limit=header.gas_limit,
            coinbase=header.coinbase,
            base_fee_per_gas=header.base_fee_per_gas,
            difficulty=header.difficulty,
            block_hash=self._hash_at,
        )
        return read_validators(self._engine, header, context, contract)

    def _add(self, changes: object) -> None:
        invariant(holds=isinstance(changes, StateChanges), fact="the engine of a replay keeps its state by hash")
        if isinstance(changes, StateChanges):
            self._nodes.update(changes.nodes)
            self._codes.update(changes.codes)

    def _hash_at(self, height: Height) -> Hash32 | None:
        return self._hashes[height] if 0 <= height < len(self._hashes) else None


def _create(target: Path) -> BinaryIO:
    try:
        return target.open("xb")
    except FileExistsError as error:
        raise ConfigError("to", f"{target} exists already") from error
    except OSError as error:
        raise ConfigError("to", f"{target} cannot be written: {error.strerror}") from error
