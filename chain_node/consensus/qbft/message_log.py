"""The bounded memory for messages. No I/O.

For one author at most one message is kept for each (kind, round), and of each kind only those of the highest rounds:
an honest author's rounds only grow, so what a liar can push out is his own. Messages for later heights have a share
for each validator, and one for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from chain_node.consensus.qbft.messages import Message, Proposal, RoundChange, SignedCommit, SignedPrepare
from chain_node.consensus.qbft.state import State
from chain_node.core.limits import (
    FUTURE_MESSAGES_MAX,
    FUTURE_MESSAGES_SIZE_BYTES_MAX,
    HEIGHTS_AHEAD_MAX,
    VOTES_PER_VALIDATOR_MAX,
)
from chain_node.core.types import Address, Block, Height, Round

_Vote = TypeVar("_Vote", bound=SignedPrepare | SignedCommit | RoundChange)
_MESSAGE_OVERHEAD_BYTES = 1024


def height_of(message: Message) -> Height:
    """The height a message is about."""
    return message.signed.payload.height if isinstance(message, RoundChange) else message.payload.height


def round_of(message: Message) -> Round:
    """The round a message is about."""
    return message.signed.payload.round if isinstance(message, RoundChange) else message.payload.round


def find_vote(log: Sequence[_Vote], author: Address, round_number: Round) -> _Vote | None:
    """What this author has said in this round."""
    return next((vote for vote in log if vote.author == author and round_of(vote) == round_number), None)


def add_vote(log: tuple[_Vote, ...], vote: _Vote) -> tuple[_Vote, ...]:
    """The log with a vote whose (author, round) is not in it yet; the author's lowest round may have to go."""
    own_rounds = sorted(round_of(other) for other in log if other.author == vote.author)
    if len(own_rounds) < VOTES_PER_VALIDATOR_MAX:
        return (*log, vote)
    lowest = own_rounds[0]
    if round_of(vote) < lowest:
        return log
    kept = tuple(other for other in log if (other.author, round_of(other)) != (vote.author, lowest))
    return (*kept, vote)


def drop_rounds_below(log: tuple[_Vote, ...], round_number: Round) -> tuple[_Vote, ...]:
    """The log without the votes of earlier rounds."""
    return tuple(vote for vote in log if round_of(vote) >= round_number)


def is_first_of_height(state: State, message: Message) -> bool:
    """Nothing of this author waits for this later height yet."""
    return all((other.author, height_of(other)) != (message.author, height_of(message)) for other in state.future)


def add_future(state: State, message: Message) -> State:
    """Keep a message for a later height, unless it is too far ahead, known, or beyond its author's share.

    Who is no validator yet may be one at that height; all of these have one share together.
    """
    if height_of(message) > state.height + HEIGHTS_AHEAD_MAX:
        return state
    if any((other.author, _key(other)) == (message.author, _key(message)) for other in state.future):
        return state
    if message.author in state.validators:
        sharers = [other for other in state.future if other.author == message.author]
    else:
        sharers = [other for other in state.future if other.author not in state.validators]
    shares = len(state.validators) + 1
    size_bytes = sum(_size_bytes(other) for other in sharers) + _size_bytes(message)
    if len(sharers) >= FUTURE_MESSAGES_MAX // shares or size_bytes > FUTURE_MESSAGES_SIZE_BYTES_MAX // shares:
        return state
    return replace(state, future=(*state.future, message))


def _key(message: Message) -> tuple[type[Message], Height, Round]:
    return type(message), height_of(message), round_of(message)


def _size_bytes(message: Message) -> int:
    if isinstance(message, Proposal):
        return _MESSAGE_OVERHEAD_BYTES + _block_size_bytes(message.payload.block)
    if isinstance(message, RoundChange) and message.block is not None:
        return _MESSAGE_OVERHEAD_BYTES + _block_size_bytes(message.block)
    return _MESSAGE_OVERHEAD_BYTES


def _block_size_bytes(block: Block) -> int:
    return len(block.header.extra_data) + sum(len(transaction.raw) for transaction in block.transactions)
