"""What processes use while something runs: processor seconds, and the most memory of each. Linux only.

Memory is RssAnon: what a process has of its own, without the pages of its files that the system may drop.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from client.bench.resources import cpu_seconds

_PAUSE_S = 0.2


@dataclass(slots=True)
class Usage:
    """Of one process, or of the commands one after the other."""

    cpu_s: float = 0.0
    peak_mb: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageMeter:
    """Watches background processes by name, and every other child of this process as "command"."""

    daemons: Callable[[], Mapping[str, int]]
    """Process ids by name."""
    peak_mb: dict[str, float] = field(default_factory=dict)
    """Since the meter was made."""

    @contextmanager
    def measured(self) -> Iterator[dict[str, Usage]]:
        """Fill in what each process uses meanwhile."""
        usage: dict[str, Usage] = {}
        before = {name: _cpu_s(pid) for name, pid in self.daemons().items()}
        commands_before = _children_cpu_s()
        stop = threading.Event()
        peaks: dict[str, float] = {}
        watcher = threading.Thread(target=self._watch, args=(stop, peaks), daemon=True)
        watcher.start()
        try:
            yield usage
        finally:
            stop.set()
            watcher.join()
            for name, pid in self.daemons().items():
                usage[name] = Usage(_cpu_s(pid) - before.get(name, 0.0), peaks.get(name, 0.0))
            usage["command"] = Usage(_children_cpu_s() - commands_before, peaks.get("command", 0.0))
            for name, peak_mb in peaks.items():
                self.peak_mb[name] = max(peak_mb, self.peak_mb.get(name, 0.0))

    def _watch(self, stop: threading.Event, peaks: dict[str, float]) -> None:
        while True:
            names = {pid: name for name, pid in self.daemons().items()}
            for pid in _children():
                name = names.get(pid, "command")
                peaks[name] = max(peaks.get(name, 0.0), _resident_mb(pid))
            if stop.wait(_PAUSE_S):
                return


def _children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _resident_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:")), 0.0)


def _cpu_s(pid: int) -> float:
    try:
        return cpu_seconds(Path(f"/proc/{pid}"))
    except OSError:
        return 0.0


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system
