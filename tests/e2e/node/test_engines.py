"""Nodes as processes on one engine or two: what they say, and how they stop when an engine is wrong."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import lmdb
import pytest

from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.execution.account import EMPTY_CODE_HASH
from tests.e2e.node.test_robustness import SENDER, signed
from tests.e2e.node_kit import Enrolled, Network, NodeProcess, make_network, tranchain_node
from tests.engines import IS_NATIVE_BUILT

needs_native = pytest.mark.skipif(not IS_NATIVE_BUILT, reason="the native engine is not built")
FAULT_EXIT_CODE = 70


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return make_network(tmp_path, [Enrolled(SENDER)], "--block-period-ms", "100")


def ask(node: NodeProcess, method: str, *params: object) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return httpx.post(node.url, json=body, timeout=20).json()["result"]


def send_and_wait(node: NodeProcess, nonce: int) -> None:
    transaction_hash = ask(node, "eth_sendRawTransaction", f"0x{signed(nonce).hex()}")
    deadline = time.monotonic() + 30
    while ask(node, "eth_getTransactionReceipt", transaction_hash) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("engine", ["py-evm", pytest.param("native", marks=needs_native)])
def test_engine_is_said_everywhere(network: Network, engine: str) -> None:
    with NodeProcess(network, options=("--engine", engine)) as node:
        assert f"/{engine}/" in ask(node, "web3_clientVersion")
        assert ask(node, "tranchain_nodeInfo")["engine"] == engine
        status = tranchain_node("status", "--rpc", node.url)
        assert engine in status.stdout
    assert '"event": "engine_chosen"' in node.log.read_text()
    chosen = tranchain_node("engine", "--data-dir", network.data_dir, "--json")
    assert json.loads(chosen.stdout)["engine"] == engine


@needs_native
def test_second_engine_is_caught_up_then_agrees_and_halts_the_node_when_it_does_not(network: Network) -> None:
    """The account of the sender is changed in the store of the second engine, which then sees another nonce."""
    with NodeProcess(network, options=("--engine", "native")) as node:
        send_and_wait(node, 0)
    options = ("--verify-with", "py-evm")
    with NodeProcess(network, options=options) as node:
        assert "native+py-evm" in ask(node, "web3_clientVersion")
        send_and_wait(node, 1)
        head = int(ask(node, "eth_blockNumber"), 16)
    _change_nonce(network.data_dir / "chain" / "verify" / "py-evm", before=2, after=7)
    with NodeProcess(network, options=options) as node:
        ask(node, "eth_sendRawTransaction", f"0x{signed(2).hex()}")
        assert node.process is not None
        assert node.process.wait(30) == FAULT_EXIT_CODE
    last = node.log.read_text().splitlines()[-1]
    assert last.startswith("tranchain-node: stopped: native and py-evm disagree about block ")
    (evidence,) = network.data_dir.glob("engine-fault-*.json")
    kept = json.loads(evidence.read_text())
    assert kept["execution"]["transactions"] == [f"0x{signed(2).hex()}"]
    results = kept["execution"]["results"]
    assert "nonce too low: got 2, expected 7" in results["py-evm"]["refused"]
    assert results["native"]["gasUsed"] == 21_000
    with NodeProcess(network, options=("--engine", "native")) as node:  # which has not stored that block
        assert int(ask(node, "eth_blockNumber"), 16) < kept["execution"]["context"]["height"]
        assert int(ask(node, "eth_blockNumber"), 16) >= head


@needs_native
def test_damaged_native_store_is_one_line(network: Network) -> None:
    with NodeProcess(network, options=("--engine", "native")) as node:
        send_and_wait(node, 0)
    data = network.data_dir / "chain" / "native" / "data.mdb"
    size = data.stat().st_size
    data.write_bytes(b"\x00" * size)
    failed = tranchain_node("run", "--genesis", network.genesis, "--data-dir", network.data_dir)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"tranchain-node: data_dir: {data.parent} cannot be read as a chain store")


def _change_nonce(path: Path, *, before: int, after: int) -> None:
    tail = b"\x80\xa0" + EMPTY_TRIE_ROOT + b"\xa0" + EMPTY_CODE_HASH
    old, new = bytes((before,)) + tail, bytes((after,)) + tail
    environment = lmdb.open(str(path), max_dbs=16, subdir=True)
    with environment.begin(write=True, db=environment.open_db(b"nodes")) as transaction:
        found = [(key, value) for key, value in transaction.cursor() if old in value]
        assert len(found) == 1
        for key, value in found:
            transaction.put(key, value.replace(old, new))
    environment.close()


def test_engine_that_the_environment_names_is_the_one_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANCHAIN_ENGINE", "py-evm")
    assert json.loads(tranchain_node("engine", "--json").stdout) == {"engine": "py-evm", "reason": "as configured"}
