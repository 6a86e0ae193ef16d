"""What a validator knows about the height it works on. No I/O.

Frozen all through: a rule returns a new state. Collections are tuples, in order of arrival, and bounded (see
`message_log.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.consensus.qbft.messages import (
    Message,
    Proposal,
    RoundChange,
    SignedCommit,
    SignedPrepare,
    SignedRoundChange,
    UnsignedMessage,
)
from chain_node.consensus.qbft.quorum import compute_fault_bound, compute_proposer, compute_quorum
from chain_node.consensus.qbft.record import PreparedCertificate, SignedVote, VoteRecord
from chain_node.core.genesis import QbftConfig
from chain_node.core.types import FIRST_ROUND, Address, Hash32, Header, Height, Round


@dataclass(frozen=True, slots=True)
class AcceptedProposal:
    """The one proposal of the current round, and its digest."""

    message: Proposal
    """As received."""
    digest: Hash32
    """Digest of its block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """State of the machine between two events."""

    identity: Address
    """This node's validator address; a node that is no validator follows and never signs."""
    config: QbftConfig
    """Periods and timeouts of the network."""
    parent: Header
    """Header of the last imported block."""
    parent_hash: Hash32
    """Its block hash."""
    validators: tuple[Address, ...]
    """Who decides this height, ascending."""
    round: Round = FIRST_ROUND
    """Current round; never falls within a height, not even by a restart."""
    is_round_started: bool = False
    """The round timer runs; false only in round 0 before anything happened."""
    is_committed: bool = False
    """The block of this height is decided and on its way into the store; only its import counts now."""
    proposal: AcceptedProposal | None = None
    """Accepted in the current round."""
    is_proposal_valid: bool = False
    """The accepted proposal's block was executed and found valid."""
    is_proposing: bool = False
    """This node is the author of the current round and has begun to propose."""
    is_commit_sent: bool = False
    """This node has sent its Commit in the current round."""
    justification: tuple[SignedRoundChange, ...] = ()
    """Round changes that justify the block now being built."""
    own_messages: tuple[UnsignedMessage, ...] = ()
    """What this node said in the current round and says again on a timer; its proposal is in `proposal`."""
    lock: PreparedCertificate | None = None
    """The highest prepared block of this height; durable."""
    votes: tuple[SignedVote, ...] = ()
    """What this node signed at this height in the current round, and all its Commits; durable."""
    prepares: tuple[SignedPrepare, ...] = ()
    """Of this height, current and later rounds."""
    commits: tuple[SignedCommit, ...] = ()
    """Of this height, any round."""
    round_changes: tuple[RoundChange, ...] = ()
    """Of this height, current and later rounds."""
    future: tuple[Message, ...] = ()
    """For later heights."""
    catch_up_spent: tuple[Address, ...] = ()
    """Validators that have made this node jump and whose catch-up timer still runs."""
    links: tuple[Address, ...] = ()
    """Validators with a live link to this node; carried over from height to height."""
    record: VoteRecord | None = None
    """What was restored at start, until its height is over."""

    @property
    def height(self) -> Height:
        """The height being decided."""
        return Height(self.parent.number + 1)

    @property
    def quorum(self) -> int:
        """Validators that are enough."""
        return compute_quorum(len(self.validators))

    @property
    def catch_up_count(self) -> int:
        """f + 1: so many validators ahead include an honest one."""
        return compute_fault_bound(len(self.validators)) + 1

    @property
    def own_first_turn(self) -> Round:
        """The first round of the height in which this node proposes; 0 for a node that is no validator."""
        count = len(self.validators)
        turns = (Round(number) for number in range(count) if self.proposer(Round(number)) == self.identity)
        return next(turns, FIRST_ROUND)

    def proposer(self, round_number: Round) -> Address:
        """Whose turn a round is."""
        return compute_proposer(self.validators, self.parent.coinbase, round_number)
