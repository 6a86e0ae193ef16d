"""A genesis allocation as a state, and back. No I/O."""

from collections.abc import Mapping

from chain_node.core.genesis import GenesisAccount
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Address
from chain_node.execution.account_overlay import AccountOverlay
from chain_node.execution.block_result import make_result
from chain_node.execution.state_view import StateReader, TrieStateView
from chain_node.execution.types import ExecutionResult


def initial_result(alloc: Mapping[Address, GenesisAccount], reader: StateReader) -> ExecutionResult:
    """The state of an allocation, as the result of a block without transactions."""
    overlay = AccountOverlay(TrieStateView(EMPTY_TRIE_ROOT, reader))
    write_alloc(overlay, alloc)
    state_root, changes = overlay.compute_changes()
    return make_result(state_root, (), (), changes)


def write_alloc(overlay: AccountOverlay, alloc: Mapping[Address, GenesisAccount]) -> None:
    """Put the accounts into a fresh overlay of the empty state."""
    for address, account in alloc.items():
        overlay.set_balance(address, account.balance)
        overlay.set_nonce(address, account.nonce)
        if account.code:
            overlay.set_code(address, account.code)
        for slot, value in account.storage.items():
            overlay.set_storage(address, slot, value)


def read_alloc(overlay: AccountOverlay) -> dict[Address, GenesisAccount]:
    """All accounts of an overlay of the empty state, in ascending order of address and slot."""
    return {
        address: GenesisAccount(
            balance=overlay.get_balance(address),
            nonce=overlay.get_nonce(address),
            code=overlay.get_code(address),
            storage={slot: value for slot, value in sorted(overlay.slots.get(address, {}).items()) if value},
        )
        for address, account in sorted(overlay.accounts.items())
        if account is not None
    }
