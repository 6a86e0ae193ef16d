"""Signing without ever contradicting oneself, and moving from round to round. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import (
    Effects,
    PersistVote,
    SendToValidators,
    StartResendTimer,
    StartRoundTimer,
)
from chain_node.consensus.qbft.message_log import drop_rounds_below
from chain_node.consensus.qbft.messages import (
    COMMIT_CODE,
    PREPARE_CODE,
    PROPOSAL_CODE,
    ROUND_CHANGE_CODE,
    PreparedMetadata,
    PreparePayload,
    RoundChangePayload,
    UnsignedCommit,
    UnsignedMessage,
    UnsignedProposal,
    UnsignedRoundChange,
)
from chain_node.consensus.qbft.record import PreparedCertificate, SignedVote
from chain_node.consensus.qbft.state import State
from chain_node.core.genesis import QbftConfig
from chain_node.core.limits import RESEND_MS, ROUND_TIMEOUT_EXPONENT_MAX
from chain_node.core.types import ZERO_HASH, Block, Hash32, Round


def find_own_vote(state: State, kind: int) -> SignedVote | None:
    """What this node signed of this kind in the current round, before a restart or since."""
    return next((vote for vote in state.votes if (vote.kind, vote.round) == (kind, state.round)), None)


def find_own_proposal(state: State) -> tuple[UnsignedProposal, ...]:
    """What this node proposed in the current round and accepted itself: one proposal or none."""
    if state.proposal is None or state.proposal.message.author != state.identity:
        return ()
    own = state.proposal.message
    return (UnsignedProposal(payload=own.payload, round_changes=own.round_changes, prepares=own.prepares),)


def say(
    state: State,
    message: UnsignedMessage,
    *,
    kind: int,
    digest: Hash32,
    block: Block | None = None,
    lock: PreparedCertificate | None = None,
) -> tuple[State, Effects]:
    """Send a message of the current round, recorded first; the same may be said twice, another thing never.

    Nothing happens if this node is no validator, has signed another digest for this (height, round, kind), or has
    signed for a later height already (its store is older than its record).
    """
    if state.identity not in state.validators:
        return state, ()
    if state.record is not None and state.record.height > state.height:
        return state, ()
    known = find_own_vote(state, kind)
    if known is not None and known.digest != digest:
        return state, ()
    if kind != PROPOSAL_CODE and message not in state.own_messages:
        state = replace(state, own_messages=(*state.own_messages, message))
    if known is not None:
        return state, (SendToValidators(message),)
    vote = SignedVote(height=state.height, round=state.round, kind=kind, digest=digest, block=block)
    state = replace(state, votes=(*state.votes, vote))
    return state, (PersistVote(vote, lock), SendToValidators(message))


def enter_round(state: State, round_number: Round) -> tuple[State, Effects]:
    """Begin a round: forget what belongs to the one before, keep lock, Commits and later messages, start the timer.

    Other votes of earlier rounds need not be remembered: rounds never fall, so nothing is signed there again.
    """
    state = replace(
        state,
        round=round_number,
        is_round_started=True,
        proposal=None,
        is_proposal_valid=False,
        is_proposing=False,
        is_commit_sent=False,
        justification=(),
        own_messages=(),
        votes=tuple(vote for vote in state.votes if vote.kind == COMMIT_CODE or vote.round >= round_number),
        prepares=drop_rounds_below(state.prepares, round_number),
        round_changes=drop_rounds_below(state.round_changes, round_number),
    )
    return state, (start_round_timer(state), start_resend_timer(state))


def start_round_timer(state: State) -> StartRoundTimer:
    """The timeout doubles with each round up to a cap.

    Source: QBFT Dafny L1, `roundTimeout`; the cap is ours.
    """
    return StartRoundTimer(state.height, state.round, compute_round_timeout_ms(state.config, state.round))


def compute_round_timeout_ms(config: QbftConfig, round_number: Round) -> int:
    """How long a round may take; round 0 has the base timeout."""
    return config.request_timeout_seconds * 1000 << min(round_number, ROUND_TIMEOUT_EXPONENT_MAX)


def start_resend_timer(state: State) -> StartResendTimer:
    """The timer that repeats what this node said in the round."""
    return StartResendTimer(state.height, state.round, RESEND_MS)


def ask_for_round(state: State, round_number: Round) -> tuple[State, Effects]:
    """Enter a later round and tell the others, with the lock if there is one."""
    state, entered = enter_round(state, round_number)
    state, sent = send_round_change(state)
    return state, entered + sent


def send_round_change(state: State) -> tuple[State, Effects]:
    """Say the RoundChange of the current round, which must be at least 1 and above the lock's round."""
    lock = state.lock
    message = UnsignedRoundChange(
        payload=RoundChangePayload(
            height=state.height,
            round=state.round,
            prepared=None if lock is None else PreparedMetadata(lock.round, lock.digest),
        ),
        block=None if lock is None else lock.block,
        prepares=() if lock is None else lock.prepares,
    )
    digest = ZERO_HASH if lock is None else lock.digest
    return say(state, message, kind=ROUND_CHANGE_CODE, digest=digest)


def repeat_votes(state: State) -> tuple[State, Effects]:
    """Say again the Prepare and the Commit that the record shows for the current round."""
    effects: Effects = ()
    prepare = find_own_vote(state, PREPARE_CODE)
    if prepare is not None:
        payload = PreparePayload(height=state.height, round=state.round, digest=prepare.digest)
        state, effects = say(state, payload, kind=PREPARE_CODE, digest=prepare.digest)
    commit = find_own_vote(state, COMMIT_CODE)
    if commit is not None:
        unsigned = UnsignedCommit(height=state.height, round=state.round, digest=commit.digest)
        state, more = say(state, unsigned, kind=COMMIT_CODE, digest=commit.digest)
        effects += more
    return state, effects
