"""Validators die by SIGKILL in turn while a client sends without a pause: what was said stays true."""

import time
from pathlib import Path

import pytest

from tests.e2e.network_kit import NetworkOf, make_network_of
from tests.e2e.node_kit import Enrolled
from tests.e2e.put_load import SENDERS, PutLoad, deploy_put_contract, puts_stored, transactions_of

DEAD_SECONDS = 1.0
"""Some blocks without it."""

CATCH_UP_SECONDS = 30


def kill_in_turn(directory: Path, *, node_count: int, kill_count: int, period_ms: int) -> PutLoad:
    """Kill one validator after the other, each back and level before the next; gives the load that was there."""
    options = ("--block-period-ms", str(period_ms), "--empty-block-period-seconds", "1")
    accounts = [Enrolled(sender) for sender in SENDERS]
    with make_network_of(directory, node_count, *options, accounts=accounts) as network:
        contract = deploy_put_contract(network.nodes[0], network.deployer)
        with PutLoad(network, contract) as load:
            network.wait_for_blocks(2)
            for number in range(kill_count):
                kill_and_bring_back(network, number % node_count)
            load.finish()
        assert_nothing_is_lost(network, load)
    for node in network.nodes:
        assert "Traceback" not in node.log.read_text()
    return load


def kill_and_bring_back(network: NetworkOf, index: int) -> None:
    before = network.nodes[index].height()
    network.kill(index)
    time.sleep(DEAD_SECONDS)
    height = network.wait_for_blocks(1)
    assert height > before, "the others go on"
    network.restart(index)
    height = max(node.height() for node in network.running)
    network.wait_for_height(height, nodes=[network.nodes[index]], seconds=CATCH_UP_SECONDS)


def assert_nothing_is_lost(network: NetworkOf, load: PutLoad) -> None:
    """Every block that any node ever showed is in the chain of all, and every transaction that was taken, once."""
    assert load.errors == []
    assert load.contradictions == []
    assert load.missing() == set()
    network.wait_for_height(max(load.hash_by_height), seconds=CATCH_UP_SECONDS)
    last = network.assert_same_blocks()
    assert last >= max(load.hash_by_height)
    for node in network.nodes:
        found = transactions_of(node, last)
        assert len(found) == len(set(found))
        assert load.acknowledged <= set(found)
        assert puts_stored(node) == len(load.acknowledged)


@pytest.mark.slow
def test_kill_of_each_in_turn_under_load_loses_nothing(tmp_path: Path) -> None:
    load = kill_in_turn(tmp_path, node_count=3, kill_count=3, period_ms=250)
    assert len(load.acknowledged) > 3 * len(SENDERS)
    assert load.longest_gap_seconds() < 5


@pytest.mark.slow
@pytest.mark.parametrize("node_count", [3, 4])
def test_twenty_kills_under_load_lose_nothing(tmp_path: Path, node_count: int) -> None:
    load = kill_in_turn(tmp_path, node_count=node_count, kill_count=20, period_ms=1000)
    assert len(load.acknowledged) > 20 * len(SENDERS)
    assert load.longest_gap_seconds() < 3
