"""What the transport counts, and the bounds it keeps. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chain_node.network.link import QUEUE_COUNT_MAX, QUEUE_SIZE_BYTES_MAX, RATE_BY_PRIORITY, Rate
from chain_node.network.priority import Priority


class Refusal(StrEnum):
    """Why a connection did not become a link, for counting; the log says more."""

    STRANGERS = "too many handshakes at once"
    CONNECTIONS = "too many connections from one address"
    PACE = "connections come too fast from one address"
    TLS = "no TLS or a bad certificate"
    SILENT = "no Hello in time"
    OWN = "the node itself"
    BANNED = "banned"
    JUDGED = "not admitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLimits:
    """Times and sizes of connections; tests take shorter ones."""

    handshake_seconds: float = 5.0
    """For TCP and TLS, and again for Hello."""
    partial_seconds: float = 10.0
    """A frame that was begun has so long, and the time its size takes at the least rate."""
    bytes_per_second_min: float = 64 * 1024
    idle_seconds: float = 60.0
    """Without a frame; nodes ping each other much more often."""
    stall_seconds: float = 15.0
    """A peer that takes nothing from its socket for so long is given up."""
    linger_seconds: float = 2.0
    """How long a Goodbye may take to be read."""
    discard_size_bytes_max: int = 64 * 1024 * 1024
    """What may still come in that time."""
    check_seconds: float = 0.1
    """How often times are looked at and due endpoints are dialled."""
    dials_max: int = 16
    """Attempts at the same time."""
    queue_count_max: int = QUEUE_COUNT_MAX
    queue_size_bytes_max: int = QUEUE_SIZE_BYTES_MAX
    rate_by_priority: Mapping[Priority, Rate] = field(default_factory=lambda: RATE_BY_PRIORITY)


@dataclass(slots=True)
class Traffic:
    """Counts since the start."""

    frames_received: Counter[str] = field(default_factory=Counter)
    """By frame type, as the classes of `frames.py` are called."""
    bytes_received: Counter[str] = field(default_factory=Counter)
    """By frame type, without TLS."""
    frames_sent: Counter[str] = field(default_factory=Counter)
    """By frame type."""
    bytes_sent: Counter[str] = field(default_factory=Counter)
    """By frame type, without TLS."""
    wire_bytes_received: int = 0
    """With TLS."""
    wire_bytes_sent: int = 0
    """With TLS."""
    refusals: Counter[Refusal] = field(default_factory=Counter)
    """Connections this node did not take."""
    dial_failures: int = 0
    """Attempts that led to no link."""
    overflows: int = 0
    """Links closed because the peer reads too slowly."""

    def count_received(self, name: str, size_bytes: int) -> None:
        """One frame has come."""
        self.frames_received[name] += 1
        self.bytes_received[name] += size_bytes

    def count_sent(self, name: str, size_bytes: int) -> None:
        """One frame was queued."""
        self.frames_sent[name] += 1
        self.bytes_sent[name] += size_bytes
