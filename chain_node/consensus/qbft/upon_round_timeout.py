"""Rule UponRoundTimeout: a round has taken too long, or what was said in it should be said again. No I/O."""

from __future__ import annotations

from chain_node.consensus.qbft.effects import Effects, SendToValidators
from chain_node.consensus.qbft.events import ResendTimerFired, RoundTimerFired
from chain_node.consensus.qbft.message_log import round_of
from chain_node.consensus.qbft.messages import Message, UnsignedProposal
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import ask_for_round, find_own_proposal, start_resend_timer, start_round_timer
from chain_node.core.limits import PROPOSAL_RESEND_SIZE_BYTES_MAX, ROUND_MAX
from chain_node.core.types import FIRST_ROUND, Round


def upon_round_timeout(state: State, event: RoundTimerFired) -> tuple[State, Effects]:
    """Give up the round and ask for the next one.

    Round 0 ends in any case; a later one only where a quorum has come to it, as otherwise nothing can have failed
    there. So a node that is alone waits one round ahead of the others, however long they are away: it meets them at
    once when they come back, and has nowhere to drag them.

    Source: QBFT Dafny L1, `UponRoundTimeout`; that a quorum must be there is ours, as it is PBFT's for its timer.
    """
    is_current = (event.height, event.round) == (state.height, state.round) and state.is_round_started
    if not is_current or state.is_committed:
        return state, ()
    if state.round >= ROUND_MAX or not _has_quorum_come(state):
        return state, (start_round_timer(state),)
    return ask_for_round(state, Round(state.round + 1))


def _has_quorum_come(state: State) -> bool:
    """A quorum, this node included, is known to be in this round or a later one."""
    if state.round == FIRST_ROUND or state.proposal is not None:
        return True
    if state.lock is not None and state.lock.round == state.round:
        return True
    messages: tuple[Message, ...] = (*state.round_changes, *state.prepares, *state.commits)
    heard = {message.author for message in messages if round_of(message) >= state.round}
    return len(heard | {state.identity}) >= state.quorum


def upon_resend_timeout(state: State, event: ResendTimerFired) -> tuple[State, Effects]:
    """Say the round's messages again: one that got lost must not cost the whole timeout.

    A large proposal is not repeated here, only when a link comes up; nor one that a quorum has prepared.
    """
    if (event.height, event.round) != (state.height, state.round) or state.is_committed:
        return state, ()
    proposals = () if state.is_commit_sent else find_own_proposal(state)
    small = tuple(one for one in proposals if _size_bytes(one) <= PROPOSAL_RESEND_SIZE_BYTES_MAX)
    repeated = tuple(SendToValidators(message) for message in (*small, *state.own_messages))
    return state, (*repeated, start_resend_timer(state))


def _size_bytes(proposal: UnsignedProposal) -> int:
    return sum(len(transaction.raw) for transaction in proposal.payload.block.transactions)
