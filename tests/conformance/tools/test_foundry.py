"""Foundry's cast and forge against a running node."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain_node.core.hashing import keccak
from tests.conformance.tools.conftest import HERE
from tests.e2e.node_kit import NodeProcess

pytestmark = pytest.mark.conformance

ROOT = HERE.parent
DEPOSIT = ("deposit(uint256,string)", "5", "first")
DEPOSITED = "Deposited(address indexed,uint256,string)"
WAIT_SECONDS_MAX = 30


class Foundry:
    """cast and forge, with the node and the sender as their environment says."""

    def __init__(self, packages: Path, environment: dict[str, str]) -> None:
        build = Path(environment["BUILD_DIRECTORY"])
        self.broadcast = build / "broadcast"
        self._packages = packages / "@foundry-rs"
        self._key = environment["PRIVATE_KEY"]
        self.environment = {
            **environment,
            "ETH_RPC_URL": environment["RPC_URL"],
            # Left to themselves they offer a tip of 1 wei even where gas is free.
            "ETH_GAS_PRICE": "0",
            "ETH_PRIORITY_GAS_PRICE": "0",
            "FOUNDRY_CONFIG": str(HERE / "foundry" / "foundry.toml"),
            "FOUNDRY_SOLC": str(HERE / "foundry" / "solc.cjs"),
            "FOUNDRY_OUT": str(build / "out"),
            "FOUNDRY_CACHE_PATH": str(build / "cache"),
            "FOUNDRY_BROADCAST": str(self.broadcast),
        }

    def start(self, tool: str, *arguments: str) -> "subprocess.Popen[str]":
        # The package's own launcher does not hand on the exit code.
        (binary,) = self._packages.glob(f"{tool}-*/bin/{tool}")
        return subprocess.Popen(
            [binary, *arguments],
            cwd=ROOT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, tool: str, *arguments: str) -> str:
        """Output of a command that must succeed."""
        process = self.start(tool, *arguments)
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
        return output.strip()

    def cast(self, *arguments: str) -> str:
        return self.run("cast", *arguments)

    def send(self, *arguments: str) -> dict[str, Any]:
        """Receipt of a transaction."""
        receipt: dict[str, Any] = json.loads(self.cast("send", "--private-key", self._key, "--json", *arguments))
        return receipt

    def forge(self, command: str, *arguments: str) -> str:
        return self.run("forge", command, "--root", str(ROOT), *arguments)

    def forge_sending(self, command: str, *arguments: str) -> str:
        return self.forge(command, "--private-key", self._key, "--broadcast", *arguments)

    def refusal(self, *arguments: str) -> str:
        """Output of a cast command that must fail."""
        process = self.start("cast", *arguments)
        output, _ = process.communicate(timeout=60)
        assert process.returncode != 0, output
        return output


@pytest.fixture
def foundry(packages: Path, environment: dict[str, str]) -> Foundry:
    return Foundry(packages, environment)


@pytest.fixture
def ledger(foundry: Foundry) -> str:
    """A ledger that begins with 7."""
    artifact = json.loads((ROOT / "contracts" / "Ledger.json").read_text())
    constructor = foundry.cast("abi-encode", "f(uint256)", "7")
    receipt = foundry.send("--create", artifact["bytecode"] + constructor[2:])
    assert receipt["status"] == "0x1"
    address: str = receipt["contractAddress"]
    return address


def test_cast_sends_calls_and_reads(foundry: Foundry, ledger: str, node: NodeProcess) -> None:
    sender = node.network.deployer.address
    assert (foundry.cast("chain-id"), foundry.cast("gas-price"), foundry.cast("base-fee")) == ("170919", "0", "0")
    estimate = int(foundry.cast("estimate", ledger, "--from", sender, *DEPOSIT))
    receipt = foundry.send(ledger, *DEPOSIT)
    gas_used = int(receipt["gasUsed"], 16)
    assert gas_used <= estimate <= gas_used * 65 // 64
    assert foundry.cast("call", ledger, "total()(uint256)") == "12"
    assert foundry.cast("call", ledger, "total()(uint256)", "--block", str(int(receipt["blockNumber"], 16) - 1)) == "7"
    assert foundry.cast("nonce", sender) == foundry.cast("nonce", sender, "--block", "pending")
    assert foundry.cast("tx", receipt["transactionHash"], "from") == sender
    (log,) = json.loads(foundry.cast("logs", "--json", "--from-block", "0", "--address", ledger, DEPOSITED))
    assert log["blockHash"] == receipt["blockHash"]
    block = json.loads(foundry.cast("block", "--json", receipt["blockNumber"]))
    proof = json.loads(foundry.cast("proof", ledger, "1", "--block", receipt["blockNumber"]))
    assert "0x" + keccak(bytes.fromhex(proof["accountProof"][0][2:])).hex() == block["stateRoot"]
    assert int(proof["storageProof"][0]["value"], 16) == 12
    assert json.loads(foundry.cast("block", "--json", "pending"))["parentHash"].startswith("0x")
    assert foundry.cast("call", ledger, "total()(uint256)", "--override-state-diff", f"{ledger}:1:99") == "99"


def test_cast_traces_and_lists_access(foundry: Foundry, ledger: str) -> None:
    receipt = foundry.send(ledger, *DEPOSIT)
    assert f"Gas used: {int(receipt['gasUsed'], 16)}" in foundry.cast("run", receipt["transactionHash"])
    accessed = json.loads(foundry.cast("access-list", "--json", ledger, "total()"))
    (entry,) = accessed["accessList"]
    assert (entry["address"], [int(key, 16) for key in entry["storageKeys"]]) == (ledger, [1])


def test_cast_hears_logs_as_they_come(foundry: Foundry, ledger: str, node: NodeProcess) -> None:
    address = node.url.replace("http", "ws")
    listener = foundry.start("cast", "logs", "--rpc-url", address, "--subscribe", "--address", ledger, DEPOSITED)
    try:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while "tranchain_websockets 1.0" not in httpx.get(f"{node.url}/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(0.5)  # from the connection to the subscription
        receipt = foundry.send(ledger, *DEPOSIT)
        assert listener.stdout is not None
        heard = [listener.stdout.readline() for _ in range(4)]
    finally:
        listener.kill()
        listener.wait()
    assert any(receipt["blockHash"] in line for line in heard)


def test_cast_tells_why_a_call_reverts(foundry: Foundry, ledger: str, node: NodeProcess) -> None:
    sender = node.network.deployer.address
    assert "execution reverted: never" in foundry.refusal("call", ledger, "refuse()")
    selector = foundry.cast("sig", "LedgerTooLittle(address,uint256,uint256)")
    assert selector in foundry.refusal("call", ledger, "withdraw(uint256)", "100", "--from", sender)


def test_cast_with_a_price_is_told_that_gas_is_free(foundry: Foundry, environment: dict[str, str]) -> None:
    key = ("--private-key", environment["PRIVATE_KEY"])
    price = ("--gas-price", "1", "--priority-gas-price", "1")
    refused = foundry.refusal("send", *key, *price, "0x" + "77" * 20)
    assert "gas is free here, a price of 0 will do" in refused


def test_forge_creates_scripts_and_tests_on_a_fork(foundry: Foundry, environment: dict[str, str]) -> None:
    created = json.loads(
        foundry.forge_sending("create", "--json", "contracts/Ledger.sol:Ledger", "--constructor-args", "7")
    )
    assert foundry.cast("call", created["deployedTo"], "total()(uint256)") == "7"
    script = "tools/foundry/script/Deploy.s.sol:Deploy"
    foundry.forge_sending("script", script, "--slow", "--rpc-url", environment["RPC_URL"])
    (latest,) = foundry.broadcast.rglob("run-latest.json")
    receipts = json.loads(latest.read_text())["receipts"]
    assert [receipt["status"] for receipt in receipts] == ["0x1", "0x1"]
    foundry.environment["LEDGER"] = receipts[0]["contractAddress"]
    tested = json.loads(foundry.forge("test", "--json", "--fork-url", environment["RPC_URL"]))
    (suite,) = tested.values()
    assert {name: result["status"] for name, result in suite["test_results"].items()} == {
        "test_deposit_changes_the_fork_only()": "Success",
        "test_total_is_that_of_the_chain()": "Success",
        "test_withdraw_of_too_much_reverts()": "Success",
    }
