"""Rule UponRoundChange: a validator asks for a later round. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import Effects, RecordEvidence, StartCatchUpTimer
from chain_node.consensus.qbft.errors import StaleMessageError
from chain_node.consensus.qbft.events import CatchUpTimerFired, RoundChangeReceived
from chain_node.consensus.qbft.justification import validate_round_change
from chain_node.consensus.qbft.message_log import add_vote, find_vote, round_of
from chain_node.consensus.qbft.messages import RoundChange
from chain_node.consensus.qbft.proposing import propose
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import ask_for_round, compute_round_timeout_ms, enter_round, start_round_timer
from chain_node.core.limits import ROUNDS_AHEAD_MAX
from chain_node.core.types import Address, Round


def upon_round_change(state: State, event: RoundChangeReceived) -> tuple[State, Effects]:
    """Keep a round change; a quorum begins the round and its time, f + 1 make this node join it.

    Raises:
        InvalidMessageError: the message breaks a rule or its round is over.

    Source: QBFT Dafny L1, `UponRoundChange`.
    """
    message = event.message
    target = round_of(message)
    if target < state.round:
        raise StaleMessageError(got=(state.height, target), current=(state.height, state.round))
    known = find_vote(state.round_changes, message.author, target)
    if known is not None and known.signed.payload != message.signed.payload:
        return state, (RecordEvidence(known, message),)
    if known is None:
        validate_round_change(state, message)
        state = replace(state, round_changes=add_vote(state.round_changes, message))
    supporters = tuple(one for one in state.round_changes if round_of(one) == target)
    if len(supporters) < state.quorum:
        return _catch_up(state)
    is_new_quorum = known is None and len(supporters) == state.quorum
    if is_new_quorum and target == state.round:
        state, begun = _begin_round(state, target, supporters)
        return state, (start_round_timer(state), *begun)
    return _begin_round(state, target, supporters)


def upon_catch_up_timeout(state: State, event: CatchUpTimerFired) -> tuple[State, Effects]:
    """From now on the validator can make this node jump again, by a message that comes later.

    What it had said before does not count again: a node that is gone must not go on moving others.
    """
    if event.height != state.height:
        return state, ()
    return replace(state, catch_up_spent=tuple(one for one in state.catch_up_spent if one != event.author)), ()


def _begin_round(state: State, target: Round, supporters: tuple[RoundChange, ...]) -> tuple[State, Effects]:
    entered: Effects = ()
    if target > state.round:
        state, entered = enter_round(state, target)
    if state.identity != state.proposer(target) or state.proposal is not None:
        return state, entered
    state, proposed = propose(state, supporters)
    return state, entered + proposed


def _catch_up(state: State) -> tuple[State, Effects]:
    """Join the highest round that f + 1 others have reached or passed: one of them is honest.

    Each validator can move this node once per base timeout, and by ROUNDS_AHEAD_MAX at most: with three validators
    f + 1 is one, and a single isolated node must not drag the others along.
    """
    highest_by_author: dict[Address, Round] = {}
    for one in state.round_changes:
        highest_by_author[one.author] = max(round_of(one), highest_by_author.get(one.author, Round(0)))
    ahead = [
        (round_number, author)
        for author, round_number in highest_by_author.items()
        if round_number > state.round and author not in state.catch_up_spent and author != state.identity
    ]
    if len(ahead) < state.catch_up_count:
        return state, ()
    leaders = sorted(ahead, reverse=True)[: state.catch_up_count]
    target = Round(min(leaders[-1][0], state.round + ROUNDS_AHEAD_MAX))
    moved_by = tuple(author for _, author in leaders)
    state, asked = ask_for_round(replace(state, catch_up_spent=(*state.catch_up_spent, *moved_by)), target)
    delay_ms = compute_round_timeout_ms(state.config, Round(0))
    return state, asked + tuple(StartCatchUpTimer(state.height, author, delay_ms) for author in moved_by)
