"""What the state machine wants done. No I/O.

The driver performs effects in their order. A SendToValidators may leave only when every earlier PersistVote, of this
batch or an older one, is durable. It signs the message, sends it to the other validators, and gives it back to
the machine as a …Received event, whatever the number of validators: a node counts its own votes like any other's.

Of each kind of timer one runs at a time, of the catch-up timer one for each author; starting it replaces the one
before. Nothing is ever cancelled: what fires too late is dropped by its height and round.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.consensus.qbft.messages import Message, SignedCommit, UnsignedMessage
from chain_node.consensus.qbft.record import PreparedCertificate, SignedVote
from chain_node.core.types import Address, Block, Hash32, Header, Height, Round


@dataclass(frozen=True, slots=True)
class PersistVote:
    """Make durable that this node is about to sign; see `record.encode_entry`."""

    vote: SignedVote
    """What will be signed."""
    lock: PreparedCertificate | None
    """The new lock, when it changed with this vote."""


@dataclass(frozen=True, slots=True)
class SendToValidators:
    """Sign (`signing.sign_message`), send to all other validators, and hand back to the machine."""

    message: UnsignedMessage
    """What to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBlockTimer:
    """Fire BlockTimerFired from `earliest_ms` on when there is an executable transaction, at `latest_ms` anyway.

    Both are milliseconds since 1970; a time that has passed means at once.
    """

    height: Height
    """For the event."""
    earliest_ms: int
    """End of the block period."""
    latest_ms: int
    """End of the empty block period; equal to earliest_ms when empty blocks are not held back."""


@dataclass(frozen=True, slots=True)
class StartRoundTimer:
    """Fire RoundTimerFired after the delay."""

    height: Height
    """For the event."""
    round: Round
    """For the event."""
    delay_ms: int
    """From now."""


@dataclass(frozen=True, slots=True)
class StartResendTimer:
    """Fire ResendTimerFired after the delay."""

    height: Height
    """For the event."""
    round: Round
    """For the event."""
    delay_ms: int
    """From now."""


@dataclass(frozen=True, slots=True)
class StartCatchUpTimer:
    """Fire CatchUpTimerFired after the delay; one timer for each author."""

    height: Height
    """For the event."""
    author: Address
    """For the event: a validator that made this node jump."""
    delay_ms: int
    """From now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildBlock:
    """Build a block on the parent, with this node as coinbase; answer with BlockBuilt."""

    height: Height
    """Of the block."""
    round: Round
    """For the event."""
    parent: Header
    """The block to build on."""
    parent_hash: Hash32
    """Its hash."""
    timestamp_min: int
    """The block's time is the greater of this and the clock, in whole seconds since 1970.

    It is not built before: others refuse a block that is ahead of their clocks.
    """
    extra_data: bytes
    """Goes into the header as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateBlock:
    """Check header (no seals), body and result of a proposed block; answer with BlockValidated."""

    height: Height
    """For the event."""
    round: Round
    """For the event."""
    digest: Hash32
    """For the event; a block this node built itself or has checked before need not be executed again."""
    block: Block
    """Unsealed."""


@dataclass(frozen=True, slots=True)
class CommitBlock:
    """The block is decided: import it durably; answer with BlockImported."""

    block: Block
    """Sealed, with the round of commitment."""


@dataclass(frozen=True, slots=True)
class KeepSeal:
    """A Commit for a height that is decided; its seal is worth keeping if it is for the block imported there."""

    commit: SignedCommit
    """The seal in it is its author's; whether that was a validator of the height is not looked at."""


@dataclass(frozen=True, slots=True)
class SendLateSeal:
    """Sign the digest of a block that was imported, keep the seal, and tell everybody."""

    height: Height
    """Of the block."""
    round: Round
    """Round of commitment."""
    digest: Hash32
    """What to sign: the block's seal hash in that round."""


@dataclass(frozen=True, slots=True)
class RejectMessage:
    """A message was dropped and changed nothing."""

    author: Address
    """Who signed it."""
    reason: str
    """The rule it breaks."""
    is_fault: bool
    """False when it only came late."""


@dataclass(frozen=True, slots=True)
class RequestSync:
    """A validator speaks of something this node lacks; ask it for blocks if they do not come by themselves shortly."""

    author: Address
    """Whom to ask."""
    height: Height
    """Blocks below this height exist."""


@dataclass(frozen=True, slots=True)
class RecordEvidence:
    """One validator has signed two different messages for one (height, round, kind)."""

    first: Message
    """The one that was kept."""
    second: Message
    """The one that contradicts it."""


Effect = (
    PersistVote
    | SendToValidators
    | StartBlockTimer
    | StartRoundTimer
    | StartResendTimer
    | StartCatchUpTimer
    | BuildBlock
    | ValidateBlock
    | CommitBlock
    | KeepSeal
    | SendLateSeal
    | RejectMessage
    | RequestSync
    | RecordEvidence
)
Effects = tuple[Effect, ...]
