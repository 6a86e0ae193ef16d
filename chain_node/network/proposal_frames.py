"""Frames of compact proposals: a header and the hashes of what peers hold already, and asking for what is missing.

Source: docs/protocol.md, 10; docs/adr/0030-compact-proposals.md. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from chain_node.core import rlp
from chain_node.core.crypto import SIGNATURE_SIZE_BYTES
from chain_node.core.errors import DecodeError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_list, read_scalar
from chain_node.core.limits import BLOCK_SIZE_BYTES_MAX, ROUND_MAX
from chain_node.core.types import Hash32, Height, Round
from chain_node.network.priority import Priority

COMPACT_TRANSACTIONS_MAX = 65_536
"""Transactions of a block that travels compact; 400 Mgas hold 19,047 of the cheapest."""

_HASH_SIZE_BYTES = 32
_INDEX_SIZE_BYTES = 4
_REST_SIZE_BYTES_MAX = 1024 * 1024
"""Header and justification, which holds two signed payloads for each of 1,000 validators."""

_KIBIBYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactProposal:
    """A Proposal whose transactions are named by their hashes; what is signed is the whole one."""

    code: ClassVar[int] = 0x12
    priority: ClassVar[Priority] = Priority.CONSENSUS
    size_bytes_max: ClassVar[int] = COMPACT_TRANSACTIONS_MAX * _HASH_SIZE_BYTES + _REST_SIZE_BYTES_MAX
    height: Height
    round: Round
    header: bytes
    """Encoded."""
    hashes: bytes
    """32 bytes for each transaction, in their order."""
    signature: bytes
    """65 bytes, of the Proposal; what the proposal is called between nodes."""
    justification: bytes
    """RLP of [[signed RoundChange...], [signed Prepare...]], as in the Proposal."""

    def transaction_hashes(self) -> Iterator[Hash32]:
        """In the order of the block."""
        return (
            Hash32(self.hashes[start : start + _HASH_SIZE_BYTES])
            for start in range(0, len(self.hashes), _HASH_SIZE_BYTES)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProposalTransactions:
    """Asks for transactions of a proposal by their positions, or with none for the whole Proposal."""

    code: ClassVar[int] = 0x13
    priority: ClassVar[Priority] = Priority.CONSENSUS
    size_bytes_max: ClassVar[int] = COMPACT_TRANSACTIONS_MAX * _INDEX_SIZE_BYTES + _KIBIBYTE
    number: int
    signature: bytes
    """Of the proposal."""
    indices: tuple[int, ...]
    """Ascending."""


@dataclass(frozen=True, slots=True)
class ProposalTransactions:
    """The answer: the transactions asked for, in that order; none when the proposal is not here any more."""

    code: ClassVar[int] = 0x14
    priority: ClassVar[Priority] = Priority.CONSENSUS
    size_bytes_max: ClassVar[int] = BLOCK_SIZE_BYTES_MAX + _KIBIBYTE
    number: int
    encoded: tuple[bytes, ...]


ProposalFrame = CompactProposal | GetProposalTransactions | ProposalTransactions


def items_of_proposal_frame(frame: ProposalFrame) -> list[rlp.Item]:
    """What is encoded of a frame."""
    match frame:
        case CompactProposal():
            return [
                rlp.scalar(frame.height),
                rlp.scalar(frame.round),
                frame.header,
                frame.hashes,
                frame.signature,
                frame.justification,
            ]
        case GetProposalTransactions():
            indices = b"".join([index.to_bytes(_INDEX_SIZE_BYTES, "big") for index in frame.indices])
            return [rlp.scalar(frame.number), frame.signature, indices]
        case ProposalTransactions():
            return [rlp.scalar(frame.number), list(frame.encoded)]


def read_compact_proposal(items: list[rlp.Decoded]) -> CompactProposal:
    """From what was decoded; raises DecodeError."""
    height, round_number, header, hashes, signature, justification = read_list(items, field="CompactProposal", size=6)
    return CompactProposal(
        height=Height(read_scalar(height, field="height", maximum=UINT64_MAX)),
        round=Round(read_scalar(round_number, field="round", maximum=ROUND_MAX)),
        header=read_bytes(header, field="header"),
        hashes=_read_words(hashes, "transaction hashes", _HASH_SIZE_BYTES),
        signature=read_bytes(signature, field="signature", size=SIGNATURE_SIZE_BYTES),
        justification=read_bytes(justification, field="justification"),
    )


def read_get_proposal_transactions(items: list[rlp.Decoded]) -> GetProposalTransactions:
    """From what was decoded; raises DecodeError."""
    number, signature, indices = read_list(items, field="GetProposalTransactions", size=3)
    words = _read_words(indices, "indices", _INDEX_SIZE_BYTES)
    numbers = tuple(
        int.from_bytes(words[start : start + _INDEX_SIZE_BYTES], "big")
        for start in range(0, len(words), _INDEX_SIZE_BYTES)
    )
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise DecodeError(offset=0, expected="ascending indices")
    return GetProposalTransactions(
        number=read_scalar(number, field="number", maximum=UINT64_MAX),
        signature=read_bytes(signature, field="signature", size=SIGNATURE_SIZE_BYTES),
        indices=numbers,
    )


def read_proposal_transactions(items: list[rlp.Decoded]) -> ProposalTransactions:
    """From what was decoded; raises DecodeError."""
    number, encoded = read_list(items, field="ProposalTransactions", size=2)
    transactions = read_list(encoded, field="transactions")
    if len(transactions) > COMPACT_TRANSACTIONS_MAX:
        raise DecodeError(offset=0, expected=f"at most {COMPACT_TRANSACTIONS_MAX} transactions")
    return ProposalTransactions(
        read_scalar(number, field="number", maximum=UINT64_MAX),
        tuple(read_bytes(one, field="transaction") for one in transactions),
    )


def _read_words(item: rlp.Decoded, field: str, size_bytes: int) -> bytes:
    words = read_bytes(item, field=field)
    if len(words) % size_bytes or len(words) > size_bytes * COMPACT_TRANSACTIONS_MAX:
        raise DecodeError(offset=0, expected=f"{field} of {size_bytes} bytes each, at most {COMPACT_TRANSACTIONS_MAX}")
    return words
