"""What makes a Proposal or a RoundChange believable: pure predicates over signed payloads. No I/O.

Source: QBFT Dafny L1, `isValidProposal`, `isProposalJustification`, `isHighestPrepared`; Besu qbft-core validation.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain_node.consensus.qbft.errors import UnjustifiedProposalError, UnknownValidatorError
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import proposal_digest, with_round
from chain_node.consensus.qbft.messages import (
    PreparedMetadata,
    Proposal,
    RoundChange,
    SignedPrepare,
    SignedRoundChange,
)
from chain_node.consensus.qbft.state import State
from chain_node.core.errors import InvalidMessageError, describe
from chain_node.core.limits import ROUND_MAX
from chain_node.core.types import Address, Block, Height, Round


def validate_proposal(state: State, proposal: Proposal) -> None:
    """A proposal for this height is from the round's proposer and justified; its block is not yet executed.

    Raises:
        InvalidMessageError: names the rule that is broken.
        DecodeError: the block's extraData is not QBFT's.
    """
    payload = proposal.payload
    if proposal.author != state.proposer(payload.round):
        raise InvalidMessageError(f"{describe(proposal.author)} is not the proposer of round {payload.round}")
    if payload.round > ROUND_MAX:
        raise InvalidMessageError(f"round {payload.round} is above {ROUND_MAX}")
    _validate_block_shape(payload.block, payload.height, payload.round)
    if payload.round == 0:
        if proposal.round_changes or proposal.prepares:
            raise UnjustifiedProposalError("round 0 needs no justification, but some was given")
        _validate_fresh_block(proposal)
        return
    prepared = validate_round_changes(state, proposal.round_changes, payload.round)
    if prepared is None:
        if proposal.prepares:
            raise UnjustifiedProposalError("Prepares given, but no round change is prepared")
        _validate_fresh_block(proposal)
        return
    digest = proposal_digest(with_round(payload.block, prepared.round))
    if digest != prepared.digest:
        raise UnjustifiedProposalError(
            f"round {prepared.round}: the block is {describe(digest)}, prepared is {describe(prepared.digest)}"
        )
    validate_prepares(state, proposal.prepares, prepared)


def validate_round_changes(
    state: State, round_changes: Sequence[SignedRoundChange], target: Round
) -> PreparedMetadata | None:
    """A quorum of distinct validators asks for the target round, and does not contradict itself.

    Returns:
        The highest prepared metadata among them, None when nothing is prepared.

    Raises:
        InvalidMessageError: names the rule that is broken.
    """
    _validate_authors(state, [one.author for one in round_changes], "round changes")
    for one in round_changes:
        validate_round_change_payload(state, one)
        if one.payload.round != target:
            raise UnjustifiedProposalError(f"round change for round {one.payload.round}, expected {target}")
    highest = compute_highest_prepared(round_changes)
    for one in round_changes:
        prepared = one.payload.prepared
        if highest and prepared and prepared.round == highest.round and prepared.digest != highest.digest:
            raise UnjustifiedProposalError(f"two prepared digests for round {prepared.round}")
    return highest


def validate_round_change(state: State, message: RoundChange) -> None:
    """A round change proves what it says is prepared.

    The block is not executed here: a quorum has prepared it, and it is executed when it is proposed again.

    Raises:
        InvalidMessageError: names the rule that is broken.
        DecodeError: the block's extraData is not QBFT's.
    """
    validate_round_change_payload(state, message.signed)
    prepared = message.signed.payload.prepared
    if (prepared is None) != (message.block is None):
        raise UnjustifiedProposalError("a round change has a block exactly when it is prepared")
    if prepared is None or message.block is None:
        return
    _validate_block_shape(message.block, state.height, prepared.round)
    digest = proposal_digest(message.block)
    if digest != prepared.digest:
        raise UnjustifiedProposalError(
            f"the block has digest {describe(digest)}, prepared is {describe(prepared.digest)}"
        )
    validate_prepares(state, message.prepares, prepared)


def validate_round_change_payload(state: State, signed: SignedRoundChange) -> None:
    """The signed part alone: author, height, and 0 <= prepared round < round <= ROUND_MAX, round >= 1.

    Raises:
        InvalidMessageError: names the rule that is broken.
    """
    payload = signed.payload
    if signed.author not in state.validators:
        raise UnknownValidatorError(signed.author)
    if payload.height != state.height:
        raise UnjustifiedProposalError(f"round change for height {payload.height}, expected {state.height}")
    if not 1 <= payload.round <= ROUND_MAX:
        raise InvalidMessageError(f"round change for round {payload.round}, expected 1 to {ROUND_MAX}")
    if payload.prepared is not None and payload.prepared.round >= payload.round:
        raise InvalidMessageError(f"prepared round {payload.prepared.round} is not below round {payload.round}")


def validate_prepares(state: State, prepares: Sequence[SignedPrepare], prepared: PreparedMetadata) -> None:
    """A quorum of distinct validators has prepared exactly this.

    Raises:
        InvalidMessageError: names the rule that is broken.
    """
    _validate_authors(state, [prepare.author for prepare in prepares], "Prepares")
    for prepare in prepares:
        got = (prepare.payload.height, prepare.payload.round, prepare.payload.digest)
        if got != (state.height, prepared.round, prepared.digest):
            raise UnjustifiedProposalError(f"a Prepare for height {got[0]} round {got[1]} {describe(got[2])}")


def compute_highest_prepared(round_changes: Sequence[SignedRoundChange]) -> PreparedMetadata | None:
    """The prepared metadata of the highest round; None when nothing is prepared."""
    prepared = [one.payload.prepared for one in round_changes if one.payload.prepared is not None]
    return max(prepared, key=lambda metadata: metadata.round, default=None)


def _validate_authors(state: State, authors: Sequence[Address], what: str) -> None:
    for author in authors:
        if author not in state.validators:
            raise UnknownValidatorError(author)
    if len(set(authors)) != len(authors):
        raise UnjustifiedProposalError(f"{what} name an author twice")
    if len(authors) < state.quorum:
        raise UnjustifiedProposalError(f"{len(authors)} {what}, expected at least {state.quorum}")


def _validate_fresh_block(proposal: Proposal) -> None:
    coinbase = proposal.payload.block.header.coinbase
    if coinbase != proposal.author:
        raise UnjustifiedProposalError(
            f"coinbase {describe(coinbase)} of a new block is not its proposer {describe(proposal.author)}"
        )


def _validate_block_shape(block: Block, height: Height, round_number: Round) -> None:
    if block.header.number != height:
        raise InvalidMessageError(f"block {block.header.number} in a message for height {height}")
    extra = decode_extra_data(block.header.extra_data)
    if extra.round != round_number:
        raise InvalidMessageError(f"extraData says round {extra.round}, expected {round_number}")
    if extra.seals:
        raise InvalidMessageError("a block that is not committed has seals")
