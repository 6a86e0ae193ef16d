"""A rebuild gives the committed artifacts; what only a fresh compilation can show is here too."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
from eth_utils import keccak

from tests.contracts.chain import ARTIFACTS, Chain, load_artifact, refused
from tests.contracts.journey import make_hash, merkle_root
from tests.contracts.suite import DEPLOYMENT, ROLES

CONTRACTS = ARTIFACTS.parent
PROBE = "tests/contracts/LibraryProbe.sol"
LAYOUT = Path(__file__).parent / "storage_layout.json"
NAMESPACE = re.compile(r"@custom:storage-location erc7201:(\S+)\s+struct (\w+) \{(.*?)\n    \}", re.DOTALL)
STRUCT = re.compile(r"^    struct (\w+) \{(.*?)\n    \}", re.DOTALL | re.MULTILINE)


def load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_contracts", CONTRACTS.parent / "scripts" / "build_contracts.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def build() -> ModuleType:
    module = load_build()
    if not module.NODE_MODULES.exists():
        if shutil.which("npm") is None:
            pytest.skip("the compiler's npm packages are not installed, and there is no npm to install them")
        try:
            module.install_npm_packages()
        except module.BuildError as error:
            pytest.skip(f"the compiler's npm packages cannot be installed: {error}")
    return module


@pytest.fixture(scope="module")
def compiled(build: ModuleType) -> dict[str, Any]:
    return build.compile_sources([*build.list_contracts().values(), PROBE])


@pytest.fixture(scope="module")
def probe(compiled: dict[str, Any]) -> tuple[Chain, Any]:
    chain, output = Chain(), compiled[PROBE]["LibraryProbe"]
    factory = chain.w3.eth.contract(abi=output["abi"], bytecode=output["evm"]["bytecode"]["object"])
    address = chain.send(factory.constructor(), chain.accounts[0])["contractAddress"]
    return chain, chain.w3.eth.contract(address=address, abi=output["abi"]).functions


def test_artifacts_equal_a_rebuild(build: ModuleType, compiled: dict[str, Any]) -> None:
    assert build.compare_artifacts(build.make_artifacts(compiled)) == []


def test_artifacts_name_no_path_of_a_machine() -> None:
    for path in ARTIFACTS.glob("*.json"):
        assert not re.search(r'"/(home|root|work|tmp|Users)', path.read_text(encoding="utf-8")), path.name


def test_functions_name_all_their_results() -> None:
    """Clients read several results by their names; results without are lost to them."""
    nameless = []
    for path in sorted(ARTIFACTS.glob("*.json")):
        for item in json.loads(path.read_text())["abi"]:
            names = [output["name"] for output in item.get("outputs", [])]
            if len(names) > 1 and ("" in names or len(set(names)) < len(names)):
                nameless.append(f"{path.stem}.{item['name']}")
    assert not nameless


def test_package_lock_names_no_registry() -> None:
    packages = json.loads((CONTRACTS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert packages
    assert not [name for name, package in packages.items() if "resolved" in package]


@pytest.mark.parametrize("size", [1, 31, 32, 24_575])
def test_chunk_store_gives_back_what_it_was_given(probe: tuple[Chain, Any], size: int) -> None:
    chain, functions = probe
    chain.send(functions.write(size, b"\x7f"), chain.accounts[0])
    expected = bytes(0x7F if i % 1000 == 0 else 0 for i in range(size))
    pointer = functions.pointer().call()
    assert functions.read(pointer).call() == expected
    assert functions.readSlice(pointer, 1, size).call() == expected[1:] + b"\0"
    assert bytes(chain.w3.eth.get_code(pointer)) == b"\0" + expected


def test_chunk_store_of_nothing_is_empty(probe: tuple[Chain, Any]) -> None:
    chain, functions = probe
    chain.send(functions.write(0, b"\0"), chain.accounts[0])
    assert functions.read(functions.pointer().call()).call() == b""
    assert functions.read(chain.accounts[5]).call() == b""


def test_chunk_store_refuses_what_does_not_fit(probe: tuple[Chain, Any]) -> None:
    chain, functions = probe
    with refused("ChunkStoreTooLarge", 24_576, 24_575):
        chain.send(functions.write(24_576, b"\0"), chain.accounts[0])
    with refused("ChunkStoreFailed"):
        chain.send(functions.write(24_575, b"\0"), chain.accounts[0], gas=4_000_000)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 100, 255, 256])
def test_root_of_leaves_equals_the_reference(probe: tuple[Chain, Any], count: int) -> None:
    leaves = [make_hash(count, i) for i in range(count)]
    assert probe[1].rootOfLeaves(leaves).call() == [merkle_root(leaves), leaves]


def test_frontier_equals_the_tree_over_all_nodes(probe: tuple[Chain, Any]) -> None:
    """At every size up to 40, a missing node counting as a subtree of zeros."""
    chain, functions = probe
    padding = functions.zeroRoot(8).call()
    assert padding == merkle_root([bytes(32)] * 256)
    assert functions.root(padding).call() == bytes(32)
    nodes: list[bytes] = []
    for index in range(40):
        nodes.append(make_hash("node", index))
        chain.send(functions.append([nodes[-1]]), chain.accounts[0])
        width = 1 << (len(nodes) - 1).bit_length()
        assert functions.root(padding).call() == merkle_root([*nodes, *[padding] * (width - len(nodes))])


def test_bad_word_is_found_for_exactly_the_words_that_are_no_scores(probe: tuple[Chain, Any]) -> None:
    """Every valid one, and a sample of the others at every place."""

    def is_valid(word: int) -> bool:
        return word == 0 or (word >> 8 <= 7 and 1 <= word & 0xFF <= 100)

    valid = b"".join(word.to_bytes(2, "big") for word in range(2**16) if is_valid(word))
    assert len(valid) == 2 * 801
    assert probe[1].findBad(valid).call() == 2**256 - 1
    random = Random(16)
    for word in random.sample([word for word in range(2**16) if not is_valid(word)], 60):
        place = random.randrange(35)
        report = bytearray(valid[-70:])
        report[2 * place : 2 * place + 2] = word.to_bytes(2, "big")
        assert probe[1].findBad(bytes(report)).call() == place // 16, hex(word)


def read_structs() -> dict[str, str]:
    sources = [
        *CONTRACTS.glob("*.sol"),
        *(CONTRACTS / "interfaces").glob("*.sol"),
        *(CONTRACTS / "libraries").glob("*.sol"),
    ]
    return {name: body for path in sources for name, body in STRUCT.findall(path.read_text(encoding="utf-8"))}


def describe_members(body: str, structs: dict[str, str]) -> list[Any]:
    """Declarations in their order; a member whose type is a struct, or maps to one, is followed by its members."""
    members: list[Any] = []
    for line in body.splitlines():
        declaration = line.split("//")[0].strip().rstrip(";")
        if not declaration:
            continue
        inner = [name for name in re.findall(r"\w+", declaration.rpartition(" ")[0]) if name in structs]
        members.append([declaration, describe_members(structs[inner[-1]], structs)] if inner else declaration)
    return members


def read_layout() -> dict[str, list[Any]]:
    structs = read_structs()
    sources = [path for folder in (".", "base", "libraries") for path in sorted((CONTRACTS / folder).glob("*.sol"))]
    found = {
        namespace: describe_members(body, structs)
        for path in sources
        for namespace, _, body in NAMESPACE.findall(path.read_text(encoding="utf-8"))
    }
    return dict(sorted(found.items()))


def test_storage_layout_only_grows_at_its_end() -> None:
    """An upgrade keeps state: what storage_layout.json lists stays where it is.

    A new member of a namespace is added to storage_layout.json too; any other difference needs a migration.
    """
    layout = read_layout()
    kept = json.loads(LAYOUT.read_text(encoding="utf-8"))
    assert kept.keys() == layout.keys()
    for namespace, members in kept.items():
        assert layout[namespace][: len(members)] == members, namespace


def test_storage_slots_are_those_of_their_namespaces() -> None:
    """ERC-7201: keccak(keccak(namespace) - 1) with the last byte cleared."""
    for folder in (".", "base", "libraries"):
        for path in (CONTRACTS / folder).glob("*.sol"):
            text = path.read_text(encoding="utf-8")
            for namespace, _, _ in NAMESPACE.findall(text):
                inner = int.from_bytes(keccak(text=namespace), "big") - 1
                slot = int.from_bytes(keccak(inner.to_bytes(32, "big")), "big") & ~0xFF
                assert f"0x{slot:064x}" in text, f"{path.name}: {namespace}"


def test_roles_of_the_library_are_those_of_the_deployment() -> None:
    text = (CONTRACTS / "libraries" / "Roles.sol").read_text(encoding="utf-8")
    numbers = {name: int(value) for name, value in re.findall(r"uint64 internal constant (\w+) = (\d+);", text)}
    assert numbers == {name: number for name, number in ROLES.items() if name not in ("ADMIN", "PUBLIC")}


def own_errors() -> set[str]:
    """Errors that our own sources declare."""
    names: set[str] = set()
    for folder in (".", "interfaces", "base", "libraries"):
        for path in (CONTRACTS / folder).glob("*.sol"):
            names.update(re.findall(r"^    error (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE))
    return names


def test_every_error_is_raised_by_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    expected = {name for name in own_errors() if f'"{name}"' not in tests}
    assert expected == set(), "no test expects these errors"


def test_every_error_is_in_the_abi_of_its_contract() -> None:
    """A client explains a refusal from the ABI of the contract it called, or of one that this called."""
    listed = {
        entry["name"]
        for plan in (*DEPLOYMENT["genesis"], *DEPLOYMENT["contracts"])
        for entry in load_artifact(plan["name"])["abi"]
        if entry["type"] == "error"
    }
    assert own_errors() - listed == set()
