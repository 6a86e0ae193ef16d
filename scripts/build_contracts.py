"""Compile contracts/*.sol into contracts/artifacts/*.json, byte for byte the same on every machine.

Those of contracts/bench/ go to contracts/artifacts/bench/: they measure networks and are no part of a consortium.

    python scripts/build_contracts.py           # write the artifacts
    python scripts/build_contracts.py --check   # rebuild and compare; exit code 1 on any difference

py-solc-x drives solc 0.8.30: a native one where it is installed (~/.solcx or SOLCX_BINARY_PATH), otherwise the
npm package behind scripts/solc_npm.js. Every source reaches the compiler under its name in the project, so no
path of this machine gets into the output.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import solcx
from packaging.version import Version

SOLC_VERSION = "0.8.30"
ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
ARTIFACTS = CONTRACTS / "artifacts"
NODE_MODULES = CONTRACTS / "node_modules"
LIBRARY_CONTRACTS = {
    "AccessManager": "@openzeppelin/contracts/access/manager/AccessManager.sol",
    "ERC1967Proxy": "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol",
}
"""Contracts of OpenZeppelin that are deployed as they are."""
SETTINGS: dict[str, Any] = {
    "evmVersion": "berlin",
    "optimizer": {"enabled": True, "runs": 200},
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    "outputSelection": {
        "*": {
            "*": [
                "abi",
                "evm.bytecode.object",
                "evm.deployedBytecode.object",
                "evm.deployedBytecode.immutableReferences",
            ]
        }
    },
}
CODE_SIZE_BYTES_MAX = 24_576
"""EIP-170."""
_IMPORT = re.compile(r"""^\s*import\s+(?:[^"';]*?\s+from\s+)?["']([^"']+)["']\s*;""", re.MULTILINE | re.DOTALL)


class BuildError(Exception):
    """The contracts do not compile, or the compiler is not there."""


def install_npm_packages() -> None:
    """Install the packages of contracts/package-lock.json, unless they are there."""
    if (NODE_MODULES / ".package-lock.json").exists():
        return
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=CONTRACTS, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"npm ci failed in {CONTRACTS.name}/: {done.stderr.strip()[-500:]}")


def find_compiler() -> Path:
    """A native solc of the right version that py-solc-x knows, else the npm one behind its wrapper."""
    if Version(SOLC_VERSION) in solcx.get_installed_solc_versions():
        return Path(solcx.install.get_executable(SOLC_VERSION))
    return ROOT / "scripts" / "solc_npm.js"


def list_contracts() -> dict[str, str]:
    """Source name of every contract that gets an artifact, by the artifact's name."""
    own = {path.stem: f"contracts/{path.name}" for path in CONTRACTS.glob("*.sol")}
    own |= {f"bench/{path.stem}": f"contracts/bench/{path.name}" for path in CONTRACTS.glob("bench/*.sol")}
    return dict(sorted((own | LIBRARY_CONTRACTS).items()))


def collect_sources(names: Iterable[str]) -> dict[str, str]:
    """The text of these sources and of all that they import, by name in the project."""
    waiting = list(names)
    text_by_name: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in text_by_name:
            continue
        path = NODE_MODULES / name if name.startswith("@") else ROOT / name
        if not path.is_file():
            raise BuildError(f"{name} is imported but does not exist")
        text_by_name[name] = path.read_text(encoding="utf-8")
        waiting += [_resolve(name, target) for target in _IMPORT.findall(text_by_name[name])]
    return dict(sorted(text_by_name.items()))


def _resolve(importer: str, target: str) -> str:
    if not target.startswith("."):
        return target
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))


def compile_sources(names: Iterable[str]) -> dict[str, Any]:
    """What the compiler makes of these sources: output by contract by source name.

    Raises:
        BuildError: an error or a warning of the compiler, or no compiler.
    """
    install_npm_packages()
    sources = {name: {"content": text} for name, text in collect_sources(names).items()}
    request = {"language": "Solidity", "sources": sources, "settings": SETTINGS}
    try:
        output = solcx.compile_standard(request, solc_binary=find_compiler(), allow_empty=True)
    except solcx.exceptions.SolcError as error:
        raise BuildError(_describe(error)) from error
    warnings = [item["formattedMessage"] for item in output.get("errors", []) if item["severity"] != "info"]
    if warnings:
        raise BuildError("\n".join(warnings))
    compiled: dict[str, Any] = output["contracts"]
    return compiled


def make_artifacts(compiled: dict[str, Any]) -> dict[str, str]:
    """Artifact text by file name, for every contract that can be deployed."""
    return {
        f"{name}.json": _format_artifact(Path(name).name, source, compiled[source][Path(name).name])
        for name, source in list_contracts().items()
    }


def _describe(error: Any) -> str:
    try:
        items = json.loads(error.stdout_data)["errors"]
    except (ValueError, KeyError, TypeError):
        return str(error)
    return "\n".join(item["formattedMessage"] for item in items)


def _format_artifact(contract: str, source: str, compiled: dict[str, Any]) -> str:
    deployed = compiled["evm"]["deployedBytecode"]
    size_bytes = len(deployed["object"]) // 2
    if size_bytes > CODE_SIZE_BYTES_MAX:
        raise BuildError(f"{contract} has {size_bytes} bytes of code, at most {CODE_SIZE_BYTES_MAX} can be deployed")
    immutable_positions = sorted(
        (place["start"], place["length"]) for places in deployed["immutableReferences"].values() for place in places
    )
    artifact = {
        "contractName": contract,
        "sourceName": source,
        "compiler": {"version": SOLC_VERSION, "evmVersion": SETTINGS["evmVersion"], "optimizer": SETTINGS["optimizer"]},
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "immutablePositions": immutable_positions,
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def compare_artifacts(artifacts: dict[str, str]) -> list[str]:
    """One line for every committed artifact that differs from these; empty when all agree."""
    committed = {name: (ARTIFACTS / name).read_text(encoding="utf-8") for name in _committed_names()}
    differences = [f"{name}: not committed" for name in artifacts.keys() - committed.keys()]
    differences += [f"{name}: has no source any more" for name in committed.keys() - artifacts.keys()]
    both = artifacts.keys() & committed.keys()
    differences += [f"{name}: differs" for name in both if artifacts[name] != committed[name]]
    return sorted(differences)


def write_artifacts(artifacts: dict[str, str]) -> None:
    """Write these artifacts and remove those without a source."""
    (ARTIFACTS / "bench").mkdir(parents=True, exist_ok=True)
    for name in _committed_names() - artifacts.keys():
        (ARTIFACTS / name).unlink()
    for name, text in artifacts.items():
        (ARTIFACTS / name).write_text(text, encoding="utf-8")


def _committed_names() -> set[str]:
    return {path.relative_to(ARTIFACTS).as_posix() for path in ARTIFACTS.rglob("*.json")}


def main() -> int:
    """Build or check, and say what was done."""
    parser = argparse.ArgumentParser(description="Compile the contracts into contracts/artifacts.")
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts instead of writing")
    arguments = parser.parse_args()
    try:
        artifacts = make_artifacts(compile_sources(list_contracts().values()))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    if not arguments.check:
        write_artifacts(artifacts)
        print(f"{len(artifacts)} artifacts written to {ARTIFACTS.relative_to(ROOT)}")
        return 0
    differences = compare_artifacts(artifacts)
    print("\n".join(differences) or f"{len(artifacts)} artifacts equal a rebuild")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
