"""The node of a simulated machine: the real parts, put together as `chain_node.node.wiring` does, on simulated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from chain_node.consensus.qbft.upon_new_block import state_from_record
from chain_node.core.types import Transaction
from chain_node.node.block_maker import BlockMaker
from chain_node.node.chain import Chain
from chain_node.node.driver import Driver, head_event
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.intake import Intake
from chain_node.node.validators import Validators
from chain_node.node.votes import Votes
from chain_node.rpc import SubscriptionHub
from chain_node.txpool import Pool
from tests.simulation.engine import MemoryEngine
from tests.simulation.virtual_loop import Worker

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

_BUILD_BUDGET_MS = 400


class SimulatedNode:
    """One run of a node."""

    def __init__(self, machine: Machine, worker: Worker) -> None:
        world = machine.world
        genesis, store = world.genesis, machine.store
        engine = MemoryEngine(store, world.members, world.founders)
        self.chain = Chain(genesis, store, engine)
        self.validators = Validators(self.chain, store)
        self.votes = Votes("votes.log", machine.open_file)
        clock_ms = machine.clock.now_ms
        self.intake = Intake(self.chain, Pool(), clock_ms, self._on_new)
        head = head_event(self.chain.head(), self.validators, clock_ms())
        self.peers = MinimalPeers(self)
        self.driver = Driver(
            start=state_from_record(machine.address, genesis.qbft, head, self.votes.restore()),
            chain=self.chain,
            validators=self.validators,
            maker=BlockMaker(genesis, engine, store.block_hash),
            pool=self.intake.pool,
            votes=self.votes,
            private_key=machine.key,
            network=self.peers,
            evidence=EvidenceLog(),
            heads=HeadEvents(self.intake, SubscriptionHub(), CollectorRegistry()),
            clock_ms=clock_ms,
            build_budget_ms=_BUILD_BUDGET_MS,
            worker=worker,
        )

    async def run(self) -> None:
        """Until cancelled."""
        await self.driver.run()

    def _on_new(self, transaction: Transaction) -> None:
        self.peers.announce_transaction(transaction)
        self.driver.on_transaction()


class MinimalPeers:
    def __init__(self, node):
        self.node = node
        self.links = []

    def make_hello(self):
        from chain_node.network.frames import Hello

        head = self.node.chain.head()
        return Hello(
            version=1,
            chain_id=1337,
            genesis_hash=bytes(32),
            height=head.height,
            head_hash=head.hash,
            client_version="x",
        )

    def judge(self, key, hello):
        return None

    def on_link_up(self, link, hello):
        self.links.append(link)
        self._changed()

    def on_link_down(self, link, reason):
        self.links.remove(link)
        self._changed()

    def _changed(self):
        from chain_node.consensus.qbft.events import LinksChanged

        self.node.driver._events.put_nowait(LinksChanged(tuple(sorted({l.peer.address for l in self.links}))))

    def on_frame(self, link, frame):
        from chain_node.consensus.qbft.machine import event_of
        from chain_node.network.frames import ConsensusMessage, Transactions

        if isinstance(frame, ConsensusMessage):
            self.node.driver._events.put_nowait(event_of(frame.decode()))
        if isinstance(frame, Transactions):
            for raw in frame.encoded:
                try:
                    self.node.intake.submit(raw)
                except Exception:
                    pass

    def send_to_validators(self, message):
        from chain_node.network.frames import ConsensusMessage

        frame = ConsensusMessage.of(message)
        for link in self.links:
            link.send(frame)

    def announce_block(self, block):
        pass

    def announce_transaction(self, transaction):
        from chain_node.network.frames import Transactions

        for link in self.links:
            link.send(Transactions((transaction.raw,)))

    def request_blocks(self, author, height):
        pass

    def peers(self):
        return ()
