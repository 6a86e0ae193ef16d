"""Contract code as the computation runs it: which stretches are translated, and the arithmetic they call."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from eth.exceptions import FullStack, InsufficientStack, InvalidJumpDestination, OutOfGas
from eth.vm.logic.invalid import InvalidOpcode

from chain_node.core.genesis import Fork
from chain_node.core.hashing import keccak
from chain_node.execution.stretch_source import find_jump_targets, write_stretch

PROGRAMS_MAX = 64
"""Programs kept with their translations, the least recently used dropped first."""

STRETCHES_PER_PROGRAM_MAX = 500
"""Translated stretches of one program, about 3 kB each; the rest of it is stepped through."""

VISITS_BEFORE_TRANSLATION = 16
"""Translating takes half a millisecond, so code must have run this often. No result depends on it."""

Stretch = Callable[[Any, list[int], Any, bytearray, bytes], int]
"""(computation, stack, gas meter, memory, call data) -> next program counter. Otherwise ends by an exception."""

_WORD = 2**256
_SIGN = 2**255


class Program:
    """One contract's code with what has been translated of it."""

    def __init__(self, code: bytes, operations: Mapping[int, Any]) -> None:
        self.code = code
        self.jump_targets = find_jump_targets(code)
        self.stretches: dict[int, Stretch] = {}
        self._operations = operations
        self._visits: dict[int, int] = {}
        self._namespace: dict[str, Any] = {**_HELPERS, "jump_targets": self.jump_targets}

    def visit(self, position: int) -> bool:
        """Count an execution from a position on; true if there is a stretch for it now."""
        visits = self._visits.get(position, 0) + 1
        self._visits[position] = visits
        if visits < VISITS_BEFORE_TRANSLATION or len(self.stretches) >= STRETCHES_PER_PROGRAM_MAX:
            return False
        gas_by_opcode = {opcode: operation.gas_cost for opcode, operation in self._operations.items()}
        source, opcodes = write_stretch(self.code, position, self.jump_targets, gas_by_opcode)
        for opcode in opcodes:
            self._namespace[f"operation_{opcode}"] = self._operations.get(opcode) or InvalidOpcode(opcode)
        namespace: dict[str, Any] = {}
        exec(compile(source, f"<stretch {position}>", "exec"), self._namespace, namespace)  # noqa: S102 - our own text
        self.stretches[position] = namespace["stretch"]
        return True


def make_program_cache(operations_by_fork: Mapping[Fork, Mapping[int, Any]]) -> Callable[[bytes, Fork], Program]:
    """A function that gives the program of a code under a fork, the same one while it stays in use."""

    @lru_cache(PROGRAMS_MAX)
    def program_of(code: bytes, fork: Fork) -> Program:
        return Program(code, operations_by_fork[fork])

    return program_of


def expand_memory(gas_meter: Any, memory: bytearray, end: int) -> None:
    """Grow memory to whole words up to `end` and charge for it. Source: Yellow Paper, appendix H, C_mem."""
    before = len(memory) // 32
    after = (end + 31) // 32
    gas = gas_meter.gas_remaining - 3 * (after - before) - after * after // 512 + before * before // 512
    if gas < 0:
        raise OutOfGas("memory")
    gas_meter.gas_remaining = gas
    memory.extend(bytes(32 * (after - before)))


def _hash_memory(gas_meter: Any, memory: bytearray, start: int, size: int) -> int:
    if size and start + size > len(memory):
        expand_memory(gas_meter, memory, start + size)
    gas = gas_meter.gas_remaining - 6 * ((size + 31) // 32)
    if gas < 0:
        raise OutOfGas("hash")
    gas_meter.gas_remaining = gas
    return int.from_bytes(keccak(bytes(memory[start : start + size])), "big")


def _to_signed(word: int) -> int:
    return word - _WORD if word >= _SIGN else word


def _divide_signed(numerator: int, denominator: int) -> int:
    if denominator == 0:
        return 0
    a, b = _to_signed(numerator), _to_signed(denominator)
    quotient = abs(a) // abs(b)
    return (quotient if (a < 0) == (b < 0) else -quotient) % _WORD


def _modulo_signed(value: int, modulus: int) -> int:
    if modulus == 0:
        return 0
    a = _to_signed(value)
    remainder = abs(a) % abs(_to_signed(modulus))
    return (-remainder if a < 0 else remainder) % _WORD


def _extend_sign(byte_index: int, value: int) -> int:
    if byte_index > 30:
        return value
    sign = 1 << (8 * byte_index + 7)
    low = value & (2 * sign - 1)
    return low - 2 * sign + _WORD if low & sign else low


def _shift_right_signed(shift: int, value: int) -> int:
    return (_to_signed(value) >> min(shift, 256)) % _WORD


_HELPERS: dict[str, Any] = {
    "OutOfGas": OutOfGas,
    "FullStack": FullStack,
    "InsufficientStack": InsufficientStack,
    "InvalidJumpDestination": InvalidJumpDestination,
    "expand_memory": expand_memory,
    "hash_memory": _hash_memory,
    "divide_signed": _divide_signed,
    "modulo_signed": _modulo_signed,
    "extend_sign": _extend_sign,
    "shift_right_signed": _shift_right_signed,
    "zero": b"\0",
}
