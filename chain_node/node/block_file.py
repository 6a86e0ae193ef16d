"""Files of blocks: writing one, and verifying one from its genesis with every rule of validity.

The format is the plain concatenation of RLP blocks that Besu, geth and GoQuorum write and read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.verification import VerifiedBlock, verify_chain
from chain_node.core.codec import decode_blocks, encode_block
from chain_node.core.errors import ConfigError, InvalidBlockError, InvalidInputError
from chain_node.core.genesis import Genesis
from chain_node.core.types import ZERO_HASH, Address, Block, Header, Height
from chain_node.execution import ExecutionResult
from chain_node.node.block_maker import BlockMaker
from chain_node.node.chain import context_of, make_commit
from chain_node.node.engine_choice import EngineWish
from chain_node.node.opening import EngineOptions, OpenChain, open_chain, open_scratch
from chain_node.node.validators import read_validators
from chain_node.rpc import ChainBlock


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
    store = open_chain(genesis, data_dir, EngineOptions()).store
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


def verify_file(source: Path, genesis: Genesis, wish: EngineWish = "auto") -> Iterator[VerifiedBlock]:
    """Verify a file of blocks from block 0: every header, seal and root, everything executed again.

    Raises:
        ConfigError: the file cannot be read, or the engine cannot be had.
        InvalidChainError: height and reason of the first block that is not valid.
    """
    try:
        with source.open("rb") as file:
            yield from verify_stream(file, genesis, wish)
    except OSError as error:
        raise ConfigError(str(source), f"cannot be read: {error.strerror}") from error


def verify_stream(file: BinaryIO, genesis: Genesis, wish: EngineWish = "auto") -> Iterator[VerifiedBlock]:
    """As `verify_file`, for an open file."""
    with open_scratch(genesis, wish) as scratch:
        yield from _verify(file, genesis, scratch)


def _verify(file: BinaryIO, genesis: Genesis, scratch: OpenChain) -> Iterator[VerifiedBlock]:
    replay = _Replay(genesis, scratch)
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
            height += 1
    except InvalidInputError as error:
        raise InvalidChainError(height, str(error)) from error


class _Replay:
    """A chain executed on a store that is thrown away."""

    def __init__(self, genesis: Genesis, scratch: OpenChain) -> None:
        self._genesis = genesis
        self._store = scratch.store
        self._engine = scratch.engine
        self._maker = BlockMaker(genesis, scratch.engine, scratch.store.block_hash)
        first = ChainBlock.from_bytes(scratch.store.block(Height(0)) or b"", ZERO_HASH)
        self.genesis_state_root = first.header.state_root

    def execute(self, block: Block, parent: Header) -> ExecutionResult:
        """Execute a block with the sender rule, and keep its state."""
        result = self._maker.execute(block, parent)
        self._maker.forget()
        self._store.commit_block(make_commit(block, encode_block(block), block_hash(block.header), result))
        return result

    def read_validators(self, header: Header) -> tuple[Address, ...]:
        """Ask the contract on the state after a block."""
        contract = self._genesis.qbft.validator_contract
        if contract is None:
            raise InvalidBlockError("this network has no validator contract")
        return read_validators(self._engine, header, context_of(header, self._store.block_hash), contract)


def _create(target: Path) -> BinaryIO:
    try:
        return target.open("xb")
    except FileExistsError as error:
        raise ConfigError("to", f"{target} exists already") from error
    except OSError as error:
        raise ConfigError("to", f"{target} cannot be written: {error.strerror}") from error
