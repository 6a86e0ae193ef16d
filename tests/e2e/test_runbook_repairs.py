"""The runbook's repairs on three real nodes: a lost store, a lost disk, a certificate that ends."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_node.node.status import NodeView, read_nodes
from chain_node.rpc.node_status import NodeStatus
from client.sdk.certificates import pem_of
from client.sdk.node_certificates import certify_node
from tests.e2e.network_kit import NetworkOf, make_network_of, wait_until
from tests.e2e.node_kit import NodeProcess, tranchain_node

pytestmark = pytest.mark.slow

_LAST = 2


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkOf]:
    directory = tmp_path_factory.mktemp("repairs")
    options = ("--block-period-ms", "1000", "--empty-block-period-seconds", "1")
    with make_network_of(directory, 3, *options) as running:
        running.wait_for_height(5)
        yield running


def view_of(node: NodeProcess) -> NodeView:
    (view,) = read_nodes([node.url])
    return view


def status_of(node: NodeProcess) -> NodeStatus:
    status = view_of(node).status
    assert status is not None
    return status


def is_whole(network: NetworkOf) -> bool:
    """Whether all three are linked, and the newest blocks have the seals of all."""
    statuses = [status_of(node) for node in network.nodes]
    return all(
        all(validator.is_linked for validator in status.validators)
        and status.head.number - (status.finality.byzantine_final_number or 0) <= 1
        for status in statuses
    )


def wait_until_whole(network: NetworkOf) -> None:
    wait_until(lambda: is_whole(network), 90, lambda: "\n".join(str(view_of(node)) for node in network.nodes))
    network.assert_same_blocks()


def test_lost_store_is_fetched_again_and_the_validator_seals(network: NetworkOf) -> None:
    node = network.kill(_LAST)
    shutil.rmtree(node.network.data_dir / "chain")
    height = network.wait_for_blocks(3)
    network.restart(_LAST)
    network.wait_for_height(height, nodes=[node], seconds=60)
    wait_until_whole(network)
    assert status_of(node).is_validator
    assert status_of(network.nodes[0]).evidence_count == 0


def test_lost_disk_comes_back_by_a_throw_away_key(network: NetworkOf) -> None:
    node = network.kill(_LAST)
    data_dir: Path = node.network.data_dir
    for lost in ("chain", "vault"):
        shutil.rmtree(data_dir / lost)
    (data_dir / "votes.log").unlink()
    safe = data_dir.parent / "validator.key"
    shutil.move(data_dir / "validator.key", safe)
    height = max(one.height() for one in network.running)
    throw_away = data_dir / "throw-away.key"
    assert tranchain_node("init", "--data-dir", data_dir, "--key", throw_away).returncode == 0
    usual = node.options
    node.options = [*usual, "--validator-key", str(throw_away)]
    node.start()
    network.wait_for_height(height + 11, nodes=[node], seconds=90)
    assert not status_of(node).is_validator
    assert status_of(node).head.number > height + 10
    node.stop()
    shutil.move(safe, data_dir / "validator.key")
    node.options = usual
    node.start()
    wait_until_whole(network)
    assert status_of(node).is_validator
    assert [status_of(one).evidence_count for one in network.nodes] == [0, 0, 0]


def test_certificate_is_renewed_without_a_restart(network: NetworkOf) -> None:
    node, papers = network.nodes[0], network.papers[0]
    assert node.process is not None
    before, process = status_of(node).network.certificate_expires, node.process.pid
    data_dir = node.network.data_dir
    where = ("--data-dir", data_dir, "--organisation", "Bank A", "--endpoint", papers.endpoint)
    asked = tranchain_node("tls-request", *where)
    assert papers.tls_key_hash in asked.stdout
    now = dt.datetime.now(dt.UTC)
    renewed = certify_node(network.authority, (data_dir / "tls.csr").read_bytes(), not_before=now, days=300)
    (data_dir / "tls.pem").write_text(pem_of(renewed))
    expected = int(renewed.not_valid_after_utc.timestamp())
    assert expected != before
    wait_until(
        lambda: status_of(node).network.certificate_expires == expected, 30, lambda: node.log.read_text()[-2000:]
    )
    assert node.process.pid == process
    network.restart(1)  # whoever connects anew sees the new certificate
    wait_until_whole(network)
