"""Puts the parts of a node together; nothing else knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from platform import python_version

import structlog
from prometheus_client import CollectorRegistry

from chain_node.core.crypto import address_of
from chain_node.core.types import Height, Transaction
from chain_node.execution.native.library import package_version
from chain_node.node.assembly import Parts, assemble
from chain_node.node.chain import Chain
from chain_node.node.clock import now_ms
from chain_node.node.config import NodeConfig
from chain_node.node.consensus_view import ConsensusView
from chain_node.node.decoding import TransactionDecoder
from chain_node.node.driver import Driver, Workers
from chain_node.node.evidence import EvidenceLog
from chain_node.node.fixed_addresses import CONTRACT_REGISTRY
from chain_node.node.head_events import HeadEvents
from chain_node.node.intake import Intake, NewTransactions
from chain_node.node.keys import load_validator_key
from chain_node.node.members import Members
from chain_node.node.metrics import Counts, NodeCollector
from chain_node.node.opening import EVIDENCE_FILE, VOTES_FILE, EngineOptions, open_chain, read_genesis
from chain_node.node.overview import Overview, Sources, Surroundings, measure_disk
from chain_node.node.peering import Introduction, Peering, open_peering
from chain_node.node.seal_table import SealTable
from chain_node.node.seal_window import SealWindow
from chain_node.node.vault_exchange import VaultLinks
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
from chain_node.storage import ChainStore, FileDisk, StoreFullError
from chain_node.txpool import Pool, PoolLimits
from chain_node.vault.app import vault_routes
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.service import load_vault_key
from chain_node.vault.vault import Vault

_log = structlog.get_logger("node")
_RPC_THREADS = 4
"""Slow calls that run at the same time; they share one interpreter, so more would not be faster."""


@dataclass(slots=True)
class EmbeddedVault:
    """The vault and what must be closed after it."""

    vault: Vault
    blobs: BlobStore
    links: VaultLinks | None
    """To the vaults of other nodes; None for a node without peers."""

    def close(self) -> None:
        """Let go of thread and files."""
        if self.links is not None:
            self.links.close()
        self.blobs.close()


@dataclass(slots=True)
class Node:
    """A node, put together and not yet running."""

    app: RPCApp
    driver: Driver
    peering: Peering | None
    vault: EmbeddedVault | None
    files: Files
    seals: SealTable
    workers: Workers
    rpc_workers: ThreadPoolExecutor

    def close(self) -> None:
        """Let go of threads and files, after whatever is being written."""
        self.rpc_workers.shutdown(cancel_futures=True)
        self.workers.votes.shutdown()
        self.workers.chain.shutdown()
        self.workers.decoding.shutdown()
        with suppress(StoreFullError):  # seals of others, for which their later ones vouch
            self.seals.write(is_last=True)
        if self.vault is not None:
            self.vault.close()
        if self.peering is not None:
            self.peering.transport.close()
        self.files.close()


@dataclass(frozen=True, slots=True)
class Files:
    """What the node keeps in its data directory."""

    store: ChainStore
    votes: Votes
    evidence: FileDisk

    def close(self) -> None:
        """Close all of them."""
        self.votes.close()
        self.evidence.close()
        self.store.close()


@dataclass(frozen=True, slots=True)
class Core:
    """Chain, pool and consensus, without RPC and peers."""

    chain: Chain
    intake: Intake
    evidence: EvidenceLog
    heads: HeadEvents
    parts: Parts


def build_node(config: NodeConfig) -> Node:
    """Open everything and put it together.

    Raises:
        ConfigError: something in the configuration cannot be used.
        UnavailableError: the data directory is in use, or the disk is full.
    """
    private_key = load_validator_key(config.validator_key_path)
    genesis = read_genesis(config.genesis)
    engine_options = EngineOptions(wish=config.engine, verify_with=config.verify_with, cache_mb=config.cache_mb)
    opened = open_chain(genesis, config.data_dir, engine_options)
    _log.info("engine_chosen", engine=opened.engine.name, reason=opened.reason)
    files = Files(
        opened.store,
        Votes(config.data_dir / VOTES_FILE),
        FileDisk(config.data_dir / EVIDENCE_FILE),
    )
    hub, metrics = SubscriptionHub(), CollectorRegistry()

    def on_new(transactions: Sequence[Transaction]) -> None:
        dispatcher.filters.on_pending(transactions)
        hub.on_pending(transactions)
        core.parts.driver.on_transaction()

    chain = Chain(genesis, opened.store, opened.engine)
    core = _build_core(config, chain, files, private_key, on_new=on_new, hub=hub, metrics=metrics)
    vault = _embed_vault(config, core.chain) if config.vault else None
    info = _describe_node(core.chain, private_key, vault)
    peering = open_peering(config, _introduce(core.chain, info), core.parts, None if vault is None else vault.links)
    rpc_workers = ThreadPoolExecutor(_RPC_THREADS, "rpc")
    backend = _build_backend(config, core, info, peering, metrics)
    dispatcher = Dispatcher(backend)
    options = HTTPOptions(
        readiness=lambda: _readiness(core.chain, core.parts.driver),
        metrics=metrics,
        allowed_origins=tuple(config.rpc_allowed_origins),
        routes=() if vault is None else vault_routes(vault.vault),
    )
    return Node(
        app=RPCApp(dispatcher, hub, options, rpc_workers),
        driver=core.parts.driver,
        peering=peering,
        vault=vault,
        files=files,
        seals=core.parts.seals,
        workers=core.parts.workers,
        rpc_workers=rpc_workers,
    )


def _build_core(
    config: NodeConfig,
    chain: Chain,
    files: Files,
    private_key: bytes,
    *,
    on_new: NewTransactions,
    hub: SubscriptionHub,
    metrics: CollectorRegistry,
) -> Core:
    evidence = EvidenceLog(files.evidence)
    workers = Workers(
        chain=ThreadPoolExecutor(1, "chain"),
        votes=ThreadPoolExecutor(1, "votes"),
        decoding=ThreadPoolExecutor(1, "decoding"),
    )
    intake = Intake(
        chain,
        Pool(PoolLimits(per_sender=config.pool_per_sender, count=config.pool_count)),
        now_ms,
        on_new,
        lambda transactions: parts.driver.network.announce_transactions([one.raw for one in transactions]),
        TransactionDecoder(chain.engine.decode_transactions, workers.decoding),
    )
    heads = HeadEvents(intake, hub, metrics)
    parts = assemble(
        chain=chain,
        store=files.store,
        intake=intake,
        votes=files.votes,
        evidence=evidence,
        heads=heads,
        private_key=private_key,
        clock_ms=now_ms,
        build_budget_ms=config.build_budget_ms,
        workers=workers,
    )
    return Core(chain, intake, evidence, heads, parts)


def _build_backend(
    config: NodeConfig, core: Core, info: NodeInfo, peering: Peering | None, metrics: CollectorRegistry
) -> Backend:
    parts, driver = core.parts, core.parts.driver
    consensus = ConsensusView(core.chain, parts.validators, core.evidence, driver.network)
    overview = Overview(
        info,
        Surroundings(
            listen=config.p2p_listen,
            certificate_expires=lambda: None if peering is None else peering.certificate_expires(),
            disk=lambda: measure_disk(config.data_dir),
        ),
        Sources(
            chain=core.chain,
            seals=SealWindow(core.chain, parts.validators, parts.seals.seals),
            members=Members(core.chain),
            pool=core.intake.pool,
            evidence=core.evidence,
            heads=core.heads,
            state=lambda: driver.state,
            peers=consensus.peers,
            records=parts.records.newest,
            is_syncing=lambda: driver.network.is_syncing,
            halt_reason=lambda: driver.halt_reason,
            clock_ms=now_ms,
        ),
    )
    counts = Counts(
        taken=lambda: core.intake.taken,
        refused=lambda: core.intake.refused,
        traffic=lambda: None if peering is None else peering.transport.traffic,
    )
    metrics.register(NodeCollector(overview.status, counts))
    return Backend(
        chain=core.chain,
        pool=core.intake,
        consensus=consensus,
        node=info,
        status=overview.status,
        limits=Limits(),
        now_ms=now_ms,
    )


def _introduce(chain: Chain, info: NodeInfo) -> Introduction:
    return Introduction(
        chain_id=chain.chain_id,
        genesis_hash=info.genesis_hash,
        client_version=info.client_version,
        validator=info.validator,
    )


def _describe_node(chain: Chain, private_key: bytes, vault: EmbeddedVault | None) -> NodeInfo:
    genesis_block = chain.block_at(Height(0)) or chain.head()
    engine = chain.engine.name.replace(", verified with ", "+")
    return NodeInfo(
        client_version=f"tranchain-node/v{package_version() or '0-uninstalled'}/{engine}/python{python_version()}",
        validator=address_of(private_key),
        genesis_hash=genesis_block.hash,
        engine=chain.engine.name,
        vault_id=None if vault is None else f"0x{vault.vault.vault_id.hex()}",
    )


def _embed_vault(config: NodeConfig, chain: Chain) -> EmbeddedVault:
    blobs = BlobStore(config.data_dir / "vault")
    key = load_vault_key(config.data_dir / "vault.key")
    vault = Vault(blobs, VaultReader(chain), key, CONTRACT_REGISTRY)
    return EmbeddedVault(vault, blobs, None if config.p2p_listen is None else VaultLinks(vault, config.p2p_key_path))


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
