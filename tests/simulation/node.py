"""The node of a simulated machine: the parts that `chain_node.node.assembly` puts together, and the real `Peers`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from chain_node.core.types import Height, Transaction
from chain_node.network.admission import Identity
from chain_node.network.frames import ConsensusMessage, Frame
from chain_node.network.peers import Peers
from chain_node.network.proposal_exchange import COMPACT_COUNT_MIN
from chain_node.network.proposal_frames import CompactProposal
from chain_node.node.assembly import assemble
from chain_node.node.chain import Chain
from chain_node.node.driver import Workers
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.intake import Intake
from chain_node.node.opening import EVIDENCE_FILE, VOTES_FILE
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

    def __init__(self, machine: Machine) -> None:
        world, store = machine.world, machine.store
        self.chain = Chain(world.genesis, store, MemoryEngine(store, world.members, world.founders))
        self.evidence = EvidenceLog(machine.open_file(EVIDENCE_FILE))
        self.intake = Intake(self.chain, Pool(), machine.clock.now_ms, self._on_new, self._on_submitted)
        parts = assemble(
            chain=self.chain,
            store=store,
            intake=self.intake,
            votes=Votes(Path(VOTES_FILE), lambda path: machine.open_file(path.name)),
            evidence=self.evidence,
            heads=HeadEvents(self.intake, SubscriptionHub(), CollectorRegistry()),
            private_key=machine.key,
            clock_ms=machine.clock.now_ms,
            build_budget_ms=_BUILD_BUDGET_MS,
            workers=Workers(
                chain=Worker(machine.work_duration_us),  # type: ignore[arg-type]
                votes=Worker(machine.work_duration_us),  # type: ignore[arg-type]
                decoding=Worker(machine.work_duration_us),  # type: ignore[arg-type]
            ),
        )
        self.driver = parts.driver
        self.validators = parts.validators
        genesis_hash = store.block_hash(Height(0))
        assert genesis_hash is not None
        identity = Identity(
            chain_id=world.genesis.chain_id,
            genesis_hash=genesis_hash,
            client_version="simulation",
            tls_key_hash=machine.tls_key_hash,
            validator=machine.address,
        )
        self.peers = Peers(
            identity, parts.services, compact_count_min=COMPACT_COUNT_MIN if machine.lives % 3 == 0 else 1
        )
        self.driver.join(self.peers)

    async def run(self) -> None:
        """Until cancelled."""
        await self.driver.run()

    def whole(self, frame: Frame) -> Frame:
        """A frame as it would be if proposals always travelled whole."""
        if isinstance(frame, CompactProposal):
            proposal = self.peers.proposals.proposal(frame.signature)
            return frame if proposal is None else ConsensusMessage.of(proposal)
        return frame

    def _on_new(self, _: Sequence[Transaction]) -> None:
        self.driver.on_transaction()

    def _on_submitted(self, transactions: Sequence[Transaction]) -> None:
        self.peers.announce_transactions([transaction.raw for transaction in transactions])
