"""Recording one transaction as py-evm executes it: steps and messages."""

from collections.abc import Sized
from typing import Any

from eth.exceptions import Halt, Revert, VMError
from eth.vm.code_stream import CodeStream
from eth.vm.logic.invalid import InvalidOpcode

from chain_node.core.genesis import Fork
from chain_node.execution.pyevm_computation import COMPUTATION_BY_FORK
from chain_node.execution.pyevm_transaction import Outcome, describe_error, describe_failure
from chain_node.execution.trace import WORDS_MAX, CallFrame, StructLog, Trace, TraceOptions

_SLOAD, _SSTORE, _SELF_DESTRUCT = 0x54, 0x55, 0xFF
_CALL_OPERATIONS = {
    0xF0: "CREATE",
    0xF1: "CALL",
    0xF2: "CALLCODE",
    0xF4: "DELEGATECALL",
    0xF5: "CREATE2",
    0xFA: "STATICCALL",
}


class Recorder:
    """Collects the steps of one transaction."""

    def __init__(self, options: TraceOptions) -> None:
        self._options = options
        self._steps: list[StructLog] = []
        self._is_truncated = False
        self._word_count = 0
        self._message_word_count = 0
        self._kinds: dict[int, str] = {}
        self.pending_kind = "CALL"
        self.balances_at_destruction: dict[bytes, int] = {}

    def trace_class(self, fork: Fork) -> Any:
        """A computation class that reports to this recorder."""
        base = COMPUTATION_BY_FORK[fork]
        return type("_Tracing", (_TracingMachine, base), {"recorder": self})

    def finish(self, outcome: Outcome) -> Trace:
        """The trace, after the transaction was executed with `trace_class`."""
        computation = outcome.computation
        call = self._make_frame(computation)
        return Trace(
            gas_used=outcome.gas_used,
            is_failed=computation.is_error,
            return_data=bytes(computation.output),
            steps=tuple(self._steps),
            is_truncated=self._is_truncated or self._message_word_count > WORDS_MAX,
            call=call,
        )

    def note_kind(self, computation: Any) -> None:
        """Remember which instruction sent the message that this computation runs."""
        if computation.msg.depth == 0:
            self.pending_kind = "CREATE" if computation.msg.is_create else "CALL"
        self._kinds[id(computation)] = self.pending_kind

    def is_wanted(self) -> bool:
        """Whether the next step is to be recorded."""
        if not self._options.is_step_recorded:
            return False
        if len(self._steps) >= self._options.steps_max or self._word_count >= WORDS_MAX:
            self._is_truncated = True
            return False
        return True

    def reserve_step(self) -> int:
        """A place for a step, so that steps of inner messages come after the one that sent them."""
        self._steps.append(_UNFINISHED)
        return len(self._steps) - 1

    def set_step(self, index: int, step: StructLog) -> None:
        """Fill a reserved place."""
        self._steps[index] = step

    def _count(self, stack: Sized | None, memory: Sized | None, storage: Sized | None) -> None:
        self._word_count += len(stack or ()) + len(memory or ()) // 32 + 2 * len(storage or ())

    def capture(self, computation: Any, opcode: int, touched_slots: dict[int, int]) -> dict[str, Any]:
        """What the machine holds before an instruction, as far as the options ask for it."""
        options = self._options
        stack = [_to_int(item) for item in computation._stack.values]  # noqa: SLF001 - py-evm has no accessor
        storage = None
        if options.is_storage_recorded and opcode in (_SLOAD, _SSTORE):
            if opcode == _SLOAD and stack:
                touched_slots[stack[-1]] = computation.state.get_storage(computation.msg.storage_address, stack[-1])
            elif opcode == _SSTORE and len(stack) > 1:
                touched_slots[stack[-1]] = stack[-2]
            storage = tuple(touched_slots.items())
        memory = bytes(computation._memory._bytes) if options.is_memory_recorded else None  # noqa: SLF001 - as above
        recorded = {"stack": tuple(stack) if options.is_stack_recorded else None, "memory": memory, "storage": storage}
        self._count(**recorded)
        return recorded

    def _make_frame(self, computation: Any) -> CallFrame:
        message = computation.msg
        call_data = self._keep(message.code if message.is_create else message.data)
        calls = [self._make_frame(child) for child in computation.children]
        return CallFrame(
            kind=self._kinds.get(id(computation), "CALL"),
            sender=message.sender,
            to=message.storage_address if message.is_create else message.code_address,
            value=message.value,
            gas=message.gas,
            gas_used=computation.get_gas_used(),
            call_data=call_data,
            return_data=self._keep(computation.output),
            error=describe_error(computation),
            calls=(
                *calls,
                *(self._make_destruction(message.storage_address, heir) for heir in computation.beneficiaries),
            ),
        )

    def _keep(self, data: bytes) -> bytes:
        """The data of a message; nothing once all messages together have too much."""
        self._message_word_count += len(data) // 32
        return b"" if self._message_word_count > WORDS_MAX else bytes(data)

    def _make_destruction(self, destroyed: bytes, heir: bytes) -> CallFrame:
        return CallFrame(
            kind="SELFDESTRUCT",
            sender=destroyed,
            to=heir,
            value=self.balances_at_destruction.get(destroyed, 0),
            gas=0,
            gas_used=0,
            call_data=b"",
            return_data=b"",
            error=None,
            calls=(),
        )


class _TracingMachine:
    """Replaces the loop of a computation by one that reports each instruction."""

    recorder: Recorder

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.recorder.note_kind(self)

    def run_code(self: Any) -> None:
        """Run the code instruction by instruction."""
        if not self.msg.code:
            return
        recorder = self.recorder
        self.code = CodeStream(self.msg.code)
        touched_slots: dict[int, int] = {}
        opcodes = iter(self.code)
        while True:
            # Taken before the stream moves on, because it does not move for the STOP after the end of the code.
            program_counter = self.code.program_counter
            opcode = next(opcodes)
            operation = self.opcodes.get(opcode) or InvalidOpcode(opcode)
            if opcode in _CALL_OPERATIONS:
                recorder.pending_kind = _CALL_OPERATIONS[opcode]
            elif opcode == _SELF_DESTRUCT:
                address = self.msg.storage_address
                recorder.balances_at_destruction[address] = self.state.get_balance(address)
            try:
                if recorder.is_wanted():
                    self._run_recorded(operation, opcode, program_counter, touched_slots)
                else:
                    operation(computation=self)
            except Halt:
                return

    def _run_recorded(
        self: Any, operation: Any, opcode: int, program_counter: int, touched_slots: dict[int, int]
    ) -> None:
        recorder, meter = self.recorder, self.get_gas_meter()
        gas = meter.gas_remaining
        captured = recorder.capture(self, opcode, touched_slots)
        index = recorder.reserve_step()
        error, gas_left = None, None
        try:
            operation(computation=self)
        except Halt:
            raise
        except VMError as failure:
            error = describe_failure(failure)
            gas_left = None if isinstance(failure, Revert) else 0
            raise
        finally:
            step = StructLog(
                program_counter=program_counter,
                operation=operation.mnemonic,
                gas=gas,
                gas_cost=gas - (meter.gas_remaining if gas_left is None else gas_left),
                depth=self.msg.depth + 1,
                error=error,
                **captured,
            )
            recorder.set_step(index, step)


_UNFINISHED = StructLog(
    program_counter=0, operation="", gas=0, gas_cost=0, depth=0, stack=None, memory=None, storage=None, error=None
)


def _to_int(item: int | bytes) -> int:
    return item if isinstance(item, int) else int.from_bytes(item, "big")
