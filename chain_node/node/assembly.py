"""The part of a node that decides blocks, put together over whatever store, disks, clock and workers there are.

A node has real ones (`wiring.py`), the simulation its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chain_node.consensus.qbft.upon_new_block import state_from_record
from chain_node.core.crypto import address_of
from chain_node.node.block_maker import BlockMaker
from chain_node.node.chain import Chain
from chain_node.node.driver import Driver, Workers, head_event
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.importer import Importer
from chain_node.node.intake import Intake
from chain_node.node.node_records import NodeRecords
from chain_node.node.peer_services import PeerServices
from chain_node.node.seal_table import SealTable
from chain_node.node.validators import Validators
from chain_node.node.votes import Votes
from chain_node.storage import ChainStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What was put together."""

    driver: Driver
    validators: Validators
    seals: SealTable
    records: NodeRecords
    services: PeerServices
    """For `Peers`, which the driver then joins."""
    workers: Workers


def assemble(
    *,
    chain: Chain,
    store: ChainStore,
    intake: Intake,
    votes: Votes,
    evidence: EvidenceLog,
    heads: HeadEvents,
    private_key: bytes,
    clock_ms: Callable[[], int],
    build_budget_ms: int,
    workers: Workers,
) -> Parts:
    """Put the parts together; the driver starts with what the vote record remembers.

    Raises:
        ConfigError: the vote record cannot be read.
    """
    identity = address_of(private_key)
    validators = Validators(chain, store)
    seals = SealTable(chain, store, validators.of)
    validators.count_seals_of(seals)
    records = NodeRecords(chain)
    maker = BlockMaker(chain.genesis, chain.engine, store.block_hash)
    head = head_event(chain.head(), validators, clock_ms())
    driver = Driver(
        start=state_from_record(identity, chain.genesis.qbft, head, votes.restore()),
        chain=chain,
        validators=validators,
        maker=maker,
        importer=Importer(chain=chain, validators=validators, maker=maker, seals=seals, records=records),
        seals=seals,
        pool=intake.pool,
        votes=votes,
        private_key=private_key,
        evidence=evidence,
        heads=heads,
        clock_ms=clock_ms,
        build_budget_ms=build_budget_ms,
        workers=workers,
    )
    services = PeerServices(
        chain=chain,
        store=store,
        driver=driver,
        intake=intake,
        seals=seals,
        records=records,
        validator=identity,
    )
    return Parts(driver=driver, validators=validators, seals=seals, records=records, services=services, workers=workers)
