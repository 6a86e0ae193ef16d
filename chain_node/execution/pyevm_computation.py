"""py-evm's computation of one message, one class per fork, with a leaner machine around its instructions.

Gas rules and instructions are py-evm's. Replaced is what costs time and changes nothing: checks of our own arguments,
text for debug logs, conversions between bytes and integers on the stack, and the stepping through code that runs often.
"""

from typing import Any

from eth.exceptions import FullStack, Halt, InsufficientStack, OutOfGas
from eth.vm.code_stream import CodeStream
from eth.vm.computation import NO_RESULT
from eth.vm.forks.berlin.computation import BerlinComputation
from eth.vm.forks.istanbul.computation import IstanbulComputation
from eth.vm.forks.london.computation import LondonComputation
from eth.vm.gas_meter import GasMeter
from eth.vm.logic.invalid import InvalidOpcode
from eth.vm.memory import Memory
from eth.vm.stack import Stack

from chain_node.core.genesis import Fork
from chain_node.execution.pyevm_precompiles import correct_precompiles
from chain_node.execution.pyevm_program import Program, expand_memory, make_program_cache

_JUMP, _JUMPI, _JUMPDEST = 0x56, 0x57, 0x5B
_STACK_MAX = 1024


class _IntegerStack(Stack):  # type: ignore[misc]  # py-evm's classes are untyped here
    """A stack that holds integers only, as translated code expects."""

    def push_int(self, value: int) -> None:
        if len(self.values) >= _STACK_MAX:
            raise FullStack("stack limit reached")
        self.values.append(value)

    def push_bytes(self, value: bytes) -> None:
        self.push_int(int.from_bytes(value, "big"))

    def pop1_int(self) -> int:
        try:
            value: int = self.values.pop()
        except IndexError:
            raise InsufficientStack("stack underflow") from None
        return value

    def pop_ints(self, num_items: int) -> tuple[int, ...]:
        values: tuple[int, ...] = self.pop_any(num_items)
        return values


class _UnloggedGasMeter(GasMeter):  # type: ignore[misc]  # py-evm's classes are untyped here
    def __init__(self, start_gas: int) -> None:
        self.start_gas = start_gas
        self.gas_remaining = start_gas
        self.gas_refunded = 0

    def consume_gas(self, amount: int, reason: str) -> None:
        if amount > self.gas_remaining:
            raise OutOfGas(reason)
        self.gas_remaining -= amount

    def return_gas(self, amount: int) -> None:
        self.gas_remaining += amount

    def refund_gas(self, amount: int) -> None:
        self.gas_refunded += amount


class _InPlaceMemory(Memory):  # type: ignore[misc]  # py-evm's classes are untyped here
    """A memory whose bytearray stays the same object, as translated code expects. It is extended before any access."""

    @property
    def content(self) -> bytearray:
        """The memory itself."""
        content: bytearray = self._bytes
        return content

    def write(self, start_position: int, size: int, value: bytes) -> None:
        if size:
            self._bytes[start_position : start_position + size] = value


class _Code(CodeStream):  # type: ignore[misc]  # py-evm's classes are untyped here
    """Code whose jump targets were found once, not for every message."""

    def __init__(self, program: Program) -> None:
        super().__init__(program.code)
        self._jump_targets = program.jump_targets

    def is_valid_opcode(self, position: int) -> bool:
        return position in self._jump_targets


class _LeanMachine:
    """Overrides shared by the forks. Comes before py-evm's class, so that it takes precedence."""

    fork: Fork
    opcodes: dict[int, Any]
    _memory: _InPlaceMemory

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        self.state = state
        self.msg = message
        self.transaction_context = transaction_context
        self._gas_meter = _UnloggedGasMeter(message.gas)
        self.children: list[Any] = []
        self.accounts_to_delete: list[bytes] = []
        self.beneficiaries: list[bytes] = []
        self._stack = _IntegerStack()
        self._memory = _InPlaceMemory()
        self._log_entries: list[Any] = []

    @classmethod
    def apply_computation(
        cls,
        state: Any,
        message: Any,
        transaction_context: Any,
        parent_computation: Any = None,  # noqa: ARG003 - py-evm passes it for rules of later forks
    ) -> Any:
        """Run a message's code or precompile; failures of the code end up in the computation's `error`."""
        computation: Any = cls(state, message, transaction_context)
        with computation:
            precompile = computation.precompiles.get(message.code_address, NO_RESULT)
            if precompile is not NO_RESULT:
                precompile(computation)
            else:
                computation.run_code()
        return computation

    def run_code(self) -> None:
        """Run to the end of the message, in translated stretches where there are some."""
        # Creation code runs once, so it would only push out programs that are used again.
        is_shared = not self.msg.is_create
        program = _program_of(self.msg.code, self.fork) if is_shared else Program(self.msg.code, self.opcodes)
        self.code = _Code(program)
        stretches = program.stretches
        stack, gas_meter, memory, call_data = self._stack.values, self._gas_meter, self._memory.content, self.msg.data
        position = 0
        try:
            while True:
                stretch = stretches.get(position)
                if stretch is not None:
                    position = stretch(self, stack, gas_meter, memory, call_data)
                elif not program.visit(position):
                    position = self._step_from(program, position)
        except Halt:
            return

    def extend_memory(self, start_position: int, size: int) -> None:
        """Make memory reach to the end of a range and charge for it."""
        memory = self._memory.content
        if size and start_position + size > len(memory):
            expand_memory(self._gas_meter, memory, start_position + size)

    def _step_from(self, program: Program, position: int) -> int:
        """Run instructions one by one up to the next place where a stretch may begin, and give that place."""
        code, stream, opcodes = program.code, self.code, self.opcodes
        while True:
            opcode = code[position] if position < len(code) else 0
            stream.program_counter = position + 1
            operation = opcodes.get(opcode) or InvalidOpcode(opcode)
            operation(computation=self)
            position = stream.program_counter
            if opcode in (_JUMP, _JUMPI) or position in program.jump_targets:
                return position


class _Istanbul(_LeanMachine, IstanbulComputation):  # type: ignore[misc]  # py-evm's classes are untyped here
    fork: Fork = "istanbul"
    _precompiles = correct_precompiles(IstanbulComputation.get_precompiles())


class _Berlin(_LeanMachine, BerlinComputation):  # type: ignore[misc]  # py-evm's classes are untyped here
    fork: Fork = "berlin"
    _precompiles = correct_precompiles(BerlinComputation.get_precompiles())


class _London(_LeanMachine, LondonComputation):  # type: ignore[misc]  # py-evm's classes are untyped here
    fork: Fork = "london"
    _precompiles = correct_precompiles(LondonComputation.get_precompiles())


COMPUTATION_BY_FORK: dict[Fork, Any] = {"istanbul": _Istanbul, "berlin": _Berlin, "london": _London}
_program_of = make_program_cache({fork: computation.opcodes for fork, computation in COMPUTATION_BY_FORK.items()})
