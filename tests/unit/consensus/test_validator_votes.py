"""Validator sets by header votes, section 4.5."""

import json
from dataclasses import replace
from pathlib import Path

from chain_node.consensus.qbft.extra_data import ExtraData, Vote, encode_extra_data
from chain_node.consensus.qbft.validator_votes import CastVote, ValidatorTally, tally_after, tally_of_genesis
from chain_node.core.codec import decode_header
from chain_node.core.types import Address

VECTORS = Path(__file__).parents[2] / "conformance" / "qbft" / "qbft_vectors.json"
A, B, C, D = (Address(bytes((value,)) * 20) for value in (0x10, 0x20, 0x30, 0x40))
NEWCOMER = Address(b"\x25" * 20)
TEMPLATE = decode_header(
    bytes.fromhex(
        next(
            vector["header_rlp"]
            for vector in json.loads(VECTORS.read_text())["vectors"]
            if vector["id"] == "besu_real_header_7528_round1_3of4_seals"
        )[2:]
    )
)


def cast(
    tally: ValidatorTally, voter: Address, recipient: Address | None, *, is_add: bool = True, number: int = 1
) -> ValidatorTally:
    vote = None if recipient is None else Vote(recipient, is_add)
    extra = ExtraData(vanity=bytes(32), validators=tally.validators, vote=vote, round=0, seals=())
    header = replace(TEMPLATE, number=number, coinbase=voter, extra_data=encode_extra_data(extra))
    return tally_after(tally, header, epoch_length=100)


FOUR = ValidatorTally((A, B, C, D))


def test_validator_is_added_by_more_than_half_at_once() -> None:
    """Threshold: floor(n/2)+1 distinct current voters for the same (recipient, direction).

    4.5: Header N must list the set after N-1.
    """
    tally = cast(cast(FOUR, A, NEWCOMER), B, NEWCOMER)
    assert tally.validators == FOUR.validators
    assert cast(tally, C, NEWCOMER) == ValidatorTally((A, B, NEWCOMER, C, D))


def test_vote_given_twice_by_one_voter_counts_once() -> None:
    """4.5: One vote per block, voter = coinbase."""
    tally = FOUR
    for _ in range(3):
        tally = cast(tally, A, NEWCOMER)
    assert tally == ValidatorTally(FOUR.validators, (CastVote(A, NEWCOMER, True),))


def test_newer_opposite_vote_replaces_the_older() -> None:
    """4.5: A voter's newer opposite vote replaces the older."""
    tally = cast(cast(cast(FOUR, A, NEWCOMER), B, NEWCOMER), A, NEWCOMER, is_add=False)
    assert cast(tally, C, NEWCOMER).validators == FOUR.validators
    assert CastVote(A, NEWCOMER, True) not in tally.votes


def test_dropped_validator_leaves_and_its_own_votes_are_discarded() -> None:
    """4.5: all votes about the recipient are discarded, and if removed, all votes cast by it are discarded."""
    tally = cast(cast(FOUR, D, NEWCOMER), A, NEWCOMER)
    for voter in (A, B, C):
        tally = cast(tally, voter, D, is_add=False)
    assert tally == ValidatorTally((A, B, C), (CastVote(A, NEWCOMER, True),))
    assert cast(tally, B, NEWCOMER).validators == (A, B, NEWCOMER, C)


def test_epoch_block_forgets_every_vote_and_ignores_its_own() -> None:
    """Epoch block: its own vote is ignored, all pending tallies (ADD and DROP) are cleared (besu#9870).

    4.5: Its own vote is ignored, all pending tallies (ADD and DROP) are cleared.
    4.9: DROP votes not cleared at epoch.
    """
    tally = cast(cast(FOUR, A, NEWCOMER), B, D, is_add=False)
    tally = cast(tally, C, NEWCOMER, number=200)
    assert tally == FOUR


def test_block_without_a_vote_changes_nothing() -> None:
    tally = cast(FOUR, A, NEWCOMER)
    assert cast(tally, B, None) == tally


def test_single_validator_decides_alone() -> None:
    assert cast(ValidatorTally((A,)), A, B).validators == (A, B)


def test_genesis_lists_the_first_validators() -> None:
    assert len(tally_of_genesis(TEMPLATE).validators) == 4
    assert list(tally_of_genesis(TEMPLATE).validators) == sorted(tally_of_genesis(TEMPLATE).validators)
