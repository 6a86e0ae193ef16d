"""The words of the chain as data: header, transaction, log, receipt, block. No I/O.

Everything is frozen. Hex strings and camelCase never appear here; sums are plain integers whose unit is in
the field's description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

Address = NewType("Address", bytes)
"""20 bytes."""

Hash32 = NewType("Hash32", bytes)
"""32 bytes, a keccak-256 digest or a root."""

Height = NewType("Height", int)
"""Number of a block; genesis is 0."""

Round = NewType("Round", int)
"""Attempt at one height, from 0."""

ZERO_ADDRESS = Address(bytes(20))
ZERO_HASH = Hash32(bytes(32))
FIRST_ROUND = Round(0)
EMPTY_OMMERS_HASH = Hash32(bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"))
"""keccak(RLP([])): the ommers list is always empty."""

AccessList = tuple[tuple[Address, tuple[bytes, ...]], ...]
"""(account, its storage keys of 32 bytes) in the order of the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A block header of the Berlin (15 fields) or London (16 fields) layout.

    Its hash depends on the consensus rules (extra_data is only partly hashed), so it is not a method here.
    """

    parent_hash: Hash32
    """Block hash of the parent, zero for genesis."""
    ommers_hash: Hash32
    """Always EMPTY_OMMERS_HASH in a valid block."""
    coinbase: Address
    """The validator that proposed the block first."""
    state_root: Hash32
    """State after the block's transactions."""
    transactions_root: Hash32
    """Trie root of the encoded transactions by index."""
    receipts_root: Hash32
    """Trie root of the encoded receipts by index."""
    logs_bloom: int
    """2048-bit filter over addresses and topics of all logs."""
    difficulty: int
    """Always 1 in a valid block."""
    number: Height
    """Height of this block."""
    gas_limit: int
    """Gas the block may use."""
    gas_used: int
    """Gas its transactions used."""
    timestamp: int
    """Seconds since 1970."""
    extra_data: bytes
    """RLP of vanity, validators, vote, round and seals; see consensus."""
    mix_hash: bytes
    """32 bytes, a constant of the consensus."""
    nonce: bytes
    """8 bytes, zero."""
    base_fee_per_gas: int | None = None
    """Wei per gas from London on; None before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A signed transaction, decoded, its signature checked and its sender recovered.

    Made by `codec.decode_transaction` only, so that `sender` and `hash` can be trusted.
    """

    raw: bytes
    """Type byte and payload, or the bare RLP list of a legacy transaction."""
    hash: Hash32
    """keccak(raw)."""
    type: int
    """0 legacy, 1 with access list, 2 with fee cap."""
    chain_id: int | None
    """None for a legacy transaction without replay protection."""
    nonce: int
    """Count of the sender's earlier transactions."""
    gas_price: int
    """Wei per gas; for type 2 equal to max_fee_per_gas."""
    max_fee_per_gas: int
    """Wei per gas at most; equal to gas_price for types 0 and 1."""
    max_priority_fee_per_gas: int
    """Wei per gas above the base fee at most; equal to gas_price for types 0 and 1."""
    gas: int
    """Gas limit of this transaction."""
    to: Address | None
    """Called account; None creates a contract."""
    value: int
    """Wei."""
    data: bytes
    """Call data or creation code."""
    access_list: AccessList
    """Empty for type 0."""
    v: int
    """As encoded: 27/28 or 35 + 2 * chain id + parity for type 0, the parity for others."""
    r: int
    """In [1, n)."""
    s: int
    """In [1, n/2]."""
    sender: Address
    """Recovered from the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event of a contract."""

    address: Address
    """The contract."""
    topics: tuple[bytes, ...]
    """0 to 4 words of 32 bytes."""
    data: bytes
    """ABI-encoded rest of the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one transaction did, in the status form (Byzantium and later)."""

    transaction_type: int
    """0, 1 or 2, as the transaction."""
    status: int
    """1 success, 0 failure."""
    cumulative_gas_used: int
    """Gas of this and all earlier transactions of the block."""
    logs_bloom: int
    """2048-bit filter over this receipt's logs."""
    logs: tuple[Log, ...]
    """In order of emission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanges:
    """What an engine that keeps its tries by hash adds to the store, so that a block's state root can be opened."""

    nodes: Mapping[Hash32, bytes]
    """New trie nodes by hash."""
    codes: Mapping[Hash32, bytes]
    """New contract code by hash."""


@dataclass(frozen=True, slots=True)
class Block:
    """A header and its transactions; the list of ommers is always empty."""

    header: Header
    """The header, with whatever seals its extra_data carries."""
    transactions: tuple[Transaction, ...]
    """In order of execution."""
