"""Three validators on three machines, and the cable between them: who is cut off stops, the others go on, all agree.

The machines are network namespaces, so that what is cut is silent, as in life; a killed process says goodbye by TCP.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from chain_node.node.status import read_nodes
from chain_node.rpc.node_status import NodeStatus
from tests.e2e.namespaces import Machine, machines_on_a_switch
from tests.e2e.network_kit import NetworkOf, make_network_of, wait_until
from tests.e2e.node_kit import NodeProcess

pytestmark = pytest.mark.slow

GAP_SECONDS_MAX = 4.0
"""A silent link is seen after 1.5 s; then nobody waits for it any more. With room for a busy machine."""

HEALED_SECONDS_MAX = 15.0


@dataclass
class Land:
    network: NetworkOf
    machines: tuple[Machine, ...]

    @property
    def nodes(self) -> list[NodeProcess]:
        return self.network.nodes


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    with machines_on_a_switch(3) as machines:
        options = ("--block-period-ms", "500", "--empty-block-period-seconds", "0")
        endpoints = [machine.endpoint for machine in machines]
        network = make_network_of(tmp_path_factory.mktemp("partition"), 3, *options, endpoints=endpoints)
        for node, machine in zip(network.nodes, machines, strict=True):
            node.host, node.prefix = machine.test_address, machine.prefix
        with network:
            network.wait_for_height(3)
            yield Land(network, machines)
        assert all("Traceback" not in node.log.read_text() for node in network.nodes)


@pytest.fixture(autouse=True)
def whole(land: Land) -> Iterator[None]:
    """Every test begins with all of them linked, and ends with the same blocks everywhere."""
    wait_until(lambda: all(is_linked(node) for node in land.nodes), 30, lambda: "not linked")
    yield
    land.network.wait_for_height(max(node.height() for node in land.nodes), seconds=60)
    land.network.assert_same_blocks()


def status_of(node: NodeProcess) -> NodeStatus:
    (view,) = read_nodes([node.url])
    assert view.status is not None, view
    return view.status


def is_linked(node: NodeProcess) -> bool:
    return all(validator.is_linked for validator in status_of(node).validators)


def longest_gap(nodes: Sequence[NodeProcess], seconds: float) -> float:
    """Watch for a while; gives the longest time in which none of them had a new block."""
    last, best, longest = time.monotonic(), max(node.height() for node in nodes), 0.0
    end = last + seconds
    while (now := time.monotonic()) < end:
        height = max(node.height() for node in nodes)
        if height > best:
            longest, last, best = max(longest, now - last), now, height
        time.sleep(0.03)
    return max(longest, time.monotonic() - last)


def rounds_since(node: NodeProcess, height: int) -> list[int]:
    """In which rounds the newest blocks above a height were decided."""
    return [block.round for block in status_of(node).blocks if block.number > height]


def test_two_go_on_without_one_that_is_cut_off_and_it_drags_nobody_along(land: Land) -> None:
    first, second, isolated = land.nodes
    land.machines[2].pull_out()
    try:
        before = isolated.height()
        assert longest_gap([first, second], 6) < GAP_SECONDS_MAX
        assert isolated.height() <= before + 1
        assert first.height() > before + 3
    finally:
        land.machines[2].plug_in()
    assert longest_gap([first, second], 6) < GAP_SECONDS_MAX
    land.network.wait_for_height(first.height(), nodes=[isolated], seconds=30)
    wait_until(lambda: all(is_linked(node) for node in land.nodes), 30, lambda: "not linked")
    height = land.network.wait_for_blocks(2)
    land.network.wait_for_blocks(4)
    assert set(rounds_since(first, height)) == {0}, "its rounds were higher than theirs, and nobody followed"


def test_deafness_in_one_direction_stops_nobody(land: Land) -> None:
    """What the first says does not reach the third: the second passes it on."""
    land.machines[2].go_deaf(land.machines[0])
    try:
        before = land.nodes[2].height()
        assert longest_gap(land.nodes[2:], 7) < GAP_SECONDS_MAX
        assert land.nodes[2].height() > before + 4
    finally:
        land.machines[2].hear_again(land.machines[0])


def test_nobody_makes_blocks_alone_and_all_go_on_when_healed(land: Land) -> None:
    for machine in land.machines:
        machine.pull_out()
    try:
        time.sleep(2)
        before = [node.height() for node in land.nodes]
        time.sleep(5)
        assert [node.height() for node in land.nodes] == before
        assert max(before) - min(before) <= 1
    finally:
        for machine in land.machines:
            machine.plug_in()
    began = time.monotonic()
    land.network.wait_for_height(max(before) + 1, seconds=40)
    assert time.monotonic() - began < HEALED_SECONDS_MAX
    land.network.wait_for_blocks(4, seconds=10)
