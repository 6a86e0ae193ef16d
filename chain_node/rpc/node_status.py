"""What `tranchain_status` answers: everything an operator's screen needs, in one object. No I/O.

Made for people and for the screen that shows it to them: addresses and hashes are hex, numbers are plain, times are
milliseconds. The keys of the answer are the names here in camel case; readers skip what they do not know.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from chain_node.rpc.json_value import JsonObject

Standing = Literal["runs", "waits", "syncs", "stands still", "halted"]
Severity = Literal["fault", "warning", "note"]
HaltKind = Literal["disk_full", "conflict"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class BlockStatus(_View):
    """One of the newest blocks."""

    number: int
    hash: str
    timestamp: int
    """Seconds since 1970, as in the header."""
    proposer: str
    round: int
    """Round in which it was decided; above 0 somebody was late."""
    transaction_count: int
    signers: tuple[str, ...]
    """Validators whose seals of this block are here, those that came late included."""


class RoundStatus(_View):
    """The height that is being decided."""

    number: int
    round: int
    proposer: str
    """Whose turn it is."""
    is_started: bool
    """False while there is no reason for a block yet."""
    is_decided: bool
    """A quorum has committed; the block is being imported."""
    has_proposal: bool
    is_proposal_valid: bool
    prepares: tuple[str, ...]
    """Whose Prepare of this round has come."""
    commits: tuple[str, ...]
    """Whose Commit of this round has come."""
    round_by_validator: dict[str, int]
    """The highest round that each validator asked for by RoundChange."""
    locked_round: int | None
    """Round of the block that was prepared here, if one was."""
    locked_hash: str | None
    trying_ms: int
    """Since the first round of this height began; 0 before."""


class FinalityStatus(_View):
    """How final the chain is."""

    quorum: int
    byzantine_quorum: int | None
    """Seals that make a block final even if validators lie; None where no number suffices."""
    byzantine_final_number: int | None
    """The newest block that has them; None if none of the last blocks has."""


class ValidatorStatus(_View):
    """One validator of the set that decides the next height."""

    address: str
    organisation: int | None
    organisation_name: str | None
    endpoint: str | None
    """HOST:PORT of its node record."""
    is_self: bool
    is_linked: bool
    """A live link to it; true for this node."""
    number: int | None
    """The head it last spoke of."""
    last_proposed: int | None
    """Newest block it proposed, of those counted."""
    last_sealed: int | None
    """Newest block with its seal, of those counted."""
    sealed_blocks: int
    counted_blocks: int
    """Of the last 100 blocks, those it was a validator for."""


class PeerStatus(_View):
    """One connected node."""

    organisation: int | None
    organisation_name: str | None
    validator: str | None
    endpoint: str
    client_version: str
    is_outbound: bool
    is_live: bool
    number: int
    latency_ms: int | None
    misdeed_points: int


class PoolStatus(_View):
    """Waiting transactions."""

    pending: int
    """Executable now."""
    queued: int
    """Behind a missing nonce."""
    size_bytes: int


class DiskStatus(_View):
    """The data directory."""

    directory: str
    store_bytes: int
    free_bytes: int


class NetworkStatus(_View):
    """This node's own side of the network."""

    listen: str | None
    """HOST:PORT for peers; None for a node that has no peers."""
    certificate_expires: int | None
    """Last second of its TLS certificate."""


class SyncStatus(_View):
    """Blocks are being fetched."""

    target: int
    """The highest block a peer spoke of."""
    source: str
    """Which peer it is asked of: organisation and endpoint."""


class RefusalStatus(_View):
    """The newest proposal that was found invalid here."""

    number: int
    round: int
    proposer: str
    reason: str


class EvidenceStatus(_View):
    """A validator that contradicted itself."""

    validator: str
    number: int
    round: int
    kind: str


class HaltStatus(_View):
    """Why nothing is written."""

    kind: HaltKind
    reason: str


class Finding(_View):
    """One thing that is not as it should be."""

    kind: str
    severity: Severity
    sentence: str
    next_step: str


class Diagnosis(_View):
    """What the node makes of its own state: `standstill.py`."""

    standing: Standing
    findings: tuple[Finding, ...]
    """The cause of a standstill first."""


class NodeStatus(_View):
    """The state of one node at one moment."""

    now_ms: int
    """The node's clock, milliseconds since 1970."""
    client_version: str
    engine: str
    chain_id: int
    genesis_hash: str
    uptime_seconds: int
    validator: str
    """Address of this node's validator key, in the set or not."""
    organisation: int | None
    organisation_name: str | None
    vault_id: str | None
    """Identity of the embedded vault."""
    block_period_ms: int
    empty_block_period_seconds: int
    request_timeout_seconds: int
    head: BlockStatus
    blocks: tuple[BlockStatus, ...]
    """The newest blocks, newest first."""
    round: RoundStatus
    finality: FinalityStatus
    validators: tuple[ValidatorStatus, ...]
    peers: tuple[PeerStatus, ...]
    pool: PoolStatus
    disk: DiskStatus
    network: NetworkStatus
    sync: SyncStatus | None
    halt: HaltStatus | None
    last_refusal: RefusalStatus | None
    evidence: tuple[EvidenceStatus, ...]
    """The newest, oldest first."""
    evidence_count: int
    diagnosis: Diagnosis | None = None

    @property
    def is_validator(self) -> bool:
        """Whether this node is in the set."""
        return any(validator.is_self for validator in self.validators)

    def to_json(self) -> JsonObject:
        """The answer of the RPC."""
        dumped: JsonObject = self.model_dump(by_alias=True, mode="json")
        return dumped
