"""What validators send one another. No I/O.

A *payload* is what a signature covers. A *signed* payload adds the signature and the author recovered from it; only
`codec.py` and `signing.py` make one, so its author can be trusted. A *message* adds what justifies it, which is
itself made of signed payloads. An *unsigned* message is what the state machine wants said; the shell signs it.

Source: Besu qbft-core payload and messagewrappers; GoQuorum istanbul/qbft/types.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.core.types import Address, Block, Hash32, Height, Round

PROPOSAL_CODE, PREPARE_CODE, COMMIT_CODE, ROUND_CHANGE_CODE = 0x12, 0x13, 0x14, 0x15


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalPayload:
    """Signed part of a proposal."""

    height: Height
    """Height of the block."""
    round: Round
    """Round it is proposed in."""
    block: Block
    """The block, its extraData with this round and no seals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparePayload:
    """I have validated the proposal with this digest."""

    height: Height
    """Height voted on."""
    round: Round
    """Round voted in."""
    digest: Hash32
    """Digest of the proposal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPayload:
    """I have seen a quorum of Prepares, and seal the block."""

    height: Height
    """Height voted on."""
    round: Round
    """Round voted in."""
    digest: Hash32
    """Digest of the proposal."""
    commit_seal: bytes
    """65 bytes, the author's signature over the seal hash; goes into the header."""


@dataclass(frozen=True, slots=True)
class PreparedMetadata:
    """The highest round in which a node saw a quorum of Prepares."""

    round: Round
    """That round."""
    digest: Hash32
    """Digest of what was prepared, with that round in its header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundChangePayload:
    """I give up the rounds below this one."""

    height: Height
    """Height it concerns."""
    round: Round
    """The round asked for, at least 1."""
    prepared: PreparedMetadata | None
    """What the author is locked on, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPrepare:
    """A Prepare, and its author."""

    payload: PreparePayload
    """What is signed."""
    signature: bytes
    """65 bytes."""
    author: Address
    """Recovered from the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCommit:
    """A Commit, its author, and whoever made the seal in it."""

    payload: CommitPayload
    """What is signed."""
    signature: bytes
    """65 bytes."""
    author: Address
    """Recovered from the signature."""
    sealer: Address
    """Recovered from the commit seal over the digest; must be the author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRoundChange:
    """A RoundChange without its block, as it travels inside a Proposal."""

    payload: RoundChangePayload
    """What is signed."""
    signature: bytes
    """65 bytes."""
    author: Address
    """Recovered from the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundChange:
    """A RoundChange with the block and the Prepares that prove its metadata."""

    signed: SignedRoundChange
    """The signed part."""
    block: Block | None
    """The prepared block with its prepared round; None when nothing is prepared."""
    prepares: tuple[SignedPrepare, ...]
    """A quorum of Prepares for that block; empty when nothing is prepared."""

    @property
    def author(self) -> Address:
        """Who signed it."""
        return self.signed.author


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A block to vote on, and why it may be proposed in this round."""

    payload: ProposalPayload
    """What is signed."""
    signature: bytes
    """65 bytes."""
    author: Address
    """Recovered from the signature."""
    round_changes: tuple[SignedRoundChange, ...]
    """A quorum for this round; empty in round 0."""
    prepares: tuple[SignedPrepare, ...]
    """A quorum for the highest prepared round among them; empty when none is prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedCommit:
    """A Commit before its seal and signature exist."""

    height: Height
    """Height voted on."""
    round: Round
    """Round voted in."""
    digest: Hash32
    """Digest of the proposal, and the seal hash to sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedRoundChange:
    """A RoundChange before its signature exists."""

    payload: RoundChangePayload
    """What to sign."""
    block: Block | None
    """As in RoundChange."""
    prepares: tuple[SignedPrepare, ...]
    """As in RoundChange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedProposal:
    """A Proposal before its signature exists."""

    payload: ProposalPayload
    """What to sign."""
    round_changes: tuple[SignedRoundChange, ...]
    """As in Proposal."""
    prepares: tuple[SignedPrepare, ...]
    """As in Proposal."""


Message = Proposal | SignedPrepare | SignedCommit | RoundChange
"""What a peer sends."""

UnsignedMessage = UnsignedProposal | PreparePayload | UnsignedCommit | UnsignedRoundChange
"""What the state machine asks the shell to sign and send."""
