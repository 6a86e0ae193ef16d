"""Links to other validators: a dead proposer costs no timeout, and a validator that comes back is told. No I/O.

Source: design 4.2, "A dead proposer costs no timeout"; the references wait out the whole round (besu#6398).
"""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import Effects, SendToValidators
from chain_node.consensus.qbft.events import LinksChanged
from chain_node.consensus.qbft.message_log import round_of
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import ask_for_round, find_own_proposal
from chain_node.core.types import Round


def upon_links_changed(state: State, event: LinksChanged) -> tuple[State, Effects]:
    """Remember whom this node is linked with, and say the round's messages again to whoever has come.

    The proposal is among them, whatever its size. What follows for the round is for `skip_dead_proposers`.
    """
    is_somebody_new = any(validator not in state.links for validator in event.validators)
    state = replace(state, links=event.validators)
    if not is_somebody_new or state.is_committed:
        return state, ()
    return state, tuple(SendToValidators(message) for message in (*find_own_proposal(state), *state.own_messages))


def skip_dead_proposers(state: State, effects: Effects) -> tuple[State, Effects]:
    """Ask for the next round at once while the current one waits for a proposer that is not there.

    The machine calls this after every event, so it acts when a round begins and when links change. A node skips only
    out of rounds before its own first turn, each once: n - 1 times per height at most, restarts included, because
    rounds never fall.

    Args:
        effects: of the event, which come first.
    """
    while _is_waiting_in_vain(state):
        state, skipped = ask_for_round(state, Round(state.round + 1))
        effects += skipped
    return state, effects


def _is_waiting_in_vain(state: State) -> bool:
    if not state.is_round_started or state.is_committed or state.round >= state.own_first_turn:
        return False
    if state.proposer(state.round) in state.links or not _has_links_enough(state):
        return False
    return state.proposal is None or _has_somebody_left(state)


def _has_links_enough(state: State) -> bool:
    """A node that is cut off from the others must wait: it is the one that is dead to them."""
    linked = sum(1 for validator in state.validators if validator in state.links)
    return linked >= state.quorum - 1


def _has_somebody_left(state: State) -> bool:
    """The proposal came here but not everywhere: whoever skipped the round will not vote in it."""
    return any(round_of(one) > state.round for one in state.round_changes if one.author != state.identity)
