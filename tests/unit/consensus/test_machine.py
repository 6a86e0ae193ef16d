"""The machine as a function: total, pure, and unmoved by garbage."""

from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chain_node.consensus.qbft.effects import (
    BuildBlock,
    CommitBlock,
    PersistVote,
    RecordEvidence,
    RejectMessage,
    SendToValidators,
)
from chain_node.consensus.qbft.events import (
    BlockBuilt,
    BlockTimerFired,
    BlockValidated,
    ResendTimerFired,
    RoundTimerFired,
)
from chain_node.consensus.qbft.hashes import proposal_digest
from chain_node.consensus.qbft.machine import event_of, step
from chain_node.consensus.qbft.messages import RoundChange
from chain_node.consensus.qbft.seals import validate_seals
from chain_node.consensus.qbft.signing import sign_message
from chain_node.core.limits import ROUND_MAX
from tests.unit.consensus.bench import (
    VALIDATORS,
    act,
    block_of,
    commit,
    head,
    key,
    prepare,
    proposal,
    round_change,
    state_of,
    validated,
)

BLOCKS = [block_of(0), block_of(0, vanity=b"\x01" * 32), block_of(1, 1), block_of(2, 2)]
ROUND_OF_BLOCK = [0, 0, 1, 2]


def _messages() -> list[Any]:
    """Everything four validators could say about four blocks, sense and nonsense alike."""
    messages: list[Any] = []
    for block, round_number in zip(BLOCKS, ROUND_OF_BLOCK, strict=True):
        for author in range(4):
            messages += [prepare(author, block, round_number), commit(author, block, round_number)]
            messages.append(round_change(author, round_number + 1, prepared=block, prepared_round=round_number))
        because = tuple(round_change(author, round_number) for author in range(3)) if round_number else ()
        messages.append(proposal(round_number, block, round_number, because=because))
        messages.append(proposal(3, block, round_number, because=because))
    for author in range(4):
        messages += [round_change(author, target) for target in (1, 2, 3, 70, 1000)]
        messages += [prepare(author, BLOCKS[0], height=2), commit(author, BLOCKS[0], height=2)]
    return messages


EVENTS: list[Any] = [
    *[event_of(message) for message in _messages()],
    *[validated(block, round_number) for block, round_number in zip(BLOCKS, ROUND_OF_BLOCK, strict=True)],
    validated(BLOCKS[0], reason="no"),
    BlockTimerFired(1),
    BlockTimerFired(9),
    *[RoundTimerFired(1, round_number) for round_number in range(4)],
    *[ResendTimerFired(1, round_number) for round_number in range(4)],
    *[BlockBuilt(1, round_number, block) for block, round_number in zip(BLOCKS, ROUND_OF_BLOCK, strict=True)],
    head(BLOCKS[0].header),
]
GARBAGE = [
    replace(proposal(0, BLOCKS[0]), author=VALIDATORS[3]),
    replace(commit(0, BLOCKS[0]), sealer=VALIDATORS[2]),
    round_change(0, ROUND_MAX + 1),
    round_change(0, 1, block=BLOCKS[0]),
    proposal(1, BLOCKS[2], 1),
    proposal(3, BLOCKS[0]),
    replace(prepare(0, BLOCKS[0]), author=bytes(20)),
]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 3), st.lists(st.sampled_from(range(len(EVENTS))), max_size=60))
def test_any_order_of_events_never_raises_signs_twice_or_commits_without_a_quorum(index: int, order: list[int]) -> None:
    state = state_of(index)
    signed: dict[tuple[int, int, int], bytes] = {}
    recorded: set[tuple[int, int, int]] = set()
    for position in order:
        before = state
        state, effects = step(state, EVENTS[position])
        assert step(before, EVENTS[position]) == (state, effects)
        for effect in effects:
            if isinstance(effect, PersistVote):
                vote = (effect.vote.height, effect.vote.round, effect.vote.kind)
                assert signed.setdefault(vote, effect.vote.digest) == effect.vote.digest
                recorded.add(vote)
            elif isinstance(effect, SendToValidators):
                message = sign_message(key(index), effect.message)
                payload = message.signed.payload if isinstance(message, RoundChange) else message.payload
                kind = {"ProposalPayload": 0x12, "PreparePayload": 0x13, "CommitPayload": 0x14}
                code = kind.get(type(payload).__name__, 0x15)
                assert (payload.height, payload.round, code) in recorded, "sent before it was recorded"
            elif isinstance(effect, CommitBlock):
                validate_seals(effect.block.header, VALIDATORS)
        assert state.height > before.height or state.round >= before.round


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(range(len(EVENTS) - 1)), max_size=25), st.sampled_from(range(len(GARBAGE))))
@example(order=[2], which=3)
def test_garbage_leaves_the_state_unchanged_wherever_it_comes(order: list[int], which: int) -> None:
    """It is refused, or kept as evidence where its author had signed another payload for the same round before."""
    state = state_of(3)
    for position in order:
        state, _ = step(state, EVENTS[position])
    if state.is_committed:
        return
    after, effects = act(state, GARBAGE[which])
    assert after == state
    assert all(isinstance(effect, RejectMessage | RecordEvidence) for effect in effects)


def test_answer_to_a_validation_of_nothing_is_dropped() -> None:
    state = state_of(3)
    assert act(state, BlockValidated(1, 0, proposal_digest(BLOCKS[0]), None)) == (state, ())


def test_single_validator_needs_no_rule_of_its_own() -> None:
    """The block of a network of one is built by the same effect, whatever the number of validators."""
    state = replace(state_of(0), validators=VALIDATORS[:1])
    _, effects = act(state, BlockTimerFired(1))
    assert any(isinstance(effect, BuildBlock) for effect in effects)
