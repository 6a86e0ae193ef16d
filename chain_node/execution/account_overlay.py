"""Changes to a state that are not yet in its tries, with rollback. No I/O.

All mutable parts are dictionaries, and every change is noted with what it replaced; rolling back to a snapshot plays
those notes backwards. Method names are those py-evm's state uses, so that its states can inherit from this class.
"""

from collections.abc import Iterable
from typing import Any

from chain_node.core.hashing import keccak
from chain_node.core.rlp import encode_bytes, scalar
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Address, Hash32, StateChanges
from chain_node.execution.account import EMPTY_CODE_HASH, NO_ACCOUNT, Account, encode_account
from chain_node.execution.state_view import TrieStateView, slot_key
from chain_node.execution.trie_update import update_trie

_ABSENT = object()
_RIPEMD_ADDRESS = Address(bytes(19) + b"\x03")
"""Stays touched whatever is rolled back: the main network has a block in which it did. Source: EIP-161, addendum."""


class AccountOverlay:
    """Accounts and storage on top of a view. Reads fall through to the view; writes stay here."""

    def __init__(self, view: TrieStateView) -> None:
        self.view = view
        self.accounts: dict[Address, Account | None] = {}
        self.slots: dict[Address, dict[int, int]] = {}
        self._codes: dict[Hash32, bytes] = {}
        self._wiped: dict[Address, bool] = {}
        self._notes: list[tuple[dict[Any, Any], Any, Any]] = []
        self._warm: dict[Any, bool] = {}
        self._touched: dict[Address, bool] = {}
        self._original_slots: dict[tuple[Address, int], int] = {}

    def begin_transaction(self, warm_addresses: Iterable[Address]) -> None:
        """Forget what belongs to one transaction: notes, warm and touched accounts, values before it."""
        self._notes = []
        self._warm = dict.fromkeys(warm_addresses, True)
        self._touched = {}
        self._original_slots = {}

    def end_transaction(self) -> None:
        """Remove accounts that the transaction touched and that are empty. Source: EIP-161."""
        for address in self._touched:
            account = self._account(address)
            if account is not None and account.is_empty:
                self.delete_account(address)

    def snapshot(self) -> int:
        """A point to roll back to, within the current transaction."""
        return len(self._notes)

    def revert(self, snapshot: int) -> None:
        """Undo everything since the snapshot."""
        notes = self._notes
        while len(notes) > snapshot:
            target, key, before = notes.pop()
            if target is self._touched and key == _RIPEMD_ADDRESS:
                continue
            if before is _ABSENT:
                del target[key]
            else:
                target[key] = before

    def commit(self, snapshot: int) -> None:
        """Keep the changes since the snapshot; an enclosing one may still undo them."""

    def account_exists(self, address: Address) -> bool:
        """Whether there is a record, even an empty one."""
        return self._account(address) is not None

    def account_is_empty(self, address: Address) -> bool:
        """Whether the account has no nonce, balance and code, or does not exist."""
        account = self._account(address)
        return account is None or account.is_empty

    def has_code_or_nonce(self, address: Address) -> bool:
        """Whether a contract cannot be created at the address. Storage alone forbids it too. Source: EIP-7610."""
        account = self._account(address)
        return account is not None and (account.nonce, *account[2:]) != (0, EMPTY_TRIE_ROOT, EMPTY_CODE_HASH)

    def get_balance(self, address: Address) -> int:
        """Wei."""
        account = self._account(address)
        return 0 if account is None else account.balance

    def set_balance(self, address: Address, balance: int) -> None:
        """In wei."""
        account = self._account(address) or NO_ACCOUNT
        self._set_account(address, Account(account.nonce, balance, account.storage_root, account.code_hash))

    def delta_balance(self, address: Address, delta: int) -> None:
        """Add to the balance, in wei."""
        self.set_balance(address, self.get_balance(address) + delta)

    def get_nonce(self, address: Address) -> int:
        """Count of transactions, or of contracts created by a contract."""
        account = self._account(address)
        return 0 if account is None else account.nonce

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Set the count."""
        account = self._account(address) or NO_ACCOUNT
        self._set_account(address, Account(nonce, account.balance, account.storage_root, account.code_hash))

    def increment_nonce(self, address: Address) -> None:
        """Add one to the count."""
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code_hash(self, address: Address) -> Hash32:
        """Hash of the empty string for an account without code."""
        account = self._account(address)
        return EMPTY_CODE_HASH if account is None else account.code_hash

    def get_code(self, address: Address) -> bytes:
        """Empty for an account without code."""
        code_hash = self.get_code_hash(address)
        code = self._codes.get(code_hash)
        return self.view.code_by_hash(code_hash) if code is None else code

    def set_code(self, address: Address, code: bytes) -> None:
        """Give the account its code."""
        account = self._account(address) or NO_ACCOUNT
        code_hash = keccak(code)
        self._put(self._codes, code_hash, code)
        self._set_account(address, Account(account.nonce, account.balance, account.storage_root, code_hash))

    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        """A slot's value now, or (`from_journal` false) as it was before the current transaction."""
        if not from_journal and (address, slot) in self._original_slots:
            return self._original_slots[address, slot]
        slots = self.slots.get(address)
        if slots is not None and slot in slots:
            return slots[slot]
        return 0 if address in self._wiped else self.view.storage(address, slot)

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Set a slot; 0 removes it."""
        key = (address, slot)
        if key not in self._original_slots:
            self._original_slots[key] = self.get_storage(address, slot)
        slots = self.slots.get(address)
        if slots is None:
            slots = self.slots[address] = {}
        self._put(slots, slot, value)

    def delete_storage(self, address: Address) -> None:
        """Set all slots of an account to 0."""
        self._put(self.slots, address, {})
        self._put(self._wiped, address, True)

    def delete_account(self, address: Address) -> None:
        """Remove the account and its storage."""
        self.delete_storage(address)
        self._put(self.accounts, address, None)

    def touch_account(self, address: Address) -> None:
        """Note that the account is to be removed after the transaction if it is empty then."""
        if address not in self._touched:
            self._put(self._touched, address, True)

    def is_address_warm(self, address: Address) -> bool:
        """Whether the current transaction has paid for loading the account. Source: EIP-2929."""
        return address in self._warm

    def mark_address_warm(self, address: Address) -> None:
        """Note that the current transaction has paid for loading the account."""
        if address not in self._warm:
            self._put(self._warm, address, True)

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        """Whether the current transaction has paid for loading the slot. Source: EIP-2929."""
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        """Note that the current transaction has paid for loading the slot."""
        key = (address, slot)
        if key not in self._warm:
            self._put(self._warm, key, True)

    def compute_changes(self) -> tuple[Hash32, StateChanges]:
        """The root of the state with all changes, and what is new in its tries."""
        read_node = self.view.reader.read_node
        nodes: dict[Hash32, bytes] = {}
        leaves: dict[bytes, bytes] = {}
        for address in {**self.accounts, **self.slots}:
            account = self._account(address)
            if account is not None:
                account, storage_nodes = self._with_storage_root(address, account)
                nodes.update(storage_nodes)
            if account != self.view.account(address):
                leaves[keccak(address)] = b"" if account is None else encode_account(account)
        root, state_nodes = update_trie(read_node, self.view.root, leaves)
        nodes.update(state_nodes)
        return root, StateChanges(nodes=nodes, codes=self._codes)

    def _with_storage_root(self, address: Address, account: Account) -> tuple[Account, dict[Hash32, bytes]]:
        is_wiped = address in self._wiped
        before = EMPTY_TRIE_ROOT if is_wiped else account.storage_root
        leaves = {
            slot_key(slot): encode_bytes(scalar(value)) if value else b""
            for slot, value in self.slots.get(address, {}).items()
            if is_wiped or value != self.view.storage(address, slot)
        }
        storage_root, nodes = update_trie(self.view.reader.read_node, before, leaves)
        return Account(account.nonce, account.balance, storage_root, account.code_hash), nodes

    def _account(self, address: Address) -> Account | None:
        accounts = self.accounts
        return accounts[address] if address in accounts else self.view.account(address)

    def _set_account(self, address: Address, account: Account) -> None:
        self._put(self.accounts, address, account)
        self.touch_account(address)

    def _put(self, target: dict[Any, Any], key: Any, value: Any) -> None:
        self._notes.append((target, key, target.get(key, _ABSENT)))
        target[key] = value
