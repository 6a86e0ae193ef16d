"""Who may come in: judged by the members' node records of the newest state here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain_node.core.types import Address, Hash32
from chain_node.network.api import NodeRecord, NodeServices, TlsKeyHash
from chain_node.network.frames import PROTOCOL_VERSION, Goodbye, Hello

DOWNLOAD_LINKS_MAX = 8
"""Nodes that cannot be judged yet, at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this node is to others."""

    chain_id: int
    genesis_hash: Hash32
    client_version: str
    tls_key_hash: TlsKeyHash
    validator: Address


class Admission:
    """Knows the records, and judges by them."""

    def __init__(
        self, identity: Identity, services: NodeServices, on_records: Callable[[Sequence[NodeRecord]], None]
    ) -> None:
        """`on_records` hears of records that are others than before."""
        self._identity = identity
        self._services = services
        self._on_records = on_records
        self._records: Sequence[NodeRecord] = ()
        self._record_by_key: dict[TlsKeyHash, NodeRecord] = {}
        self.validators: frozenset[Address] = frozenset()
        """Validators of the members' nodes; looked up, never iterated."""

    def make_hello(self) -> Hello:
        """What this node says first."""
        head = self._services.head()
        return Hello(
            version=PROTOCOL_VERSION,
            chain_id=self._identity.chain_id,
            genesis_hash=self._identity.genesis_hash,
            height=head.height,
            head_hash=head.block_hash,
            client_version=self._identity.client_version,
        )

    def judge(self, tls_key_hash: TlsKeyHash, hello: Hello, *, download_count: int) -> NodeRecord | Goodbye | None:
        """The record of a node; a refusal; or None: it is ahead, so that it may serve blocks until it can be judged.

        Args:
            download_count: nodes that have been taken so already.
        """
        ours = self.make_hello()
        for what, got, expected in (
            ("protocol version", hello.version, ours.version),
            ("chain id", hello.chain_id, ours.chain_id),
            ("genesis", hello.genesis_hash.hex(), ours.genesis_hash.hex()),
        ):
            if got != expected:
                return Goodbye(f"wrong {what}: got {got}, expected {expected}")
        if tls_key_hash == self._identity.tls_key_hash:
            return Goodbye("this is the node itself")
        self.refresh()
        record = self._record_by_key.get(tls_key_hash)
        if record is not None:
            return record
        if hello.height > ours.height and download_count < DOWNLOAD_LINKS_MAX:
            return None
        return self.refuse(tls_key_hash)

    def refresh(self) -> bool:
        """Read the newest records; gives whether they are others than before."""
        records = self._services.node_records()
        if records is self._records:
            return False
        self._records = records
        self._record_by_key = {record.tls_key_hash: record for record in records}
        self.validators = frozenset(record.validator for record in records if record.validator is not None)
        self._on_records(records)
        return True

    def record_of(self, tls_key_hash: TlsKeyHash) -> NodeRecord | None:
        """The record of a node, as last read."""
        return self._record_by_key.get(tls_key_hash)

    def refuse(self, tls_key_hash: TlsKeyHash) -> Goodbye:
        """What a node is told that is no member's."""
        height = self._services.head().height
        return Goodbye(f"TLS key {tls_key_hash.hex()} is in no member's node record at block {height}")
