"""CPU and memory of the nodes while they are measured: from /proc by process id, or from what they export themselves.

Exported are the usual `process_cpu_seconds_total` and `process_resident_memory_bytes` (Prometheus).
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from client.bench.wire import Node, Target
from client.sdk.errors import ConfigError, UnavailableError

SAMPLE_S = 1.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_CPU, _MEMORY = "process_cpu_seconds_total", "process_resident_memory_bytes"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process."""

    at_s: float
    cpu_s: float
    """Processor time it has used since it began."""
    memory_mb: float


@dataclass(slots=True)
class Usage:
    """What one process used over a while."""

    name: str
    source: str
    """Where it is read: a process id, or a URL."""
    samples: list[Sample] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        """Return CPU in percent of one core (mean, most in a second) and memory in MB."""
        pairs = list(zip(self.samples, self.samples[1:], strict=False))
        shares = [
            (later.cpu_s - sooner.cpu_s) / (later.at_s - sooner.at_s) for sooner, later in pairs if later != sooner
        ]
        if not shares:
            return {"node": self.name, "source": self.source}
        first, last = self.samples[0], self.samples[-1]
        memory = [each.memory_mb for each in self.samples]
        return {
            "node": self.name,
            "source": self.source,
            "cpu_percent_avg": round(100 * (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s), 1),
            "cpu_percent_max": round(100 * max(shares), 1),
            "cpu_s": round(last.cpu_s - first.cpu_s, 2),
            "memory_mb_avg": round(sum(memory) / len(memory), 1),
            "memory_mb_max": round(max(memory), 1),
        }


class ProcessMeter:
    """A process of this machine."""

    def __init__(self, name: str, pid: int):
        """ConfigError when there is no such process."""
        self._directory = Path(f"/proc/{pid}")
        if not self._directory.is_dir():
            raise ConfigError("--pid", got=pid, expected="a process of this machine")
        self.usage = Usage(name, f"pid {pid}")

    async def look(self) -> None:
        """Take a sample; none when the process has ended."""
        try:
            cpu_s = cpu_seconds(self._directory)
            memory_pages = int((self._directory / "statm").read_text().split()[1])
        except OSError:
            return
        memory_mb = memory_pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        self.usage.samples.append(Sample(time.perf_counter(), cpu_s, memory_mb))


class MetricsMeter:
    """A node that exports its figures, at `/metrics` of its URL unless another URL is given."""

    def __init__(self, name: str, node: Node, path: str = "/metrics"):
        """Nothing is sent yet."""
        self._node, self._request = node, node.target.get(path)
        self.usage = Usage(name, f"http://{node.target.place}{path}")

    async def look(self) -> None:
        """Take a sample; none when the node exports nothing of the kind."""
        try:
            text = (await self._node.exchange(self._request)).decode("utf-8", "replace")
        except UnavailableError:
            return
        found = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith((_CPU, _MEMORY)))
        if {_CPU, _MEMORY} <= found.keys():
            memory_mb = float(found[_MEMORY]) / 2**20
            self.usage.samples.append(Sample(time.perf_counter(), float(found[_CPU]), memory_mb))


Meter = ProcessMeter | MetricsMeter


def cpu_seconds(process: Path) -> float:
    """Processor time that a process has used; OSError when it has ended.

    Args:
        process: its directory in /proc.
    """
    fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def make_meters(targets: Sequence[Target], pids: Sequence[int]) -> list[Meter]:
    """Return a meter for each node: of its process where that is known, else of what it exports.

    Raises:
        ConfigError: no such process, or not one for each node.
    """
    if pids and len(pids) != len(targets):
        raise ConfigError("--pid", got=f"{len(pids)} of them", expected=f"one for each of {len(targets)} nodes")
    if pids:
        return [ProcessMeter(target.place, pid) for target, pid in zip(targets, pids, strict=True)]
    return [MetricsMeter(target.place, Node(target)) for target in targets]


async def watch_usage(meters: list[Meter]) -> None:
    """Look again and again until cancelled, one look at once."""
    while True:
        for meter in meters:
            await meter.look()
        await asyncio.sleep(SAMPLE_S)


@contextmanager
def watch_in_background(meters: list[Meter]) -> Iterator[None]:
    """Look again and again in a thread of its own while the block runs."""
    stopping = threading.Event()

    async def watch() -> None:
        watching = asyncio.create_task(watch_usage(meters))
        await asyncio.to_thread(stopping.wait)
        watching.cancel()

    thread = threading.Thread(target=asyncio.run, args=(watch(),))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
