"""Rule UponNewBlock: a height is decided and stored, the next begins. No I/O."""

from __future__ import annotations

from dataclasses import replace

from chain_node.consensus.qbft.effects import Effects, StartBlockTimer
from chain_node.consensus.qbft.events import BlockImported
from chain_node.consensus.qbft.late_seal import seal_late
from chain_node.consensus.qbft.message_log import height_of
from chain_node.consensus.qbft.record import VoteRecord
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import enter_round, repeat_votes, send_round_change
from chain_node.core.genesis import QbftConfig
from chain_node.core.types import Address, Round


def upon_new_block(state: State, event: BlockImported) -> tuple[State, Effects]:
    """Begin the height after the imported block; a block below the current height changes nothing.

    Source: QBFT Dafny L1, `UponNewBlock`.
    """
    if event.header.number < state.height:
        return state, ()
    sealed = seal_late(state, event) if event.header.number == state.height else ()
    begun, effects = begin_height(state.identity, state.config, event, state.record)
    waiting = tuple(message for message in state.future if height_of(message) >= begun.height)
    return replace(begun, future=waiting, links=state.links), sealed + effects


def state_from_record(
    identity: Address, config: QbftConfig, head: BlockImported, record: VoteRecord | None
) -> tuple[State, Effects]:
    """State of a node that starts, with what it remembers of before.

    Args:
        head: the last block of the store, and the set that decides the next.
        record: folded from the durable log; None for a new node.
    """
    return begin_height(identity, config, head, record)


def begin_height(
    identity: Address, config: QbftConfig, head: BlockImported, record: VoteRecord | None
) -> tuple[State, Effects]:
    """First state of the height after `head`, in the round in which this node last signed something there."""
    state = State(
        identity=identity,
        config=config,
        parent=head.header,
        parent_hash=head.block_hash,
        validators=tuple(sorted(head.validators)),
    )
    timer = _start_block_timer(state, head.now_ms)
    if record is None or record.height < state.height:
        return state, (timer,)
    state = replace(state, record=record)
    if record.height > state.height:
        return state, (timer,)
    state = replace(state, votes=record.votes, lock=record.lock)
    last_round = max((vote.round for vote in record.votes), default=Round(0))
    if last_round == 0:
        # The height had begun before the restart, so it goes on without waiting for a transaction.
        state, repeated = repeat_votes(state)
        return state, (replace(timer, latest_ms=timer.earliest_ms), *repeated)
    state, entered = enter_round(state, last_round)
    sent: Effects = ()
    if state.lock is None or state.lock.round < last_round:
        # Otherwise it was said before the lock, with what was locked then, and cannot be said again.
        state, sent = send_round_change(state)
    state, repeated = repeat_votes(state)
    return state, entered + sent + repeated


def _start_block_timer(state: State, now_ms: int) -> StartBlockTimer:
    config = state.config
    parent_ms = state.parent.timestamp * 1000
    is_subsecond = config.timestamp_spacing_seconds == 0
    earliest_ms = (now_ms if is_subsecond else parent_ms) + config.block_period_ms
    return StartBlockTimer(
        height=state.height,
        earliest_ms=earliest_ms,
        latest_ms=max(earliest_ms, parent_ms + config.empty_block_period_seconds * 1000)
        if config.empty_block_period_seconds
        else earliest_ms,
    )
