"""The commands of `tranchain-node` beside `run`, against a node that has a few blocks."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.node_kit import PROGRAM, ROOT, NodeProcess, make_network, tranchain_node

BLOCKS = 3


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    network = make_network(
        tmp_path_factory.mktemp("commands"), [], "--block-period-ms", "100", "--empty-block-period-seconds", "0"
    )
    with NodeProcess(network) as running:
        while int(str(running.call("eth_blockNumber")), 16) < BLOCKS:
            time.sleep(0.1)
        yield running


def test_status_tells_head_validators_and_finality(node: NodeProcess) -> None:
    shown = tranchain_node("status", "--rpc", node.url)
    assert shown.returncode == 0
    assert "With one validator no block is ever final" in shown.stdout
    assert "Bank A (this node)" in shown.stdout
    found = json.loads(tranchain_node("status", "--rpc", node.url, "--json").stdout)
    assert found["isWell"]
    (status,) = [one["status"] for one in found["nodes"]]
    assert status["head"]["number"] >= BLOCKS
    assert status["head"]["signers"] == [status["validator"]]
    assert [(one["organisationName"], one["isSelf"]) for one in status["validators"]] == [("Bank A", True)]
    assert status["validators"][0]["sealedBlocks"] == status["validators"][0]["countedBlocks"] >= BLOCKS
    assert status["disk"]["storeBytes"] > 0
    assert status["vaultId"].startswith("0x")
    assert status["diagnosis"]["standing"] in ("runs", "waits")


def test_status_without_a_node_says_so_and_where_to_look() -> None:
    failed = tranchain_node("status", "--rpc", "http://127.0.0.1:1")
    assert failed.returncode == 1
    assert "http://127.0.0.1:1: nothing listens there: the node is down" in failed.stdout
    assert len(failed.stdout.strip().splitlines()) == 2


def test_embedded_vault_and_vault_alone_serve_the_same_network(node: NodeProcess, tmp_path: Path) -> None:
    embedded = httpx.get(f"{node.url}/vault/v1/info").json()
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    log = tmp_path / "vault.log"
    registry = "0x0000000000000000000000000000000000007c03"
    arguments = ["vault", "--rpc", node.url, "--registry", registry, "--data-dir", str(tmp_path / "vault")]
    with log.open("wb") as output:
        process = subprocess.Popen([*PROGRAM, *arguments, "--listen", listen], cwd=ROOT, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                alone = httpx.get(f"http://{listen}/vault/v1/info").json()
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(20)
    assert (alone["chain_id"], alone["registry"]) == (embedded["chain_id"], embedded["registry"])
    assert alone["vault_id"] != embedded["vault_id"]


def test_export_of_a_running_node_is_refused_and_of_a_stopped_one_verifies(node: NodeProcess, tmp_path: Path) -> None:
    network = node.network
    whole = tmp_path / "whole.rlp"
    command = ["export", "--to", whole, "--genesis", network.genesis, "--data-dir", network.data_dir]
    running = tranchain_node(*command)
    assert running.returncode == 1
    assert "in use by another process" in running.stderr
    assert node.stop() == 0
    exported = json.loads(tranchain_node(*command, "--json").stdout)
    assert exported["blocks"] > BLOCKS
    verified = json.loads(tranchain_node("verify", whole, "--genesis", network.genesis, "--json").stdout)
    assert (verified["valid"], verified["blocks"]) == (True, exported["blocks"])


def test_init_prints_what_the_member_file_says_of_the_node(tmp_path: Path) -> None:
    line = ("init", "--data-dir", tmp_path, "--organisation", "Bank A", "--endpoint", "node.a.example:30303")
    made = tranchain_node(*line)
    assert made.returncode == 0, made.stderr
    options = made.stdout.splitlines()[-1].partition(": ")[2].split()
    assert options[::2] == ["--validator", "--node"]
    renewed = json.loads(tranchain_node("tls-request", *line[1:], "--json").stdout)
    assert renewed["node"] == options[3]
    assert renewed["tls_request"] == str(tmp_path / "tls.csr")
    rotated = json.loads(tranchain_node("tls-request", *line[1:], "--key", tmp_path / "next.key", "--json").stdout)
    assert rotated["node"].startswith("node.a.example:30303:")
    assert rotated["node"] != options[3]
    again = tranchain_node(*line)
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_init_with_half_of_what_tls_needs_is_refused(tmp_path: Path) -> None:
    refused = tranchain_node("init", "--data-dir", tmp_path / "data", "--organisation", "Bank A")
    assert refused.returncode == 1
    assert "give both" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["init", "tls-request", "genesis", "run", "vault", "export", "verify", "status"])
def test_help_of_every_command_has_an_example(command: str) -> None:
    shown = tranchain_node(command, "--help")
    assert shown.returncode == 0
    assert f"Example: tranchain-node {command}" in shown.stdout
