"""The proposed block has been executed. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import Effects, RejectMessage
from chain_node.consensus.qbft.events import BlockValidated
from chain_node.consensus.qbft.messages import PREPARE_CODE, PreparePayload
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.upon_commit import commit_if_decided
from chain_node.consensus.qbft.upon_prepare import commit_if_prepared
from chain_node.consensus.qbft.voting import say


def upon_block_validated(state: State, event: BlockValidated) -> tuple[State, Effects]:
    """Prepare a valid block; votes for it may have come already and are counted now.

    Source: QBFT Dafny L1, `UponProposal` (second half).
    """
    proposal = state.proposal
    is_current = (event.height, event.round) == (state.height, state.round) and not state.is_committed
    if not is_current or proposal is None or proposal.digest != event.digest or state.is_proposal_valid:
        return state, ()
    if event.reason is not None:
        return state, (RejectMessage(proposal.message.author, event.reason, event.is_fault),)
    state = replace(state, is_proposal_valid=True)
    prepare = PreparePayload(height=state.height, round=state.round, digest=proposal.digest)
    state, sent = say(state, prepare, kind=PREPARE_CODE, digest=proposal.digest)
    state, prepared = commit_if_prepared(state)
    state, decided = commit_if_decided(state)
    return state, sent + prepared + decided
