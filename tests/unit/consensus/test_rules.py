"""One rule at a time, in the words of the protocol: init, step, check. Four validators, height 1.

Round 0 belongs to validator 0, round 1 to validator 1, and so on.
"""

from dataclasses import replace
from typing import Any

import pytest

from chain_node.consensus.qbft.codec import decode_message, encode_message
from chain_node.consensus.qbft.effects import (
    BuildBlock,
    CommitBlock,
    KeepSeal,
    PersistVote,
    RecordEvidence,
    RejectMessage,
    RequestSync,
    SendToValidators,
    StartBlockTimer,
    StartCatchUpTimer,
    StartResendTimer,
    StartRoundTimer,
    ValidateBlock,
)
from chain_node.consensus.qbft.errors import UnknownValidatorError
from chain_node.consensus.qbft.events import (
    BlockBuilt,
    BlockTimerFired,
    BlockValidated,
    CatchUpTimerFired,
    ResendTimerFired,
    RoundTimerFired,
)
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import proposal_digest, with_round, with_seals
from chain_node.consensus.qbft.justification import validate_round_change_payload
from chain_node.consensus.qbft.messages import (
    PreparePayload,
    Proposal,
    ProposalPayload,
    RoundChange,
    SignedRoundChange,
    UnsignedCommit,
    UnsignedProposal,
    UnsignedRoundChange,
)
from chain_node.consensus.qbft.record import PreparedCertificate, SignedVote, VoteRecord
from chain_node.consensus.qbft.seals import validate_seals
from chain_node.consensus.qbft.signing import sign_message
from chain_node.consensus.qbft.voting import compute_round_timeout_ms
from chain_node.core.limits import ROUND_MAX, ROUND_TIMEOUT_EXPONENT_MAX, ROUNDS_AHEAD_MAX
from chain_node.core.types import Block
from tests.unit.consensus.bench import (
    GENESIS,
    STRANGER,
    VALIDATORS,
    act,
    block_of,
    commit,
    head,
    key,
    of_kind,
    prepare,
    proposal,
    round_change,
    run,
    state_of,
    validated,
)

BLOCK = block_of(0)
OTHER = block_of(0, vanity=b"\x01" * 32)


def prepared_state(index: int = 3) -> Any:
    """A validator that has prepared BLOCK in round 0 and sent its Commit."""
    return run(
        state_of(index), proposal(0, BLOCK), validated(BLOCK), prepare(0, BLOCK), prepare(1, BLOCK), prepare(2, BLOCK)
    )


def assert_rejected(state: Any, message: Any, reason: str, *, is_fault: bool = True) -> None:
    after, effects = act(state, message)
    assert after == state
    (rejection,) = effects
    assert isinstance(rejection, RejectMessage)
    assert reason in rejection.reason
    assert rejection.is_fault == is_fault


# 4.3: round timer starts when the round object is created (round 0: at block-timer expiry, on all validators).


def test_block_timeout_starts_the_round_timer_and_lets_only_the_proposer_build() -> None:
    """4.3: Round timer starts when the round object is created (round 0: at block-timer expiry, on all validators)."""
    for index in range(4):
        state, effects = act(state_of(index), BlockTimerFired(1))
        assert of_kind(effects, StartRoundTimer) == [StartRoundTimer(1, 0, 4000)]
        builds = of_kind(effects, BuildBlock)
        assert len(builds) == (1 if index == 0 else 0)
        assert state.is_proposing == (index == 0)


def test_block_timeout_for_another_height_or_a_second_time_does_nothing() -> None:
    state = state_of(0)
    assert act(state, BlockTimerFired(2)) == (state, ())
    state = run(state, BlockTimerFired(1))
    assert act(state, BlockTimerFired(1)) == (state, ())


def test_block_to_build_lists_validators_and_round_and_keeps_the_period() -> None:
    """1.3: GoQ = max(parent+period, now).
    4.2: Validators sorted ascending by raw address bytes.
    """
    _, effects = act(state_of(0), BlockTimerFired(1))
    (build,) = of_kind(effects, BuildBlock)
    extra = decode_extra_data(build.extra_data)
    assert (extra.validators, extra.vote, extra.round, extra.seals) == (VALIDATORS, None, 0, ())
    assert build.timestamp_min == 1


def test_built_block_is_recorded_before_it_is_sent() -> None:
    """Design 4.2: Prepared lock, round and everything it signed are durable before anything is sent."""
    state = run(state_of(0), BlockTimerFired(1))
    state, effects = act(state, BlockBuilt(1, 0, BLOCK))
    vote = SignedVote(height=1, round=0, kind=0x12, digest=proposal_digest(BLOCK), block=BLOCK)
    payload = ProposalPayload(height=1, round=0, block=BLOCK)
    message = UnsignedProposal(payload=payload, round_changes=(), prepares=())
    assert effects == (PersistVote(vote, None), SendToValidators(message))
    assert state.votes == (vote,)


def test_block_built_for_a_round_that_is_over_is_dropped() -> None:
    state = run(state_of(0), BlockTimerFired(1), RoundTimerFired(1, 0))
    assert act(state, BlockBuilt(1, 0, BLOCK)) == (state, ())


# 3.5: Proposal round 0: author is the scheduled proposer, both justification lists empty, block number == sequence,
# block valid, coinbase == author.


def test_proposal_of_round_0_is_accepted_executed_and_prepared() -> None:
    state, effects = act(state_of(3), proposal(0, BLOCK))
    digest = proposal_digest(BLOCK)
    assert of_kind(effects, ValidateBlock) == [ValidateBlock(height=1, round=0, digest=digest, block=BLOCK)]
    assert of_kind(effects, StartRoundTimer) == [StartRoundTimer(1, 0, 4000)]
    state, effects = act(state, validated(BLOCK))
    vote = SignedVote(height=1, round=0, kind=0x13, digest=digest)
    payload = PreparePayload(height=1, round=0, digest=digest)
    assert effects == (PersistVote(vote, None), SendToValidators(payload))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (proposal(1, block_of(1)), "not the proposer of round 0"),
        (proposal(0, block_of(1)), "coinbase"),
        (proposal(0, BLOCK, because=(round_change(1, 1),)), "round 0 needs no justification"),
        (proposal(0, BLOCK, prepares=(prepare(1, BLOCK),)), "round 0 needs no justification"),
        (proposal(0, block_of(0, 1)), "extraData says round 1"),
        (proposal(0, Block(replace(BLOCK.header, number=2), ())), "block 2 in a message for height 1"),
        (proposal(0, Block(replace(BLOCK.header, extra_data=b"\xc0"), ())), "extra data with 5 items"),
    ],
)
def test_proposal_that_breaks_a_rule_of_round_0_is_rejected(message: Any, reason: str) -> None:
    """3.5: Proposal round 0: author is the scheduled proposer, both justification lists empty, block number ==
    sequence, block valid, coinbase == author.
    """
    assert_rejected(state_of(3), message, reason)


def test_invalid_block_is_not_prepared_and_its_author_is_named() -> None:
    """3.5: Proposal round 0: author is the scheduled proposer, both justification lists empty, block number ==
    sequence, block valid, coinbase == author.
    """
    state = run(state_of(3), proposal(0, BLOCK))
    state, effects = act(state, validated(BLOCK, reason="header state_root: got 1, expected 2"))
    assert effects == (RejectMessage(VALIDATORS[0], "header state_root: got 1, expected 2", is_fault=True),)
    assert not state.is_proposal_valid
    assert run(state, prepare(0, BLOCK), prepare(1, BLOCK), prepare(2, BLOCK)).lock is None


def test_verdict_on_another_block_round_or_height_is_dropped() -> None:
    state = run(state_of(3), proposal(0, BLOCK))
    digest = proposal_digest(BLOCK)
    for verdict in (BlockValidated(2, 0, digest, None), BlockValidated(1, 1, digest, None), validated(OTHER)):
        assert act(state, verdict) == (state, ())


def test_second_proposal_of_a_round_is_evidence_and_the_first_stays() -> None:
    """3.5: only one proposal per round is accepted; here later ones are also kept as evidence.

    Design 4.2: Two different signed messages of one validator for the same (height, round, kind) are kept and shown.
    """
    first, second = proposal(0, BLOCK), proposal(0, OTHER)
    state = run(state_of(3), first)
    assert act(state, first) == (state, ())
    assert act(state, second) == (state, (RecordEvidence(first, second),))


# 3.5: Proposal round r > 0: RoundChanges: distinct authors, >= quorum, all for (height, r). If none is prepared:
# Prepares must be empty and coinbase == author.

UNPREPARED = tuple(round_change(author, 1) for author in (0, 1, 2))
FRESH = block_of(1, 1)


def test_justified_proposal_of_a_later_round_moves_the_node_there() -> None:
    """4.4: A valid, justified future-round Proposal also moves the node to that round at once."""
    state, effects = act(state_of(3), proposal(1, FRESH, 1, because=UNPREPARED))
    assert (state.round, state.is_round_started) == (1, True)
    assert of_kind(effects, StartRoundTimer) == [StartRoundTimer(1, 1, 8000)]
    assert len(of_kind(effects, ValidateBlock)) == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (proposal(1, FRESH, 1, because=UNPREPARED[:2]), "2 round changes, expected at least 3"),
        (proposal(1, FRESH, 1, because=(*UNPREPARED[:2], UNPREPARED[0])), "name an author twice"),
        (proposal(1, FRESH, 1, because=(*UNPREPARED[:2], round_change(2, 2))), "for round 2, expected 1"),
        (proposal(1, FRESH, 1, because=(*UNPREPARED[:2], round_change(2, 1, height=2))), "for height 2, expected 1"),
        (proposal(2, block_of(2, 1), 1, because=UNPREPARED), "not the proposer of round 1"),
        (proposal(1, block_of(0, 1), 1, because=UNPREPARED), "coinbase"),
        (proposal(1, FRESH, 1, because=UNPREPARED, prepares=(prepare(0, BLOCK),)), "no round change is prepared"),
    ],
)
def test_unjustified_proposal_of_a_later_round_is_rejected(message: Any, reason: str) -> None:
    """3.5: RoundChange payload: author in validators; sequence == height.
    3.5: RoundChanges: distinct authors, >= quorum, all for (height, r), each payload valid.
    3.5: If none is prepared: Prepares must be empty and coinbase == author.
    3.5: isJustified does not check that RoundChange payloads target this round, nor duplicate authors.
    """
    assert_rejected(state_of(3), message, reason)


def test_round_change_of_a_stranger_justifies_nothing() -> None:
    """GoQ gaps (3.5): authors and rounds of the justification must be checked."""
    signed = sign_message(STRANGER, UnsignedRoundChange(payload=UNPREPARED[0].signed.payload, block=None, prepares=()))
    assert isinstance(signed, RoundChange)
    message = proposal(1, FRESH, 1, because=(*UNPREPARED[:2], signed))
    assert_rejected(state_of(3), message, "is not a validator")


# 3.5: If some are: take the highest preparedRound; block with round replaced by that preparedRound must hash to its
# digest; Prepares distinct, >= quorum, valid for that (height, preparedRound, digest).

PREPARED = (round_change(0, 1, prepared=BLOCK), *UNPREPARED[1:])
AGAIN = with_round(BLOCK, 1)
CERTIFICATE = tuple(prepare(author, BLOCK) for author in (0, 1, 2))


def test_prepared_block_proposed_again_is_accepted_with_its_old_coinbase() -> None:
    """Coinbase is then not required to equal the author.

    2.2: (c) proposal digest in Prepare/Commit/RoundChange.
    """
    state, effects = act(state_of(3), proposal(1, AGAIN, 1, because=PREPARED, prepares=CERTIFICATE))
    assert len(of_kind(effects, ValidateBlock)) == 1
    assert state.proposal is not None
    assert state.proposal.digest != proposal_digest(BLOCK)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (proposal(1, FRESH, 1, because=PREPARED, prepares=CERTIFICATE), "prepared is"),
        (proposal(1, AGAIN, 1, because=PREPARED), "0 Prepares, expected at least 3"),
        (proposal(1, AGAIN, 1, because=PREPARED, prepares=(*CERTIFICATE[:2], CERTIFICATE[0])), "an author twice"),
        (proposal(1, AGAIN, 1, because=PREPARED, prepares=(*CERTIFICATE[:2], prepare(2, OTHER))), "a Prepare for"),
        (proposal(1, AGAIN, 1, because=PREPARED, prepares=(*CERTIFICATE[:2], prepare(2, BLOCK, 1))), "a Prepare for"),
    ],
)
def test_proposal_that_ignores_the_prepared_block_is_rejected(message: Any, reason: str) -> None:
    """3.5: block with round replaced by that preparedRound must hash to its digest.
    3.5: Prepares distinct, >= quorum, valid for that (height, preparedRound, digest).
    """
    assert_rejected(state_of(3), message, reason)


def test_highest_prepared_round_decides_which_block_must_come_again() -> None:
    """3.5: take the highest preparedRound."""
    later = block_of(1, 1)
    because = (
        round_change(0, 2, prepared=BLOCK),
        round_change(1, 2, prepared=later, prepared_round=1),
        round_change(3, 2),
    )
    prepares = tuple(prepare(author, later, 1) for author in (0, 1, 2))
    accepted = proposal(2, with_round(later, 2), 2, because=because, prepares=prepares)
    assert run(state_of(3), accepted).round == 2
    stale = proposal(2, with_round(BLOCK, 2), 2, because=because, prepares=CERTIFICATE)
    assert_rejected(state_of(3), stale, "round 1: the block is")


def test_forged_prepare_in_a_justification_is_by_nobody_and_refused() -> None:
    """3.5: signatures of JustificationPrepares in a Preprepare are not verified."""
    forged = replace(CERTIFICATE[2], signature=CERTIFICATE[1].signature)
    message = proposal(1, AGAIN, 1, because=PREPARED, prepares=(*CERTIFICATE[:2], forged))
    received = decode_message(*encode_message(message))
    assert isinstance(received, Proposal)
    assert received.prepares[2].author == VALIDATORS[1]
    assert_rejected(state_of(3), received, "an author twice")
    foreign = replace(forged, signature=sign_message(STRANGER, CERTIFICATE[2].payload).signature)  # type: ignore[union-attr]
    received = decode_message(*encode_message(replace(message, prepares=(*CERTIFICATE[:2], foreign))))
    assert_rejected(state_of(3), received, "is not a validator")


def test_block_of_a_round_change_is_executed_when_it_is_proposed_again() -> None:
    """Here not before: a quorum has prepared it.

    3.5: block fully executes and validates (header LIGHT).
    """
    state, effects = act(run(state_of(3), *UNPREPARED[1:]), PREPARED[0])
    assert of_kind(effects, ValidateBlock) == []
    state, effects = act(state, proposal(1, AGAIN, 1, because=PREPARED, prepares=CERTIFICATE))
    assert [effect.block for effect in of_kind(effects, ValidateBlock)] == [AGAIN]
    _, effects = act(state, validated(AGAIN, 1, reason="header gas_used: got 1, expected 0"))
    assert of_kind(effects, SendToValidators) == []


def test_two_prepared_digests_for_one_round_are_refused() -> None:
    """3.5: no two different metadata for the same preparedRound."""
    because = (round_change(0, 1, prepared=BLOCK), round_change(1, 1, prepared=OTHER), UNPREPARED[2])
    message = proposal(1, AGAIN, 1, because=because, prepares=CERTIFICATE)
    assert_rejected(state_of(3), message, "two prepared digests")


# 3.5: Prepare: author in validators; (sequence, round) equal to current; digest equal to proposal digest.


def test_quorum_of_prepares_locks_and_commits_durably_together() -> None:
    """Design 4.2: Prepared lock, round and everything it signed are durable before anything is sent."""
    state = run(state_of(3), proposal(0, BLOCK), validated(BLOCK), prepare(0, BLOCK), prepare(1, BLOCK))
    assert state.lock is None
    state, effects = act(state, prepare(3, BLOCK))
    digest = proposal_digest(BLOCK)
    prepares = (prepare(0, BLOCK), prepare(1, BLOCK), prepare(3, BLOCK))
    lock = PreparedCertificate(round=0, digest=digest, block=BLOCK, prepares=prepares)
    vote = SignedVote(height=1, round=0, kind=0x14, digest=digest)
    unsigned = UnsignedCommit(height=1, round=0, digest=digest)
    assert effects == (PersistVote(vote, lock), SendToValidators(unsigned))
    assert state.lock == lock


def test_prepares_for_another_digest_or_round_or_twice_do_not_count() -> None:
    """3.5: Prepare: author in validators; (sequence, round) equal to current; digest equal to proposal digest."""
    state = run(
        state_of(3),
        proposal(0, BLOCK),
        validated(BLOCK),
        prepare(0, BLOCK),
        prepare(0, BLOCK),
        prepare(1, OTHER),
        prepare(2, BLOCK, 1),
        prepare(3, BLOCK),
    )
    assert state.lock is None


def test_prepares_that_came_before_the_proposal_count_after_it() -> None:
    """4.4: Prepares/Commits for future rounds of the same height are buffered."""
    early = run(state_of(3), *(prepare(author, BLOCK) for author in (0, 1, 2)))
    assert early.lock is None
    assert run(early, proposal(0, BLOCK), validated(BLOCK)).lock is not None


def test_prepare_of_a_round_that_is_over_is_stale() -> None:
    """3.5: Prepare: author in validators; (sequence, round) equal to current; digest equal to proposal digest."""
    state = run(state_of(3), BlockTimerFired(1), RoundTimerFired(1, 0))
    assert_rejected(state, prepare(0, BLOCK), "we are at height 1 round 1", is_fault=False)


def test_two_prepares_of_one_author_are_evidence() -> None:
    """Design 4.2: Two different signed messages of one validator for the same (height, round, kind) are kept and
    shown.
    """
    first, second = prepare(0, BLOCK), prepare(0, OTHER)
    state = run(state_of(3), first)
    assert act(state, second) == (state, (RecordEvidence(first, second),))


# 3.5: Commit: same, and commitSeal recovers (over hash b) to the message author.


def test_quorum_of_commits_decides_the_block_with_their_seals() -> None:
    """3.4: for the final block set extraData.round = round of commitment.

    2.3: Seals appear in **arrival order**, not sorted.
    """
    state = run(prepared_state(), commit(0, BLOCK), commit(2, BLOCK))
    state, effects = act(state, commit(1, BLOCK))
    (decided,) = effects
    assert isinstance(decided, CommitBlock)
    sealers = validate_seals(decided.block.header, VALIDATORS)
    assert list(sealers) == [VALIDATORS[0], VALIDATORS[2], VALIDATORS[1]]
    assert state.is_committed
    assert act(state, commit(1, BLOCK)) == (state, ())
    assert act(state, commit(3, BLOCK)) == (state, (KeepSeal(commit(3, BLOCK)),))
    assert act(state, RoundTimerFired(1, 0)) == (state, ())


def test_commits_decide_before_the_own_prepare_quorum_but_never_before_validation() -> None:
    commits = [commit(author, BLOCK) for author in (0, 1, 2)]
    state = run(state_of(3), proposal(0, BLOCK), *commits)
    assert not state.is_committed
    _, effects = act(state, validated(BLOCK))
    assert len(of_kind(effects, CommitBlock)) == 1


def test_late_commits_of_an_earlier_round_decide_the_locked_block() -> None:
    state = run(prepared_state(), RoundTimerFired(1, 0), commit(0, BLOCK), commit(1, BLOCK))
    assert state.round == 1
    _, effects = act(state, commit(2, BLOCK))
    (decided,) = of_kind(effects, CommitBlock)
    assert decode_extra_data(decided.block.header.extra_data).round == 0


def test_commit_whose_seal_is_by_someone_else_is_rejected() -> None:
    """GoQ gap (3.5): a Commit's seal is not checked against its sender at receipt.

    3.5: commitSeal recovers (over hash b) to the message author.
    """
    forged = replace(commit(0, BLOCK), sealer=VALIDATORS[1])
    assert_rejected(state_of(3), forged, "not by the author")


def test_quorum_of_commits_for_an_unknown_block_asks_for_it() -> None:
    state = run(state_of(3), commit(0, BLOCK), commit(1, BLOCK))
    _, effects = act(state, commit(2, BLOCK))
    assert effects == (RequestSync(VALIDATORS[2], 2),)


def test_two_commits_of_one_author_are_evidence() -> None:
    """Design 4.2: Two different signed messages of one validator for the same (height, round, kind) are kept and
    shown.
    """
    first, second = commit(0, BLOCK), commit(0, OTHER)
    state = run(state_of(3), first)
    assert act(state, second) == (state, (RecordEvidence(first, second),))


# 4.4: on round timeout at round r: enter r+1, send RoundChange(r+1, best prepared certificate so far).


def test_round_timeout_asks_for_the_next_round_with_the_lock() -> None:
    """4.4: On round timeout at round r: enter r+1, send RoundChange(r+1, best prepared certificate so far."""
    state = prepared_state()
    lock = state.lock
    state, effects = act(state, RoundTimerFired(1, 0))
    assert state.round == 1
    sent = [effect.message for effect in of_kind(effects, SendToValidators)]
    assert len(sent) == 1
    assert isinstance(sent[0], UnsignedRoundChange)
    assert sent[0].payload.prepared is not None
    assert (sent[0].payload.prepared.round, sent[0].payload.prepared.digest) == (0, lock.digest)
    assert (sent[0].block, sent[0].prepares) == (lock.block, lock.prepares)
    assert [type(effect) for effect in effects].index(PersistVote) < [type(effect) for effect in effects].index(
        SendToValidators
    )


def test_round_that_no_quorum_has_come_to_is_not_given_up() -> None:
    """Beyond the references: rounds end only where a quorum takes part, so nobody runs away from the others.

    4.4: On round timeout at round r: enter r+1, send RoundChange(r+1, best prepared certificate so far.
    """
    state = run(state_of(3), BlockTimerFired(1), RoundTimerFired(1, 0))
    for _ in range(3):
        assert act(state, RoundTimerFired(1, 1)) == (state, (StartRoundTimer(1, 1, 8000),))
    state = run(state, UNPREPARED[0], commit(1, BLOCK, 0), commit(2, BLOCK, 0))
    assert run(state, RoundTimerFired(1, 1)).round == 1
    for evidence in (UNPREPARED[1], prepare(1, BLOCK, 1), commit(1, BLOCK, 4)):
        assert run(state, evidence, RoundTimerFired(1, 1)).round == 2
    in_round_of_proposal = run(state_of(3), proposal(1, FRESH, 1, because=UNPREPARED))
    assert run(in_round_of_proposal, RoundTimerFired(1, 1)).round == 2


def test_round_of_the_lock_is_given_up_after_a_restart_too() -> None:
    """The lock proves that a quorum was there; its Prepares are not in memory any more."""
    prepares = tuple(prepare(author, FRESH, 1) for author in (0, 1, 2))
    lock = PreparedCertificate(round=1, digest=proposal_digest(FRESH), block=FRESH, prepares=prepares)
    vote = SignedVote(height=1, round=1, kind=0x14, digest=lock.digest)
    state = state_of(3, VoteRecord(height=1, votes=(vote,), lock=lock))
    assert state.round == 1
    assert run(state, RoundTimerFired(1, 1)).round == 2


def test_time_of_a_round_begins_when_its_quorum_is_there() -> None:
    state = run(state_of(3), BlockTimerFired(1), RoundTimerFired(1, 0), UNPREPARED[0], round_change(3, 1))
    state, effects = act(state, UNPREPARED[1])
    assert effects == (StartRoundTimer(1, 1, 8000),)
    assert act(state, UNPREPARED[1])[1] == ()
    assert act(state, UNPREPARED[2])[1] == ()


def test_round_timeouts_double_up_to_the_cap() -> None:
    """4.3: requesttimeoutseconds * 2^round; uncapped in Besu, here capped at 2^5.

    4.3: `requesttimeoutseconds * 2^round`.
    Design 4.2: f+1 catch-up is on, round timeout is capped, and the current RoundChange is re-sent.
    """
    state = run(state_of(3), BlockTimerFired(1))
    delays = []
    for round_number in range(9):
        state = run(state, *(commit(author, BLOCK, round_number) for author in (0, 1)))
        state, effects = act(state, RoundTimerFired(1, round_number))
        delays += [effect.delay_ms for effect in of_kind(effects, StartRoundTimer)]
    assert delays == [8000, 16_000, 32_000, 64_000, 128_000, 128_000, 128_000, 128_000, 128_000]


def test_late_round_timer_is_dropped() -> None:
    state = run(state_of(3), BlockTimerFired(1), RoundTimerFired(1, 0))
    for late in (RoundTimerFired(1, 0), RoundTimerFired(0, 1), RoundTimerFired(2, 1)):
        assert act(state, late) == (state, ())


def test_round_change_is_said_again_in_the_same_words_until_the_round_ends() -> None:
    """4.4: a lost message costs a whole timeout.
    Design 4.2: f+1 catch-up is on, round timeout is capped, and the current RoundChange is re-sent.
    """
    state, effects = act(run(state_of(3), BlockTimerFired(1)), RoundTimerFired(1, 0))
    said = of_kind(effects, SendToValidators)
    assert of_kind(effects, StartResendTimer) == [StartResendTimer(1, 1, 2000)]
    _, repeated = act(state, ResendTimerFired(1, 1))
    assert repeated == (*said, StartResendTimer(1, 1, 2000))
    later = run(state, *UNPREPARED[:2], RoundTimerFired(1, 1))
    assert act(later, ResendTimerFired(1, 1)) == (later, ())


# 4.4: on quorum of RoundChange for one target round >= current: enter it; if local node is that round's proposer, it
# proposes (highest prepared certificate, else new block).


def test_quorum_of_round_changes_lets_the_proposer_build_a_new_block() -> None:
    """4.4: On quorum of RoundChange for one target round >= current."""
    state = run(state_of(1), *UNPREPARED[:2])
    state, effects = act(state, UNPREPARED[2])
    (build,) = of_kind(effects, BuildBlock)
    assert (build.height, build.round) == (1, 1)
    assert decode_extra_data(build.extra_data).round == 1
    _, effects = act(state, BlockBuilt(1, 1, FRESH))
    (sent,) = of_kind(effects, SendToValidators)
    assert [one.author for one in sent.message.round_changes] == list(VALIDATORS[:3])
    assert all(isinstance(one, SignedRoundChange) for one in sent.message.round_changes)
    assert run(state_of(3), sign_message(key(1), sent.message)).round == 1


def test_quorum_of_round_changes_with_a_lock_proposes_the_locked_block_at_once() -> None:
    """4.4: On quorum of RoundChange for one target round >= current."""
    state = run(state_of(1), PREPARED[1], PREPARED[2])
    _, effects = act(state, PREPARED[0])
    assert of_kind(effects, BuildBlock) == []
    sent = [one.message for one in of_kind(effects, SendToValidators) if isinstance(one.message, UnsignedProposal)]
    assert [one.payload.block for one in sent] == [AGAIN]
    assert run(state_of(3), sign_message(key(1), sent[0])).proposal is not None


def test_other_validators_only_enter_the_round() -> None:
    """4.4: On quorum of RoundChange for one target round >= current."""
    state, effects = act(run(state_of(3), *UNPREPARED[:2]), UNPREPARED[2])
    assert state.round == 1
    assert of_kind(effects, BuildBlock) == []


# 3.5: RoundChange payload: author in validators; sequence == height; 1 <= round <= 1000; preparedRound in [0, round).
# RoundChange message: block present iff metadata present; digest == block hash; Prepares: no duplicate authors,
# >= quorum, all valid for (height, preparedRound, digest). Any Prepares sent without a block are ignored.


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (round_change(0, ROUND_MAX + 1), f"expected 1 to {ROUND_MAX}"),
        (round_change(0, 1, prepared=block_of(0, 1), prepared_round=1), "prepared round 1 is not below round 1"),
        (round_change(0, 1, prepared=BLOCK, block=None), "exactly when it is prepared"),
        (round_change(0, 1, block=BLOCK), "exactly when it is prepared"),
        (round_change(0, 1, prepared=BLOCK, block=OTHER), "prepared is"),
        (round_change(0, 1, prepared=BLOCK, preparers=(0, 1)), "2 Prepares, expected at least 3"),
        (round_change(0, 1, prepared=BLOCK, preparers=(0, 1, 1)), "an author twice"),
        (round_change(0, 1, prepared=BLOCK, prepares=tuple(prepare(a, OTHER) for a in (0, 1, 2))), "a Prepare for"),
    ],
)
def test_round_change_that_breaks_a_rule_is_rejected(message: RoundChange, reason: str) -> None:
    """3.5: preparedRound in [0, round).
    3.5: block present iff metadata present.
    3.5: Prepares: no duplicate authors, >= quorum, all valid for (height, preparedRound, digest).
    """
    assert_rejected(state_of(3), message, reason)


def test_round_change_for_round_0_is_rejected() -> None:
    """3.5: 1 <= round <= 1000."""
    assert_rejected(state_of(3), round_change(0, 0), f"expected 1 to {ROUND_MAX}")


def test_prepares_without_a_block_are_ignored() -> None:
    """3.5: Any Prepares sent without a block are ignored."""
    message = round_change(0, 1, prepares=(prepare(1, BLOCK),))
    assert run(state_of(3), message).round_changes == (message,)


# 4.4: f+1 catch-up: required by the spec; num == F+1 distinct senders of higher rounds -> jump to the minimum such
# round and send own RoundChange.


def test_f_plus_1_validators_ahead_make_the_node_join_the_lower_of_their_rounds() -> None:
    """4.4: **f+1 catch-up**: required by the spec."""
    state = run(state_of(3), BlockTimerFired(1), round_change(0, 5))
    assert state.round == 0
    state, effects = act(state, round_change(1, 3))
    assert state.round == 3
    (sent,) = of_kind(effects, SendToValidators)
    assert sent.message.payload.round == 3


def test_one_validator_cannot_move_the_node_twice_before_the_timer_allows_it() -> None:
    """Design 4.2: one jump per sender and base timeout.

    Design 4.2: Catch-up follows one jump per sender and base timeout.
    """
    state = run(state_of(3), BlockTimerFired(1), round_change(0, 2), round_change(1, 2))
    assert state.round == 2
    state = run(state, round_change(0, 4), round_change(1, 4))
    assert state.round == 2
    state = run(state, CatchUpTimerFired(1, VALIDATORS[0]), round_change(0, 4))
    assert state.round == 2
    state = run(state, CatchUpTimerFired(1, VALIDATORS[1]))
    assert state.round == 2
    assert run(state, round_change(1, 4)).round == 4


def test_single_node_of_three_moves_the_others_once_in_a_base_timeout() -> None:
    """Design 4.2: with three validators f + 1 is one.

    4.4: one node alone can drag the others to a higher round.
    """
    state = replace(state_of(2), validators=VALIDATORS[:3])
    state, effects = act(run(state, BlockTimerFired(1)), round_change(0, 40))
    assert state.round == 40
    assert of_kind(effects, StartCatchUpTimer) == [StartCatchUpTimer(1, VALIDATORS[0], 4000)]
    for target in range(41, 1000, 60):
        state = run(state, round_change(0, target))
    assert state.round == 40
    state = run(state, CatchUpTimerFired(1, VALIDATORS[0]))
    assert state.round == 40
    assert run(state, CatchUpTimerFired(2, VALIDATORS[0]), round_change(0, 999)).round == 40 + ROUNDS_AHEAD_MAX


def test_jump_is_bounded() -> None:
    """Design 4.2: at most 64 rounds."""
    state = run(state_of(3), BlockTimerFired(1), round_change(0, 900), round_change(1, 1000))
    assert state.round == 64


def test_round_changes_of_two_kinds_by_one_author_are_evidence() -> None:
    """Design 4.2: Two different signed messages of one validator for the same (height, round, kind) are kept and
    shown.
    """
    first, second = round_change(0, 1), round_change(0, 1, prepared=BLOCK)
    state = run(state_of(3), first)
    assert act(state, second) == (state, (RecordEvidence(first, second),))


# 4.8: an implementation that fsyncs its lock (height, round, prepared cert, last signed digest per round) before
# sending is strictly safer.


def record_of(state: Any) -> VoteRecord:
    return VoteRecord(height=1, votes=state.votes, lock=state.lock)


def test_restarted_node_does_not_prepare_another_block_in_the_same_round() -> None:
    """4.8: After a restart a node begins at round 0 of head+1 and may sign a conflicting Prepare/Commit."""
    before = run(state_of(3), proposal(0, BLOCK), validated(BLOCK))
    after = state_of(3, record_of(before))
    after = run(after, proposal(0, OTHER))
    _, effects = act(after, validated(OTHER))
    assert of_kind(effects, SendToValidators, PersistVote) == []
    _, effects = act(run(state_of(3, record_of(before)), proposal(0, BLOCK)), validated(BLOCK))
    assert of_kind(effects, PersistVote) == []
    assert len(of_kind(effects, SendToValidators)) == 1


def test_restarted_proposer_proposes_the_block_it_had_signed() -> None:
    before = run(state_of(0), BlockTimerFired(1), BlockBuilt(1, 0, BLOCK))
    _, effects = act(state_of(0, record_of(before)), BlockTimerFired(1))
    assert of_kind(effects, BuildBlock, PersistVote) == []
    (sent,) = of_kind(effects, SendToValidators)
    assert sent.message.payload.block == BLOCK


def test_restarted_node_keeps_its_lock_and_asks_for_the_next_round_with_it() -> None:
    after = state_of(3, record_of(prepared_state()))
    assert after.lock is not None
    _, effects = act(run(after, BlockTimerFired(1)), RoundTimerFired(1, 0))
    (sent,) = of_kind(effects, SendToValidators)
    assert sent.message.payload.prepared.digest == after.lock.digest


def test_restarted_node_returns_to_its_round_not_to_round_0() -> None:
    """4.8: After a restart a node begins at round 0 of head+1 and may sign a conflicting Prepare/Commit."""
    before = run(state_of(3), BlockTimerFired(1), RoundTimerFired(1, 0), *UNPREPARED[:2], RoundTimerFired(1, 1))
    after = state_of(3, record_of(before))
    assert (after.round, after.is_round_started) == (2, True)
    assert_rejected(after, proposal(0, BLOCK), "we are at height 1 round 2", is_fault=False)


def test_node_whose_store_is_older_than_its_record_signs_nothing_below_it() -> None:
    record = VoteRecord(height=2, votes=(SignedVote(height=2, round=0, kind=0x13, digest=bytes(32)),), lock=None)
    state = run(state_of(3, record), proposal(0, BLOCK))
    _, effects = act(state, validated(BLOCK))
    assert of_kind(effects, SendToValidators) == []


def test_node_that_is_no_validator_follows_without_signing() -> None:
    observer = replace(state_of(3), identity=bytes(20))
    state = run(observer, BlockTimerFired(1), proposal(0, BLOCK))
    state, effects = act(state, validated(BLOCK))
    assert of_kind(effects, SendToValidators, PersistVote) == []
    state = run(state, commit(0, BLOCK), commit(1, BLOCK))
    _, effects = act(state, commit(2, BLOCK))
    assert len(of_kind(effects, CommitBlock)) == 1


# New heights, and what comes too early or too late.


def test_imported_block_begins_the_next_height_with_the_block_timer() -> None:
    """4.3: block timer fires at parent.timestamp + blockperiodseconds."""
    state, effects = act(prepared_state(), head(BLOCK.header))
    assert (state.height, state.round, state.lock, state.votes) == (2, 0, None, ())
    at_ms = (BLOCK.header.timestamp + 1) * 1000
    assert effects == (StartBlockTimer(height=2, earliest_ms=at_ms, latest_ms=at_ms),)
    assert act(state, head(BLOCK.header)) == (state, ())


def test_messages_for_the_next_height_wait_and_are_given_to_it() -> None:
    """4.4: messages for future heights (<= 10 ahead) too."""
    early = commit(0, BLOCK, height=2)
    state, effects = act(state_of(3), early)
    assert effects == (RequestSync(VALIDATORS[0], 2),)
    assert act(state, early) == (state, ())
    state = run(state, head(BLOCK.header))
    assert (state.commits, state.future) == ((early,), ())


def test_messages_too_many_heights_ahead_are_not_kept() -> None:
    """4.4: messages for future heights (<= 10 ahead) too."""
    state, effects = act(state_of(3), commit(0, BLOCK, height=12))
    assert state.future == ()
    assert effects == (RequestSync(VALIDATORS[0], 12),)


def test_one_author_cannot_fill_the_memory_for_later_heights() -> None:
    """4.9, GHSA-23rh-rrqg-wq82: memory exhaustion by huge round numbers / large future messages."""
    state = state_of(3)
    for height in (2, 3):
        for round_number in range(1, 200):
            state = run(state, round_change(0, round_number, height=height))
    assert len(state.future) == 200
    state = run(state, round_change(1, 1, height=2))
    assert len(state.future) == 201


def test_one_author_cannot_fill_the_memory_for_later_rounds() -> None:
    """4.9: memory exhaustion by huge round numbers / large future messages."""
    state = state_of(3)
    for round_number in range(1, 300):
        state = run(state, prepare(0, BLOCK, round_number), commit(0, BLOCK, round_number))
        state = run(state, round_change(0, round_number))
    assert (len(state.prepares), len(state.commits), len(state.round_changes)) == (4, 4, 4)


@pytest.mark.parametrize(
    "message",
    [prepare(0, BLOCK), commit(0, BLOCK), proposal(0, BLOCK), round_change(0, 1)],
    ids=lambda m: type(m).__name__,
)
def test_message_of_a_stranger_changes_nothing(message: Any) -> None:
    """3.5: Prepare: author in validators; (sequence, round) equal to current; digest equal to proposal digest."""
    if isinstance(message, RoundChange):
        forged: Any = replace(message, signed=replace(message.signed, author=b"\x99" * 20))
    else:
        forged = replace(message, author=b"\x99" * 20)
    assert_rejected(state_of(3), forged, "is not a validator")


def test_message_for_a_past_height_is_stale() -> None:
    state = run(state_of(3), head(BLOCK.header))
    assert_rejected(state, prepare(0, BLOCK), "we are at height 2 round 0", is_fault=False)


# Bounds.


def test_last_round_is_waited_in_not_left() -> None:
    """3.5: a RoundChange for a round above the cap would be refused by everyone."""
    vote = SignedVote(height=1, round=ROUND_MAX, kind=0x15, digest=bytes(32))
    state = run(
        state_of(3, VoteRecord(height=1, votes=(vote,), lock=None)), *(commit(a, BLOCK, ROUND_MAX) for a in (0, 1))
    )
    assert act(state, RoundTimerFired(1, ROUND_MAX)) == (state, (StartRoundTimer(1, ROUND_MAX, 128_000),))


def test_last_round_is_out_of_reach() -> None:
    """A height must not stick for ever: neither timeouts nor jumps get to the last round within years.

    3.5: 1 <= round <= 1000.
    """
    seconds_a_year = 365 * 24 * 3600
    config = replace(GENESIS.qbft, request_timeout_seconds=1)
    timeout_ms = compute_round_timeout_ms(config, ROUND_TIMEOUT_EXPONENT_MAX)
    assert ROUND_MAX * timeout_ms // 1000 > 4000 * seconds_a_year
    jump_ms = compute_round_timeout_ms(config, 0)
    assert ROUND_MAX // ROUNDS_AHEAD_MAX * jump_ms // 1000 > 2 * seconds_a_year


def test_proposal_beyond_the_last_round_is_rejected() -> None:
    beyond = ROUND_MAX + 1
    author = VALIDATORS.index(state_of(3).proposer(beyond))
    assert_rejected(state_of(3), proposal(author, block_of(author), beyond), f"round {beyond} is above {ROUND_MAX}")


def test_proposed_block_with_seals_is_rejected() -> None:
    sealed = with_seals(BLOCK, 0, (commit(1, BLOCK).payload.commit_seal,))
    assert_rejected(state_of(3), proposal(0, sealed), "a block that is not committed has seals")


def test_round_change_of_a_stranger_is_refused_by_the_rule_itself() -> None:
    """3.5: RoundChange payload: author in validators; sequence == height."""
    signed = replace(round_change(0, 1).signed, author=b"\x99" * 20)
    with pytest.raises(UnknownValidatorError):
        validate_round_change_payload(state_of(3), signed)


def test_old_votes_of_an_author_do_not_push_out_newer_ones() -> None:
    state = run(state_of(3), *(commit(0, BLOCK, round_number) for round_number in (9, 8, 7, 6, 2)))
    assert [one.payload.round for one in state.commits] == [9, 8, 7, 6]


def test_large_messages_for_later_heights_are_bounded_by_their_size() -> None:
    """4.9: 26.7.1 FutureMessageBuffer cap: the share of each of four is a fifth of 64 MiB.

    4.9: memory exhaustion by huge round numbers / large future messages.
    """
    state = state_of(3)
    large = Block(replace(BLOCK.header, extra_data=bytes(5 * 1024 * 1024)), ())
    template = proposal(0, BLOCK)
    for round_number in range(5):
        payload = replace(template.payload, height=2, round=round_number, block=large)
        state = run(state, replace(template, payload=payload))
    assert len(state.future) == 2


def test_strangers_share_the_memory_for_later_heights_that_one_validator_has() -> None:
    """Whoever becomes a validator at the next height may speak before this one is imported here."""
    state, effects = act(state_of(3), replace(commit(0, BLOCK, height=2), author=b"\x01" * 20))
    assert len(state.future) == 1
    assert of_kind(effects, RejectMessage) == []
    for index in range(2, 250):
        state = run(state, replace(commit(0, BLOCK, height=2), author=bytes([index]) * 20))
    assert len(state.future) == 200


def test_proposer_that_has_begun_does_not_begin_again() -> None:
    state = run(state_of(1), *UNPREPARED)
    assert state.is_proposing
    _, effects = act(state, round_change(3, 1))
    assert of_kind(effects, BuildBlock) == []
