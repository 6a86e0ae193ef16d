"""ethers 6, viem 2, web3 4 and Hardhat 2 against a running node, each by a script that prints what it saw."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.tools.conftest import HERE
from tests.e2e.node_kit import NodeProcess

pytestmark = pytest.mark.conformance

ARTIFACT = HERE.parent / "contracts" / "Ledger.json"
HARDHAT = ("--config", "hardhat/hardhat.config.cjs", "run", "--network", "tranchain", "hardhat/ledger.cjs")


def run(command: list[str | Path], environment: dict[str, str]) -> dict[str, Any]:
    """What a script saw: the object in the last line of its output."""
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def check(seen: dict[str, Any], node: NodeProcess) -> None:
    """What every tool must have seen of a ledger that began with 7 and got 5."""
    assert seen["chainId"] == 170919
    assert set(seen["fees"]) <= {0, None}
    assert (seen["total"], seen["pastTotal"], seen["provenTotal"]) == (7, 7, 12)
    assert (seen["status"], seen["isBlockOfLog"], seen["isProven"]) == (1, True, True)
    assert seen["gasUsed"] <= seen["estimate"] <= seen["gasUsed"] * 65 // 64
    assert (seen["event"], seen["logs"]) == ("first", ["first"])
    assert (seen["heard"], seen["isHeadHeard"]) == ("first", True)
    assert seen["customError"] == {"name": "LedgerTooLittle", "args": [node.network.deployer.address, "5", "100"]}
    assert seen["reason"].removeprefix("execution reverted: ") == "never"
    assert seen["nonceError"] == "NONCE_EXPIRED"
    code = node.call("eth_getCode", seen["contract"], "latest")
    assert str(code).startswith("0x60")


@pytest.mark.parametrize("node", ["london", "berlin"], indirect=True)
@pytest.mark.parametrize("library", ["ethers", "viem", "web3"])
def test_library_deploys_calls_sends_watches_and_proves(
    packages: Path, node: NodeProcess, environment: dict[str, str], library: str
) -> None:
    key = environment["PRIVATE_KEY"]
    seen = run(["node", f"{library}.mjs", node.url, key, ARTIFACT], environment)
    check(seen, node)
    assert seen.get("accessList", [[1]]) == [[1]]
    assert seen.get("polled", "first") == "first"


def test_hardhat_compiles_deploys_calls_sends_and_watches(
    packages: Path, node: NodeProcess, environment: dict[str, str]
) -> None:
    check(run([packages / ".bin" / "hardhat", *HARDHAT], environment), node)
