"""What is known of the nodes at the other end of the open links."""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.core.types import Address, Hash32, Height
from chain_node.network.api import Link, NodeRecord, TlsKeyHash

_LAG_BLOCKS_MAX = 2
"""News of a peer's head may be that old although it keeps up."""


@dataclass(slots=True, eq=False)
class Peer:
    """One node, as long as the link to it is open."""

    link: Link
    record: NodeRecord | None
    """Newest record of it; None while it may only serve us blocks."""
    height: Height
    """Of its head, as it says."""
    head_hash: Hash32
    """Of its head, as it says."""
    client_version: str
    heard_at: float
    """When a frame last came from it, on the loop's clock."""
    pinged_at: float
    """When it was last sent a Ping."""
    latency_seconds: float | None = None
    """From the last Ping to its Pong."""
    links: frozenset[bytes] = frozenset()
    """TLS key hashes of the nodes it has live links with; looked up, never iterated."""
    is_live: bool = True
    voted_height: int = 0
    """Highest height it has sent a consensus message for."""
    doubted_hash: Hash32 | None = None
    """The last head of it that contradicted our chain; it is asked for once."""
    rests_until: float = 0.0
    """It is not asked for blocks before; it has failed to give some."""
    failure_count: int = 0
    """How often it has failed to give blocks since it last gave good ones."""

    @property
    def key(self) -> TlsKeyHash:
        """What it is called."""
        return self.link.tls_key_hash

    @property
    def validator(self) -> Address | None:
        """The validator it is, if it is one."""
        return None if self.record is None else self.record.validator

    def is_behind(self, height: Height) -> bool:
        """Whether it has a way to go to a height, and so cannot take part in deciding what comes after."""
        return max(self.height, self.voted_height) + _LAG_BLOCKS_MAX < height


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """What others may know of a peer."""

    tls_key_hash: TlsKeyHash
    record: NodeRecord | None
    """None while it may only serve us blocks."""
    endpoint: str
    """HOST:PORT of the other end of the connection."""
    client_version: str
    height: Height
    """Of its head, as it last said."""
    is_live: bool
    is_outbound: bool
    latency_ms: int | None
    """From the last Ping to its Pong; None before the first."""
    misdeed_points: int
    """What is counted against it."""
