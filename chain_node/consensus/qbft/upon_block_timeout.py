"""Rule UponBlockTimeout: it is time for a block. No I/O."""

from __future__ import annotations

from chain_node.consensus.qbft.effects import Effects
from chain_node.consensus.qbft.events import BlockTimerFired
from chain_node.consensus.qbft.proposing import propose
from chain_node.consensus.qbft.state import State
from chain_node.consensus.qbft.voting import enter_round
from chain_node.core.types import Round


def upon_block_timeout(state: State, event: BlockTimerFired) -> tuple[State, Effects]:
    """Every validator starts the timer of round 0, and its proposer proposes.

    Source: QBFT Dafny L1, `UponBlockTimeout`.
    """
    if event.height != state.height or state.is_round_started or state.is_committed:
        return state, ()
    state, entered = enter_round(state, Round(0))
    if state.identity != state.proposer(state.round):
        return state, entered
    state, proposed = propose(state, ())
    return state, entered + proposed
