"""One simulated machine: its keys, clock, disk and links, and the node that runs on it between two crashes."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from chain_node.core.crypto import address_of
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.network.frames import Frame, Goodbye, Hello
from chain_node.node.opening import VOTES_FILE
from chain_node.storage import StoreFullError
from chain_node.storage.api import BlockCommit
from tests.simulation.checkers import DurableVotes
from tests.simulation.disk import SimulatedFile, SimulatedStore
from tests.simulation.engine import Member
from tests.simulation.node import SimulatedNode
from tests.simulation.virtual_loop import OWNER, Incarnation, PowerLost
from tests.simulation.wire import SimulatedLink

if TYPE_CHECKING:
    from tests.simulation.liars import LyingTongue
    from tests.simulation.world import World

PENALTY_LIMIT = 100
BAN_MS = 60_000
_REDIAL_MS_FIRST, _REDIAL_MS_MAX = 200, 4_000
_CLOCK_BASE_MS = 1_800_000_000_000
_WORK_US = (200, 3_000)
"""How long a piece of disk or block work takes."""

_T = TypeVar("_T")


def key_of(index: int) -> bytes:
    """Validator key of a machine."""
    return (index + 1).to_bytes(32, "big")


def member_of(index: int) -> Member:
    """What the register says of a machine."""
    tls_key_hash = TlsKeyHash(hashlib.sha256(b"tls" + bytes([index])).digest())
    return Member(index=index, validator=address_of(key_of(index)), tls_key_hash=tls_key_hash)


class Clock:
    """A machine's clock: wrong by a constant and by a rate, and sometimes set."""

    def __init__(self, now_us: Callable[[], int], skew_ms: int, drift_ppm: int) -> None:
        self._now_us = now_us
        self._drift_ppm = drift_ppm
        self.offset_ms = skew_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        now_us = self._now_us()
        return _CLOCK_BASE_MS + self.offset_ms + (now_us + now_us * self._drift_ppm // 1_000_000) // 1000


class Machine:
    """See the module's description."""

    def __init__(self, world: World, index: int) -> None:
        scenario = world.scenario
        self.world = world
        self.index = index
        self.name = f"n{index}"
        self.key = key_of(index)
        self.member = member_of(index)
        self.address = self.member.validator
        self.tls_key_hash = self.member.tls_key_hash
        self.rng = random.Random(f"{scenario.seed}/machine/{index}")
        skew_ms = scenario.skews_ms[index] if index < len(scenario.skews_ms) else 0
        drift_ppm = scenario.drifts_ppm[index] if index < len(scenario.drifts_ppm) else 0
        self.clock = Clock(lambda: world.loop.now_us, skew_ms, drift_ppm)
        self.forgets_votes = scenario.forgets_votes
        self.is_disk_full = False
        self.slow_by_ms = 0
        self.files: dict[str, SimulatedFile] = {}
        self.durable_votes = DurableVotes()
        self.store = self._new_store()
        self.links: dict[SimulatedLink, None] = {}
        self.liar: LyingTongue | None = None
        self.life = Incarnation(self.name)
        self.life.is_alive = False
        self.lives = 0
        self.import_times_ms: dict[int, int] = {}
        """When it had the block of a height."""
        self.rounds_seen: list[int] = []
        """Rounds it was found in."""
        self.links_made = 0
        """In all its lives."""
        self.node: SimulatedNode
        self.steps_to_crash: int | None = None
        self.on_crash: Callable[[], None] = lambda: None
        self.penalties: dict[TlsKeyHash, int] = {}
        self._shunned_until_us: dict[TlsKeyHash, int] = {}

    @property
    def is_up(self) -> bool:
        """Whether it has power."""
        return self.life.is_alive

    @property
    def is_responsive(self) -> bool:
        """Whether it has power and does not stand still."""
        return self.life.is_alive and self.life.frozen_until_us <= self.world.loop.now_us

    def start(self) -> None:
        """Start the node from what the disks hold."""
        self.lives += 1
        self.life = Incarnation(f"{self.name}.{self.lives}")
        self.penalties.clear()
        self._shunned_until_us.clear()
        self.world.note(f"{self.name} starts")
        self.enter(self._start)

    def crash(self, *, is_silent: bool = False) -> None:
        """Lose power now: what was not synced may be lost, links break (silently: the peers hear nothing)."""
        self.world.note(f"{self.name} crashes")
        self.steps_to_crash = None
        self.life.end()
        for file in self.files.values():
            file.lose_power(self.rng)
        for link in list(self.links):
            link.is_open = False
            if not is_silent:
                self.world.wire.reset(link, "connection reset")
        self.links.clear()

    def stop(self) -> None:
        """The simulation is over."""
        self.life.end()
        self.links.clear()

    def lose_store(self) -> None:
        """The chain store is gone; the vote record stays."""
        self.store = self._new_store()

    def crash_point(self, what: str) -> None:
        """The machine is about to do, or has done, something with disk or wire: it may crash here."""
        owner = OWNER.get()
        if owner is not None and owner is not self.life:
            raise PowerLost
        if not self.is_up:
            if owner is None:
                return
            raise PowerLost
        if self.steps_to_crash is None or owner is None:
            return
        self.steps_to_crash -= 1
        if self.steps_to_crash <= 0:
            self.world.note(f"{self.name} power fails at {what}")
            self.on_crash()
            raise PowerLost

    def open_file(self, name: str) -> SimulatedFile:
        """A file of the data directory."""
        if name not in self.files:
            self.files[name] = SimulatedFile(self.crash_point, self.check_room, keeps_its_word=not self.forgets_votes)
        return self.files[name]

    def votes_on_disk(self) -> bytes:
        """Durable bytes of the vote record."""
        return self.files[VOTES_FILE].durable if VOTES_FILE in self.files else b""

    def check_room(self) -> None:
        """Refuse a write while the disk is full."""
        if self.is_disk_full:
            raise StoreFullError(self.name, "full for a while")

    def work_duration_us(self) -> int:
        """How long the next piece of work takes."""
        return self.rng.randrange(*_WORK_US) + self.slow_by_ms * 1000

    def enter(self, function: Callable[..., _T], *args: object) -> _T:
        """Call code of this machine's node as part of its present life."""
        if OWNER.get() is self.life:
            return function(*args)
        return self.life.context.run(function, *args)

    def hello(self) -> Hello:
        """What the node says first."""
        return self.enter(self.node.peers.make_hello)

    def judge(self, peer: Machine, hello: Hello) -> NodeRecord | Goodbye | None:
        """Whether a peer may come in."""
        return self.enter(self.node.peers.judge, peer.tls_key_hash, hello)

    def on_link_up(self, link: SimulatedLink, hello: Hello) -> None:
        """A link is open."""
        self.links[link] = None
        self.links_made += 1
        self.enter(self.node.peers.on_link_up, link, hello)

    def on_link_down(self, link: SimulatedLink, reason: str) -> None:
        """A link is closed."""
        self.node.peers.on_link_down(link, reason)

    def on_frame(self, link: SimulatedLink, frame: Frame) -> None:
        """A frame has come."""
        if self.liar is not None:
            self.liar.on_frame(frame)
        self.node.peers.on_frame(link, frame)

    def punish(self, link: SimulatedLink, reason: str, penalty: int) -> None:
        """Count a misdeed; at the limit shun the peer for a while."""
        key = link.tls_key_hash
        points = self.penalties.get(key, 0) + penalty
        self.world.note(f"{self.name} blames n{link.peer.index} ({points} points): {reason}")
        self.world.checkers.on_punished(self, link.peer, reason, is_shut_out=points >= PENALTY_LIMIT)
        self.penalties[key] = points
        if points >= PENALTY_LIMIT:
            self.penalties[key] = 0
            self._shunned_until_us[key] = self.world.loop.now_us + BAN_MS * 1000
            link.close(Goodbye(f"shut out: {reason}"))

    def shuns(self, peer: Machine) -> bool:
        """Whether a peer is shut out at present."""
        return self._shunned_until_us.get(peer.tls_key_hash, 0) > self.world.loop.now_us

    def _start(self) -> None:
        life = self.life
        self.node = SimulatedNode(self)
        running = self.world.loop.create_task(self.node.run())
        running.add_done_callback(lambda task: self._on_stopped(task, life))
        if self.liar is not None:
            self.liar.start()
        for peer in self.world.machines:
            if peer is not self:
                self._redial(peer, _REDIAL_MS_FIRST)

    def _on_stopped(self, task: asyncio.Task[None], life: Incarnation) -> None:
        """A node runs until its machine crashes."""
        error = None if task.cancelled() else task.exception()
        if life.is_alive:
            raise RuntimeError(f"{self.name}: the node stopped") from error

    def _redial(self, peer: Machine, delay_ms: int) -> None:
        jittered_ms = self.rng.randrange(delay_ms // 2, delay_ms + 1)
        self.world.loop.call_later(jittered_ms / 1000, self._dial, peer, delay_ms)

    def _dial(self, peer: Machine, delay_ms: int) -> None:
        if any(link.peer is peer for link in self.links):
            self._redial(peer, _REDIAL_MS_FIRST)
            return

        def on_done(is_linked: bool) -> None:
            self._redial(peer, _REDIAL_MS_FIRST if is_linked else min(2 * delay_ms, _REDIAL_MS_MAX))

        self.world.wire.dial(self, peer, on_done)

    def _new_store(self) -> SimulatedStore:
        def on_commit(commit: BlockCommit) -> None:
            self.world.on_commit(self, commit)

        return SimulatedStore(self.world.genesis_commit, self.crash_point, self.check_room, on_commit)
