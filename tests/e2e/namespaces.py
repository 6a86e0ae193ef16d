"""Machines made of network namespaces, and the switch between them, whose cables can be pulled out.

Needs root and `ip netns`. The switch has a namespace of its own: what a firewall of the host forwards does not matter.
The test talks to a machine over a line of its own, which is never cut.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

_PORT = 30303
BRIDGE = "bridge"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def must(*command: str) -> None:
    done = run(*command)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@dataclass(frozen=True)
class Machine:
    """One namespace."""

    name: str
    number: int
    network: int
    """Third byte of its addresses."""
    switch: str
    """Namespace of the switch."""

    @property
    def address(self) -> str:
        """On the switch."""
        return f"10.77.{self.network}.{self.number}"

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{_PORT}"

    @property
    def test_address(self) -> str:
        """On the line to the test."""
        return f"10.78.{self.network}.{4 * self.number + 2}"

    @property
    def prefix(self) -> tuple[str, ...]:
        """Runs a command on it."""
        return "ip", "netns", "exec", self.name

    @property
    def _port(self) -> str:
        """The switch's end of its cable."""
        return f"port{self.number}"

    def pull_out(self) -> None:
        """Nothing goes out and nothing comes in; nobody is told."""
        must("ip", "-n", self.switch, "link", "set", self._port, "nomaster")

    def plug_in(self) -> None:
        must("ip", "-n", self.switch, "link", "set", self._port, "master", BRIDGE)

    def go_deaf(self, other: "Machine") -> None:
        """What the other sends to this machine gets lost; what this one sends arrives."""
        lost = ("lladdr", "02:00:00:00:00:01", "nud", "permanent", "dev", "eth0")
        must("ip", "-n", other.name, "neigh", "replace", self.address, *lost)

    def hear_again(self, other: "Machine") -> None:
        must("ip", "-n", other.name, "neigh", "del", self.address, "dev", "eth0")


@contextmanager
def machines_on_a_switch(count: int) -> Iterator[tuple[Machine, ...]]:
    """Make machines; skips the test where that is not allowed."""
    network = os.getpid() % 250
    switch = f"tcn{network}"
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need the program `ip`")
    made = run("ip", "netns", "add", switch)
    if made.returncode:
        pytest.skip(f"network namespaces need root: {made.stderr.strip()}")
    machines = tuple(Machine(f"{switch}m{number}", number, network, switch) for number in range(1, count + 1))
    try:
        must("ip", "-n", switch, "link", "add", BRIDGE, "type", "bridge")
        must("ip", "-n", switch, "link", "set", BRIDGE, "up")
        for machine in machines:
            _make(machine)
        yield machines
    finally:
        for machine in machines:
            run("ip", "link", "del", f"{machine.name}t")
        for name in (*(machine.name for machine in machines), switch):
            run("ip", "netns", "del", name)


def _make(machine: Machine) -> None:
    must("ip", "netns", "add", machine.name)
    port, line = f"port{machine.number}", f"{machine.name}t"
    peer = ("type", "veth", "peer", "name")
    must("ip", "-n", machine.switch, "link", "add", port, *peer, "eth0", "netns", machine.name)
    must("ip", "-n", machine.switch, "link", "set", port, "master", BRIDGE, "up")
    must("ip", "-n", machine.name, "address", "add", f"{machine.address}/24", "dev", "eth0")
    must("ip", "link", "add", line, *peer, "eth1", "netns", machine.name)
    near = f"10.78.{machine.network}.{4 * machine.number + 1}"
    must("ip", "address", "add", f"{near}/30", "dev", line)
    must("ip", "link", "set", line, "up")
    must("ip", "-n", machine.name, "address", "add", f"{machine.test_address}/30", "dev", "eth1")
    for device in ("lo", "eth0", "eth1"):
        must("ip", "-n", machine.name, "link", "set", device, "up")
