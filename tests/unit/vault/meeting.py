"""Vaults of several nodes over one chain in memory, joined by queues that the test empties."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette

from chain_node.core.errors import InvalidInputError
from chain_node.core.hashing import keccak
from chain_node.vault.app import create_app
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.entitlement import Entitlement
from chain_node.vault.messages import VaultMessage, decode_message, encode_message
from chain_node.vault.replication import Replication
from chain_node.vault.vault import Vault
from tests.unit.vault.conftest import Client, Party
from tests.unit.vault.memory_chain import REGISTRY, MemoryChain


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """A node with its vault."""

    meeting: Meeting
    number: int
    organisation: int
    chain: MemoryChain
    store: BlobStore
    app: Starlette
    replication: Replication
    faults: list[tuple[bytes, InvalidInputError]] = field(default_factory=list)
    sent: list[VaultMessage] = field(default_factory=list)
    """All it said, to anybody."""
    sent_size_bytes: int = 0

    @property
    def vault(self) -> Vault:
        vault: Vault = self.app.state.vault
        return vault

    @property
    def node(self) -> bytes:
        assert self.vault.binding is not None
        return self.vault.binding.node

    def on_change(self) -> None:
        self.meeting.changed.append(self)

    def on_receipts_wanted(self, root: bytes, indices: list[int]) -> None:
        self.replication.ask_receipts(root, indices)

    def party(self, name: str) -> Party:
        """A member who calls this vault."""
        signer = self.meeting.parties[name].signer
        return Party(signer, Client(self.app), self.vault.vault_id)

    def holds(self, blob: bytes) -> bool:
        return self.store.find(keccak(blob)) is not None


@dataclass
class Meeting:
    """All sites, and the messages between them that have not arrived yet."""

    directory: Path
    chain: MemoryChain
    parties: dict[str, Party]
    clock: Clock = field(default_factory=Clock)
    sites: list[Site] = field(default_factory=list)
    queue: deque[tuple[Site, Site, bytes]] = field(default_factory=deque)
    numbers_used: int = 0
    links: set[tuple[int, int]] = field(default_factory=set)
    changed: list[Site] = field(default_factory=list)

    def add(self, organisation: int, number: int | None = None, chain: MemoryChain | None = None) -> Site:
        """A node of an organisation; a number that was used before finds its store and keys again."""
        self.numbers_used += number is None
        number = self.numbers_used if number is None else number
        store = BlobStore(self.directory / str(number))
        chain = self.chain if chain is None else chain
        app = create_app(store, chain, bytes([100 + number]) * 32, REGISTRY)
        app.state.vault.entitlement = Entitlement(app.state.vault.view, self.clock)
        key = derive_private_key(1_000 + number, SECP256R1())
        node_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        binding = app.state.vault.bind(node_key, lambda data: key.sign(data, ECDSA(SHA256())))
        if (binding.node, organisation, f"node-{number}:1") not in self.chain.nodes:
            self.chain.nodes.append((binding.node, organisation, f"node-{number}:1"))
        faults: list[tuple[bytes, InvalidInputError]] = []
        replication = Replication(app.state.vault, binding, self.clock, lambda *fault: faults.append(fault))
        site = Site(self, number, organisation, chain, store, app, replication, faults)
        app.state.vault.follower = site
        self.sites.append(site)
        return site

    def link(self, first: Site, second: Site) -> None:
        """Let two nodes find each other."""
        for one, other in ((first, second), (second, first)):
            self.links.add((one.number, other.number))

            def send(payload: bytes, one: Site = one, other: Site = other) -> None:
                one.sent.append(decode_message(payload))
                one.sent_size_bytes += len(payload)
                self.queue.append((one, other, payload))

            one.replication.connect(other.node, other.organisation, send)

    def cut(self, first: Site, second: Site) -> None:
        """Break a link; what was under way is lost."""
        ends = {first.number, second.number}
        self.queue = deque(entry for entry in self.queue if {entry[0].number, entry[1].number} != ends)
        for one, other in ((first, second), (second, first)):
            self.links.discard((one.number, other.number))
            one.replication.disconnect(other.node)

    def leave(self, site: Site) -> None:
        """Take a node down."""
        for other in list(self.sites):
            if (site.number, other.number) in self.links:
                self.cut(site, other)
        self.sites.remove(site)
        site.store.close()

    def deliver(self, count: int = 1_000_000) -> int:
        """Carry messages until nothing moves, or so many; gives how many there were."""
        done = 0
        while done < count:
            for site in self.changed:
                site.replication.pump()
            self.changed.clear()
            if not self.queue:
                break
            one, other, payload = self.queue.popleft()
            other.replication.receive(one.node, payload)
            done += 1
        return done

    def pass_time(self, seconds: float) -> None:
        """Let time go by, then carry what that set going."""
        self.clock.now += seconds
        for site in self.sites:
            site.replication.pump()
        self.deliver()


def say(meeting: Meeting, sender: Site, receiver: Site, message: VaultMessage | bytes) -> None:
    """Have a node say something that its program would not say."""
    payload = message if isinstance(message, bytes) else encode_message(message)
    meeting.queue.append((sender, receiver, payload))
    meeting.deliver()
