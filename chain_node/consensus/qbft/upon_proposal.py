"""Rule UponProposal: a block is proposed. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import Effects, RecordEvidence, ValidateBlock
from chain_node.consensus.qbft.errors import StaleMessageError
from chain_node.consensus.qbft.events import ProposalReceived
from chain_node.consensus.qbft.hashes import proposal_digest
from chain_node.consensus.qbft.justification import validate_proposal
from chain_node.consensus.qbft.state import AcceptedProposal, State
from chain_node.consensus.qbft.voting import enter_round, start_round_timer


def upon_proposal(state: State, event: ProposalReceived) -> tuple[State, Effects]:
    """Accept the first justified proposal of the current or a later round, move to its round, and have it executed.

    The round timer starts anew, so that a long execution does not end the round.

    Raises:
        InvalidMessageError: the proposal breaks a rule.

    Source: QBFT Dafny L1, `UponProposal`.
    """
    message = event.message
    payload = message.payload
    if payload.round < state.round:
        raise StaleMessageError(got=(payload.height, payload.round), current=(state.height, state.round))
    validate_proposal(state, message)
    digest = proposal_digest(payload.block)
    if payload.round == state.round and state.proposal is not None:
        if state.proposal.digest == digest:
            return state, ()
        return state, (RecordEvidence(state.proposal.message, message),)
    effects: Effects = (start_round_timer(state),)
    if payload.round > state.round or not state.is_round_started:
        state, effects = enter_round(state, payload.round)
    state = replace(state, proposal=AcceptedProposal(message, digest), is_proposal_valid=False)
    validate = ValidateBlock(height=state.height, round=state.round, digest=digest, block=payload.block)
    return state, (*effects, validate)
