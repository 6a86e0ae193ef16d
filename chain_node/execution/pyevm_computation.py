"""py-evm's computation of one message, one class per fork, with a leaner machine around its instructions.

Gas rules and instructions are py-evm's. Replaced is what costs time and changes nothing: checks of our own arguments,
debug logging, and the objects made for every message.
"""

from typing import Any

from eth.exceptions import Halt, OutOfGas
from eth.vm.code_stream import CodeStream
from eth.vm.computation import NO_RESULT
from eth.vm.forks.berlin.computation import BerlinComputation
from eth.vm.forks.istanbul.computation import IstanbulComputation
from eth.vm.forks.london.computation import LondonComputation
from eth.vm.logic.invalid import InvalidOpcode

from chain_node.core.genesis import Fork


class _LeanComputation:
    """Overrides shared by the forks. Comes before py-evm's class, so that it takes precedence."""

    @classmethod
    def apply_computation(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> Any:
        """Run a message's code or precompile; failures of the code end up in the computation's `error`."""
        with cls(state, message, transaction_context) as computation:
            precompile = computation.precompiles.get(message.code_address, NO_RESULT)
            if precompile is not NO_RESULT:
                precompile(computation)
            else:
                computation.run_code()
        return computation

    def run_code(self) -> None:
        opcodes = self.opcodes
        try:
            for opcode in self.code:
                operation = opcodes.get(opcode) or InvalidOpcode(opcode)
                operation(computation=self)
        except Halt:
            pass


class _Istanbul(_LeanComputation, IstanbulComputation):  # type: ignore[misc]  # py-evm's classes are untyped here
    pass


class _Berlin(_LeanComputation, BerlinComputation):  # type: ignore[misc]  # py-evm's classes are untyped here
    pass


class _London(_LeanComputation, LondonComputation):  # type: ignore[misc]  # py-evm's classes are untyped here
    pass


COMPUTATION_BY_FORK: dict[Fork, Any] = {"istanbul": _Istanbul, "berlin": _Berlin, "london": _London}
