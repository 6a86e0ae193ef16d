"""Seals for a block that has enough already: they make it final against liars. No I/O.

Source: design 4.2, "Two levels of finality": a validator seals after its durable import, unless it committed otherwise
at that height.
"""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import Effects, KeepSeal, PersistVote, SendLateSeal
from chain_node.consensus.qbft.events import BlockImported
from chain_node.consensus.qbft.extra_data import decode_extra_data, encode_extra_data
from chain_node.consensus.qbft.hashes import seal_hash
from chain_node.consensus.qbft.messages import COMMIT_CODE
from chain_node.consensus.qbft.record import SignedVote
from chain_node.consensus.qbft.state import State
from chain_node.core.types import Hash32, Header, Round


def seal_late(state: State, event: BlockImported) -> Effects:
    """What is to be done about seals of the imported block, which is of the height the machine was at.

    Commits that are not in its header are kept. This node adds its own seal, recorded first, if the header lacks it
    and no Commit of it says otherwise.
    """
    kept = tuple(KeepSeal(commit) for commit in state.commits if commit.author not in event.sealers)
    if not event.is_tip or not _may_seal(state, event):
        return kept
    digest = _digest_in_round(event.header, event.round)
    vote = SignedVote(height=state.height, round=event.round, kind=COMMIT_CODE, digest=digest)
    if vote in state.votes:
        return kept
    return (*kept, PersistVote(vote, None), SendLateSeal(state.height, event.round, digest))


def _may_seal(state: State, event: BlockImported) -> bool:
    is_asked = state.identity in state.validators and state.identity not in event.sealers
    is_record_newer = state.record is not None and state.record.height > state.height
    return is_asked and not is_record_newer and not _has_committed_otherwise(state, event.header)


def _has_committed_otherwise(state: State, header: Header) -> bool:
    commits = [vote for vote in state.votes if vote.kind == COMMIT_CODE]
    return any(vote.digest != _digest_in_round(header, vote.round) for vote in commits)


def _digest_in_round(header: Header, round_number: Round) -> Hash32:
    """What a Commit for this block signs in a round."""
    extra = replace(decode_extra_data(header.extra_data), round=round_number)
    return seal_hash(replace(header, extra_data=encode_extra_data(extra)))
