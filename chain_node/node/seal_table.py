"""Seals of decided blocks that are not in the header: checked against our own blocks, kept for 256 heights.

They make a block final against liars (see `validators.py`). What others sealed may be lost by a crash, because their
later seals vouch for it; so it is written together with what comes next. Our own is durable before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import seal_hash, with_round
from chain_node.consensus.qbft.messages import SignedCommit
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.core.crypto import recover_address
from chain_node.core.errors import InvalidInputError, RemoteProtocolError, describe
from chain_node.core.types import Address, Block, Hash32, Height, Round
from chain_node.network.frames import LateSeal
from chain_node.node.chain import Chain
from chain_node.rpc import ChainBlock
from chain_node.storage import SEALED_HEIGHTS_KEPT, ChainStore
from chain_node.storage import LateSeal as StoredSeal

_EARLY_MAX = 1_000
"""Seals kept unchecked for blocks that are not here yet."""

_FOREIGN_SEAL_PENALTY = 20
_WRITE_COUNT = 64
"""So many seals are written at once."""


class SealTable:
    """Seals by height. Reads come from any thread; seals are added on the event loop, written in the worker."""

    def __init__(self, chain: Chain, store: ChainStore, validators_of: Callable[[Height], Sequence[Address]]) -> None:
        """Take over what the store has of the last heights.

        Args:
            validators_of: the set that decided the block at a height.
        """
        self._chain = chain
        self._store = store
        self._validators_of = validators_of
        self._lock = Lock()
        self._by_height: dict[Height, dict[Address, StoredSeal]] = {}
        self._unwritten: list[StoredSeal] = []
        self._early: list[LateSeal] = []
        head = chain.head().height
        for height in range(max(1, head - SEALED_HEIGHTS_KEPT), head + 1):
            for seal in store.seals(Height(height)):
                self._by_height.setdefault(seal.height, {})[seal.signer] = seal

    def seals(self, height: Height) -> tuple[StoredSeal, ...]:
        """Seals of the block at a height, one for each signer."""
        with self._lock:
            return tuple(self._by_height.get(height, {}).values())

    def add(self, seals: Sequence[LateSeal]) -> tuple[LateSeal, ...]:
        """Check seals that came from a peer and keep them; those for blocks to come are checked then.

        Returns:
            Those that are good and were not known. An unchecked seal is passed on by nobody, or its author would have
            others blamed.

        Raises:
            InvalidInputError: one is of nobody who may seal that block. What came before it was kept.
        """
        head = self._chain.head().height
        good = []
        for seal in seals:
            if head < seal.height <= head + SEALED_HEIGHTS_KEPT:
                if len(self._early) < _EARLY_MAX:
                    self._early.append(seal)
            elif seal.height > max(0, head - SEALED_HEIGHTS_KEPT) and self._check_and_keep(seal):
                good.append(seal)
        return tuple(good)

    def add_commit(self, commit: SignedCommit) -> None:
        """Keep the seal of a Commit, if it is for the block that was decided; its signature is known to be good."""
        payload = commit.payload
        block = self._chain.block_at(payload.height)
        if block is not None and payload.digest == digest_of(block, payload.round):
            self._keep(block, payload.round, commit.sealer, payload.commit_seal)

    def on_head(self) -> None:
        """A block was added: check what came for it, forget what is too old."""
        head = self._chain.head().height
        due = [seal for seal in self._early if seal.height <= head]
        self._early = [seal for seal in self._early if seal.height > head]
        for seal in due:
            try:
                self._check_and_keep(seal)
            except InvalidInputError:
                continue  # who sent it is not known any more
        with self._lock:
            for height in [height for height in self._by_height if height < head - SEALED_HEIGHTS_KEPT]:
                del self._by_height[height]

    def add_own(self, height: Height, round_number: Round, signer: Address, seal: bytes) -> LateSeal:
        """Keep this validator's seal, durable on return; gives what to send. In the worker.

        Raises:
            StoreFullError: no room; nothing was kept.
        """
        block_hash = self._store.block_hash(height) or Hash32(b"")
        own = StoredSeal(height=height, block_hash=block_hash, round=round_number, signer=signer, seal=seal)
        self._store.put_seals([own])
        with self._lock:
            self._by_height.setdefault(height, {})[signer] = own
        return _to_send(own)

    def own_of(self, height: Height, signer: Address) -> tuple[LateSeal, ...]:
        """The seal of a signer for the block at a height, if it is in the table."""
        with self._lock:
            own = self._by_height.get(height, {}).get(signer)
        return () if own is None else (_to_send(own),)

    def write(self, *, is_last: bool = False) -> None:
        """Write what has gathered, if that is much or the node stops. In the worker; errors as `add_own`."""
        with self._lock:
            if not self._unwritten or (len(self._unwritten) < _WRITE_COUNT and not is_last):
                return
            gathered, self._unwritten = self._unwritten, []
        self._store.put_seals(gathered)

    def _check_and_keep(self, seal: LateSeal) -> bool:
        block = self._chain.block_at(seal.height)
        if block is None or block.hash != seal.block_hash:
            return False
        signer = recover_address(digest_of(block, seal.round), seal.seal)
        if signer not in self._validators_of(seal.height):
            raise RemoteProtocolError(
                f"seal of block {seal.height} by {describe(signer)}, no validator there", penalty=_FOREIGN_SEAL_PENALTY
            )
        return self._keep(block, seal.round, signer, seal.seal)

    def _keep(self, block: ChainBlock, round_number: Round, signer: Address, seal: bytes) -> bool:
        """Keep a good seal of a validator whose seal of this block is not known in any round."""
        if signer not in self._validators_of(block.height) or signer in recover_sealers(block.header):
            return False
        kept = StoredSeal(height=block.height, block_hash=block.hash, round=round_number, signer=signer, seal=seal)
        with self._lock:
            is_new = self._by_height.setdefault(block.height, {}).setdefault(signer, kept) is kept
            if is_new:
                self._unwritten.append(kept)
        return is_new


def digest_of(block: ChainBlock, round_number: Round) -> Hash32:
    """What a validator signs that seals this block in a round."""
    if decode_extra_data(block.header.extra_data).round == round_number:
        return seal_hash(block.header)
    return seal_hash(with_round(Block(block.header, ()), round_number).header)


def _to_send(seal: StoredSeal) -> LateSeal:
    return LateSeal(height=seal.height, block_hash=seal.block_hash, round=seal.round, seal=seal.seal)
