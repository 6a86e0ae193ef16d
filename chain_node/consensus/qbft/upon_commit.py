"""Rule UponCommit: a validator has sealed a block. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import CommitBlock, Effects, KeepSeal, RecordEvidence, RequestSync
from chain_node.consensus.qbft.errors import StaleMessageError
from chain_node.consensus.qbft.events import CommitReceived
from chain_node.consensus.qbft.hashes import with_seals
from chain_node.consensus.qbft.message_log import add_vote, find_vote
from chain_node.consensus.qbft.messages import SignedCommit
from chain_node.consensus.qbft.state import State
from chain_node.core.errors import InvalidMessageError, describe
from chain_node.core.limits import LATE_SEAL_HEIGHTS_MAX
from chain_node.core.types import Block, Hash32, Height, Round


def upon_commit(state: State, event: CommitReceived) -> tuple[State, Effects]:
    """Keep a Commit of any round; a quorum for a block this node has found valid decides the height.

    When a quorum has committed a block this node does not have, somebody can give it. Once the height is decided, and
    while its block is on the way into the store, a Commit is a late seal.

    Raises:
        InvalidMessageError: the seal is not the author's.

    Source: QBFT Dafny L1, `UponCommit`.
    """
    message = event.message
    _validate_sealer(message)
    known = find_vote(state.commits, message.author, message.payload.round)
    if known is not None:
        is_same = known.payload.digest == message.payload.digest
        return state, () if is_same else (RecordEvidence(known, message),)
    if state.is_committed:
        return state, (KeepSeal(message),)
    state = replace(state, commits=add_vote(state.commits, message))
    state, effects = commit_if_decided(state)
    if effects or len(_seals_for(state, message.payload.round, message.payload.digest)) < state.quorum:
        return state, effects
    return state, (RequestSync(message.author, Height(state.height + 1)),)


def upon_late_commit(state: State, event: CommitReceived) -> tuple[State, Effects]:
    """A Commit for a height that is over may still vouch for its block; its author may have left the set since.

    Raises:
        StaleMessageError: the height is too long over.
        InvalidMessageError: the seal is not the author's.

    Source: design 4.2, "Late seals".
    """
    message = event.message
    if message.payload.height < state.height - LATE_SEAL_HEIGHTS_MAX:
        got = (message.payload.height, message.payload.round)
        raise StaleMessageError(got=got, current=(state.height, state.round))
    _validate_sealer(message)
    return state, (KeepSeal(message),)


def commit_if_decided(state: State) -> tuple[State, Effects]:
    """Commit the valid proposal of this round, or the lock of an earlier one, once a quorum has sealed it."""
    for round_number, digest, block in _candidates(state):
        seals = _seals_for(state, round_number, digest)
        if len(seals) >= state.quorum:
            return replace(state, is_committed=True), (CommitBlock(with_seals(block, round_number, seals)),)
    return state, ()


def _validate_sealer(message: SignedCommit) -> None:
    if message.sealer != message.author:
        raise InvalidMessageError(f"the commit seal is by {describe(message.sealer)}, not by the author")


def _candidates(state: State) -> list[tuple[Round, Hash32, Block]]:
    candidates = []
    if state.proposal is not None and state.is_proposal_valid:
        candidates.append((state.round, state.proposal.digest, state.proposal.message.payload.block))
    if state.lock is not None:
        candidates.append((state.lock.round, state.lock.digest, state.lock.block))
    return candidates


def _seals_for(state: State, round_number: Round, digest: Hash32) -> tuple[bytes, ...]:
    return tuple(
        commit.payload.commit_seal
        for commit in state.commits
        if (commit.payload.round, commit.payload.digest) == (round_number, digest)
    )
