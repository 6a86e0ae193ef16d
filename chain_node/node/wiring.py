"""Puts the parts of a node together; nothing else knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from chain_node.core.crypto import address_of
from chain_node.core.types import Height, Transaction
from chain_node.node.assembly import assemble
from chain_node.node.chain import Chain
from chain_node.node.clock import now_ms
from chain_node.node.config import NodeConfig
from chain_node.node.consensus_view import ConsensusView
from chain_node.node.driver import Driver, Workers
from chain_node.node.evidence import EvidenceLog
from chain_node.node.fixed_addresses import CONTRACT_REGISTRY
from chain_node.node.head_events import HeadEvents
from chain_node.node.intake import Intake
from chain_node.node.keys import load_validator_key
from chain_node.node.members import Members
from chain_node.node.metrics import Counts, NodeCollector
from chain_node.node.opening import EVIDENCE_FILE, VOTES_FILE, make_engine, open_store, read_genesis
from chain_node.node.overview import Overview, Sources, Surroundings, measure_disk
from chain_node.node.peer_network import NoPeers
from chain_node.node.seal_table import SealTable
from chain_node.node.seal_window import SealWindow
from chain_node.node.vault_reader import VaultReader
from chain_node.node.votes import Votes
from chain_node.rpc import (
    Backend,
    Dispatcher,
    HTTPOptions,
    Limits,
    NodeInfo,
    Readiness,
    RPCApp,
    SubscriptionHub,
)
from chain_node.storage import FileDisk, LmdbStore, StoreFullError
from chain_node.txpool import Pool
from chain_node.vault.app import vault_routes
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.service import load_vault_key
from chain_node.vault.vault import Vault

_RPC_THREADS = 4
"""Slow calls that run at the same time; they share one interpreter, so more would not be faster."""


@dataclass(slots=True)
class EmbeddedVault:
    """The vault and what must be closed after it."""

    vault: Vault
    blobs: BlobStore


@dataclass(slots=True)
class Node:
    """A node, put together and not yet running."""

    app: RPCApp
    driver: Driver
    vault: EmbeddedVault | None
    store: LmdbStore
    votes: Votes
    evidence_disk: FileDisk
    seals: SealTable
    workers: Workers
    rpc_workers: ThreadPoolExecutor

    def close(self) -> None:
        """Let go of threads and files, after whatever is being written."""
        self.rpc_workers.shutdown(cancel_futures=True)
        self.workers.votes.shutdown()
        self.workers.chain.shutdown()
        with suppress(StoreFullError):  # seals of others, for which their later ones vouch
            self.seals.write(is_last=True)
        self.votes.close()
        self.evidence_disk.close()
        if self.vault is not None:
            self.vault.blobs.close()
        self.store.close()


def build_node(config: NodeConfig) -> Node:
    """Open everything and put it together.

    Raises:
        ConfigError: something in the configuration cannot be used.
        UnavailableError: the data directory is in use, or the disk is full.
    """
    private_key = load_validator_key(config.validator_key_path)
    genesis = read_genesis(config.genesis)
    store = open_store(genesis, config.data_dir)
    chain = Chain(genesis, store, make_engine(genesis, store))
    evidence_disk = FileDisk(config.data_dir / EVIDENCE_FILE)
    votes, evidence = Votes(config.data_dir / VOTES_FILE), EvidenceLog(evidence_disk)
    hub, metrics = SubscriptionHub(), CollectorRegistry()

    def on_new(transaction: Transaction) -> None:
        dispatcher.filters.on_pending(transaction.hash)
        hub.on_pending(transaction)
        parts.driver.on_transaction()

    intake = Intake(chain, Pool(), now_ms, on_new, lambda transaction: network.announce_transaction(transaction.raw))
    heads = HeadEvents(intake, hub, metrics)
    parts = assemble(
        chain=chain,
        store=store,
        intake=intake,
        votes=votes,
        evidence=evidence,
        heads=heads,
        private_key=private_key,
        clock_ms=now_ms,
        build_budget_ms=config.build_budget_ms,
        workers=Workers(chain=ThreadPoolExecutor(1, "chain"), votes=ThreadPoolExecutor(1, "votes")),
    )
    network = NoPeers()
    rpc_workers = ThreadPoolExecutor(_RPC_THREADS, "rpc")
    vault = _embed_vault(config, chain) if config.vault else None
    consensus = ConsensusView(chain, parts.validators, evidence, network)
    info = _describe_node(chain, private_key, vault)
    overview = Overview(
        info,
        _look_around(config),
        Sources(
            chain=chain,
            seals=SealWindow(chain, parts.validators, parts.seals.seals),
            members=Members(chain),
            pool=intake.pool,
            evidence=evidence,
            heads=heads,
            state=lambda: parts.driver.state,
            peers=consensus.peers,
            records=parts.records.newest,
            is_syncing=lambda: network.is_syncing,
            halt_reason=lambda: parts.driver.halt_reason,
            clock_ms=now_ms,
        ),
    )
    metrics.register(
        NodeCollector(
            overview.status,
            Counts(taken=lambda: intake.taken, refused=lambda: intake.refused, traffic=dict),
        )
    )
    dispatcher = Dispatcher(
        Backend(
            chain=chain,
            pool=intake,
            consensus=consensus,
            node=info,
            status=overview.status,
            limits=Limits(),
            now_ms=now_ms,
        )
    )
    options = HTTPOptions(
        readiness=lambda: _readiness(chain, parts.driver),
        metrics=metrics,
        allowed_origins=tuple(config.rpc_allowed_origins),
        routes=_vault_routes(vault),
    )
    return Node(
        app=RPCApp(dispatcher, hub, options, rpc_workers),
        driver=parts.driver,
        vault=vault,
        store=store,
        votes=votes,
        evidence_disk=evidence_disk,
        seals=parts.seals,
        workers=parts.workers,
        rpc_workers=rpc_workers,
    )


def _describe_node(chain: Chain, private_key: bytes, vault: EmbeddedVault | None) -> NodeInfo:
    genesis_block = chain.block_at(Height(0)) or chain.head()
    return NodeInfo(
        client_version=f"tranchain-node/v{_read_version()}/python{python_version()}",
        validator=address_of(private_key),
        genesis_hash=genesis_block.hash,
        engine=chain.engine.name,
        vault_id=None if vault is None else f"0x{vault.vault.vault_id.hex()}",
    )


def _look_around(config: NodeConfig) -> Surroundings:
    return Surroundings(listen=None, certificate_expires=lambda: None, disk=lambda: measure_disk(config.data_dir))


def _embed_vault(config: NodeConfig, chain: Chain) -> EmbeddedVault:
    blobs = BlobStore(config.data_dir / "vault")
    key = load_vault_key(config.data_dir / "vault.key")
    return EmbeddedVault(Vault(blobs, VaultReader(chain), key, CONTRACT_REGISTRY), blobs)


def _vault_routes(vault: EmbeddedVault | None) -> Sequence[BaseRoute]:
    return () if vault is None else vault_routes(vault.vault)


def _readiness(chain: Chain, driver: Driver) -> Readiness:
    head = chain.head()
    return Readiness(
        is_ready=driver.halt_reason is None,
        details={
            "ready": driver.halt_reason is None,
            "head": head.height,
            "head_timestamp": head.header.timestamp,
            "halted": driver.halt_reason,
        },
    )


def _read_version() -> str:
    try:
        return version("tranchain")
    except PackageNotFoundError:
        return "0-uninstalled"
