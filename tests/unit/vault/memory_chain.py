"""A chain in memory with the view functions a vault asks, for tests of the vault alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from eth_abi.abi import decode, encode

from chain_node.core.errors import UnavailableError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault import chain_view
from chain_node.vault.api import ChainHead, ChainLog
from chain_node.vault.errors import CallRevertedError

REGISTRY = Address(b"\x03" * 20)
_ADDRESS_BY_NAME = {
    "Consortium": Address(b"\x01" * 20),
    "CreditFileRegistry": Address(b"\x0c" * 20),
    "AssetPackRegistry": Address(b"\x0a" * 20),
}


@dataclass
class MemoryAccount:
    organisation: int
    roles: tuple[int, ...]
    valid_until: int = 2**40 - 1
    is_suspended: bool = False


@dataclass
class MemoryChain:
    """Change the fields, then call `mine`."""

    accounts: dict[Address, MemoryAccount] = field(default_factory=dict)
    suspended_organisations: set[int] = field(default_factory=set)
    batches: list[tuple[Hash32, int, int]] = field(default_factory=list)
    """(root, count, organisation); the id is the position + 1."""
    revoked: dict[int, set[int]] = field(default_factory=dict)
    packs: dict[int, tuple[int, Address]] = field(default_factory=dict)
    """(status, risk control) by id."""
    nodes: list[tuple[bytes, int, str]] = field(default_factory=list)
    """(hash of the TLS key, organisation, endpoint)."""
    events: list[tuple[int, ChainLog]] = field(default_factory=list)
    number: int = 0
    timestamp: int = 1_700_000_000
    is_reachable: bool = True
    calls: int = 0

    def chain_id(self) -> int:
        return 170919

    def head(self) -> ChainHead:
        self._check_reachable()
        return ChainHead(self.number, keccak(self.number.to_bytes(8, "big")), self.timestamp)

    def call(self, to: Address, data: bytes) -> bytes:
        self._check_reachable()
        self.calls += 1
        answers = {
            "addressOf(string)": (["string"], self._address_of),
            "account(address)": (["address"], self._account),
            "organisation(uint32)": (["uint32"], self._organisation),
            "batchOfRoot(bytes32)": (["bytes32"], self._batch_of_root),
            "batch(uint256)": (["uint256"], self._batch),
            "revokedWords(uint256,uint32,uint32)": (["uint256", "uint32", "uint32"], self._revoked_words),
            "pack(uint256)": (["uint256"], self._pack),
            "accountsOf(uint32)": (["uint32"], self._accounts_of),
            "nodes()": ([], self._nodes),
        }
        for signature, (types, answer) in answers.items():
            if keccak(signature.encode())[:4] == data[:4]:
                return answer(*decode(types, data[4:]))
        raise AssertionError(f"unexpected call of {to.hex()}")

    def logs(self, address: Address, topic: Hash32, from_number: int, to_number: int) -> Sequence[ChainLog]:
        self._check_reachable()
        assert address == _ADDRESS_BY_NAME["CreditFileRegistry"]
        return [log for number, log in self.events if from_number <= number <= to_number and log.topics[0] == topic]

    def mine(self) -> None:
        self.number += 1
        self.timestamp += 1

    def revoke(self, batch_id: int, indices: list[int], reason: int = 2) -> None:
        self.mine()
        self.revoked.setdefault(batch_id, set()).update(indices)
        topics = (chain_view.RECORDS_REVOKED, batch_id.to_bytes(32, "big"))
        self.events.append((self.number, ChainLog(topics, encode(["uint8", "uint32[]"], [reason, indices]))))

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise UnavailableError("the chain")

    def _address_of(self, name: str) -> bytes:
        return encode(["address"], [_ADDRESS_BY_NAME[name]])

    def _account(self, account: str) -> bytes:
        known = self.accounts.get(Address(bytes.fromhex(account[2:])), MemoryAccount(0, ()))
        roles = sum(1 << role for role in known.roles)
        fields = (known.organisation, 0, known.valid_until, roles, known.is_suspended)
        return encode([*chain_view._ACCOUNT], [fields, bytes(32)])

    def _organisation(self, organisation: int) -> bytes:
        return encode(chain_view._ORGANISATION, [(organisation in self.suspended_organisations, "name", bytes(20))])

    def _accounts_of(self, organisation: int) -> bytes:
        accounts = [address for address, known in self.accounts.items() if known.organisation == organisation]
        return encode(["address[]"], [accounts])

    def _nodes(self) -> bytes:
        nodes = [(key, bytes(20), organisation, endpoint.encode()) for key, organisation, endpoint in self.nodes]
        return encode(chain_view._NODES, [nodes])

    def _batch_of_root(self, root: bytes) -> bytes:
        ids = [position + 1 for position, batch in enumerate(self.batches) if batch[0] == root]
        return encode(["uint256"], [ids[0] if ids else 0])

    def _batch(self, batch_id: int) -> bytes:
        root, count, organisation = self.batches[batch_id - 1]
        return encode(chain_view._BATCH, [(root, bytes(32), bytes(20), organisation, count)])

    def _revoked_words(self, batch_id: int, first: int, count: int) -> bytes:
        words = [0] * count
        for index in self.revoked.get(batch_id, ()):
            words[index // 256 - first] |= 1 << index % 256
        return encode(["uint256[]"], [words])

    def _pack(self, pack: int) -> bytes:
        if pack not in self.packs:
            raise CallRevertedError(b"")
        status, risk_control = self.packs[pack]
        return encode(chain_view._PACK, [(risk_control, status)])
