"""A whole simulation: machines, wire, clients and checkers, driven by a scenario until it ends or is violated."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain_node.consensus.qbft.extra_data import EMPTY_VANITY, ExtraData, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.state import State
from chain_node.core.codec import encode_block
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.types import FIRST_ROUND, Address, Block, Hash32, Height
from chain_node.node.chain import make_commit
from chain_node.node.validators import compute_byzantine_quorum
from chain_node.storage.api import BlockCommit
from chain_node.txpool.permission import CONSORTIUM
from tests.simulation.checkers import Checkers, Violation
from tests.simulation.clients import Client
from tests.simulation.engine import MemoryEngine
from tests.simulation.liars import make_liar
from tests.simulation.machine import Machine, member_of
from tests.simulation.scenario import (
    FAIR,
    ClockJump,
    Crash,
    DiskFull,
    Event,
    Freeze,
    Governance,
    Partition,
    Scenario,
    Slow,
)
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.wire import Wire, describe_frame

LIVENESS_TIMEOUTS = 12
"""Base timeouts after the faults' end in which every honest machine must have two more blocks.

Links come back within 4 s of redialling; within 2 s everybody has heard the others' round changes again and joined
the highest round (at most two jumps); a linked proposer then proposes at once. The rest is margin.
"""

LIVENESS_TIMEOUTS_LYING = 40
"""As above for each liar, whose turns may cost a whole timeout of the round reached: at most 2^5 base timeouts."""

_TICK_MS = 250
_FINALITY_HEIGHTS = 6
"""Blocks below the head whose finality is asked for at each tick."""

_MEMBERS_MAX = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a simulation ended."""

    trace_hash: str
    height: int
    steps: int
    """Callbacks run."""
    simulated_ms: int
    healing: float
    """Base timeouts from the end of the faults until the chain was found alive everywhere."""


class _Nodes:
    """State nodes of all stores together, for checkers and clients."""

    def __init__(self) -> None:
        self.node_by_hash: dict[Hash32, bytes] = {}

    def read_node(self, node_hash: Hash32) -> bytes | None:
        return self.node_by_hash.get(node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        return None


class World:
    """See the module's description."""

    def __init__(self, scenario: Scenario, *, is_traced: bool = False) -> None:
        self.scenario = scenario
        self.loop = VirtualLoop()
        self.trace: list[str] = []
        self._is_traced = is_traced
        self._hash = hashlib.blake2b(digest_size=16)
        self.founders = tuple(range(scenario.validators))
        self.members = tuple(member_of(index) for index in range(_MEMBERS_MAX))
        self.genesis = _make_genesis(scenario)
        self._nodes = _Nodes()
        self._final: dict[tuple[int, int], None] = {}
        """(machine, height) of blocks that a machine calls final for good."""
        self._positions: dict[int, str] = {}
        self._witnesses: list[Machine] = []
        """Honest machines that were members when the chain was found alive."""
        self.first_times_ms: dict[int, int] = {}
        """When the first machine had the block of a height."""
        self.engine = MemoryEngine(self._nodes, self.members, self.founders)
        self.is_safe_in_theory = len(scenario.liars) <= (scenario.validators - 1) // 3
        self.checkers = Checkers(
            self.genesis,
            lambda: self.loop.now_us // 1000,
            lambda header: self.engine.validators_of(header.state_root),
            is_safe_in_theory=self.is_safe_in_theory,
        )
        self.genesis_commit = self._make_genesis_commit()
        self.wire = Wire(self, random.Random(f"{scenario.seed}/wire"))
        self.wire.weather = scenario.weather
        count = scenario.validators + scenario.followers
        self.machines = [Machine(self, index) for index in range(count)]
        for index, kind in scenario.liars:
            self.machines[index].liar = make_liar(kind, self.machines[index])
        self.clients = [Client(self, index, is_busy=index > 0) for index in range(scenario.clients + 1)]

    @property
    def honest(self) -> list[Machine]:
        """Machines that do not lie."""
        return [machine for machine in self.machines if machine.liar is None]

    def note(self, text: str) -> None:
        """Add a line to the trace, which is always hashed and sometimes kept."""
        line = f"{self.loop.now_us / 1e6:10.6f} {text}"
        self._hash.update(line.encode())
        if self._is_traced:
            self.trace.append(line)

    def note_frame(self, source: Machine, target: Machine, data: bytes, fate: str) -> None:
        """Add a frame to the trace; of one nobody needs to read about only the hash changes."""
        self._hash.update(b"%d %d %d" % (self.loop.now_us, source.index, target.index))
        self._hash.update(data)
        text = describe_frame(data) if self._is_traced else ""
        if text:
            self.trace.append(f"{self.loop.now_us / 1e6:10.6f}   {source.name}>{target.name} {text}{fate}")

    def on_commit(self, machine: Machine, commit: BlockCommit) -> None:
        """A machine's store has a new block."""
        self._nodes.node_by_hash.update(commit.state_changes().nodes)
        now_ms = self.loop.now_us // 1000
        self.first_times_ms.setdefault(commit.height, now_ms)
        machine.import_times_ms[commit.height] = now_ms
        self.note(f"{machine.name} has block {commit.height} {commit.block_hash.hex()[:8]}")
        self.checkers.on_commit(machine, commit)
        header = self.checkers.header_of(commit.block_hash)
        if header is not None and header.number > self.head.number:
            self.head = header

    def included_nonce(self, sender: Address) -> int:
        """Transactions of a sender that the longest chain includes."""
        return self.engine.nonce_of(self.head.state_root, sender)

    def run(self) -> Outcome:
        """Play the scenario.

        Raises:
            Violation: something happened that must not.
        """
        try:
            return self._play()
        finally:
            for machine in self.machines:
                machine.stop()
            self.loop.run_until(lambda: False, self.loop.now_us)
            self.loop.close()

    def _play(self) -> Outcome:
        scenario = self.scenario
        for machine in self.machines:
            machine.start()
        for client in self.clients:
            client.start()
        for event in scenario.events:
            self.loop.call_later(event.at_ms / 1000, self._begin, event)
        self.loop.call_later(_TICK_MS / 1000, self._tick)
        self.wire.start()
        self._run_for(scenario.faults_end_ms)
        self._mend()
        healing_ms = self._wait_for_life() if self.is_safe_in_theory else 0
        self._run_for(scenario.quiet_ms)
        if self.is_safe_in_theory:
            self._check_finality_reached()
        self._check_evidence()
        self.note(f"end at height {self.head.number}")
        return Outcome(
            trace_hash=self._hash.hexdigest(),
            height=self.head.number,
            steps=self.loop.steps,
            simulated_ms=self.loop.now_us // 1000,
            healing=healing_ms / 1000 / scenario.timeout_seconds,
        )

    def _run_for(self, duration_ms: int) -> None:
        self.loop.run_until(lambda: self.checkers.violation is not None, self.loop.now_us + duration_ms * 1000)
        self.checkers.raise_first()

    def _begin(self, event: Event) -> None:
        self.note(f"event {event}")
        match event:
            case Crash():
                self._arm(event)
            case Partition():
                pairs = [(self.machines[a], self.machines[b]) for a in event.from_group for b in event.to_group]
                pairs += [(target, source) for source, target in pairs] if event.is_two_way else []
                for source, target in pairs:
                    self.wire.block(source, target)
                self._at(event.until_ms, lambda: self._reunite(pairs))
            case ClockJump():
                self.machines[event.machine].clock.offset_ms += event.by_ms
            case DiskFull():
                self.machines[event.machine].is_disk_full = True
                self._at(event.until_ms, lambda: setattr(self.machines[event.machine], "is_disk_full", False))
            case Slow():
                self.machines[event.machine].slow_by_ms = event.by_ms
                self._at(event.until_ms, lambda: setattr(self.machines[event.machine], "slow_by_ms", 0))
            case Freeze():
                self.machines[event.machine].life.frozen_until_us = event.until_ms * 1000
            case Governance():
                self.clients[0].orders.append(bytes((event.action, event.machine)))

    def _at(self, time_ms: int, action: Callable[[], None]) -> None:
        self.loop.call_at(time_ms / 1000, action)

    def _arm(self, event: Crash) -> None:
        machine = self.machines[event.machine]

        def on_crash() -> None:
            machine.crash(is_silent=event.is_silent)
            if event.loses_store:
                machine.lose_store()
            self.loop.call_later(event.down_ms / 1000, self._revive, machine, context=self.wire.context)

        if machine.is_up and machine.steps_to_crash is None:
            machine.on_crash = on_crash
            machine.steps_to_crash = event.step

    def _revive(self, machine: Machine) -> None:
        if not machine.is_up:
            machine.start()

    def _reunite(self, pairs: Sequence[tuple[Machine, Machine]]) -> None:
        self.note("partition ends")
        for source, target in pairs:
            self.wire.unblock(source, target)

    def _mend(self) -> None:
        """The faults are over: fair weather, right clocks, all machines up."""
        self.note("faults end")
        self.wire.weather = FAIR
        for event in self.scenario.events:
            if isinstance(event, ClockJump):
                self.machines[event.machine].clock.offset_ms -= event.by_ms
        for machine in self.machines:
            machine.steps_to_crash = None
            machine.is_disk_full, machine.slow_by_ms = False, 0
            self._revive(machine)
        self.clients[0].is_busy = True

    def _wait_for_life(self) -> int:
        """Until every honest machine that may take part has two blocks more than anybody had.

        Raises:
            Violation: it took too long.
        """
        goal = max(machine.node.chain.head().height for machine in self.honest) + 2
        begun_ms = self.loop.now_us // 1000
        timeouts = LIVENESS_TIMEOUTS + len(self.scenario.liars) * LIVENESS_TIMEOUTS_LYING
        limit_ms = timeouts * self.scenario.timeout_seconds * 1000 + 2 * self.scenario.period_ms
        is_alive = self.loop.run_until(lambda: self._is_over(goal), (begun_ms + limit_ms) * 1000)
        self.checkers.raise_first()
        if not is_alive:
            heads = {machine.name: machine.node.chain.head().height for machine in self.machines}
            raise Violation(f"no life after {limit_ms} ms without faults: {heads}, expected {goal}")
        self._witnesses = [machine for machine in self.honest if self._is_known(machine)]
        return self.loop.now_us // 1000 - begun_ms

    def _is_over(self, goal: int) -> bool:
        return self.checkers.violation is not None or self._is_everybody_at(goal)

    def _is_everybody_at(self, height: int) -> bool:
        return all(machine.node.chain.head().height >= height for machine in self.honest if self._is_known(machine))

    def _is_known(self, machine: Machine) -> bool:
        return machine.index in self.engine.records_of(self.head.state_root)

    def _tick(self) -> None:
        for machine in self.machines:
            if not machine.is_up:
                continue
            driver = machine.node.driver
            position = _position_of(driver.state)
            if self._positions.get(machine.index) != position:
                self._positions[machine.index] = position
                machine.rounds_seen.append(driver.state.round)
                self.note(f"{machine.name} at {position}")
            if machine.liar is None:
                self.checkers.check_bounds(machine, driver.state, driver._events.qsize())
                self._ask_finality(machine)
        self.loop.call_later(_TICK_MS / 1000, self._tick)

    def _ask_finality(self, machine: Machine) -> None:
        """Let a node say which of its newest blocks are final for good."""
        head = machine.node.chain.head().height
        for height in range(max(1, head - _FINALITY_HEIGHTS), head + 1):
            block = machine.node.chain.block_at(Height(height))
            if block is None or (machine.index, height) in self._final:
                continue
            if machine.node.validators.finality(block).finality == "byzantine_final":
                self._final[machine.index, height] = None
                self.checkers.on_final(machine, block.height, block.hash)

    def _check_finality_reached(self) -> None:
        """With enough honest validators, what was decided a while ago is final for good everywhere."""
        validators = self.engine.validators_of(self.head.state_root)
        needed = compute_byzantine_quorum(len(validators))
        honest = [machine for machine in self.honest if machine.address in validators]
        if needed is None or len(honest) < needed:
            return
        # A liar that promises blocks and sends none holds a node up that is behind, until it is asked no more.
        lying_ms = len(self.scenario.liars) * LIVENESS_TIMEOUTS_LYING * self.scenario.timeout_seconds * 1000
        self.loop.run_until(lambda: not self._without_finality(), self.loop.now_us + lying_ms * 1000)
        self.checkers.raise_first()
        missing = self._without_finality()
        if missing:
            raise Violation(f"{missing[0].name} has none of its last blocks final for good, at {self.head.number}")

    def _without_finality(self) -> list[Machine]:
        """Witnesses that know none of the newest four blocks to be final for good."""
        last = range(self.head.number - 3, self.head.number + 1)
        for machine in self._witnesses:
            self._ask_finality(machine)
        return [
            machine for machine in self._witnesses if not any((machine.index, height) in self._final for height in last)
        ]

    def _check_evidence(self) -> None:
        """What honest machines hold against others is true, and no fork was seen that cannot have been."""
        liars = {machine.address for machine in self.machines if machine.liar is not None}
        for machine in self.honest:
            wronged = [one for one in machine.node.evidence.all() if one.validator not in liars]
            if wronged:
                raise Violation(f"{machine.name} holds evidence against an honest validator: {wronged[0]}")
            if self.is_safe_in_theory and machine.node.driver.halt_reason is not None:
                raise Violation(f"{machine.name} has halted: {machine.node.driver.halt_reason}")

    def _make_genesis_commit(self) -> BlockCommit:
        initial = self.engine.initialise(self.genesis.alloc)
        self._nodes.node_by_hash.update(initial.changes.nodes)
        header = self.genesis.build_header(initial.state_root)
        self.checkers.on_genesis(header)
        self.head = header
        block = Block(header, ())
        return make_commit(block, encode_block(block), block_hash(header), initial)


def _position_of(state: State) -> str:
    lock = "" if state.lock is None else f", locked in round {state.lock.round}"
    return f"height {state.height} round {state.round} with {len(state.links)} links{lock}"


def _make_genesis(scenario: Scenario) -> Genesis:
    extra = ExtraData(vanity=EMPTY_VANITY, validators=(), vote=None, round=FIRST_ROUND, seals=())
    qbft = {
        "blockperiodseconds": max(1, scenario.period_ms // 1000),
        "emptyblockperiodseconds": scenario.empty_period_seconds,
        "requesttimeoutseconds": scenario.timeout_seconds,
        "validatorcontractaddress": "0x" + CONSORTIUM.hex(),
    }
    if scenario.period_ms < 1000:
        qbft["xblockperiodmilliseconds"] = scenario.period_ms
    return parse_genesis(
        json.dumps(
            {
                "config": {"chainId": 1337, "berlinBlock": 0, "londonBlock": 0, "zeroBaseFee": True, "qbft": qbft},
                "gasLimit": hex(1_000_000),
                "baseFeePerGas": "0x0",
                "timestamp": hex(1_800_000_000),
                "extraData": "0x" + encode_extra_data(extra).hex(),
                "alloc": {},
            }
        )
    )
