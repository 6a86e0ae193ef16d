"""How the author of a round proposes: the block it must, the one it did before, or a new one. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import BuildBlock, Effects
from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.consensus.qbft.hashes import proposal_digest, with_round
from chain_node.consensus.qbft.justification import compute_highest_prepared
from chain_node.consensus.qbft.messages import (
    PROPOSAL_CODE,
    ProposalPayload,
    RoundChange,
    SignedPrepare,
    SignedRoundChange,
    UnsignedProposal,
)
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import find_own_vote, say
from chain_node.core.types import Block


def propose(state: State, round_changes: tuple[RoundChange, ...]) -> tuple[State, Effects]:
    """Begin to propose in the current round, once.

    The block of the highest prepared round among the round changes must be proposed again. Otherwise the block is
    new, unless this node signed one in this round before a restart: then it is that one.

    Args:
        round_changes: those that justify the round; empty in round 0.

    Source: QBFT Dafny L1, `UponBlockTimeout`, `UponRoundChange`.
    """
    if state.is_proposing:
        return state, ()
    signed = tuple(one.signed for one in round_changes)
    state = replace(state, is_proposing=True, justification=signed)
    highest = compute_highest_prepared(signed)
    if highest is not None:
        source = next(one for one in round_changes if one.signed.payload.prepared == highest)
        if source.block is not None:
            return send_proposal(state, with_round(source.block, state.round), signed, source.prepares)
    earlier = find_own_vote(state, PROPOSAL_CODE)
    if earlier is not None and earlier.block is not None:
        if earlier.block.header.coinbase != state.identity:
            return state, ()
        return send_proposal(state, earlier.block, signed, ())
    return state, (_build_block(state),)


def send_proposal(
    state: State, block: Block, round_changes: tuple[SignedRoundChange, ...], prepares: tuple[SignedPrepare, ...]
) -> tuple[State, Effects]:
    """Propose a block that has the current round in its extraData."""
    message = UnsignedProposal(
        payload=ProposalPayload(height=state.height, round=state.round, block=block),
        round_changes=round_changes,
        prepares=prepares,
    )
    return say(state, message, kind=PROPOSAL_CODE, digest=proposal_digest(block), block=block)


def _build_block(state: State) -> BuildBlock:
    is_contract_mode = state.config.validator_contract is not None
    extra = ExtraData(
        vanity=EMPTY_VANITY,
        validators=() if is_contract_mode else state.validators,
        vote=None,
        round=state.round,
        seals=(),
    )
    return BuildBlock(
        height=state.height,
        round=state.round,
        parent=state.parent,
        parent_hash=state.parent_hash,
        timestamp_min=state.parent.timestamp + state.config.timestamp_spacing_seconds,
        extra_data=encode_extra_data(extra),
    )
