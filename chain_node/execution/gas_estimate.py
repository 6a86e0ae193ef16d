"""How much gas a call needs: bisection over `ExecutionEngine.call`. No I/O."""

from collections.abc import Mapping
from dataclasses import replace

from chain_node.core.types import Address, Hash32
from chain_node.execution.api import ExecutionEngine
from chain_node.execution.errors import GasEstimateError, TransactionRefusedError
from chain_node.execution.types import AccountOverride, BlockContext, CallRequest

_TOLERANCE_DIVISOR = 64
"""The estimate may exceed the least sufficient gas by 1/64: saves half of the trials of an exact search."""

_STIPEND = 2_300
"""Gas that must be left when a store begins, and that a call with value hands on."""


def estimate_gas(
    engine: ExecutionEngine,
    root: Hash32,
    context: BlockContext,
    request: CallRequest,
    overrides: Mapping[Address, AccountOverride] | None = None,
) -> int:
    """The gas limit with which the request succeeds on this state, at most 1/64 more than the least one.

    More may be needed than is used in the end: refunds come last, and a call hands on at most 63/64 of its gas.

    Args:
        request: `gas` is the cap of the search.

    Raises:
        GasEstimateError: it fails even with the cap.
        TransactionRefusedError: the cap is below the intrinsic gas, or the sender lacks the value.
    """
    at_cap = engine.call(root, context, request, overrides)
    if at_cap.status == 0:
        raise GasEstimateError(at_cap)

    def is_enough(gas: int) -> bool:
        try:
            return engine.call(root, context, replace(request, gas=gas), overrides).status == 1
        except TransactionRefusedError:
            return False

    used = at_cap.gas_used
    too_little, enough = used - 1, request.gas
    likely = [used, used + used // 63 + _STIPEND]
    while enough - too_little > 1 + too_little // _TOLERANCE_DIVISOR:
        guess = likely.pop(0) if likely else (too_little + enough) // 2
        if not too_little < guess < enough:
            continue
        if is_enough(guess):
            enough = guess
        else:
            too_little = guess
    return enough
