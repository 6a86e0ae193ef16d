"""How much gas a call needs: bisection over `ExecutionEngine.call`. No I/O."""

from collections.abc import Mapping
from dataclasses import replace

from chain_node.core.types import Address, Hash32
from chain_node.execution.api import ExecutionEngine
from chain_node.execution.errors import GasEstimateError, TransactionRefusedError
from chain_node.execution.types import AccountOverride, BlockContext, CallRequest, CallResult

_TOLERANCE_DIVISOR = 64
"""The estimate may exceed the least sufficient gas by 1/64: saves half of the trials of an exact search."""


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

    def try_with(gas: int) -> CallResult | None:
        try:
            return engine.call(root, context, replace(request, gas=gas), overrides)
        except TransactionRefusedError:
            return None

    too_little, enough = at_cap.gas_used - 1, request.gas
    guess = min(enough, at_cap.gas_used + at_cap.gas_used // 63 + 2300)
    while enough - too_little > max(1, too_little // _TOLERANCE_DIVISOR) or guess <= too_little:
        result = try_with(guess)
        if result is not None and result.status == 1:
            enough = guess
        else:
            too_little = guess
        guess = (too_little + enough) // 2
    return enough
