"""Verification of an exported chain from its genesis, every rule of validity applied. No I/O.

The caller gives the blocks and two functions that run code on a state: execute a block, ask the validator
contract. What no rule looks at cannot be changed unnoticed either, because a signature or hash covers it:

- block 0 must equal the block that the genesis parameters give, byte for byte;
- vanity, nonce and round of every block are under its commit seals, and every seal must be a validator's;
- the encoding is canonical, so no other bytes decode to the same block (`core/codec.py`);
- bodies are under the transactions root, results under the state and receipts roots.

What remains is the set of seals itself: dropping a seal above the quorum, or changing their order, leaves a block
as valid as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.header_rules import validate_sealed_header
from chain_node.consensus.qbft.validator_votes import ValidatorTally, tally_after, tally_of_genesis
from chain_node.core.codec import encode_header
from chain_node.core.errors import HeaderMismatchError, InvalidBlockError
from chain_node.core.genesis import Genesis
from chain_node.core.types import Address, Block, Hash32, Header, Height, Round


class ExecutedBlock(Protocol):
    """What executing a block gave; an execution engine's result has this shape."""

    @property
    def state_root(self) -> Hash32:
        """State after the block."""
        ...

    @property
    def transactions_root(self) -> Hash32:
        """Trie root of the encoded transactions by index."""
        ...

    @property
    def receipts_root(self) -> Hash32:
        """Trie root of the encoded receipts by index."""
        ...

    @property
    def gas_used(self) -> int:
        """Gas of all transactions."""
        ...

    @property
    def logs_bloom(self) -> int:
        """Union of the receipts' filters."""
        ...


ExecuteBlock = Callable[[Block, Header], ExecutedBlock]
"""(block, parent) -> result; raises InvalidBlockError or InvalidTransactionError when the body cannot be executed.

Called in ascending order; the state of the parent is the one the previous call gave.
"""

ReadValidators = Callable[[Header], tuple[Address, ...]]
"""header -> getValidators() on the state after that block, in any order; only called in contract mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBlock:
    """One block that passed everything."""

    height: Height
    """0 first, ascending without gaps."""
    hash: Hash32
    """Block hash."""
    round: Round
    """Round of commitment."""
    coinbase: Address
    """Author."""
    sealers: tuple[Address, ...]
    """In the order of the seals; empty for genesis."""
    transaction_count: int
    """Transactions in the block."""


def verify_chain(
    blocks: Iterable[Block],
    genesis: Genesis,
    *,
    genesis_state_root: Hash32,
    execute_block: ExecuteBlock,
    read_validators: ReadValidators,
) -> Iterator[VerifiedBlock]:
    """Verify blocks one by one, genesis first; yields each after it passed, so that a caller can show progress.

    Args:
        genesis_state_root: root of the state that `genesis.alloc` describes.

    Raises:
        InvalidBlockError: a rule is broken, or there is no genesis block; iterating `blocks` may raise DecodeError.
        InvalidTransactionError: from `execute_block`.
    """
    parent: Header | None = None
    tally = ValidatorTally(())
    for block in blocks:
        header = block.header
        if parent is None:
            sealers = _verify_genesis_block(block, genesis, genesis_state_root)
        else:
            validators = tally.validators
            sealers = validate_sealed_header(header, parent, validators=validators, genesis=genesis, now_seconds=None)
            validate_result(header, execute_block(block, parent))
        tally = _next_tally(tally, header, genesis, read_validators)
        parent = header
        yield VerifiedBlock(
            height=header.number,
            hash=block_hash(header),
            round=decode_extra_data(header.extra_data).round,
            coinbase=header.coinbase,
            sealers=sealers,
            transaction_count=len(block.transactions),
        )
    if parent is None:
        raise InvalidBlockError("the chain is empty, expected the genesis block first")


def validate_result(header: Header, executed: ExecutedBlock) -> None:
    """Compare what a header promises with what execution gave.

    Raises:
        HeaderMismatchError: transactions root, gas, receipts root, bloom or state root differ.
    """
    _expect("transactions_root", header.transactions_root, executed.transactions_root)
    _expect("gas_used", header.gas_used, executed.gas_used)
    _expect("receipts_root", header.receipts_root, executed.receipts_root)
    _expect("logs_bloom", header.logs_bloom, executed.logs_bloom)
    _expect("state_root", header.state_root, executed.state_root)


def _verify_genesis_block(block: Block, genesis: Genesis, state_root: Hash32) -> tuple[Address, ...]:
    expected = genesis.build_header(state_root)
    if encode_header(block.header) != encode_header(expected):
        raise HeaderMismatchError("genesis", block_hash(block.header), block_hash(expected))
    if block.transactions:
        raise InvalidBlockError(f"genesis block has {len(block.transactions)} transactions, expected none")
    return ()


def _next_tally(
    tally: ValidatorTally, header: Header, genesis: Genesis, read_validators: ReadValidators
) -> ValidatorTally:
    if genesis.qbft.validator_contract is not None:
        return ValidatorTally(tuple(sorted(read_validators(header))))
    if header.number == 0:
        return tally_of_genesis(header)
    return tally_after(tally, header, epoch_length=genesis.qbft.epoch_length)


def _expect(field: str, got: object, expected: object) -> None:
    if got != expected:
        raise HeaderMismatchError(field, got, expected)
