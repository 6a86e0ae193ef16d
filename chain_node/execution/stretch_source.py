"""Contract bytecode as Python source, one stretch of instructions at a time. No I/O.

Stepping through bytecode costs about a microsecond per instruction. The function written here keeps the top of the
stack in local variables, charges the constant gas of many instructions at once, and does arithmetic, comparisons,
memory and jumps itself. Every other instruction is left to the engine's own operation, called in its place with stack
and gas as it would find them otherwise.

Why the result is the same: gas is charged before the instructions that cost it, but never ahead of one that can see
the gas left or may branch away. If it does not suffice, the message fails with all its gas, as it would have some
instructions later, and nothing in between could be observed. The same holds for the checks of the stack's size.
Source: Ethereum Yellow Paper, appendix H.
"""

from collections.abc import Mapping

INSTRUCTIONS_PER_STRETCH_MAX = 120
"""A stretch follows constant jumps up to this length, so that small functions are inlined."""

_JUMP, _JUMPI, _PC, _JUMPDEST, _POP = 0x56, 0x57, 0x58, 0x5B, 0x50
_MLOAD, _MSTORE, _MSTORE8 = 0x51, 0x52, 0x53
_PUSH1, _PUSH32, _DUP1, _DUP16, _SWAP1, _SWAP16 = 0x60, 0x7F, 0x80, 0x8F, 0x90, 0x9F
_SHIFT_LEFT, _SHIFT_RIGHT = 0x1B, 0x1C
_TERMINAL = (0x00, 0xF3, 0xFD, 0xFE, 0xFF)
_STACK_MAX = 1024
_WORD_MAX = str(2**256 - 1)
_SIGN = str(2**255)

_EXPRESSIONS: dict[int, tuple[int, str]] = {
    0x01: (2, f"({{0}} + {{1}}) & {_WORD_MAX}"),
    0x02: (2, f"({{0}} * {{1}}) & {_WORD_MAX}"),
    0x03: (2, f"({{0}} - {{1}}) & {_WORD_MAX}"),
    0x04: (2, "{0} // {1} if {1} else 0"),
    0x05: (2, "divide_signed({0}, {1})"),
    0x06: (2, "{0} % {1} if {1} else 0"),
    0x07: (2, "modulo_signed({0}, {1})"),
    0x08: (3, "({0} + {1}) % {2} if {2} else 0"),
    0x09: (3, "({0} * {1}) % {2} if {2} else 0"),
    0x0B: (2, "extend_sign({0}, {1})"),
    0x10: (2, "1 if {0} < {1} else 0"),
    0x11: (2, "1 if {0} > {1} else 0"),
    0x12: (2, f"1 if {{0}} ^ {_SIGN} < {{1}} ^ {_SIGN} else 0"),
    0x13: (2, f"1 if {{0}} ^ {_SIGN} > {{1}} ^ {_SIGN} else 0"),
    0x14: (2, "1 if {0} == {1} else 0"),
    0x15: (1, "0 if {0} else 1"),
    0x16: (2, "{0} & {1}"),
    0x17: (2, "{0} | {1}"),
    0x18: (2, "{0} ^ {1}"),
    0x19: (1, f"{{0}} ^ {_WORD_MAX}"),
    0x1A: (2, "({1} >> (248 - 8 * {0})) & 255 if {0} < 32 else 0"),
    _SHIFT_LEFT: (2, f"({{1}} << {{0}}) & {_WORD_MAX} if {{0}} < 256 else 0"),
    _SHIFT_RIGHT: (2, "{1} >> {0} if {0} < 256 else 0"),
    0x1D: (2, "shift_right_signed({0}, {1})"),
    0x20: (2, "hash_memory(gas_meter, memory, {0}, {1})"),
    0x30: (0, "int.from_bytes(machine.msg.storage_address, 'big')"),
    0x33: (0, "int.from_bytes(machine.msg.sender, 'big')"),
    0x34: (0, "machine.msg.value"),
    0x35: (1, "int.from_bytes(call_data[{0} : {0} + 32].ljust(32, zero), 'big')"),
    0x36: (0, "len(call_data)"),
    0x59: (0, "len(memory)"),
}
"""Instructions that push one value computed from what they pop: (values popped, expression; {0} was on top)."""


def find_jump_targets(code: bytes) -> frozenset[int]:
    """Positions of JUMPDEST instructions, those inside the data of a PUSH left out."""
    targets = []
    position = 0
    while position < len(code):
        opcode = code[position]
        if opcode == _JUMPDEST:
            targets.append(position)
        position += opcode - _PUSH1 + 2 if _PUSH1 <= opcode <= _PUSH32 else 1
    return frozenset(targets)


def write_stretch(
    code: bytes, start: int, jump_targets: frozenset[int], gas_by_opcode: Mapping[int, int]
) -> tuple[str, frozenset[int]]:
    """Write the function for the instructions from `start` on.

    Args:
        gas_by_opcode: constant gas of every instruction that exists.

    Returns:
        Source of `stretch(machine, stack, gas_meter, memory, call_data)`, which returns the next program counter, and
        the instructions it calls as `operation_<opcode>(computation=machine)`.
    """
    writer = _Writer(start, jump_targets)
    position: int | None = start
    count = 0
    while position is not None:
        if position in writer.visited or count >= INSTRUCTIONS_PER_STRETCH_MAX:
            writer.write_exit(str(position))
            break
        writer.visited.add(position)
        count += 1
        opcode = code[position] if position < len(code) else 0
        position = _write_instruction(writer, code, position, opcode, gas_by_opcode)
    return writer.finish(), frozenset(writer.operations)


def _write_instruction(
    writer: "_Writer", code: bytes, position: int, opcode: int, gas: Mapping[int, int]
) -> int | None:
    """Write one instruction; gives the position to go on at, or None at the end of the stretch."""
    if _PUSH1 <= opcode <= _PUSH32:
        end = position + opcode - _PUSH1 + 2
        value = int.from_bytes(code[position + 1 : end].ljust(end - position - 1, b"\0"), "big")
        writer.charge(gas[opcode])
        writer.push(str(value))
        return end
    if opcode == _JUMP:
        writer.charge(gas[opcode])
        return writer.write_jump()
    if opcode == _JUMPI:
        writer.charge(gas[opcode])
        writer.write_branch()
    elif opcode in _EXPRESSIONS:
        writer.charge(gas[opcode])
        count, template = _EXPRESSIONS[opcode]
        writer.write_expression(opcode, template, [writer.pop() for _ in range(count)])
    elif not writer.write_stack_or_memory(opcode, position, gas):
        writer.write_operation(opcode)
        if opcode in _TERMINAL or opcode not in gas:
            return None
    return position + 1


class _Writer:
    """Lines of one function, with what is known of the stack at the point reached.

    `known` are the values on top of the stack list, the topmost last, as names or literals; `taken` is how many
    entries of the list they stand for. Entry k from the top of the list is named `below<k>` once it was read.
    """

    def __init__(self, start: int, jump_targets: frozenset[int]) -> None:
        self._start = start
        self._jump_targets = jump_targets
        self._lines: list[str] = []
        self._known: list[str] = []
        self._taken = 0
        self._name_count = 0
        self._gas = self._gas_line = 0
        self._need = self._growth = self._stack_line = 0
        self.visited: set[int] = set()
        self.operations: set[int] = set()
        self._open_gas()
        self._open_stack()

    def finish(self) -> str:
        self._close_gas()
        self._close_stack()
        lines = "\n".join(line for line in self._lines if line).split("\n")
        body = "\n".join(f"        {line}" for line in lines)
        return f"def stretch(machine, stack, gas_meter, memory, call_data):\n    while True:\n{body}\n"

    def charge(self, gas: int) -> None:
        self._gas += gas

    def push(self, value: str) -> None:
        self._known.append(value)
        self._growth = max(self._growth, len(self._known) - self._taken)

    def pop(self) -> str:
        self._know(1)
        return self._known.pop()

    def write_expression(self, opcode: int, template: str, values: list[str]) -> None:
        if opcode in (_SHIFT_LEFT, _SHIFT_RIGHT) and values[0].isdigit() and int(values[0]) < 256:
            template = template.removesuffix(" if {0} < 256 else 0")
        self._push_result(template.format(*values))

    def write_stack_or_memory(self, opcode: int, position: int, gas: Mapping[int, int]) -> bool:
        """Write a DUP, SWAP, POP, PC, JUMPDEST or memory access; false if the instruction is none of these."""
        if _DUP1 <= opcode <= _DUP16:
            self._know(opcode - _DUP1 + 1)
            self.push(self._known[_DUP1 - opcode - 1])
        elif _SWAP1 <= opcode <= _SWAP16:
            depth = opcode - _SWAP1 + 2
            self._know(depth)
            self._known[-1], self._known[-depth] = self._known[-depth], self._known[-1]
        elif opcode == _POP:
            self.pop()
        elif opcode == _PC:
            self.push(str(position))
        elif opcode in (_MLOAD, _MSTORE, _MSTORE8):
            self._write_memory(opcode)
        elif opcode != _JUMPDEST:
            return False
        self.charge(gas[opcode])
        return True

    def write_jump(self) -> int | None:
        """A constant jump is followed; any other ends the stretch."""
        target = self.pop()
        if target.isdigit() and int(target) in self._jump_targets:
            return int(target)
        self._flush()
        self._lines += self._leave(target)
        return None

    def write_branch(self) -> None:
        target, condition = self.pop(), self.pop()
        self._close_gas()
        self._close_stack()
        self._lines.append(f"if {condition}:")
        self._lines += [f"    {line}" for line in (*self._flush_lines(), *self._leave(target))]
        self._open_gas()
        self._open_stack()

    def write_operation(self, opcode: int) -> None:
        self._flush()
        self.operations.add(opcode)
        self._lines.append(f"operation_{opcode}(computation=machine)")
        self._open_gas()
        self._open_stack()

    def write_exit(self, target: str) -> None:
        self._flush()
        self._lines.append("continue" if target == str(self._start) else f"return {target}")

    def _leave(self, target: str) -> list[str]:
        if not target.isdigit():
            return [f"if {target} not in jump_targets:", "    raise InvalidJumpDestination", f"return {target}"]
        if int(target) not in self._jump_targets:
            return ["raise InvalidJumpDestination"]
        return ["continue" if int(target) == self._start else f"return {target}"]

    def _write_memory(self, opcode: int) -> None:
        start = self.pop()
        size = 1 if opcode == _MSTORE8 else 32
        value = None if opcode == _MLOAD else self.pop()
        self._lines.append(f"end = {start} + {size}")
        self._lines.append("if end > len(memory): expand_memory(gas_meter, memory, end)")
        if opcode == _MLOAD:
            self._push_result(f"int.from_bytes(memory[{start} : end], 'big')")
        elif opcode == _MSTORE:
            self._lines.append(f"memory[{start} : end] = ({value}).to_bytes(32, 'big')")
        else:
            self._lines.append(f"memory[{start}] = {value} & 255")

    def _push_result(self, expression: str) -> None:
        self._name_count += 1
        name = f"value{self._name_count}"
        self._lines.append(f"{name} = {expression}")
        self.push(name)

    def _know(self, count: int) -> None:
        while len(self._known) < count:
            self._taken += 1
            self._need = max(self._need, self._taken)
            self._lines.append(f"below{self._taken} = stack[-{self._taken}]")
            self._known.insert(0, f"below{self._taken}")

    def _flush(self) -> None:
        """Bring the stack list up to date."""
        self._close_gas()
        self._close_stack()
        self._lines += self._flush_lines()
        self._known, self._taken = [], 0
        self._open_gas()
        self._open_stack()

    def _flush_lines(self) -> list[str]:
        unchanged = 0
        while unchanged < self._taken and self._known[unchanged : unchanged + 1] == [f"below{self._taken - unchanged}"]:
            unchanged += 1
        replaced = self._taken - unchanged
        values = "".join(f"{value}, " for value in self._known[unchanged:])
        if replaced:
            return [f"stack[-{replaced}:] = ({values})" if values else f"del stack[-{replaced}:]"]
        return [f"stack += ({values})"] if values else []

    def _open_gas(self) -> None:
        self._gas = 0
        self._gas_line = len(self._lines)
        self._lines.append("")

    def _close_gas(self) -> None:
        if self._gas:
            self._lines[self._gas_line] = (
                f"gas = gas_meter.gas_remaining - {self._gas}\n"
                "if gas < 0: raise OutOfGas\n"
                "gas_meter.gas_remaining = gas"
            )

    def _open_stack(self) -> None:
        self._need = self._growth = 0
        self._stack_line = len(self._lines)
        self._lines.append("")

    def _close_stack(self) -> None:
        checks = []
        if self._need:
            checks.append(f"if len(stack) < {self._need}: raise InsufficientStack")
        if self._growth > 0:
            checks.append(f"if len(stack) > {_STACK_MAX - self._growth}: raise FullStack")
        self._lines[self._stack_line] = "\n".join(checks)
