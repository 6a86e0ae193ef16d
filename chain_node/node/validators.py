"""Who the validators of a height are, and how final a block is.

Source: docs/protocol.md, 3 (`getValidators`); design, "Two levels of finality, honestly named".
"""

from __future__ import annotations

from typing import Protocol

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.quorum import compute_fault_bound, compute_quorum
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.consensus.qbft.validator_votes import ValidatorTally, tally_after, tally_of_genesis
from chain_node.core.errors import InvalidBlockError, UnavailableError
from chain_node.core.types import Address, Header, Height
from chain_node.execution import BlockContext, CallRequest, ExecutionEngine
from chain_node.node.chain import Chain
from chain_node.node.consortium_reading import ConsortiumReading
from chain_node.node.recent import Recent
from chain_node.rpc import BlockFinality, ChainBlock
from chain_node.storage import SEALED_HEIGHTS_KEPT, LateSeal
from chain_node.txpool import CONSORTIUM

_GET_VALIDATORS = bytes.fromhex("b7ab4db5")
_CALL_GAS = 50_000_000


def read_validators(
    engine: ExecutionEngine, header: Header, context: BlockContext, contract: Address
) -> tuple[Address, ...]:
    """Ask the contract for the set that decides the block after `header`; ascending.

    Raises:
        InvalidBlockError: the contract gives no valid answer, so no block can follow.
    """
    request = CallRequest(to=contract, gas=_CALL_GAS, data=_GET_VALIDATORS)
    result = engine.call(header.state_root, context, request)
    try:
        (addresses,) = decode(["address[]"], result.return_data)
    except (DecodingError, OverflowError) as error:
        raise InvalidBlockError(f"getValidators() of 0x{contract.hex()} cannot be read: {error}") from error
    validators = tuple(sorted(Address(bytes.fromhex(address[2:])) for address in addresses))
    if result.status == 0 or not validators:
        raise InvalidBlockError(f"getValidators() of 0x{contract.hex()} gave no validators ({result.error})")
    return validators


class SealSource(Protocol):
    """Whoever knows late seals: the chain store, or the table before it."""

    def seals(self, height: Height) -> tuple[LateSeal, ...]:
        """Late seals of a height."""
        ...


class Validators:
    """Validator sets by height, from the contract or from headers, as the genesis says."""

    def __init__(self, chain: Chain, seals: SealSource) -> None:
        self._chain = chain
        self._seals = seals
        self._contract = chain.genesis.qbft.validator_contract
        self._sets: Recent[Height, tuple[Address, ...]] = Recent(1024)
        self._consortium = ConsortiumReading(chain, lambda head: self._ask_contract(Height(head.height + 1)))
        self._tally = ValidatorTally(())
        self._counted_height = Height(0)
        if self._contract is None:
            self._count_votes()

    def after(self, head: ChainBlock) -> tuple[Address, ...]:
        """The set that decides the height after the head, ascending. Called for each new head, in order."""
        height = Height(head.height + 1)
        if self._contract == CONSORTIUM:
            return self._sets.get(height, lambda _: self._consortium.at(head))
        if self._contract is not None:
            return self._sets.get(height, self._ask_contract)
        if head.height > self._counted_height:
            self._count_vote(head.header)
        self._sets.put(height, self._tally.validators)
        return self._tally.validators

    def of(self, height: Height) -> tuple[Address, ...]:
        """The set that decided, or decides, the block at a height from 0 to head + 1."""
        return self._sets.get(height, self._look_up)

    def count_seals_of(self, seals: SealSource) -> None:
        """Count late seals from another source from now on."""
        self._seals = seals

    def finality(self, block: ChainBlock) -> BlockFinality:
        """Count the validators whose seals vouch for a block: its own, late ones, and those of its descendants."""
        validators = self.of(block.height)
        count = len(validators)
        quorum = compute_quorum(count)
        byzantine_quorum = compute_byzantine_quorum(count)
        signers = self._signers_of(block, validators, enough=byzantine_quorum or count)
        is_byzantine_final = byzantine_quorum is not None and len(signers) >= byzantine_quorum
        return BlockFinality(
            finality="byzantine_final" if is_byzantine_final else "crash_final",
            signers=tuple(sorted(signers)),
            validator_count=count,
            quorum=quorum,
            byzantine_quorum=byzantine_quorum,
        )

    def _signers_of(self, block: ChainBlock, validators: tuple[Address, ...], *, enough: int) -> set[Address]:
        signers: set[Address] = set()
        last = min(self._chain.head().height, block.height + SEALED_HEIGHTS_KEPT)
        for height in range(block.height, last + 1):
            later = self._chain.block_at(Height(height))
            if later is None or len(signers) >= enough:
                break
            late = [seal.signer for seal in self._seals.seals(later.height) if seal.block_hash == later.hash]
            sealers = recover_sealers(later.header) if later.height > 0 else ()
            signers.update(signer for signer in (*sealers, *late) if signer in validators)
        return signers

    def _look_up(self, height: Height) -> tuple[Address, ...]:
        if self._contract is not None:
            return self._ask_contract(height)
        block = self._chain.block_at(height)
        if block is None:
            raise UnavailableError(f"the validator set of height {height}")
        return tuple(sorted(decode_extra_data(block.header.extra_data).validators))

    def _ask_contract(self, height: Height) -> tuple[Address, ...]:
        parent = self._chain.block_at(Height(max(height - 1, 0)))
        if parent is None or self._contract is None:
            raise UnavailableError(f"the validator set of height {height}")
        context = self._chain.context_of(parent.header)
        return read_validators(self._chain.engine, parent.header, context, self._contract)

    def _count_votes(self) -> None:
        """Votes in headers up to the head; an epoch's first block starts the count anew."""
        head = self._chain.head().height
        self._counted_height = Height(head - head % self._chain.genesis.qbft.epoch_length)
        self._tally = tally_of_genesis(self._header(self._counted_height))
        for height in range(self._counted_height + 1, head + 1):
            self._count_vote(self._header(height))
        self._sets.put(Height(head + 1), self._tally.validators)

    def _count_vote(self, header: Header) -> None:
        self._tally = tally_after(self._tally, header, epoch_length=self._chain.genesis.qbft.epoch_length)
        self._counted_height = header.number

    def _header(self, height: int) -> Header:
        block = self._chain.block_at(Height(height))
        if block is None:
            raise UnavailableError(f"block {height}")
        return block.header


def compute_byzantine_quorum(validator_count: int) -> int | None:
    """Seals that make a block final even if max(1, f) validators lie; None where there are too few validators.

    Source: design, "Two levels of finality": max(q, n - q + f' + 1).
    """
    liars = max(1, compute_fault_bound(validator_count))
    quorum = compute_quorum(validator_count)
    needed = max(quorum, validator_count - quorum + liars + 1)
    return needed if needed <= validator_count else None
