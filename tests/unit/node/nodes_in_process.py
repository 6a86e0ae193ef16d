"""A consortium in one process: real nodes without sockets, connected by links in memory, on the real engine."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from chain_node.core.crypto import address_of
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32
from chain_node.network.admission import Identity
from chain_node.network.api import TlsKeyHash
from chain_node.network.frames import Goodbye
from chain_node.network.peers import Peers
from chain_node.node.assembly import assemble
from chain_node.node.chain import Chain
from chain_node.node.clock import now_ms
from chain_node.node.driver import Workers
from chain_node.node.evidence import EvidenceLog
from chain_node.node.genesis_builder import NetworkParameters, build_genesis
from chain_node.node.head_events import HeadEvents
from chain_node.node.intake import Intake
from chain_node.node.member_file import Member, MemberAccount, MemberNode
from chain_node.node.opening import EVIDENCE_FILE, VOTES_FILE, OpenChain, open_scratch
from chain_node.node.votes import Votes
from chain_node.rpc import SubscriptionHub
from chain_node.storage import FileDisk
from chain_node.txpool import Pool
from tests.engines import ENGINE
from tests.unit.network.memory_link import MemoryLink, connect
from tests.unit.rpc.memory_node import ACCOUNT

_ALL_ROLES = sum(1 << role for role in range(1, 13))


def validator_key(index: int) -> bytes:
    return keccak(b"validator %d" % index)


def tls_key_hash(index: int) -> TlsKeyHash:
    return TlsKeyHash(keccak(b"tls key %d" % index))


def make_genesis(count: int, **parameters: int) -> Genesis:
    """A consortium of so many organisations with a validator each."""
    members = [
        Member(
            organisation=f"organisation {index}",
            governor=address_of(keccak(b"governor %d" % index)),
            validator=address_of(validator_key(index)),
            node=MemberNode(endpoint=f"127.0.0.1:{30_000 + index}", tls_key_hash=Hash32(tls_key_hash(index))),
            accounts=(_account(),) if index == 0 else (),
        )
        for index in range(count)
    ]
    values = {"timestamp": now_ms() // 1000 - 10, "block_period_ms": 100, "empty_block_period_seconds": 60}
    return parse_genesis(build_genesis(members, NetworkParameters(**{**values, **parameters})))


def _account() -> MemberAccount:
    return MemberAccount(
        address=ACCOUNT,
        roles=_ALL_ROLES,
        valid_from=0,
        valid_until=2**39,
        certificate_hash=Hash32(bytes(32)),
    )


@dataclass
class Machine:
    """What survives when a node is stopped."""

    directory: Path
    scratch: AbstractContextManager[OpenChain]
    """Closes the chain when the machine is collected."""
    chain: OpenChain
    key: bytes
    tls_key_hash: TlsKeyHash


def make_machine(genesis: Genesis, directory: Path, index: int) -> Machine:
    directory.mkdir(parents=True, exist_ok=True)
    scratch = open_scratch(genesis, ENGINE)
    return Machine(directory, scratch, scratch.__enter__(), validator_key(index), tls_key_hash(index))


@dataclass
class Running:
    """A node that runs, from `start` to `stop`."""

    genesis: Genesis
    machine: Machine
    links: list[MemoryLink] = field(default_factory=list)

    def start(self, group: asyncio.TaskGroup) -> None:
        self.chain = Chain(self.genesis, self.machine.chain.store, self.machine.chain.engine)
        self.votes = Votes(self.machine.directory / VOTES_FILE)
        self.evidence_disk = FileDisk(self.machine.directory / EVIDENCE_FILE)
        self.evidence = EvidenceLog(self.evidence_disk)
        self.intake = Intake(
            self.chain,
            Pool(),
            now_ms,
            lambda _: self.parts.driver.on_transaction(),
            lambda new: self.peers.announce_transactions([transaction.raw for transaction in new]),
        )
        self.parts = assemble(
            chain=self.chain,
            store=self.machine.chain.store,
            intake=self.intake,
            votes=self.votes,
            evidence=self.evidence,
            heads=HeadEvents(self.intake, SubscriptionHub(), CollectorRegistry()),
            private_key=self.machine.key,
            clock_ms=now_ms,
            build_budget_ms=400,
            workers=Workers(chain=ThreadPoolExecutor(1), votes=ThreadPoolExecutor(1), decoding=ThreadPoolExecutor(1)),
        )
        identity = Identity(
            chain_id=self.genesis.chain_id,
            genesis_hash=self.machine.chain.store.block_hash(0) or b"",  # type: ignore[arg-type]
            client_version="test/v1",
            tls_key_hash=self.machine.tls_key_hash,
            validator=address_of(self.machine.key),
        )
        self.peers = Peers(identity, self.parts.services)
        self.driver = self.parts.driver
        self.driver.join(self.peers)
        self.task = group.create_task(self.driver.run())

    async def stop(self) -> None:
        for link in list(self.links):
            link.close(Goodbye("stopped"))
        self.links.clear()
        self.task.cancel()
        await asyncio.sleep(0)
        self.close()

    def close(self) -> None:
        self.parts.workers.votes.shutdown()
        self.parts.workers.chain.shutdown()
        self.votes.close()
        self.evidence_disk.close()

    @property
    def height(self) -> int:
        return self.chain.head().height


def join(one: Running, two: Running) -> tuple[MemoryLink, MemoryLink]:
    """Connect two running nodes."""
    ends = connect((one.peers, one.machine.tls_key_hash), (two.peers, two.machine.tls_key_hash), delay_seconds=0.001)
    assert not isinstance(ends, Goodbye), ends
    one.links.append(ends[0])
    two.links.append(ends[1])
    return ends
