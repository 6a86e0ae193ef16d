"""Design 4.2, "Two levels of finality": seals that come when a block has enough of them already."""

from dataclasses import replace
from typing import Any

from chain_node.consensus.qbft.effects import KeepSeal, PersistVote, RecordEvidence, RejectMessage, SendLateSeal
from chain_node.consensus.qbft.events import BlockTimerFired, RoundTimerFired
from chain_node.consensus.qbft.hashes import proposal_digest, with_round, with_seals
from chain_node.consensus.qbft.record import SignedVote, VoteRecord
from chain_node.core.limits import LATE_SEAL_HEIGHTS_MAX
from chain_node.core.types import Block
from tests.unit.consensus.bench import (
    VALIDATORS,
    act,
    block_of,
    commit,
    head,
    of_kind,
    prepare,
    proposal,
    round_change,
    run,
    state_of,
    validated,
)
from tests.unit.consensus.network import Network, imported

BLOCK = block_of(0)
OTHER = block_of(0, vanity=b"\x01" * 32)
NOW_MS = 10_000


def sealed(block: Block, *sealers: int, round_number: int = 0) -> Block:
    moved = with_round(block, round_number)
    seals = tuple(commit(index, moved, round_number).payload.commit_seal for index in sealers)
    return with_seals(moved, round_number, seals)


def seals_of(effects: Any) -> list[Any]:
    return of_kind(effects, PersistVote, SendLateSeal, KeepSeal)


def prepared_state(index: int = 3) -> Any:
    return run(
        state_of(index), proposal(0, BLOCK), validated(BLOCK), prepare(0, BLOCK), prepare(1, BLOCK), prepare(2, BLOCK)
    )


def test_validator_seals_what_it_imported_without_having_committed_it() -> None:
    """Design 4.2: A validator seals after its durable import unless it committed otherwise at that height."""
    decided = sealed(BLOCK, 0, 1, 2)
    _, effects = act(state_of(3), head(decided.header))
    digest = proposal_digest(BLOCK)
    vote = SignedVote(height=1, round=0, kind=0x14, digest=digest)
    assert seals_of(effects) == [PersistVote(vote, None), SendLateSeal(1, 0, digest)]


def test_late_seal_signs_the_block_in_the_round_it_was_committed_in() -> None:
    decided = sealed(BLOCK, 0, 1, 2, round_number=2)
    _, effects = act(state_of(3), head(decided.header))
    (late,) = of_kind(effects, SendLateSeal)
    assert late == SendLateSeal(1, 2, proposal_digest(with_round(BLOCK, 2)))


def test_validator_whose_seal_is_in_the_header_does_not_seal_again() -> None:
    assert seals_of(act(state_of(2), head(sealed(BLOCK, 0, 1, 2).header))[1]) == []


def test_validator_that_committed_the_block_in_that_round_has_said_so_already() -> None:
    """Its Commit reaches the others, who keep the seal in it."""
    state = prepared_state()
    assert of_kind(act(state, head(sealed(BLOCK, 0, 1, 2).header))[1], PersistVote, SendLateSeal) == []


def test_validator_that_committed_the_block_in_another_round_seals_it_in_this_one_too() -> None:
    state = run(prepared_state(), RoundTimerFired(1, 0))
    _, effects = act(state, head(sealed(BLOCK, 0, 1, 2, round_number=1).header))
    assert len(of_kind(effects, SendLateSeal)) == 1


def test_validator_that_committed_another_block_does_not_seal_this_one() -> None:
    """With a liar among three both could have a quorum: the conflict must show, not be sealed over.

    Design 4.2: A validator seals after its durable import unless it committed otherwise at that height.
    """
    state = run(prepared_state(), RoundTimerFired(1, 0))
    for round_number in (0, 1):
        decided = sealed(OTHER, 0, 1, 2, round_number=round_number)
        assert seals_of(act(state, head(decided.header))[1]) == []


def test_restarted_validator_that_committed_another_block_does_not_seal_this_one() -> None:
    before = prepared_state()
    state = state_of(3, VoteRecord(height=1, votes=before.votes, lock=before.lock))
    assert of_kind(act(state, head(sealed(OTHER, 0, 1, 2).header))[1], SendLateSeal) == []


def test_validator_with_a_record_of_later_heights_does_not_seal() -> None:
    """What it committed at this height may have been forgotten."""
    record = VoteRecord(height=2, votes=(SignedVote(height=2, round=0, kind=0x14, digest=bytes(32)),), lock=None)
    assert seals_of(act(state_of(3, record), head(sealed(BLOCK, 0, 1, 2).header))[1]) == []


def test_old_blocks_of_a_batch_are_not_sealed() -> None:
    event = imported(sealed(BLOCK, 0, 1, 2).header, VALIDATORS, now_ms=NOW_MS, is_tip=False)
    assert seals_of(act(state_of(3), event)[1]) == []


def test_node_that_is_no_validator_of_the_height_does_not_seal() -> None:
    observer = replace(state_of(3), identity=bytes(20))
    assert seals_of(act(observer, head(sealed(BLOCK, 0, 1, 2).header))[1]) == []
    newcomer = replace(state_of(3), validators=VALIDATORS[:3])
    assert seals_of(act(newcomer, head(sealed(BLOCK, 0, 1, 2).header))[1]) == []


def test_commits_that_the_header_lacks_are_kept_with_the_block() -> None:
    """Design 4.2: Signers of the block hash count over all rounds."""
    early, later = commit(3, BLOCK), commit(0, BLOCK)
    state = run(state_of(3), early, later)
    _, effects = act(state, head(sealed(BLOCK, 0, 1, 2).header))
    assert of_kind(effects, KeepSeal) == [KeepSeal(early)]


def test_commit_after_the_decision_is_a_late_seal() -> None:
    decided = run(prepared_state(), *(commit(author, BLOCK) for author in (0, 1, 2)))
    late = commit(3, BLOCK)
    assert act(decided, late) == (decided, (KeepSeal(late),))
    after = run(decided, head(sealed(BLOCK, 0, 1, 2).header))
    assert act(after, late) == (after, (KeepSeal(late),))


def test_commit_after_the_decision_for_another_block_is_evidence() -> None:
    decided = run(prepared_state(), *(commit(author, BLOCK) for author in (0, 1, 2)))
    assert act(decided, commit(0, OTHER)) == (decided, (RecordEvidence(commit(0, BLOCK), commit(0, OTHER)),))


def test_late_commit_of_a_validator_that_has_left_the_set_counts() -> None:
    state = replace(run(state_of(3), head(BLOCK.header)), validators=VALIDATORS[1:])
    assert act(state, commit(0, BLOCK)) == (state, (KeepSeal(commit(0, BLOCK)),))


def test_late_commit_with_the_seal_of_another_is_rejected() -> None:
    state = run(state_of(3), head(BLOCK.header))
    _, (rejection,) = act(state, replace(commit(0, BLOCK), sealer=VALIDATORS[1]))
    assert isinstance(rejection, RejectMessage)
    assert rejection.is_fault


def test_commit_for_a_height_long_over_is_stale() -> None:
    """Design 4.2: last 256 heights."""
    parent = replace(BLOCK.header, number=1 + LATE_SEAL_HEIGHTS_MAX)
    state = replace(state_of(3), parent=parent)
    _, (rejection,) = act(state, commit(0, BLOCK))
    assert isinstance(rejection, RejectMessage)
    assert not rejection.is_fault
    state = replace(state_of(3), parent=replace(parent, number=LATE_SEAL_HEIGHTS_MAX))
    assert act(state, commit(0, BLOCK))[1] == (KeepSeal(commit(0, BLOCK)),)


def test_round_that_had_begun_leaves_no_seal_for_a_block_of_another_height() -> None:
    """A node that was given a batch of blocks has nothing to say of those between."""
    state = run(state_of(3), BlockTimerFired(1), round_change(0, 1))
    later = replace(BLOCK.header, number=5)
    assert seals_of(act(state, imported(later, VALIDATORS, now_ms=NOW_MS))[1]) == []


def test_every_validator_of_three_vouches_for_every_block_within_a_second() -> None:
    """Design 4.2: n = 3 needs 3 distinct validators for byzantine_final; quorum is 2."""
    network = Network(3)
    network.run_to_height(6)
    network.run_for(900)
    for height in range(1, 7):
        for node in network.nodes.values():
            event = imported(node.chain[height - 1].header, network.validators, now_ms=0)
            vouching = set(event.sealers)
            vouching |= {one.commit.author for one in node.kept if one.commit.payload.height == height}
            late = {
                other.address for other in network.nodes.values() for one in other.late_seals if one.height == height
            }
            assert vouching | late == set(network.validators)
