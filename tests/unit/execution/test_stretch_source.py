"""Translated code does what plain py-evm does, with the same gas, for every instruction it handles itself."""

from itertools import product

import pytest
from eth.vm.forks.berlin.computation import BerlinComputation

from chain_node.core.genesis import GenesisAccount
from chain_node.core.types import Address
from chain_node.execution import CallRequest, CallResult
from chain_node.execution.pyevm_computation import COMPUTATION_BY_FORK
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.execution.pyevm_program import VISITS_BEFORE_TRANSLATION, Program
from chain_node.execution.pyevm_state import STATE_BY_FORK
from chain_node.execution.pyevm_transaction import apply_call, make_call_result
from chain_node.execution.stretch_source import find_jump_targets, write_stretch
from tests.unit.execution.node_table import CHAIN_ID, NodeTable, context_at, schedule_of

CONTRACT = Address(bytes(19) + b"\xcc")
WORDS = (0, 1, 2, 7, 31, 32, 255, 256, 257, 2**64, 2**255 - 1, 2**255, 2**255 + 1, 2**256 - 2, 2**256 - 1)
OPERAND_COUNTS = {
    **dict.fromkeys((0x15, 0x19, 0x35), 1),
    **dict.fromkeys((0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0B), 2),
    **dict.fromkeys((0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1A, 0x1B, 0x1C, 0x1D), 2),
    **dict.fromkeys((0x08, 0x09), 3),
    **dict.fromkeys((0x30, 0x33, 0x34, 0x36, 0x58, 0x59), 0),
}
RETURN_TOP = bytes.fromhex("60005260206000f3")


class Contract:
    """Code at a fixed address, run by both machines."""

    def __init__(self, code: bytes) -> None:
        table = NodeTable()
        self._engine = PyEvmEngine(chain_id=CHAIN_ID, schedule=schedule_of("berlin"), source=table)
        account = GenesisAccount(balance=0, nonce=1, code=code, storage={})
        genesis = self._engine.initialise({CONTRACT: account})
        table.add(genesis.changes)
        self._root = genesis.state_root

    def call(self, data: bytes = b"", gas: int = 1_000_000) -> CallResult:
        return self._engine.call(self._root, context_at(1), CallRequest(to=CONTRACT, gas=gas, data=data))

    def call_plain(self, data: bytes = b"", gas: int = 1_000_000) -> CallResult:
        state = STATE_BY_FORK["berlin"](self._engine.open_state(self._root), context_at(1), CHAIN_ID)
        state.computation_class = BerlinComputation
        return make_call_result(apply_call(state, CallRequest(to=CONTRACT, gas=gas, data=data), "berlin"))

    def warm_up(self, data: bytes = b"", gas: int = 1_000_000) -> None:
        for _ in range(VISITS_BEFORE_TRANSLATION):
            self.call(data, gas)


def load_operands(count: int) -> bytes:
    """CALLDATALOAD of each operand; the first one ends on top."""
    return b"".join(bytes((0x60, 32 * index, 0x35)) for index in reversed(range(count)))


@pytest.mark.parametrize("opcode", OPERAND_COUNTS, ids=hex)
def test_instruction_translated_agrees_with_plain_py_evm(opcode: int) -> None:
    contract = Contract(load_operands(OPERAND_COUNTS[opcode]) + bytes((opcode,)) + RETURN_TOP)
    contract.warm_up()
    for operands in product(WORDS, repeat=OPERAND_COUNTS[opcode]):
        data = b"".join(word.to_bytes(32, "big") for word in operands)
        got, expected = contract.call(data), contract.call_plain(data)
        assert (got.status, got.return_data, got.gas_used) == (1, expected.return_data, expected.gas_used), operands


@pytest.mark.parametrize("opcode", [0x1B, 0x1C, 0x1D, 0x1A], ids=hex)
@pytest.mark.parametrize("shift", [0, 1, 8, 31, 32, 255, 256, 300])
def test_shift_by_a_constant_translated_agrees_with_plain_py_evm(opcode: int, shift: int) -> None:
    contract = Contract(bytes.fromhex("60003561") + shift.to_bytes(2, "big") + bytes((opcode,)) + RETURN_TOP)
    contract.warm_up()
    for word in WORDS:
        data = word.to_bytes(32, "big")
        assert contract.call(data).return_data == contract.call_plain(data).return_data


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("60203560003552602060003551506000356000535960005260206000f3", id="store, load, store byte, size"),
        pytest.param("6020356000352060005260206000f3", id="hash"),
        pytest.param("6001600260036004600560066007600890919293949596" + "60005260206000f3", id="swaps"),
        pytest.param("60016002600360046005838182848060005260206000f3", id="dups"),
        pytest.param("600160020150600360040160005260206000f3", id="pop"),
        pytest.param("60003560085700fe5b60016000526020600000f3", id="bad jump"),
        pytest.param("6000356009575b005b60016000526020" + "6000f3", id="branch"),
        pytest.param("600035565b005b60016000526020" + "6000f3", id="dynamic jump"),
        pytest.param("01", id="underflow"),
        pytest.param("600160028260005260206000f3", id="dup underflow"),
        pytest.param("5b6001600056", id="stack overflow in a loop"),
        pytest.param("5b600056", id="endless loop"),
        pytest.param("7f11", id="push cut off by the end"),
        pytest.param("5a60005260206000f3", id="gas left"),
        pytest.param("60016000555a60005260206000f3", id="gas left after a store"),
    ],
)
@pytest.mark.parametrize("gas", [21_500, 24_000, 60_000])
def test_code_translated_agrees_with_plain_py_evm(code: str, gas: int) -> None:
    contract = Contract(bytes.fromhex(code))
    contract.warm_up(gas=gas)
    for first, second in product((0, 1, 5, 8, 9, 31, 33, 100, 2**64, 2**256 - 1), (0, 1, 33, 200)):
        data = first.to_bytes(32, "big") + second.to_bytes(32, "big")
        got, expected = contract.call(data, gas + 1_000), contract.call_plain(data, gas + 1_000)
        assert (got.status, got.return_data, got.gas_used) == (
            expected.status,
            expected.return_data,
            expected.gas_used,
        )


def test_out_of_gas_translated_is_found_at_the_same_limit() -> None:
    code = bytes.fromhex("60146000525b600160005103806000526005576001600055" + "00")
    contract = Contract(code)
    contract.warm_up()
    needed = contract.call_plain(gas=1_000_000).gas_used
    for gas in range(needed - 40, needed + 41):
        got, expected = contract.call(gas=gas), contract.call_plain(gas=gas)
        assert (got.status, got.gas_used) == (expected.status, expected.gas_used)


def test_jump_targets_leave_out_data_of_pushes() -> None:
    assert find_jump_targets(bytes.fromhex("5b605b5b617fff5b")) == {0, 3, 7}


def test_program_translates_after_some_visits_and_not_before() -> None:
    program = Program(bytes.fromhex("600100"), COMPUTATION_BY_FORK["berlin"].opcodes)
    assert [program.visit(0) for _ in range(VISITS_BEFORE_TRANSLATION)] == [False] * 15 + [True]
    assert 0 in program.stretches


def test_stretch_that_runs_into_its_start_loops_inside_the_function() -> None:
    code = bytes.fromhex("5b600056")
    gas = {opcode: operation.gas_cost for opcode, operation in COMPUTATION_BY_FORK["berlin"].opcodes.items()}
    source, operations = write_stretch(code, 0, find_jump_targets(code), gas)
    assert "continue" in source
    assert operations == frozenset()
