"""A node that is killed, starved of disk, started wrongly or fed nonsense."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chain_node.core import rlp
from chain_node.core.crypto import sign_digest
from chain_node.core.hashing import keccak
from tests.e2e.node_kit import (
    Enrolled,
    Network,
    NodeProcess,
    account_number,
    make_network,
    tranchain_node,
    write_member_file,
)

CHAIN_ID = 170919
SENDER = account_number(1)
NOBODY = b"\x42" * 20


def signed(nonce: int, data: bytes = b"") -> bytes:
    fields: list[bytes] = [rlp.scalar(nonce), b"", rlp.scalar(100_000), NOBODY, b"", data]
    signature = sign_digest(bytes(SENDER.key), keccak(rlp.encode([*fields, rlp.scalar(CHAIN_ID), b"", b""])))
    v = 35 + 2 * CHAIN_ID + signature[64]
    numbers = [v, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")]
    return rlp.encode([*fields, *map(rlp.scalar, numbers)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network that was never run; tests copy it."""
    return make_network(tmp_path_factory.mktemp("made"), [Enrolled(SENDER)], "--block-period-ms", "100")


@pytest.fixture
def network(made: Network, tmp_path: Path) -> Network:
    shutil.copytree(made.directory, tmp_path / "network")
    directory = tmp_path / "network"
    return Network(directory, directory / "genesis.json", directory / "data", made.governor, made.deployer)


class Load:
    """Sends one transaction after the other until stopped; remembers which were answered for."""

    def __init__(self, node: NodeProcess, nonce: int) -> None:
        self.accepted: list[str] = []
        self._node, self._nonce, self._stop = node, nonce, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(timeout=5) as client:
            while not self._stop.is_set():
                raw = "0x" + signed(self._nonce).hex()
                body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw]}
                try:
                    answer = client.post(self._node.url, json=body).json()
                except httpx.HTTPError:
                    return
                if "result" in answer:
                    self.accepted.append(answer["result"])
                    self._nonce += 1
                else:
                    time.sleep(0.02)


def run_that_fails(network: Network, port: int = 0) -> subprocess.CompletedProcess[str]:
    place = ["--genesis", network.genesis, "--data-dir", network.data_dir]
    return tranchain_node("run", *place, "--rpc-listen", f"127.0.0.1:{port}")


def height(node: NodeProcess) -> int:
    return int(str(node.call("eth_blockNumber")), 16)


def test_node_killed_under_load_loses_no_block_it_has_shown(network: Network) -> None:
    node = NodeProcess(network)
    shown: dict[int, str] = {}
    for delay_seconds in (0.5, 0.83, 1.17, 0.67, 1.0):
        node.start()
        for number, block_hash in shown.items():
            block = node.call("eth_getBlockByNumber", hex(number), False)
            assert isinstance(block, dict)
            assert block["hash"] == block_hash
        nonce = int(str(node.call("eth_getTransactionCount", SENDER.address, "latest")), 16)
        with Load(node, nonce):
            time.sleep(delay_seconds)
            head = node.call("eth_getBlockByNumber", "latest", False)
            assert isinstance(head, dict)
            shown[int(head["number"], 16)] = head["hash"]
            node.kill()
    node.start()
    last = height(node)
    assert last >= max(shown) > 5
    assert node.stop() == 0
    exported = network.directory / "chain.rlp"
    assert (
        tranchain_node(
            "export", "--to", exported, "--genesis", network.genesis, "--data-dir", network.data_dir
        ).returncode
        == 0
    )
    verified = tranchain_node("verify", exported, "--genesis", network.genesis, "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["blocks"] >= last + 1


def test_included_transaction_survives_the_kill_and_its_repetition_gives_the_same_hash(network: Network) -> None:
    node = NodeProcess(network)
    node.start()
    raw = "0x" + signed(0).hex()
    sent = node.call("eth_sendRawTransaction", raw)
    while node.call("eth_getTransactionReceipt", sent) is None:
        time.sleep(0.02)
    node.kill()
    with node:
        assert node.call("eth_getTransactionReceipt", sent) is not None
        assert node.call("eth_sendRawTransaction", raw) == sent


def test_stop_is_clean_and_quick(network: Network) -> None:
    with NodeProcess(network) as node, Load(node, 0):
        time.sleep(0.5)
        started = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - started < 10
    assert '"node_stopped"' in node.log.read_text()
    assert '"level": "error"' not in node.log.read_text()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mount], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {made.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", "-l", mount], check=False)


def test_full_disk_halts_writing_and_goes_on_when_there_is_room(network: Network, small_disk: Path) -> None:
    shutil.copytree(network.data_dir, small_disk / "data")
    network.data_dir = small_disk / "data"
    with NodeProcess(network, options=["--no-vault"]) as node:
        nonce = 0
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(1024 * 1024))
        deadline = time.monotonic() + 60
        while httpx.get(f"{node.url}/ready").status_code == 200 and time.monotonic() < deadline:
            raw = "0x" + signed(nonce, data=os.urandom(4000)).hex()
            body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw]}
            nonce += "result" in httpx.post(node.url, json=body).json()
        ready = httpx.get(f"{node.url}/ready")
        assert ready.status_code == 503
        assert "room to write" in ready.json()["halted"]
        halted_at = height(node)
        assert '"disk_full"' in node.log.read_text()
        ballast.unlink()
        deadline = time.monotonic() + 20
        while height(node) == halted_at and time.monotonic() < deadline:
            time.sleep(0.1)
        assert height(node) > halted_at
        assert httpx.get(f"{node.url}/ready").status_code == 200
        assert node.stop() == 0


def test_port_in_use_is_one_line(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run_that_fails(network, port)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"tranchain-node: rpc_listen: 127.0.0.1:{port} cannot be used")
    assert "another program listens there" in line


def test_second_node_on_the_same_data_is_one_line(network: Network) -> None:
    with NodeProcess(network):
        failed = run_that_fails(network)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert "in use by another process" in line


def test_other_genesis_is_refused(network: Network) -> None:
    with NodeProcess(network):
        pass
    document = json.loads(network.genesis.read_text())
    network.genesis.write_text(json.dumps(document | {"gasLimit": hex(int(document["gasLimit"], 16) + 1)}))
    failed = run_that_fails(network)
    assert failed.returncode == 1
    assert "genesis hash" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_corrupt_config_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text('genesis = "g.json"\ndata_dir = "d"\ncolour = "red"')
    failed = tranchain_node("run", "--config", path)
    assert failed.returncode == 1
    assert failed.stderr == f"tranchain-node: {path}: colour: unknown key\n"


def test_corrupt_genesis_names_file_and_key(network: Network) -> None:
    network.genesis.write_text(network.genesis.read_text().replace('"pertxgaslimit": 8000000', '"pertxgaslimit": -1'))
    failed = run_that_fails(network)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert "genesis.json" in line
    assert "pertxgaslimit" in line


def test_key_that_others_may_read_is_refused(network: Network) -> None:
    key = network.data_dir / "validator.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    failed = run_that_fails(network)
    assert failed.returncode == 1
    assert f"chmod 600 {key}" in failed.stderr


def test_init_does_not_overwrite_a_key(network: Network) -> None:
    before = (network.data_dir / "validator.key").read_bytes()
    failed = tranchain_node("init", "--data-dir", network.data_dir)
    assert failed.returncode == 1
    assert "exists already" in failed.stderr
    assert (network.data_dir / "validator.key").read_bytes() == before


def test_expired_account_is_refused_with_its_date(tmp_path: Path) -> None:
    expired = Enrolled(SENDER, valid_from=0, valid_until=1_700_000_000)
    network = make_network(tmp_path, [expired], "--block-period-ms", "100")
    with NodeProcess(network, options=["--no-vault"]) as node:
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + signed(0).hex()]}
        error = httpx.post(node.url, json=body).json()["error"]
        assert error["message"].endswith("the account expired on 2023-11-14 22:13:20 UTC")
        assert httpx.get(f"{node.url}/vault/v1/info").status_code == 404


def test_bodies_that_are_no_rpc_are_answered_clearly(network: Network) -> None:
    with NodeProcess(network, options=["--no-vault"]) as node:
        assert httpx.post(node.url, content=b"{").json()["error"]["code"] == -32700
        assert httpx.get(node.url).status_code == 405
        assert httpx.post(node.url, content=b" " * (8 * 1024 * 1024 + 1)).status_code == 413
        assert httpx.get(f"{node.url}/nothing").status_code == 404
        metrics = httpx.get(f"{node.url}/metrics").text
        assert "tranchain_head_height" in metrics
        assert height(node) >= 0


def test_changed_member_file_is_refused(network: Network, tmp_path: Path) -> None:
    member = tmp_path / "member.json"
    write_member_file(member, [Enrolled(SENDER)], governor=network.governor, validator="0x" + "11" * 20)
    fields = json.loads(member.read_text())
    fields["organisation"] = "Bank B"
    member.write_text(json.dumps(fields))
    failed = tranchain_node("genesis", member, "--to", tmp_path / "genesis.json")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert "member.json: signature" in line
    assert not (tmp_path / "genesis.json").exists()
