"""Which accounts and slots a call touches, read from the steps of its trace. No I/O.

Source: EIP-2930; geth, access list tracer (eth_createAccessList).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from chain_node.core.types import AccessList, Address
from chain_node.execution.trace import StructLog

_SLOT_OPERATIONS = frozenset({"SLOAD", "SSTORE"})
_ACCOUNT_OPERATIONS = frozenset({"BALANCE", "EXTCODECOPY", "EXTCODEHASH", "EXTCODESIZE", "SELFDESTRUCT"})
_CALLS_ELSEWHERE = frozenset({"CALL", "STATICCALL"})
_CALLS_ON_OWN_STORAGE = frozenset({"CALLCODE", "DELEGATECALL"})
_CREATIONS = frozenset({"CREATE", "CREATE2"})
PRECOMPILES = tuple(Address(number.to_bytes(20, "big")) for number in range(1, 10))
"""Contracts that every fork from Istanbul to London has built in; always warm."""

_ADDRESS_MASK = (1 << 160) - 1


def list_touched(steps: Collection[StructLog], target: Address, *, excluded: Collection[Address]) -> AccessList:
    """Accounts and their slots, ascending.

    Args:
        steps: of a whole trace, with the stack.
        target: account whose code the first step runs.
        excluded: accounts that are warm anyway; they are listed only with slots.
    """
    reader = _Reader([_Frame(target)], excluded)
    for step in steps:
        reader.read(step)
    return tuple(
        (address, tuple(slot.to_bytes(32, "big") for slot in sorted(slots)))
        for address, slots in sorted(reader.slots_by_address.items())
    )


@dataclass(slots=True)
class _Frame:
    """One message: whose storage it works on. A created account is known when its creation has returned."""

    address: Address | None
    early_slots: set[int] = field(default_factory=set)
    """Of an account whose address is not known yet."""


class _Reader:
    def __init__(self, frames: list[_Frame], excluded: Collection[Address]) -> None:
        self.slots_by_address: dict[Address, set[int]] = {}
        self._frames = frames
        self._excluded = excluded
        self._next = frames[0]
        """Frame of the message that the last step may have sent."""

    def read(self, step: StructLog) -> None:
        """Take the next step."""
        stack = step.stack or ()
        if step.depth > len(self._frames):
            self._frames.append(self._next)
        while step.depth < len(self._frames):
            self._leave(self._frames.pop(), created=stack[-1] if stack else 0)
        frame = self._frames[-1]
        if step.operation in _SLOT_OPERATIONS and stack:
            self._add_slot(frame, stack[-1])
        elif step.operation in _ACCOUNT_OPERATIONS and stack:
            self._add_account(stack[-1])
        elif step.operation in _CALLS_ELSEWHERE and len(stack) > 1:
            self._add_account(stack[-2])
            self._next = _Frame(_address(stack[-2]))
        elif step.operation in _CALLS_ON_OWN_STORAGE and len(stack) > 1:
            self._add_account(stack[-2])
            self._next = frame
        elif step.operation in _CREATIONS:
            self._next = _Frame(None)

    def _leave(self, frame: _Frame, created: int) -> None:
        if frame.address is None and created and frame.early_slots:
            self.slots_by_address.setdefault(_address(created), set()).update(frame.early_slots)

    def _add_slot(self, frame: _Frame, slot: int) -> None:
        if frame.address is None:
            frame.early_slots.add(slot)
        else:
            self.slots_by_address.setdefault(frame.address, set()).add(slot)

    def _add_account(self, word: int) -> None:
        address = _address(word)
        if address not in self._excluded:
            self.slots_by_address.setdefault(address, set())


def _address(word: int) -> Address:
    return Address((word & _ADDRESS_MASK).to_bytes(20, "big"))
