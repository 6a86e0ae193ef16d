"""The record of one account in the state trie. No I/O.

Source: Ethereum Yellow Paper, section 4.1.
"""

from typing import NamedTuple

from chain_node.core.hashing import keccak
from chain_node.core.rlp import encode_bytes, scalar, wrap_list
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Hash32
from chain_node.execution.trie_nodes import item_bounds

EMPTY_CODE_HASH = keccak(b"")


class Account(NamedTuple):
    """What the state trie holds for an address; a tuple because one is made for every change."""

    nonce: int = 0
    """Transactions sent, or contracts created by a contract."""

    balance: int = 0
    """Wei."""

    storage_root: Hash32 = EMPTY_TRIE_ROOT
    code_hash: Hash32 = EMPTY_CODE_HASH

    @property
    def is_empty(self) -> bool:
        """Whether a touched account is removed from the state. Source: EIP-161."""
        return self.nonce == 0 and self.balance == 0 and self.code_hash == EMPTY_CODE_HASH


NO_ACCOUNT = Account()


def encode_account(account: Account) -> bytes:
    """Encode the record as the value of its leaf."""
    return wrap_list(
        encode_bytes(scalar(account.nonce))
        + encode_bytes(scalar(account.balance))
        + b"\xa0"
        + account.storage_root
        + b"\xa0"
        + account.code_hash
    )


def decode_account(raw: bytes) -> Account:
    """Decode the value of a leaf of the state trie. The input is trusted: it was found by its hash."""
    position, _ = item_bounds(raw, 0)
    fields = []
    for _ in range(4):
        start, position = item_bounds(raw, position)
        fields.append(raw[start:position])
    nonce, balance, storage_root, code_hash = fields
    return Account(
        int.from_bytes(nonce, "big"), int.from_bytes(balance, "big"), Hash32(storage_root), Hash32(code_hash)
    )
