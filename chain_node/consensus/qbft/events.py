"""What can happen to the state machine. No I/O.

Timers and answers carry the height and round they were meant for, so that late ones are dropped by comparison.
Messages come decoded, their authors recovered (see `codec.py`); a node's own messages come back the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.consensus.qbft.messages import Proposal, RoundChange, SignedCommit, SignedPrepare
from chain_node.core.types import Address, Block, Hash32, Header, Height, Round


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A Proposal has come."""

    message: Proposal
    """With its author."""


@dataclass(frozen=True, slots=True)
class PrepareReceived:
    """A Prepare has come."""

    message: SignedPrepare
    """With its author."""


@dataclass(frozen=True, slots=True)
class CommitReceived:
    """A Commit has come."""

    message: SignedCommit
    """With its author."""


@dataclass(frozen=True, slots=True)
class RoundChangeReceived:
    """A RoundChange has come."""

    message: RoundChange
    """With its author."""


@dataclass(frozen=True, slots=True)
class BlockTimerFired:
    """It is time for a block: the period is over and there are transactions, or the empty period is over."""

    height: Height
    """Of the StartBlockTimer effect."""


@dataclass(frozen=True, slots=True)
class RoundTimerFired:
    """A round has taken too long."""

    height: Height
    """Of the StartRoundTimer effect."""
    round: Round
    """Of the StartRoundTimer effect."""


@dataclass(frozen=True, slots=True)
class ResendTimerFired:
    """What was said in the round should be said again."""

    height: Height
    """Of the StartResendTimer effect."""
    round: Round
    """Of the StartResendTimer effect."""


@dataclass(frozen=True, slots=True)
class CatchUpTimerFired:
    """A validator may make this node jump again."""

    height: Height
    """Of the StartCatchUpTimer effect."""
    author: Address
    """Of the StartCatchUpTimer effect."""


@dataclass(frozen=True, slots=True)
class LinksChanged:
    """Links to other validators came up or went down."""

    validators: tuple[Address, ...]
    """Those with a live link now, ascending, without this node."""


@dataclass(frozen=True, slots=True)
class BlockBuilt:
    """Answer to BuildBlock."""

    height: Height
    """Of the effect."""
    round: Round
    """Of the effect."""
    block: Block
    """Executed on the parent, complete but for its seals."""


@dataclass(frozen=True, slots=True)
class BlockValidated:
    """Answer to ValidateBlock."""

    height: Height
    """Of the effect."""
    round: Round
    """Of the effect."""
    digest: Hash32
    """Of the effect."""
    reason: str | None
    """None when the block is valid, otherwise the rule it breaks."""
    is_fault: bool = True
    """False when the rule depends on this node's clock, which may be the one that is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockImported:
    """A block is durable in the store, be it by CommitBlock or from a peer."""

    header: Header
    """Its header, with seals."""
    block_hash: Hash32
    """Its hash."""
    round: Round
    """Round of commitment, as the header says; 0 for genesis."""
    sealers: tuple[Address, ...]
    """Whose seals the header has as it was imported here; none for genesis."""
    validators: tuple[Address, ...]
    """The set that decides the next height, in any order, not empty."""
    is_tip: bool
    """No later block is known to exist; False while a batch of old blocks is imported."""
    now_ms: int
    """The node's clock, milliseconds since 1970."""


MessageEvent = ProposalReceived | PrepareReceived | CommitReceived | RoundChangeReceived
Event = (
    MessageEvent
    | BlockTimerFired
    | RoundTimerFired
    | ResendTimerFired
    | CatchUpTimerFired
    | LinksChanged
    | BlockBuilt
    | BlockValidated
    | BlockImported
)
