"""One of three nodes has something wrong: it says what, the others go on, and it comes back when it is put right."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chain_node.node.status import read_nodes
from chain_node.rpc.node_status import NodeStatus
from tests.e2e.network_kit import NetworkOf, make_network_of, wait_until
from tests.e2e.node_kit import Enrolled, NodeProcess, account_number, tranchain_node
from tests.e2e.put_load import sign
from tests.unit.network.authority import NOW, Authority

SENDER = account_number(7_000_001)
_LAST = 2


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkOf]:
    directory = tmp_path_factory.mktemp("faults")
    options = ("--block-period-ms", "250", "--empty-block-period-seconds", "1")
    with make_network_of(directory, 3, *options, accounts=[Enrolled(SENDER)]) as running:
        running.wait_for_height(2)
        yield running
        assert all("Traceback" not in node.log.read_text() for node in running.nodes)


def status_of(node: NodeProcess) -> NodeStatus:
    (view,) = read_nodes([node.url])
    assert view.status is not None, view
    return view.status


def finding_kinds(node: NodeProcess) -> list[str]:
    """What the node's status says is wrong."""
    diagnosis = status_of(node).diagnosis
    assert diagnosis is not None
    return [finding.kind for finding in diagnosis.findings]


def wait_for_log(node: NodeProcess, *words: str, offset: int = 0) -> None:
    """Wait for a line with all of them."""

    def is_there() -> bool:
        text = node.log.read_bytes()[offset:].decode()
        return any(all(word in line for word in words) for line in text.splitlines())

    wait_until(is_there, 30, lambda: f"{words} in {node.log.read_text()[-3_000:]}")


def wait_until_linked(network: NetworkOf) -> None:
    wait_until(
        lambda: all(all(one.is_linked for one in status_of(node).validators) for node in network.nodes[:3]),
        40,
        lambda: "\n".join(node.log.read_text()[-1_000:] for node in network.nodes),
    )


def test_node_with_another_genesis_cannot_join_and_says_why(network: NetworkOf) -> None:
    members = [node.network.directory / "member.json" for node in network.nodes]
    other = network.directory / "other.json"
    assert tranchain_node("genesis", *members, "--to", other, "--timestamp", "1700000000").returncode == 0
    dialled = [f"--p2p-peer={papers.endpoint}" for papers in network.papers]
    stranger = network.add_node("node-d", *dialled)
    stranger.network.genesis = other
    try:
        stranger.start()
        wait_for_log(stranger, '"refused_by_peer"', "it refuses us: wrong genesis: got ")
        wait_for_log(network.nodes[0], '"peer_refused"', "wrong genesis: got ")
        network.wait_for_height(network.nodes[0].height() + 2, nodes=network.nodes[:3])
        assert stranger.height() == 0
        assert status_of(stranger).peers == ()
    finally:
        stranger.stop()
        network.nodes.pop()
        network.papers.pop()


def sign_certificate(network: NetworkOf, data_dir: Path, *, seconds: float) -> None:
    """A certificate for the node's key that ends so many seconds from now."""
    key = load_pem_private_key((data_dir / "tls.key").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    authority = Authority(key=network.authority.key, certificate=network.authority.certificate)
    end = (time.time() + seconds - NOW.timestamp()) / (24 * 3600)
    (data_dir / "tls.pem").write_bytes(authority.sign(key, days=(-1, end)))  # type: ignore[arg-type] # part of a day


def test_node_whose_certificate_has_expired_does_not_start_and_says_why(network: NetworkOf) -> None:
    node = network.nodes[_LAST]
    node.stop()
    data_dir = node.network.data_dir
    good = (data_dir / "tls.pem").read_bytes()
    sign_certificate(network, data_dir, seconds=-60)
    try:
        failed = tranchain_node("run", "--genesis", network.genesis, "--data-dir", data_dir, *node.options)
    finally:
        (data_dir / "tls.pem").write_bytes(good)
    assert failed.returncode == 1
    assert f"{data_dir / 'tls.pem'}: expired at" in failed.stderr.splitlines()[-1]
    network.wait_for_blocks(2)
    node.start()
    wait_until_linked(network)


def test_node_whose_certificate_expires_is_dialled_no_more_and_both_say_why(network: NetworkOf) -> None:
    node, other = network.nodes[_LAST], network.nodes[1]
    data_dir, good = node.network.data_dir, (node.network.data_dir / "tls.pem").read_bytes()
    offset = node.log.stat().st_size
    end = time.monotonic() + 5
    sign_certificate(network, data_dir, seconds=5)
    wait_for_log(node, '"certificate_expires_soon"', offset=offset)
    other_offset = other.log.stat().st_size
    time.sleep(max(0.0, end - time.monotonic()) + 1)
    network.kill(1)
    network.restart(1)
    wait_for_log(node, '"refused_by_peer"', "it refuses us: certificate expired", offset=offset)
    wait_for_log(other, '"peer_refused"', "its certificate: certificate has expired", offset=other_offset)
    assert "certificate" in finding_kinds(node)
    network.wait_for_height(network.nodes[0].height() + 3, nodes=network.nodes[:2])
    (data_dir / "tls.pem").write_bytes(good)
    wait_until_linked(network)
    network.wait_for_blocks(2)
    network.assert_same_blocks()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {made.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", "-l", mount], check=False)


def test_node_with_a_full_disk_says_so_and_goes_on_when_there_is_room(network: NetworkOf, small_disk: Path) -> None:
    node, others = network.nodes[_LAST], network.nodes[:_LAST]
    node.stop()
    usual = node.network.data_dir
    node.network.data_dir = Path(shutil.copytree(usual, small_disk / "data"))
    try:
        node.start()
        wait_until_linked(network)
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 600 * 1024))
        fill_until_full(node, others[0])
        halt = status_of(node).halt
        assert halt is not None
        assert halt.kind == "disk_full"
        assert httpx.get(f"{node.url}/ready").status_code == 503
        halted_at = node.height()
        network.wait_for_height(max(one.height() for one in others) + 4, nodes=others)
        assert node.height() == halted_at
        assert finding_kinds(node)[0] == "disk_full"
        ballast.unlink()
        network.wait_for_height(max(one.height() for one in others), nodes=[node], seconds=40)
        assert status_of(node).halt is None
        network.assert_same_blocks()
    finally:
        node.stop()
        if (small_disk / "ballast").exists():
            (small_disk / "ballast").unlink()
        shutil.rmtree(usual)
        node.network.data_dir = Path(shutil.copytree(node.network.data_dir, usual))
        node.start()


def fill_until_full(node: NodeProcess, other: NodeProcess) -> None:
    """Send what takes room, by another node, until the node has none."""
    deadline = time.monotonic() + 60
    nonce = 0
    while status_of(node).halt is None:
        assert time.monotonic() < deadline, "its disk does not fill"
        for _ in range(4):
            raw = sign(SENDER, nonce=nonce, gas=2_000_000, data="0x" + f"{nonce:04x}" * 20_000, to=f"0x{7:040x}")
            other.call("eth_sendRawTransaction", raw)
            nonce += 1
        time.sleep(0.3)
