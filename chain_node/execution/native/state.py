"""Reading one state through the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chain_node.core.types import Address, Hash32
from chain_node.execution.account import Account
from chain_node.execution.native.border import Border
from chain_node.execution.types import AccountProof, StorageProof

if TYPE_CHECKING:
    from chain_node.execution.native._native import Database


class NativeStateView:
    """A `StateView`. Keeps what it has read; use from one thread at a time."""

    def __init__(self, root: Hash32, database: Database, border: Border) -> None:
        self.root = root
        self._database = database
        self._border = border
        self._accounts: dict[Address, Account | None] = {}
        border.call(database.require_state, root)

    def account(self, address: Address) -> Account | None:
        """The account's record, or None if it does not exist."""
        if address not in self._accounts:
            found = self._border.call(self._database.account, self.root, address)
            self._accounts[address] = None if found is None else _account(found)
        return self._accounts[address]

    def code(self, address: Address) -> bytes:
        """The contract's code; empty if there is none."""
        return self._border.call(self._database.code, self.root, address)

    def storage(self, address: Address, slot: int) -> int:
        """The value of one slot; 0 if it was never set."""
        return self._border.call(self._database.storage, self.root, address, slot)

    def prove(self, address: Address, slots: Sequence[int]) -> AccountProof:
        """Merkle proofs of the account and of some of its slots."""
        account, nodes, storage = self._border.call(self._database.prove, self.root, address, list(slots))
        return AccountProof(
            account=_account(account),
            nodes=tuple(nodes),
            storage=tuple(StorageProof(slot=slot, value=value, nodes=tuple(path)) for slot, value, path in storage),
        )


def _account(fields: tuple[int, int, bytes, bytes]) -> Account:
    nonce, balance, storage_root, code_hash = fields
    return Account(nonce, balance, Hash32(storage_root), Hash32(code_hash))
