"""The QBFT state machine: `step(state, event) -> (state, effects)`. No I/O.

Total and pure: it never waits, never raises for bad input, and gives the same answer for the same question. Each
rule of the formal specification has a file `upon_….py`; this one only routes. The meaning of effects, and the
order the driver must keep, is in `effects.py`.
"""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.dead_proposer import skip_dead_proposers, upon_links_changed
from chain_node.consensus.qbft.effects import Effects, RejectMessage, RequestSync
from chain_node.consensus.qbft.errors import StaleMessageError, UnknownValidatorError
from chain_node.consensus.qbft.events import (
    BlockBuilt,
    BlockImported,
    BlockTimerFired,
    BlockValidated,
    CatchUpTimerFired,
    CommitReceived,
    Event,
    LinksChanged,
    MessageEvent,
    PrepareReceived,
    ProposalReceived,
    ResendTimerFired,
    RoundChangeReceived,
    RoundTimerFired,
)
from chain_node.consensus.qbft.message_log import add_future, height_of, is_first_of_height, round_of
from chain_node.consensus.qbft.messages import Message, Proposal, RoundChange, SignedCommit, SignedPrepare
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.upon_block_built import upon_block_built
from chain_node.consensus.qbft.upon_block_timeout import upon_block_timeout
from chain_node.consensus.qbft.upon_block_validated import upon_block_validated
from chain_node.consensus.qbft.upon_commit import upon_commit, upon_late_commit
from chain_node.consensus.qbft.upon_new_block import upon_new_block
from chain_node.consensus.qbft.upon_prepare import upon_prepare
from chain_node.consensus.qbft.upon_proposal import upon_proposal
from chain_node.consensus.qbft.upon_round_change import upon_catch_up_timeout, upon_round_change
from chain_node.consensus.qbft.upon_round_timeout import upon_resend_timeout, upon_round_timeout
from chain_node.core.errors import InvalidInputError


def step(state: State, event: Event) -> tuple[State, Effects]:
    """Apply one event. A message that breaks a rule leaves the state as it was and gives a RejectMessage."""
    return skip_dead_proposers(*_route(state, event))


def _route(state: State, event: Event) -> tuple[State, Effects]:
    match event:
        case BlockTimerFired():
            return upon_block_timeout(state, event)
        case BlockBuilt():
            return upon_block_built(state, event)
        case BlockValidated():
            return upon_block_validated(state, event)
        case RoundTimerFired():
            return upon_round_timeout(state, event)
        case ResendTimerFired():
            return upon_resend_timeout(state, event)
        case CatchUpTimerFired():
            return upon_catch_up_timeout(state, event)
        case LinksChanged():
            return upon_links_changed(state, event)
        case BlockImported():
            return _replay_waiting(*upon_new_block(state, event))
        case ProposalReceived() | PrepareReceived() | CommitReceived() | RoundChangeReceived():
            return _upon_message(state, event)


def event_of(message: Message) -> MessageEvent:
    """The event that brings a message to the machine."""
    match message:
        case Proposal():
            return ProposalReceived(message)
        case SignedPrepare():
            return PrepareReceived(message)
        case SignedCommit():
            return CommitReceived(message)
        case RoundChange():
            return RoundChangeReceived(message)


def _upon_message(state: State, event: MessageEvent) -> tuple[State, Effects]:
    message = event.message
    try:
        return _admit(state, event)
    except InvalidInputError as error:
        return state, (RejectMessage(message.author, str(error), is_fault=not isinstance(error, StaleMessageError)),)


def _admit(state: State, event: MessageEvent) -> tuple[State, Effects]:
    message = event.message
    height = height_of(message)
    if height < state.height and isinstance(event, CommitReceived):
        return upon_late_commit(state, event)
    if height < state.height:
        raise StaleMessageError(got=(height, round_of(message)), current=(state.height, state.round))
    if height > state.height:
        request = (RequestSync(message.author, height),) if is_first_of_height(state, message) else ()
        return add_future(state, message), request
    if message.author not in state.validators:
        raise UnknownValidatorError(message.author)
    if state.is_committed and not isinstance(event, CommitReceived):
        return state, ()
    match event:
        case ProposalReceived():
            return upon_proposal(state, event)
        case PrepareReceived():
            return upon_prepare(state, event)
        case CommitReceived():
            return upon_commit(state, event)
        case RoundChangeReceived():
            return upon_round_change(state, event)


def _replay_waiting(state: State, effects: Effects) -> tuple[State, Effects]:
    """Give the machine what had come too early for the height that begins now."""
    due = tuple(message for message in state.future if height_of(message) == state.height)
    state = replace(state, future=tuple(message for message in state.future if height_of(message) > state.height))
    for message in due:
        state, more = _upon_message(state, event_of(message))
        effects += more
    return state, effects
