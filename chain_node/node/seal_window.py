"""Who sealed the newest blocks, and how far the chain is final. Event loop only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.core.errors import invariant
from chain_node.core.types import Address, Hash32, Height, Round
from chain_node.node.chain import Chain
from chain_node.node.recent import Recent
from chain_node.node.validators import Validators, compute_byzantine_quorum
from chain_node.storage import SEALED_HEIGHTS_KEPT, LateSeal


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBlock:
    """What is asked of a block again and again, taken out of it once."""

    height: Height
    block_hash: Hash32
    timestamp: int
    proposer: Address
    round: Round
    transaction_count: int
    validators: tuple[Address, ...]
    """Who decided it."""
    sealers: tuple[Address, ...]
    """Whose seals are in its header."""


class SealWindow:
    """The newest blocks with their seals; nothing is recovered from a header twice."""

    def __init__(
        self, chain: Chain, validators: Validators, late_seals: Callable[[Height], Sequence[LateSeal]]
    ) -> None:
        """`late_seals` gives the seals of a height that are not in its header."""
        self._chain = chain
        self._late_seals = late_seals
        self._validators = validators
        self._blocks: Recent[Height, SealedBlock] = Recent(2 * SEALED_HEIGHTS_KEPT)
        self._final: Height | None = None

    def newest(self, count: int) -> list[SealedBlock]:
        """The newest blocks above genesis, newest first."""
        head = self._chain.head().height
        return [self.block(Height(height)) for height in range(head, max(0, head - count), -1)]

    def block(self, height: Height) -> SealedBlock:
        """A block of the chain."""
        return self._blocks.get(height, self._load)

    def signers(self, block: SealedBlock) -> set[Address]:
        """Validators whose seals of a block are here: those of its header, and those that came late."""
        late = {seal.signer for seal in self._late_seals(block.height) if seal.block_hash == block.block_hash}
        return (late | set(block.sealers)) & set(block.validators)

    def final_height(self) -> Height | None:
        """The newest block that is byzantine_final; None if none of those looked at is."""
        head = self._chain.head().height
        signers: set[Address] = set()
        for height in range(head, max(0, self._final or 0, head - SEALED_HEIGHTS_KEPT), -1):
            block = self.block(Height(height))
            signers |= self.signers(block)
            needed = compute_byzantine_quorum(len(block.validators))
            if needed is not None and len(signers & set(block.validators)) >= needed:
                self._final = block.height
                break
        return self._final

    def _load(self, height: Height) -> SealedBlock:
        block = self._chain.block_at(height)
        invariant(holds=block is not None, fact=f"block {height} up to the head is there")
        found = block or self._chain.head()
        return SealedBlock(
            height=height,
            block_hash=found.hash,
            timestamp=found.header.timestamp,
            proposer=found.header.coinbase,
            round=decode_extra_data(found.header.extra_data).round,
            transaction_count=found.transaction_count,
            validators=self._validators.of(height),
            sealers=recover_sealers(found.header) if height > 0 else (),
        )
