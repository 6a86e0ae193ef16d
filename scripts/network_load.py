"""Validators under load, for benchmarks of a consortium: its senders, its blocks as they come, what its nodes use."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from bench_consortium import check_library
from bench_node import SENDER_COUNT, deploy, sign_put
from eth_account.signers.local import LocalAccount

from chain_node.node.engine_choice import EngineName
from client.bench import resources
from tests.e2e.network_kit import NetworkOf, make_network_of
from tests.e2e.node_kit import Enrolled, NodeProcess, account_number

_WATCH_SECONDS = 0.02


@dataclass(kw_only=True)
class Loaded:
    """A running network with a contract that stores records and accounts that may call it."""

    network: NetworkOf
    senders: list[LocalAccount]
    contract: bytes
    nonces: list[int] = field(default_factory=lambda: [0] * SENDER_COUNT)
    _next: int = 0

    def next_put(self) -> str:
        """A transaction of the next sender in turn, as RPC takes it."""
        number = self._next % SENDER_COUNT
        self._next += 1
        raw = sign_put(self.senders[number], self.contract, nonce=self.nonces[number])
        self.nonces[number] += 1
        return f"0x{raw.hex()}"


@contextmanager
def running_network(count: int, *options: str, engine: EngineName = "py-evm") -> Iterator[Loaded]:
    """Validators with these options of `tranchain-node genesis` and this engine, in a temporary directory, at work."""
    if engine == "native":
        check_library()
    senders = [account_number(number) for number in range(SENDER_COUNT)]
    with tempfile.TemporaryDirectory(prefix="bench-network-") as directory:
        accounts = [Enrolled(sender) for sender in senders]
        made = make_network_of(Path(directory), count, *options, accounts=accounts, node_options=("--engine", engine))
        with made as network:
            contract = deploy(network.nodes[0], network.deployer)
            yield Loaded(network=network, senders=senders, contract=contract)


class Caller:
    """RPC of one node over one connection that stays open."""

    def __init__(self, node: NodeProcess, *, timeout_seconds: float = 30) -> None:
        self._node = node
        self._client = httpx.Client(timeout=timeout_seconds)

    def call(self, method: str, *params: object) -> object:
        """Result of a call; raises RuntimeError when the node refuses, httpx.HTTPError when it does not answer."""
        return self.call_all([(method, *params)])[0]

    def call_all(self, calls: list[tuple[object, ...]]) -> list[object]:
        """Results of calls sent as one batch, in their order."""
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": call[0], "params": call[1:]} for number, call in enumerate(calls)
        ]
        answers = {answer["id"]: answer for answer in self._client.post(self._node.url, json=batch).json()}
        refused = [answer["error"] for answer in answers.values() if "error" in answer]
        if refused:
            raise RuntimeError(f"{self._node.url} refused {len(refused)} calls: {refused[0]}")
        return [answers[number]["result"] for number in range(len(calls))]

    def height(self) -> int:
        """Number of the newest block."""
        return int(str(self.call("eth_blockNumber")), 16)


class BlockWatch:
    """When each block was first seen on any node that runs."""

    def __init__(self, network: NetworkOf) -> None:
        self._nodes = [(node, Caller(node, timeout_seconds=2)) for node in network.nodes]
        self.seen: list[tuple[float, int]] = []
        """Time (time.monotonic) and height, rising."""

    def look(self) -> None:
        """Ask every node once."""
        for node, caller in self._nodes:
            if not node.is_running:
                continue
            with contextlib.suppress(httpx.HTTPError):  # it may be killed at this moment, or not listen yet
                height = caller.height()
                if not self.seen or height > self.seen[-1][1]:
                    self.seen.append((time.monotonic(), height))

    def rate(self, start: float, end: float) -> float:
        """Blocks per second from the last block before `start` to the last before `end`."""
        first_time, first_height = self._last_before(start)
        last_time, last_height = self._last_before(end)
        return 0.0 if last_time == first_time else (last_height - first_height) / (last_time - first_time)

    def longest_gap_s(self, start: float, end: float) -> float:
        """Longest time without a new block, from the last block before `start` on."""
        times = [self._last_before(start)[0], *(at for at, _ in self.seen if start < at < end), end]
        return max(after - before for before, after in itertools.pairwise(times))

    def _last_before(self, moment: float) -> tuple[float, int]:
        return max(entry for entry in self.seen if entry[0] <= moment)


class SteadyLoad:
    """Sends at a steady rate; each transaction to two running nodes, so that none is lost with a node."""

    def __init__(self, loaded: Loaded, *, per_second: float) -> None:
        self._loaded = loaded
        self._callers = [(node, Caller(node, timeout_seconds=2)) for node in loaded.network.nodes]
        self._seconds = 1 / per_second
        self.sent = 0

    def send_due(self, started: float) -> None:
        """Send what is due by now at the rate."""
        while self.sent < (time.monotonic() - started) / self._seconds:
            self._send(self._loaded.next_put())
            self.sent += 1

    def _send(self, raw: str) -> None:
        turn = self.sent % len(self._callers)
        running = [caller for node, caller in self._callers[turn:] + self._callers[:turn] if node.is_running]
        failures: list[Exception] = []
        for caller in running[:2]:
            try:
                caller.call("eth_sendRawTransaction", raw)
            except (httpx.HTTPError, RuntimeError) as error:  # it is killed, or knows it from the other one already
                failures.append(error)
        if len(failures) == len(running[:2]):
            raise RuntimeError(f"no node takes a transaction: {failures}")


@contextmanager
def in_background(turn: Callable[[], None], pause_seconds: float = _WATCH_SECONDS) -> Iterator[None]:
    """Call something again and again in a thread while the block runs; an exception of it is raised at the end."""
    stopping = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            while not stopping.wait(pause_seconds):
                turn()
        except BaseException as error:  # raised again below
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
    if failures:
        raise failures[0]


def cpu_seconds(node: NodeProcess) -> float:
    """Processor time that a node's process has used."""
    return resources.cpu_seconds(Path(f"/proc/{_process_id(node)}"))


def resident_mb(node: NodeProcess) -> float:
    """Memory of a node's process, pages of files included."""
    status = Path(f"/proc/{_process_id(node)}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _process_id(node: NodeProcess) -> int:
    assert node.process is not None
    return node.process.pid
