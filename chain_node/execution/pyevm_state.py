"""py-evm's state, one class per fork, over our `AccountOverlay` instead of its own database."""

from typing import Any

from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.berlin.state import BerlinState
from eth.vm.forks.istanbul.state import IstanbulState
from eth.vm.forks.london.state import LondonState

from chain_node.core.genesis import Fork
from chain_node.core.types import Address, Height
from chain_node.execution.account_overlay import AccountOverlay
from chain_node.execution.pyevm_computation import COMPUTATION_BY_FORK
from chain_node.execution.state_view import TrieStateView
from chain_node.execution.types import BlockContext

BLOCK_HASH_DEPTH_MAX = 256
"""BLOCKHASH reaches back this many blocks."""


class _OverlayState(AccountOverlay):
    """What the state of every fork does in our way. Comes before py-evm's class, so that it takes precedence."""

    execution_context: ExecutionContext
    computation_class: Any

    def __init__(self, view: TrieStateView, context: BlockContext, chain_id: int) -> None:
        super().__init__(view)
        self.context = context
        self.execution_context = ExecutionContext(
            coinbase=context.coinbase,
            timestamp=context.timestamp,
            block_number=context.height,
            difficulty=context.difficulty,
            mix_hash=bytes(32),
            gas_limit=context.gas_limit,
            prev_hashes=(),
            chain_id=chain_id,
            base_fee_per_gas=context.base_fee_per_gas,
        )
        self.precompiles = tuple(self.computation_class.get_precompiles())

    def is_address_warm(self, address: Address) -> bool:
        """Precompiles are warm because `begin_transaction` is given them."""
        return AccountOverlay.is_address_warm(self, address)

    def get_ancestor_hash(self, block_number: int) -> bytes:
        """The hash that BLOCKHASH pushes; empty for 0."""
        depth = self.context.height - block_number
        if not 1 <= depth <= BLOCK_HASH_DEPTH_MAX or block_number < 0:
            return b""
        return self.context.block_hash(Height(block_number)) or b""


class _IstanbulState(_OverlayState, IstanbulState):  # type: ignore[misc]  # py-evm's classes are untyped here
    computation_class = COMPUTATION_BY_FORK["istanbul"]


class _BerlinState(_OverlayState, BerlinState):  # type: ignore[misc]  # py-evm's classes are untyped here
    computation_class = COMPUTATION_BY_FORK["berlin"]


class _LondonState(_OverlayState, LondonState):  # type: ignore[misc]  # py-evm's classes are untyped here
    computation_class = COMPUTATION_BY_FORK["london"]


STATE_BY_FORK: dict[Fork, type[_OverlayState]] = {
    "istanbul": _IstanbulState,
    "berlin": _BerlinState,
    "london": _LondonState,
}
State = _OverlayState
