"""Changes, snapshots and rollbacks in any order leave what a model made of plain copies says."""

from copy import deepcopy
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Address
from chain_node.execution.account_overlay import AccountOverlay
from chain_node.execution.state_view import StateReader, TrieStateView
from tests.unit.execution.node_table import NodeTable

ADDRESSES = st.integers(min_value=1, max_value=4).map(lambda number: Address(number.to_bytes(20, "big")))
SLOTS = st.integers(min_value=0, max_value=3)


@dataclass
class Model:
    """Everything by value."""

    balances: dict[Address, int] = field(default_factory=dict)
    slots: dict[tuple[Address, int], int] = field(default_factory=dict)
    warm: set[object] = field(default_factory=set)
    codes: dict[Address, bytes] = field(default_factory=dict)

    def forget(self, address: Address) -> None:
        self.balances.pop(address, None)
        self.codes.pop(address, None)
        self.slots = {key: value for key, value in self.slots.items() if key[0] != address}


class OverlayMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.table = NodeTable()
        self.overlay = AccountOverlay(TrieStateView(EMPTY_TRIE_ROOT, StateReader(self.table)))
        self.model = Model()
        self.snapshots: list[tuple[int, Model]] = []

    @rule(address=ADDRESSES, balance=st.integers(min_value=1, max_value=2**256 - 1))
    def set_balance(self, address: Address, balance: int) -> None:
        self.overlay.set_balance(address, balance)
        self.model.balances[address] = balance

    @rule(address=ADDRESSES, slot=SLOTS, value=st.integers(min_value=0, max_value=3))
    def set_storage(self, address: Address, slot: int, value: int) -> None:
        if address in self.model.balances:
            self.overlay.set_storage(address, slot, value)
            self.model.slots[address, slot] = value

    @rule(address=ADDRESSES, code=st.binary(min_size=1, max_size=3))
    def set_code(self, address: Address, code: bytes) -> None:
        if address in self.model.balances:
            self.overlay.set_code(address, code)
            self.model.codes[address] = code

    @rule(address=ADDRESSES, slot=SLOTS)
    def warm(self, address: Address, slot: int) -> None:
        self.overlay.mark_address_warm(address)
        self.overlay.mark_storage_warm(address, slot)
        self.model.warm |= {address, (address, slot)}

    @rule(address=ADDRESSES)
    def delete(self, address: Address) -> None:
        self.overlay.delete_account(address)
        self.model.forget(address)

    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.overlay.snapshot(), deepcopy(self.model)))

    @rule(is_kept=st.booleans())
    def end_snapshot(self, is_kept: bool) -> None:
        if self.snapshots:
            snapshot, model = self.snapshots.pop()
            if is_kept:
                self.overlay.commit(snapshot)
            else:
                self.overlay.revert(snapshot)
                self.model = model

    @rule()
    def next_transaction(self) -> None:
        self.overlay.begin_transaction(())
        self.snapshots = []
        self.model.warm = set()

    @rule()
    def next_block(self) -> None:
        root, changes = self.overlay.compute_changes()
        self.table.add(changes)
        self.overlay = AccountOverlay(TrieStateView(root, StateReader(self.table)))
        self.next_transaction()

    @invariant()
    def agrees(self) -> None:
        for number in range(1, 5):
            address = Address(number.to_bytes(20, "big"))
            assert self.overlay.account_exists(address) == (address in self.model.balances)
            assert self.overlay.get_balance(address) == self.model.balances.get(address, 0)
            assert self.overlay.get_code(address) == self.model.codes.get(address, b"")
            assert self.overlay.is_address_warm(address) == (address in self.model.warm)
            for slot in range(4):
                assert self.overlay.get_storage(address, slot) == self.model.slots.get((address, slot), 0)
                assert self.overlay.is_storage_warm(address, slot) == ((address, slot) in self.model.warm)


OverlayMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_overlay_after_any_operations_agrees_with_the_model = OverlayMachine.TestCase


def test_original_value_is_that_before_the_transaction() -> None:
    overlay = AccountOverlay(TrieStateView(EMPTY_TRIE_ROOT, StateReader(NodeTable())))
    address = Address(bytes(20))
    overlay.set_storage(address, 1, 5)
    overlay.begin_transaction(())
    overlay.set_storage(address, 1, 6)
    overlay.set_storage(address, 1, 7)
    assert overlay.get_storage(address, 1, from_journal=False) == 5
    assert overlay.get_storage(address, 1) == 7
    overlay.begin_transaction(())
    assert overlay.get_storage(address, 1, from_journal=False) == 7


def test_empty_accounts_that_were_touched_are_removed() -> None:
    overlay = AccountOverlay(TrieStateView(EMPTY_TRIE_ROOT, StateReader(NodeTable())))
    touched, kept = Address(bytes(19) + b"\x01"), Address(bytes(19) + b"\x02")
    overlay.set_balance(kept, 0)
    overlay.begin_transaction(())
    overlay.set_balance(touched, 0)
    overlay.end_transaction()
    assert not overlay.account_exists(touched)
    assert overlay.account_exists(kept)
