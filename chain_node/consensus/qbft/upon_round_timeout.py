"""Rule UponRoundTimeout: a round has taken too long, or what was said in it should be said again. No I/O."""

from __future__ import annotations

from chain_node.consensus.qbft.effects import Effects, SendToValidators
from chain_node.consensus.qbft.events import ResendTimerFired, RoundTimerFired
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import ask_for_round, start_resend_timer, start_round_timer
from chain_node.core.limits import ROUND_MAX
from chain_node.core.types import Round


def upon_round_timeout(state: State, event: RoundTimerFired) -> tuple[State, Effects]:
    """Give up the round and ask for the next one; at the last round there is, wait on.

    Source: QBFT Dafny L1, `UponRoundTimeout`.
    """
    if (event.height, event.round) != (state.height, state.round) or state.is_committed:
        return state, ()
    if state.round >= ROUND_MAX:
        return state, (start_round_timer(state),)
    return ask_for_round(state, Round(state.round + 1))


def upon_resend_timeout(state: State, event: ResendTimerFired) -> tuple[State, Effects]:
    """Say the round's votes and round change again: one that got lost must not cost the whole timeout.

    A proposal is not repeated, for its size.
    """
    if (event.height, event.round) != (state.height, state.round) or state.is_committed:
        return state, ()
    repeated = tuple(SendToValidators(message) for message in state.own_messages)
    return state, (*repeated, start_resend_timer(state))
