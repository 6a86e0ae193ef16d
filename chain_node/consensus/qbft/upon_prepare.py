"""Rule UponPrepare: a validator has validated the proposal. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import Effects, RecordEvidence
from chain_node.consensus.qbft.errors import StaleMessageError
from chain_node.consensus.qbft.events import PrepareReceived
from chain_node.consensus.qbft.message_log import add_vote, find_vote
from chain_node.consensus.qbft.messages import COMMIT_CODE, UnsignedCommit
from chain_node.consensus.qbft.record import PreparedCertificate
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import say


def upon_prepare(state: State, event: PrepareReceived) -> tuple[State, Effects]:
    """Keep a Prepare of the current or a later round; a quorum for the valid proposal locks this node on it.

    Raises:
        StaleMessageError: its round is over.

    Source: QBFT Dafny L1, `UponPrepare`.
    """
    message = event.message
    round_number = message.payload.round
    if round_number < state.round:
        raise StaleMessageError(got=(state.height, round_number), current=(state.height, state.round))
    known = find_vote(state.prepares, message.author, round_number)
    if known is not None:
        is_same = known.payload == message.payload
        return state, () if is_same else (RecordEvidence(known, message),)
    return commit_if_prepared(replace(state, prepares=add_vote(state.prepares, message)))


def commit_if_prepared(state: State) -> tuple[State, Effects]:
    """Lock on the valid proposal once a quorum has prepared it, and say Commit; lock and vote are recorded together."""
    proposal = state.proposal
    if proposal is None or not state.is_proposal_valid or state.is_commit_sent:
        return state, ()
    prepares = tuple(
        prepare
        for prepare in state.prepares
        if (prepare.payload.round, prepare.payload.digest) == (state.round, proposal.digest)
    )
    if len(prepares) < state.quorum:
        return state, ()
    lock = PreparedCertificate(
        round=state.round, digest=proposal.digest, block=proposal.message.payload.block, prepares=prepares
    )
    state = replace(state, lock=lock, is_commit_sent=True)
    commit = UnsignedCommit(height=state.height, round=state.round, digest=proposal.digest)
    return say(state, commit, kind=COMMIT_CODE, digest=proposal.digest, lock=lock)
