"""The block this node wanted to propose is ready. No I/O."""

from __future__ import annotations

from chain_node.consensus.qbft.effects import Effects
from chain_node.consensus.qbft.events import BlockBuilt
from chain_node.consensus.qbft.proposing import send_proposal
from chain_node.consensus.qbft.state import State


def upon_block_built(state: State, event: BlockBuilt) -> tuple[State, Effects]:
    """Propose it, if the round it was built for is still the current one."""
    if (event.height, event.round) != (state.height, state.round) or state.is_committed or not state.is_proposing:
        return state, ()
    return send_proposal(state, event.block, state.justification, ())
