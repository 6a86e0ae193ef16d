"""Two decided blocks of one height: too many validators have lied, and nobody can say which block counts."""

from __future__ import annotations

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.seals import validate_seals
from chain_node.core.errors import InvalidBlockError
from chain_node.core.types import Address, Block
from chain_node.node.evidence import EvidenceLog
from chain_node.rpc import ChainBlock


def validate_conflict(ours: ChainBlock, theirs: Block, validators: tuple[Address, ...]) -> None:
    """Check that a block contradicts ours: another one of the same height with a quorum of valid seals.

    Raises:
        InvalidInputError: it is ours, or it lacks a quorum.
    """
    if block_hash(theirs.header) == ours.hash:
        raise InvalidBlockError(f"block {ours.height} was announced with another hash than it has")
    validate_seals(theirs.header, validators)


def describe_conflict(evidence: EvidenceLog) -> str | None:
    """Why the chain must stand still, for the operator; None as long as no two decided blocks are known."""
    conflict = evidence.conflict()
    if conflict is None:
        return None
    return (
        f"two different blocks of height {conflict.height} have a quorum of seals; the evidence shows both and who "
        "sealed twice. The members must agree which chain counts, see docs/runbook.md"
    )
