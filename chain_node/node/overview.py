"""Collects what an operator's screen shows: `tranchain_status`. Event loop only; it reads, and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chain_node.consensus.qbft.quorum import compute_quorum
from chain_node.consensus.qbft.state import State
from chain_node.core.types import Address
from chain_node.network.api import NodeRecord
from chain_node.node.chain import Chain
from chain_node.node.engine_choice import STORE_DIRECTORY
from chain_node.node.evidence import EvidenceLog
from chain_node.node.head_events import HeadEvents
from chain_node.node.members import MemberNames, Members
from chain_node.node.seal_window import SealedBlock, SealWindow
from chain_node.node.standstill import diagnose
from chain_node.node.validators import compute_byzantine_quorum
from chain_node.rpc import NodeInfo, Peer
from chain_node.rpc import node_status as view
from chain_node.rpc.params import to_data
from chain_node.txpool import Pool

_COUNTED_BLOCKS = 100
"""Blocks whose seals are counted."""

_SHOWN_BLOCKS = 10
_STAT_BLOCK_BYTES = 512
_SHOWN_EVIDENCE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is around the node: network and disk."""

    listen: str | None
    """HOST:PORT for peers; None for a node without peers."""
    certificate_expires: Callable[[], int | None]
    """Last second of the TLS certificate that is in use."""
    disk: Callable[[], view.DiskStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whom the overview asks."""

    chain: Chain
    seals: SealWindow
    members: Members
    pool: Pool
    evidence: EvidenceLog
    heads: HeadEvents
    state: Callable[[], State]
    peers: Callable[[], Sequence[Peer]]
    records: Callable[[], Sequence[NodeRecord]]
    is_syncing: Callable[[], bool]
    halt_reason: Callable[[], str | None]
    clock_ms: Callable[[], int]


def measure_disk(directory: Path) -> view.DiskStatus:
    """What the chain store and the logs of votes and evidence take, and what is free."""
    paths = (*(directory / STORE_DIRECTORY).rglob("*"), *directory.glob("*.log"))
    files = [path for path in paths if path.is_file()]
    system = os.statvfs(directory)
    return view.DiskStatus(
        directory=str(directory),
        store_bytes=sum(path.stat().st_blocks * _STAT_BLOCK_BYTES for path in files),
        free_bytes=system.f_bavail * system.f_frsize,
    )


class Overview:
    """The state of this node, as its operator wants to see it."""

    def __init__(self, info: NodeInfo, around: Surroundings, sources: Sources) -> None:
        self._info = info
        self._around = around
        self._from = sources
        self._started_ms = sources.clock_ms()

    def status(self) -> view.NodeStatus:
        """Collect everything, and what is to be made of it."""
        sources = self._from
        state, chain = sources.state(), sources.chain
        names = sources.members.names()
        organisation = names.organisation_by_validator.get(self._info.validator)
        blocks = sources.seals.newest(_COUNTED_BLOCKS)
        shown = tuple(self._block(block) for block in blocks[:_SHOWN_BLOCKS])
        peers = sources.peers()
        evidence = sources.evidence.all()
        qbft = chain.genesis.qbft
        status = view.NodeStatus(
            now_ms=sources.clock_ms(),
            client_version=self._info.client_version,
            engine=self._info.engine,
            chain_id=chain.chain_id,
            genesis_hash=to_data(self._info.genesis_hash),
            uptime_seconds=max(0, sources.clock_ms() - self._started_ms) // 1000,
            validator=to_data(self._info.validator),
            organisation=organisation,
            organisation_name=names.name_by_organisation.get(organisation or 0),
            vault_id=self._info.vault_id,
            block_period_ms=qbft.block_period_ms,
            empty_block_period_seconds=qbft.empty_block_period_seconds,
            request_timeout_seconds=qbft.request_timeout_seconds,
            head=shown[0] if shown else self._block(sources.seals.block(chain.head().height)),
            blocks=shown,
            round=_describe_round(state, sources.heads.trying_ms(state.height)),
            finality=self._finality(state),
            validators=tuple(self._validators(state, names, peers, blocks)),
            peers=tuple(_describe_peer(peer, names) for peer in peers),
            pool=self._pool(),
            disk=self._around.disk(),
            network=view.NetworkStatus(
                listen=self._around.listen, certificate_expires=self._around.certificate_expires()
            ),
            sync=_describe_sync(peers, names) if sources.is_syncing() else None,
            halt=self._halt(),
            last_refusal=self._refusal(),
            evidence=tuple(
                view.EvidenceStatus(validator=to_data(one.validator), number=one.height, round=one.round, kind=one.kind)
                for one in evidence[-_SHOWN_EVIDENCE:]
            ),
            evidence_count=len(evidence),
        )
        return status.model_copy(update={"diagnosis": diagnose(status)})

    def _block(self, block: SealedBlock) -> view.BlockStatus:
        return view.BlockStatus(
            number=block.height,
            hash=to_data(block.block_hash),
            timestamp=block.timestamp,
            proposer=to_data(block.proposer),
            round=block.round,
            transaction_count=block.transaction_count,
            signers=tuple(to_data(signer) for signer in sorted(self._from.seals.signers(block))),
        )

    def _finality(self, state: State) -> view.FinalityStatus:
        count = len(state.validators)
        return view.FinalityStatus(
            quorum=compute_quorum(count),
            byzantine_quorum=compute_byzantine_quorum(count),
            byzantine_final_number=self._from.seals.final_height(),
        )

    def _validators(
        self, state: State, names: MemberNames, peers: Sequence[Peer], blocks: Sequence[SealedBlock]
    ) -> list[view.ValidatorStatus]:
        record_by_validator = {record.validator: record for record in self._from.records()}
        height_by_validator = {peer.validator: peer.height for peer in peers}
        signers = [(block, self._from.seals.signers(block)) for block in blocks]
        found = []
        for validator in state.validators:
            record = record_by_validator.get(validator)
            organisation = names.organisation_by_validator.get(validator) or (record.organisation if record else None)
            is_self = validator == state.identity
            counted = [(block, sealed) for block, sealed in signers if validator in block.validators]
            found.append(
                view.ValidatorStatus(
                    address=to_data(validator),
                    organisation=organisation,
                    organisation_name=names.name_by_organisation.get(organisation or 0),
                    endpoint=record.endpoint if record else None,
                    is_self=is_self,
                    is_linked=is_self or validator in state.links,
                    number=state.parent.number if is_self else height_by_validator.get(validator),
                    last_proposed=next((block.height for block in blocks if block.proposer == validator), None),
                    last_sealed=next((block.height for block, sealed in counted if validator in sealed), None),
                    sealed_blocks=sum(validator in sealed for _, sealed in counted),
                    counted_blocks=len(counted),
                )
            )
        return found

    def _pool(self) -> view.PoolStatus:
        pending, queued = self._from.pool.content()
        return view.PoolStatus(
            pending=sum(map(len, pending.values())),
            queued=sum(map(len, queued.values())),
            size_bytes=self._from.pool.size_bytes,
        )

    def _halt(self) -> view.HaltStatus | None:
        reason = self._from.halt_reason()
        if reason is None:
            return None
        is_conflict = self._from.evidence.conflict() is not None
        return view.HaltStatus(kind="conflict" if is_conflict else "disk_full", reason=reason)

    def _refusal(self) -> view.RefusalStatus | None:
        refusal = self._from.heads.last_refusal
        if refusal is None:
            return None
        return view.RefusalStatus(
            number=refusal.height,
            round=refusal.round,
            proposer=to_data(refusal.proposer),
            reason=refusal.reason,
        )


def _describe_round(state: State, trying_ms: int) -> view.RoundStatus:
    rounds: dict[Address, int] = {}
    for change in state.round_changes:
        author = change.author
        rounds[author] = max(rounds.get(author, 0), change.signed.payload.round)
    proposal, lock = state.proposal, state.lock
    return view.RoundStatus(
        number=state.height,
        round=state.round,
        proposer=to_data(state.proposer(state.round)),
        is_started=state.is_round_started,
        is_decided=state.is_committed,
        has_proposal=proposal is not None,
        is_proposal_valid=state.is_proposal_valid,
        prepares=_authors(one.author for one in state.prepares if one.payload.round == state.round),
        commits=_authors(one.author for one in state.commits if one.payload.round == state.round),
        round_by_validator={to_data(author): number for author, number in sorted(rounds.items())},
        locked_round=None if lock is None else lock.round,
        locked_hash=None if lock is None else to_data(lock.digest),
        trying_ms=trying_ms,
    )


def _authors(authors: Iterable[Address]) -> tuple[str, ...]:
    return tuple(to_data(author) for author in sorted(set(authors)))


def _describe_peer(peer: Peer, names: MemberNames) -> view.PeerStatus:
    return view.PeerStatus(
        organisation=peer.organisation,
        organisation_name=names.name_by_organisation.get(peer.organisation or 0),
        validator=None if peer.validator is None else to_data(peer.validator),
        endpoint=peer.endpoint,
        client_version=peer.client_version,
        is_outbound=peer.is_outbound,
        is_live=peer.is_live,
        number=peer.height,
        latency_ms=peer.latency_ms,
        misdeed_points=peer.misdeed_points,
    )


def _describe_sync(peers: Sequence[Peer], names: MemberNames) -> view.SyncStatus | None:
    """Blocks are asked of those that are ahead; the one furthest ahead is shown."""
    best = max(peers, key=lambda peer: peer.height, default=None)
    if best is None:
        return None
    name = names.name_by_organisation.get(best.organisation or 0)
    return view.SyncStatus(target=best.height, source=f"{name} ({best.endpoint})" if name else best.endpoint)
