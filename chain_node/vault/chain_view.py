"""What the vault reads of the contracts, by `eth_call` alone and remembered for one block.

Source: docs/protocol.md, 2, 3, 5, 6.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from chain_node.core.errors import UnavailableError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.api import ChainHead, ChainReader
from chain_node.vault.errors import CallRevertedError

BUREAU, ORIGINATOR, RISK_CONTROL, EXCHANGE, TRUSTEE, AUDITOR, SERVICER, REGULATOR = 1, 2, 3, 6, 7, 8, 11, 12
"""Role ids. Source: docs/protocol.md, 1."""

STATUS_CLOSED, STATUS_WITHDRAWN = 11, 12
"""Last states of a pack. Source: docs/protocol.md, 6."""

RECORDS_REVOKED = keccak(b"RecordsRevoked(uint256,uint8,uint32[])")


_ACCOUNT = ["(uint32,uint40,uint40,uint64,bool)", "bytes32"]
_ORGANISATION = ["(bool,string,address)"]
_BATCH = ["(bytes32,bytes32,address,uint32,uint32)"]
_PACK = ["(address,uint8)"]
_NODES = ["(bytes32,address,uint32,bytes)[]"]
"""Leading fields of what the view functions answer; later fields do not matter here."""


@dataclass(frozen=True, slots=True)
class Member:
    """An account that may act now."""

    organisation: int
    roles: int
    """Bitmap, bit = role id."""

    def has_role(self, *roles: int) -> bool:
        """Whether the account has one of the roles."""
        return any(self.roles >> role & 1 for role in roles)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of records on chain."""

    root: Hash32
    organisation: int
    """The bureau's organisation."""
    revoked_words: tuple[int, ...]
    """256 records a word, bit = index within the word."""

    def is_revoked(self, index: int) -> bool:
        """Whether the record at `index` was revoked."""
        word = index // 256
        return word < len(self.revoked_words) and bool(self.revoked_words[word] >> index % 256 & 1)


@dataclass(frozen=True, slots=True)
class PackState:
    """Who may purge a pack, and whether it is over."""

    risk_control: Address
    is_over: bool


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One node of a member, as the Consortium lists it."""

    tls_key_hash: Hash32
    organisation: int
    endpoint: str


class ChainView:
    """Answers of the contracts at the newest block, asked once per block.

    Raises:
        UnavailableError: the chain or a contract is not there now.
    """

    def __init__(self, chain: ChainReader, registry: Address) -> None:
        self._chain = chain
        self._registry = registry
        self._lock = threading.Lock()
        self._head = Hash32(b"")
        self._answers: dict[tuple[Address, bytes], bytes] = {}
        self._batches: dict[Hash32, Batch | None] = {}
        self._addresses: dict[str, Address] = {}

    def head(self) -> ChainHead:
        """The newest block; what was remembered of older ones is dropped."""
        head = self._chain.head()
        with self._lock:
            if head.hash != self._head:
                self._head = head.hash
                self._answers.clear()
                self._batches.clear()
        return head

    def member(self, account: Address, timestamp: int) -> Member | None:
        """The account's member, or None when it is unknown, suspended, or not valid at `timestamp`."""
        return self._member(account, timestamp)

    def writer(self, account: Address) -> Member | None:
        """The account's member even when its time is over: what it put while it could is still its own."""
        return self._member(account, None)

    def accounts_of(self, organisation: int) -> list[Address]:
        """Every account of an organisation, in force or not."""
        consortium = self._address_of("Consortium")
        answer = self._call(consortium, "accountsOf(uint32)", ["uint32"], [organisation])
        return sorted(Address(bytes.fromhex(account[2:])) for account in _decode(["address[]"], answer)[0])

    def nodes(self) -> list[NodeEntry]:
        """Nodes of the members, ascending by key; none where the Consortium does not list nodes."""
        try:
            answer = self._call(self._address_of("Consortium"), "nodes()", [], [])
        except CallRevertedError:
            return []
        # the endpoint is whatever a governor wrote, which need not be UTF-8
        nodes = [
            NodeEntry(Hash32(key), organisation, endpoint.decode(errors="replace"))
            for key, _, organisation, endpoint in _decode(_NODES, answer)[0]
        ]
        return sorted(nodes, key=lambda node: node.tls_key_hash)

    def batch(self, root: Hash32) -> Batch | None:
        """The batch published with this root, if any."""
        with self._lock:
            head = self._head
            if root in self._batches:
                return self._batches[root]
        registry = self.credit_file_registry()
        batch_id = _decode(["uint256"], self._call(registry, "batchOfRoot(bytes32)", ["bytes32"], [root]))[0]
        batch = None if batch_id == 0 else self.batch_by_id(batch_id)
        with self._lock:
            if head == self._head:
                self._batches[root] = batch
        return batch

    def batch_by_id(self, batch_id: int) -> Batch:
        """The batch with this id; it exists because an event named it."""
        registry = self.credit_file_registry()
        answer = self._call(registry, "batch(uint256)", ["uint256"], [batch_id])
        root, _, _, organisation, count = _decode(_BATCH, answer)[0]
        words = self._call(
            registry,
            "revokedWords(uint256,uint32,uint32)",
            ["uint256", "uint32", "uint32"],
            [batch_id, 0, -(-count // 256)],
        )
        return Batch(Hash32(root), organisation, tuple(_decode(["uint256[]"], words)[0]))

    def pack(self, pack: int) -> PackState | None:
        """The pack, or None when there is none with this id."""
        registry = self._address_of("AssetPackRegistry")
        try:
            answer = self._call(registry, "pack(uint256)", ["uint256"], [pack])
        except CallRevertedError:
            return None
        risk_control, status = _decode(_PACK, answer)[0]
        if status == 0:
            return None
        return PackState(Address(bytes.fromhex(risk_control[2:])), status in (STATUS_CLOSED, STATUS_WITHDRAWN))

    def revocations(self, from_number: int, to_number: int) -> list[tuple[int, list[int]]]:
        """(batch id, indices) of every revocation in these blocks, both included."""
        registry = self.credit_file_registry()
        logs = self._chain.logs(registry, RECORDS_REVOKED, from_number, to_number)
        return [
            (int.from_bytes(log.topics[1], "big"), list(_decode(["uint8", "uint32[]"], log.data)[1])) for log in logs
        ]

    def credit_file_registry(self) -> Address:
        """Address of the CreditFileRegistry."""
        return self._address_of("CreditFileRegistry")

    def _member(self, account: Address, timestamp: int | None) -> Member | None:
        consortium = self._address_of("Consortium")
        answer = self._call(consortium, "account(address)", ["address"], [account])
        organisation, valid_from, valid_until, roles, is_suspended = _decode(_ACCOUNT, answer)[0]
        if organisation == 0 or is_suspended:
            return None
        if timestamp is not None and not valid_from <= timestamp < valid_until:
            return None
        answer = self._call(consortium, "organisation(uint32)", ["uint32"], [organisation])
        return None if _decode(_ORGANISATION, answer)[0][0] else Member(organisation, roles)

    def _address_of(self, name: str) -> Address:
        if name not in self._addresses:
            try:
                answer = self._call(self._registry, "addressOf(string)", ["string"], [name])
            except CallRevertedError as error:
                raise UnavailableError(f"contract {name} (not in the ContractRegistry)") from error
            self._addresses[name] = Address(bytes.fromhex(_decode(["address"], answer)[0][2:]))
        return self._addresses[name]

    def _call(self, to: Address, signature: str, types: Sequence[str], values: Sequence[object]) -> bytes:
        data = keccak(signature.encode())[:4] + encode(types, values)
        with self._lock:
            head = self._head
            known = self._answers.get((to, data))
        if known is not None:
            return known
        answer = self._chain.call(to, data)
        if not answer:
            raise UnavailableError(f"contract at 0x{to.hex()} for {signature}")
        with self._lock:
            if head == self._head:
                self._answers[to, data] = answer
        return answer


def _decode(types: Sequence[str], answer: bytes) -> tuple[Any, ...]:
    try:
        return decode(types, answer)
    except (DecodingError, OverflowError) as error:
        raise UnavailableError("a contract of the expected version (its answer cannot be read)") from error
