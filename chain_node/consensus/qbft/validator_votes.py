"""The validator set where headers carry it: votes of block authors, counted block by block. No I/O.

Source: Besu VoteTally; section "Validator set by header votes" of the format.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.core.types import Address, Header


@dataclass(frozen=True, slots=True)
class CastVote:
    """A vote that still counts."""

    voter: Address
    """Author of the block that carried it."""
    recipient: Address
    """Whom it is about."""
    is_add: bool
    """True to add, false to drop."""


@dataclass(frozen=True, slots=True)
class ValidatorTally:
    """The set in force after a block, and the votes that have not yet changed it."""

    validators: tuple[Address, ...]
    """Ascending: the set that seals the next block."""
    votes: tuple[CastVote, ...] = ()
    """At most one for each (voter, recipient), in order of casting."""


def tally_of_genesis(header: Header) -> ValidatorTally:
    """The set that seals block 1, as block 0 lists it.

    Raises:
        DecodeError: extraData is not QBFT's.
    """
    return ValidatorTally(tuple(sorted(decode_extra_data(header.extra_data).validators)))


def tally_after(tally: ValidatorTally, header: Header, *, epoch_length: int) -> ValidatorTally:
    """Count the vote of a valid block.

    More than half of the validators decide; then all votes about the recipient are dropped, and the votes of one
    that is removed too. A block whose number is a multiple of the epoch length starts anew: its own vote is
    ignored and every pending one is forgotten.

    Raises:
        DecodeError: extraData is not QBFT's.
    """
    extra = decode_extra_data(header.extra_data)
    if header.number % epoch_length == 0:
        return ValidatorTally(tuple(sorted(extra.validators)))
    if extra.vote is None:
        return tally
    cast = CastVote(header.coinbase, extra.vote.recipient, extra.vote.is_add)
    votes = (*(vote for vote in tally.votes if (vote.voter, vote.recipient) != (cast.voter, cast.recipient)), cast)
    count = sum(1 for vote in votes if (vote.recipient, vote.is_add) == (cast.recipient, cast.is_add))
    if count <= len(tally.validators) // 2:
        return replace(tally, votes=votes)
    return _apply(tally.validators, votes, cast)


def _apply(validators: tuple[Address, ...], votes: tuple[CastVote, ...], decided: CastVote) -> ValidatorTally:
    remaining = tuple(vote for vote in votes if vote.recipient != decided.recipient)
    others = tuple(validator for validator in validators if validator != decided.recipient)
    if decided.is_add:
        return ValidatorTally(tuple(sorted((*others, decided.recipient))), remaining)
    return ValidatorTally(others, tuple(vote for vote in remaining if vote.voter != decided.recipient))
