"""Validators on different engines decide one chain, and a node that runs two engines halts when they disagree."""

import json
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.network_kit import make_network_of, wait_until
from tests.e2e.node_kit import Enrolled, NodeProcess, account_number, make_network
from tests.e2e.put_load import SENDERS, PutLoad, deploy_put_contract, puts_stored, sign
from tests.engines import IS_NATIVE_BUILT

pytestmark = pytest.mark.skipif(not IS_NATIVE_BUILT, reason="the native engine is not built")
ENGINES = ("py-evm", "native", "native")
SENDER = account_number(7_000_002)
GAS = ("--gas-limit", "60000000")
EXIT_FAULT = 70


def test_one_py_evm_and_two_native_validators_decide_one_chain(tmp_path: Path) -> None:
    options = (*GAS, "--block-period-ms", "250", "--empty-block-period-seconds", "1")
    network = make_network_of(tmp_path, 3, *options, accounts=[Enrolled(sender) for sender in SENDERS])
    for node, engine in zip(network.nodes, ENGINES, strict=True):
        node.options = [*node.options, "--engine", engine]
    with network:
        contract = deploy_put_contract(network.nodes[1], network.deployer)
        with PutLoad(network, contract) as load:
            network.wait_for_blocks(8)
            load.finish()
        assert (load.errors, load.contradictions, load.missing()) == ([], [], set())
        network.wait_for_height(max(load.hash_by_height))
        assert network.assert_same_blocks() >= max(load.hash_by_height)
        miners = {network.nodes[1].call("eth_getBlockByNumber", hex(height), False)["miner"] for height in range(1, 9)}  # type: ignore[index]
        assert len(miners) == len(ENGINES), "each of them proposed"
        assert [puts_stored(node) for node in network.nodes] == [len(load.acknowledged)] * len(ENGINES)


def test_node_whose_engines_disagree_halts_with_evidence_and_goes_on_with_good_ones(tmp_path: Path) -> None:
    network = make_network(tmp_path, [Enrolled(SENDER)], *GAS, "--block-period-ms", "250")
    verified = ("--engine", "native", "--verify-with", "py-evm")
    liar = NodeProcess(
        network,
        options=verified,
        program=(sys.executable, "-m", "tests.e2e.lying_node"),
        environment={"LIE_HEIGHT": "2"},
    )
    liar.start()
    first = sign(SENDER, nonce=0, gas=100_000, data="0x", to=SENDER.address)
    second = sign(SENDER, nonce=1, gas=100_000, data="0x", to=SENDER.address)
    liar.call("eth_sendRawTransaction", first)
    wait_until(lambda: liar.height() >= 1, 20, lambda: "no first block")
    liar.call("eth_sendRawTransaction", second)
    assert liar.process is not None
    assert liar.process.wait(20) == EXIT_FAULT
    (path,) = (network.data_dir).glob("engine-fault-*.json")
    evidence = json.loads(path.read_text())
    height = evidence["execution"]["context"]["height"]
    assert path.name == f"engine-fault-{height}.json"
    assert "disagree" in evidence["reason"]
    native, py_evm = (evidence["execution"]["results"][name] for name in ("native", "py-evm"))
    assert (native["stateRoot"], native["gasUsed"]) == (py_evm["stateRoot"], py_evm["gasUsed"])
    assert native["receipts"] != py_evm["receipts"]
    assert evidence["execution"]["transactions"] == [second]
    assert "Traceback" not in liar.log.read_text()
    with NodeProcess(network, options=verified) as honest:
        assert honest.height() == height - 1, "what they disagreed about was not kept"
        honest.call("eth_sendRawTransaction", second)
        deadline = time.monotonic() + 20
        while honest.call("eth_getTransactionCount", SENDER.address, "latest") != "0x2":
            assert time.monotonic() < deadline
            time.sleep(0.05)
