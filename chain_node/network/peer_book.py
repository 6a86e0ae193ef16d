"""Whom to dial and when, whom to keep out, and how many connections an address may have. No I/O, no clock.

Endpoints come from the configuration (static) and from the node records of the members. An endpoint that fails is
tried again after a time that doubles, with jitter, so that nodes which lost each other do not meet in step.
Times are seconds on the caller's clock.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address

from chain_node.core.errors import ConfigError
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.network.link import TokenBucket
from chain_node.network.misdeeds import BAN_SECONDS, MISDEED_POINTS_MAX, POINTS_FADED_PER_SECOND
from chain_node.network.traffic import Refusal

_BACKOFF_DOUBLINGS_MAX = 20
_KEYS_MAX = 10_000
_ADDRESSES_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLimits:
    """How often to dial, and what one address may do."""

    backoff_seconds_base: float = 0.25
    backoff_seconds_max: float = 8.0
    """For nodes that do not answer: how long after a partition has healed the links may stay down."""
    refused_backoff_seconds_max: float = 30.0
    """For nodes that answer and refuse: only their state can change that."""
    stable_seconds: float = 5.0
    """A link that lasted so long counts as a success; a shorter one is one more failure."""
    points_max: int = MISDEED_POINTS_MAX
    ban_seconds: float = BAN_SECONDS
    strangers_max: int = 128
    """Connections that have not yet said who they are."""
    strangers_per_address_max: int = 16
    connections_per_address_max: int = 64
    accepts_per_second: float = 10.0
    """Connections of one address, in the long run."""
    accepts_burst: float = 100.0


@dataclass(slots=True)
class _Entry:
    tls_key_hash: TlsKeyHash | None = None
    """Whose endpoint it is, by its record or by the last meeting."""
    is_own: bool = False
    is_dialled: bool = False
    """Whether an attempt or a link it led to is under way."""
    failure_count: int = 0
    due_at: float = 0.0


@dataclass(slots=True)
class _Conduct:
    points: float = 0.0
    counted_at: float = 0.0
    banned_until: float = 0.0


@dataclass(slots=True)
class _Doorway:
    accepts: TokenBucket
    stranger_count: int = 0
    connection_count: int = 0


@dataclass(slots=True)
class PeerBook:
    """Static endpoints, the random source of the jitter and the limits; the rest is learned."""

    static: Sequence[str]
    """HOST:PORT of nodes to dial whatever the records say."""
    generator: random.Random
    limits: BookLimits = field(default_factory=BookLimits)
    _entries: dict[str, _Entry] = field(default_factory=dict, init=False)
    _conduct_by_key: dict[TlsKeyHash, _Conduct] = field(default_factory=dict, init=False)
    _doorway_by_address: dict[str, _Doorway] = field(default_factory=dict, init=False)
    _stranger_count: int = field(default=0, init=False)
    bans: Counter[str] = field(default_factory=Counter, init=False)
    """Bans so far, by TLS key hash in hex."""

    def __post_init__(self) -> None:
        for endpoint in self.static:
            if parse_endpoint(endpoint) is None:
                raise ConfigError("p2p_peers", f"got {endpoint!r}, expected HOST:PORT")
            self._entries[endpoint] = _Entry()

    # Whom to dial

    def learn(self, records: Iterable[NodeRecord], own: TlsKeyHash) -> None:
        """Take the newest node records in place of those before; what is new or has changed is due at once."""
        recorded = {record.endpoint: record.tls_key_hash for record in records if parse_endpoint(record.endpoint)}
        for endpoint in [name for name in self._entries if name not in recorded and name not in self.static]:
            del self._entries[endpoint]
        for endpoint, key in recorded.items():
            entry = self._entries.setdefault(endpoint, _Entry())
            if entry.tls_key_hash != key:
                entry.tls_key_hash = key
                entry.failure_count, entry.due_at = 0, 0.0
            entry.is_own = key == own

    def due(self, now: float, linked: Container[TlsKeyHash]) -> list[str]:
        """Endpoints to dial now: not ours, not under way, not of a node that is `linked` or banned."""
        return [
            endpoint
            for endpoint, entry in self._entries.items()
            if entry.due_at <= now
            and not entry.is_own
            and not entry.is_dialled
            and (
                entry.tls_key_hash is None
                or (entry.tls_key_hash not in linked and not self.is_banned(entry.tls_key_hash, now))
            )
        ]

    def on_dialled(self, endpoint: str) -> None:
        """An attempt begins; exactly one of `on_failed` and `on_lost` follows."""
        self._entries[endpoint].is_dialled = True

    def on_met(self, endpoint: str, tls_key_hash: TlsKeyHash, *, is_own: bool) -> None:
        """The node that listens there has proven its key."""
        entry = self._entries.get(endpoint)
        if entry is not None:
            entry.tls_key_hash = tls_key_hash
            entry.is_own = is_own

    def on_failed(self, endpoint: str, now: float, *, is_refused: bool) -> float:
        """The attempt led to no link; returns the seconds until the next, 0 if there will be none."""
        entry = self._entries.get(endpoint)
        if entry is None:
            return 0.0
        limits = self.limits
        longest = limits.refused_backoff_seconds_max if is_refused else limits.backoff_seconds_max
        exponent = min(entry.failure_count, _BACKOFF_DOUBLINGS_MAX)
        delay = min(longest, limits.backoff_seconds_base * float(2**exponent)) * self.generator.uniform(0.5, 1.0)
        entry.is_dialled = False
        entry.failure_count += 1
        entry.due_at = now + delay
        return delay

    def failure_count(self, endpoint: str) -> int:
        """Failures in a row."""
        entry = self._entries.get(endpoint)
        return 0 if entry is None else entry.failure_count

    def on_lost(self, endpoint: str, now: float, *, lasted_seconds: float) -> None:
        """The link that the attempt led to is closed."""
        entry = self._entries.get(endpoint)
        if entry is not None and lasted_seconds >= self.limits.stable_seconds:
            entry.failure_count = 0
        self.on_failed(endpoint, now, is_refused=False)

    # Whom to keep out

    def punish(self, tls_key_hash: TlsKeyHash, penalty: int, now: float) -> bool:
        """Count points against a node; True when they reach the limit: it is banned."""
        conduct = self._conduct_by_key.setdefault(tls_key_hash, _Conduct(counted_at=now))
        conduct.points = self._faded(conduct, now) + penalty
        conduct.counted_at = now
        is_banned = conduct.points >= self.limits.points_max
        if is_banned:
            conduct.points = 0.0
            conduct.banned_until = now + self.limits.ban_seconds
            self.bans[tls_key_hash.hex()] += 1
        if len(self._conduct_by_key) > _KEYS_MAX:
            del self._conduct_by_key[next(iter(self._conduct_by_key))]
        return is_banned

    def points(self, tls_key_hash: TlsKeyHash, now: float) -> int:
        """Points that count against a node now."""
        conduct = self._conduct_by_key.get(tls_key_hash)
        return 0 if conduct is None else round(self._faded(conduct, now))

    def is_banned(self, tls_key_hash: TlsKeyHash, now: float) -> bool:
        """Whether a node has to stay out."""
        conduct = self._conduct_by_key.get(tls_key_hash)
        return conduct is not None and now < conduct.banned_until

    def _faded(self, conduct: _Conduct, now: float) -> float:
        return max(0.0, conduct.points - (now - conduct.counted_at) * POINTS_FADED_PER_SECOND)

    # Who may knock

    def refuse_accept(self, address: str, now: float) -> Refusal | None:
        """Why a new connection from an address is not taken; None: it is, and counted until `on_left`."""
        name = _group_of(address)
        if len(self._doorway_by_address) >= _ADDRESSES_MAX:
            self._forget_quiet(now)
        limits = self.limits
        door = self._doorway_by_address.get(name)
        if door is None:
            bucket = TokenBucket(per_second=limits.accepts_per_second, burst=limits.accepts_burst, now=now)
            door = self._doorway_by_address[name] = _Doorway(bucket)
        if self._stranger_count >= limits.strangers_max or door.stranger_count >= limits.strangers_per_address_max:
            return Refusal.STRANGERS
        if door.connection_count >= limits.connections_per_address_max:
            return Refusal.CONNECTIONS
        if door.accepts.take(1, now) > 0:
            door.accepts.take(-1, now)
            return Refusal.PACE
        door.stranger_count += 1
        door.connection_count += 1
        self._stranger_count += 1
        return None

    def on_known(self, address: str) -> None:
        """A connection that was taken has become a link."""
        self._doorway_by_address[_group_of(address)].stranger_count -= 1
        self._stranger_count -= 1

    def on_left(self, address: str, *, was_known: bool) -> None:
        """A connection that was taken is closed."""
        if not was_known:
            self.on_known(address)
        self._doorway_by_address[_group_of(address)].connection_count -= 1

    def _forget_quiet(self, now: float) -> None:
        quiet = [
            name
            for name, door in self._doorway_by_address.items()
            if not door.connection_count and door.accepts.is_full(now)
        ]
        for name in quiet:
            del self._doorway_by_address[name]


def parse_endpoint(endpoint: str) -> tuple[str, int] | None:
    """Host and port of HOST:PORT ([HOST]:PORT for IPv6); None when it is not of that form."""
    name, _, port = endpoint.rpartition(":")
    host = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        return None
    if (":" in host and host == name) or any(c.isspace() or not c.isprintable() for c in host):
        return None
    return host, int(port)


def _group_of(address: str) -> str:
    """Who owns an IPv6 address owns its /64."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped is not None else str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)
