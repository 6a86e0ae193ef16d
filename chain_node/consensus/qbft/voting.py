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
    ROUND_CHANGE_CODE,
    PreparedMetadata,
    RoundChangePayload,
    UnsignedMessage,
    UnsignedRoundChange,
)
from chain_node.consensus.qbft.record import PreparedCertificate, SignedVote
from chain_node.consensus.qbft.state import State
from chain_node.core.limits import ROUND_CHANGE_RESEND_MS, ROUND_TIMEOUT_EXPONENT_MAX
from chain_node.core.types import ZERO_HASH, Block, Hash32, Round


def find_own_vote(state: State, kind: int) -> SignedVote | None:
    """What this node signed of this kind in the current round, before a restart or since."""
    return next((vote for vote in state.votes if (vote.kind, vote.round) == (kind, state.round)), None)


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
    if known is not None:
        return (state, (SendToValidators(message),)) if known.digest == digest else (state, ())
    vote = SignedVote(height=state.height, round=state.round, kind=kind, digest=digest, block=block)
    state = replace(state, votes=(*state.votes, vote))
    return state, (PersistVote(vote, lock), SendToValidators(message))


def enter_round(state: State, round_number: Round) -> tuple[State, Effects]:
    """Begin a round: forget what belongs to the one before, keep lock, votes and messages, start the timer."""
    state = replace(
        state,
        round=round_number,
        is_round_started=True,
        proposal=None,
        is_proposal_valid=False,
        is_proposing=False,
        is_commit_sent=False,
        justification=(),
        own_round_change=None,
        prepares=drop_rounds_below(state.prepares, round_number),
        round_changes=drop_rounds_below(state.round_changes, round_number),
    )
    return state, (start_round_timer(state),)


def start_round_timer(state: State) -> StartRoundTimer:
    """The timeout doubles with each round up to a cap.

    Source: QBFT Dafny L1, `roundTimeout`; the cap is ours.
    """
    base_ms = state.config.request_timeout_seconds * 1000
    return StartRoundTimer(state.height, state.round, base_ms << min(state.round, ROUND_TIMEOUT_EXPONENT_MAX))


def ask_for_round(state: State, round_number: Round) -> tuple[State, Effects]:
    """Enter a later round and tell the others, with the lock if there is one; the message repeats on a timer."""
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
    state, effects = say(state, message, kind=ROUND_CHANGE_CODE, digest=digest)
    if not effects:
        return state, ()
    state = replace(state, own_round_change=message)
    return state, (*effects, StartResendTimer(state.height, state.round, ROUND_CHANGE_RESEND_MS))
