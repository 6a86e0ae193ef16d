"""The vault's messages between event loop and worker thread: quick, bounded, and never in the loop's way."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.errors import ConfigError, InvalidInputError
from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.network.frames import VAULT_MESSAGE_SIZE_BYTES_MAX
from chain_node.node.vault_exchange import VaultFloodError, VaultLinks
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.chain_view import Member
from chain_node.vault.items import Item, PackContext
from chain_node.vault.limits import INBOX_COUNT_MAX, MESSAGE_SIZE_BYTES_MAX
from chain_node.vault.lots import Lot, make_lot
from chain_node.vault.messages import Follow, encode_message
from chain_node.vault.signed_request import Claim
from chain_node.vault.typed_data import lot_digest
from chain_node.vault.vault import Caller, Vault
from tests.unit.vault.memory_chain import REGISTRY, MemoryAccount, MemoryChain

WRITER_KEY = b"\x42" * 32
ORGANISATIONS = (1, 3)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


class End:
    """A node's vault and its links."""

    def __init__(self, directory: Path, chain: MemoryChain, organisation: int) -> None:
        directory.mkdir()
        self.store = BlobStore(directory / "vault")
        self.vault = Vault(self.store, chain, bytes([organisation]) * 32, REGISTRY)
        self.links = VaultLinks(self.vault, write_key(directory / "tls.key", ec.generate_private_key(ec.SECP256R1())))
        assert self.vault.binding is not None
        key = TlsKeyHash(self.vault.binding.node)
        self.record = NodeRecord(tls_key_hash=key, validator=None, organisation=organisation, endpoint="")
        self.faults: list[InvalidInputError] = []

    def put(self, blob: bytes) -> None:
        items = [Item(PackContext(1, (), (8,)), blob)]
        account = address_of(WRITER_KEY)
        unsigned = make_lot(account, bytes(65), items)
        digest = lot_digest(self.vault.domain, account, keccak(unsigned.digests))
        caller = Caller(account, Member(1, 1 << 3), Claim(account=account, nonce=0, deadline=0, signature=b""))
        self.vault.put(caller, items, Lot(account, sign_digest(WRITER_KEY, digest), unsigned.digests))

    def hear(self, record: NodeRecord, payload: bytes) -> None:
        """What the network does with a message."""
        try:
            self.links.on_vault_message(record, payload)
        except InvalidInputError as error:
            self.faults.append(error)


@pytest.fixture
def ends(tmp_path: Path):
    chain = MemoryChain()
    chain.accounts[address_of(WRITER_KEY)] = MemoryAccount(1, (3,))
    for organisation in ORGANISATIONS:
        chain.accounts[address_of(bytes([50 + organisation]) * 32)] = MemoryAccount(organisation, (8,))
    made = [End(tmp_path / str(organisation), chain, organisation) for organisation in ORGANISATIONS]
    chain.nodes = [(end.record.tls_key_hash, end.record.organisation, "") for end in made]
    yield made
    for end in made:
        end.links.close()
        end.store.close()


def join(first: End, second: End) -> None:
    first.links.on_peer(second.record, lambda payload: second.hear(first.record, payload))
    second.links.on_peer(first.record, lambda payload: first.hear(second.record, payload))


async def until(condition: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + 20, "it did not come about"
        await asyncio.sleep(0.001)
    return time.monotonic() - began


def test_blob_put_at_one_end_is_at_the_other_at_once(ends: list[End]):
    first, second = ends

    async def run() -> list[float]:
        join(first, second)
        seconds = []
        for _ in range(10):
            blob = os.urandom(2_000)
            await asyncio.to_thread(first.put, blob)
            seconds.append(await until(lambda blob=blob: second.store.find(keccak(blob)) is not None))
        return seconds

    seconds = asyncio.run(run())
    assert sorted(seconds)[5] < 0.25, seconds
    assert not first.faults + second.faults


def test_loop_is_never_held_up_by_much_that_comes(ends: list[End]):
    first, second = ends
    blobs = [os.urandom(700_000) for _ in range(12)]
    for blob in blobs:
        first.put(blob)

    async def run() -> float:
        join(first, second)
        longest, before = 0.0, time.monotonic()
        while not all(second.store.find(keccak(blob)) for blob in blobs):
            await asyncio.sleep(0)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        return longest

    assert asyncio.run(run()) < 1.0


def test_misdeed_is_raised_once_with_the_next_message_and_the_rest_is_not_heard(ends: list[End]):
    first, second = ends

    async def run() -> None:
        first.links.on_peer(second.record, lambda _: None)
        first.hear(second.record, encode_message(Follow(b"")))
        await until(lambda: second.record.tls_key_hash in first.links._fault_by_node)
        for _ in range(3):
            first.hear(second.record, encode_message(Follow(b"")))

    asyncio.run(run())
    assert ["before the announcement" in str(fault) for fault in first.faults] == [True]


def test_peer_that_floods_is_told_so_and_takes_no_memory(ends: list[End], monkeypatch: pytest.MonkeyPatch):
    first, second = ends
    monkeypatch.setattr(first.links._replication, "receive", lambda *_: time.sleep(0.02))

    async def run() -> None:
        first.links.on_peer(second.record, lambda _: None)
        for _ in range(INBOX_COUNT_MAX + 50):
            first.hear(second.record, b"x")
        assert {type(fault) for fault in first.faults} == {VaultFloodError}
        first.faults.clear()
        for _ in range(10):
            first.hear(second.record, bytes(MESSAGE_SIZE_BYTES_MAX))
        assert first.faults

    asyncio.run(run())
    assert sum(size for _, size in first.links._waiting.values()) <= 4 * MESSAGE_SIZE_BYTES_MAX


def test_peer_that_comes_back_is_heard_again(ends: list[End]):
    first, second = ends

    async def run() -> None:
        first.links.on_peer(second.record, lambda _: None)
        first.hear(second.record, b"\xff")
        await until(lambda: second.record.tls_key_hash in first.links._fault_by_node)
        first.links.on_peer_gone(second.record)
        join(first, second)
        blob = os.urandom(100)
        await asyncio.to_thread(second.put, blob)
        await until(lambda: first.store.find(keccak(blob)) is not None)

    asyncio.run(run())


def test_receipts_that_are_wanted_are_fetched(ends: list[End]):
    first, second = ends
    root = Hash32(b"\x11" * 32)
    chain = first.vault.view._chain
    assert isinstance(chain, MemoryChain)
    chain.batches.append((root, 1, 1))
    chain.revoke(1, [0])

    async def run() -> None:
        join(first, second)
        await until(lambda: first.vault.peers.binding(second.record.tls_key_hash) is not None)
        first.links.on_receipts_wanted(root, [0])
        await until(lambda: first.vault.peers.deletion(second.vault.address, root, 0) is not None)

    asyncio.run(run())


def test_message_limits_of_vault_and_network_are_the_same():
    assert MESSAGE_SIZE_BYTES_MAX == VAULT_MESSAGE_SIZE_BYTES_MAX


def test_tls_key_that_is_none_is_a_configuration_error(tmp_path: Path, ends: list[End]):
    vault = ends[0].vault
    with pytest.raises(ConfigError, match="cannot be read"):
        VaultLinks(vault, tmp_path / "absent.key")
    (tmp_path / "text.key").write_text("no key")
    with pytest.raises(ConfigError, match="does not hold an unencrypted key"):
        VaultLinks(vault, tmp_path / "text.key")
    with pytest.raises(ConfigError, match="key of an elliptic curve"):
        VaultLinks(vault, write_key(tmp_path / "rsa.key", rsa.generate_private_key(65_537, 2_048)))
