"""ethers 6 against a running node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.node_kit import NodeProcess, make_network

HERE = Path(__file__).parent
ARTIFACT = HERE.parents[1] / "e2e" / "node" / "contracts" / "Ledger.json"


@pytest.fixture(scope="module")
def packages() -> Path:
    """The npm packages of this folder, installed once."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("node and npm are not installed")
    if not (HERE / "node_modules" / "ethers" / "package.json").exists():
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, text=True, timeout=200
        )
        if done.returncode:
            pytest.skip(f"npm cannot install ethers: {done.stderr.strip()[-300:]}")
    return Path(node)


@pytest.mark.parametrize("fork", ["london", "berlin"])
def test_ethers_deploys_sends_calls_and_listens(packages: Path, tmp_path: Path, fork: str) -> None:
    network = make_network(tmp_path, [], "--block-period-ms", "100", "--fork", fork)
    with NodeProcess(network, options=["--no-vault"]) as node:
        key = "0x" + bytes(network.deployer.key).hex()
        command = [packages, HERE / "ethers.mjs", node.url, key, ARTIFACT]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["chainId"], seen["gasPrice"]) == (170919, 0)
    assert (seen["total"], seen["pastTotal"], seen["status"]) == (7, 7, 1)
    assert seen["gasUsed"] <= seen["estimate"] <= seen["gasUsed"] * 65 // 64
    assert (seen["event"], seen["logs"]) == ("first", ["first"])
    assert seen["customError"] == {
        "code": "CALL_EXCEPTION",
        "name": "LedgerTooLittle",
        "args": [network.deployer.address, "5", "100"],
    }
    assert seen["revert"] == {"code": "CALL_EXCEPTION", "reason": "never"}
    assert seen["nonce"] == "NONCE_EXPIRED"
    assert (seen["heard"], seen["head"]) == ("heard", True)
