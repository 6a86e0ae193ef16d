"""Nothing in the consensus, nor in what it imports, knows a clock, a socket, a disk, a thread or a random source.

Not a list of what is forbidden but of what is allowed: a module that nobody thought of is refused as well.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ALLOWED_PACKAGES = {
    "chain_node/core": {"chain_node.core"},
    "chain_node/consensus": {"chain_node.core", "chain_node.consensus"},
}
ALLOWED_MODULES = {
    *("__future__", "collections.abc", "dataclasses", "functools", "itertools", "json", "typing"),
    "coincurve",
    "eth_hash.backends.pysha3",
}
"""Containers and text of the standard library, and two that compute: signatures and keccak."""
FORBIDDEN_BUILTINS = {
    *("open", "print", "input", "breakpoint", "help"),
    *("exec", "eval", "compile", "__import__", "globals", "vars"),
    *("id", "hash"),
}
"""The outside world, code from elsewhere, and what differs from process to process."""
FORBIDDEN = FORBIDDEN_BUILTINS | {"__builtins__"}
DEVICES = [
    *("asyncio", "socket", "ssl", "select", "selectors", "subprocess", "http", "urllib.request", "signal"),
    *("time", "datetime", "zoneinfo", "calendar", "random", "secrets", "uuid", "locale"),
    *("os", "sys", "io", "pathlib", "tempfile", "shutil", "mmap", "sqlite3", "lmdb", "logging", "structlog"),
    *("threading", "multiprocessing", "concurrent.futures", "queue", "ctypes", "importlib", "gc", "weakref"),
]


def find_impurities(source: str, allowed_packages: set[str]) -> list[str]:
    """What a module imports or calls that it must not, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "." * node.level]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in FORBIDDEN:
            found.append(node.id)
        found += [name for name in names if not is_allowed(name, allowed_packages)]
    return found


def is_allowed(name: str, allowed_packages: set[str]) -> bool:
    parents = {name.rsplit(".", count)[0] for count in range(name.count(".") + 1)}
    return name in ALLOWED_MODULES or bool(parents & allowed_packages)


@pytest.mark.parametrize("package", sorted(ALLOWED_PACKAGES))
def test_pure_package_imports_only_what_cannot_touch_the_world(package: str) -> None:
    """Every import stays among these packages, so what holds for each module holds for all it reaches."""
    modules = sorted((ROOT / package).rglob("*.py"))
    assert len(modules) > 10
    impure = {
        str(path.relative_to(ROOT)): found
        for path in modules
        if (found := find_impurities(path.read_text(), ALLOWED_PACKAGES[package]))
    }
    assert impure == {}, "let the shell do it and tell the machine by an event"


@pytest.mark.parametrize("device", DEVICES)
def test_import_of_a_device_is_found_in_any_form(device: str) -> None:
    allowed = ALLOWED_PACKAGES["chain_node/consensus"]
    for source in (
        f"import {device}",
        f"import {device} as innocent",
        f"from {device} import something",
        f"def late() -> None:\n    import {device}",
    ):
        assert find_impurities(source, allowed) == [device]


@pytest.mark.parametrize("name", sorted(FORBIDDEN_BUILTINS))
def test_use_of_a_forbidden_builtin_is_found(name: str) -> None:
    assert find_impurities(f"def rule(x):\n    return {name}(x)", set()) == [name]
    assert find_impurities(f"alias = {name}", set()) == [name]


def test_import_of_the_shell_is_found() -> None:
    for name in ("chain_node.node.clock", "chain_node.storage", "chain_node.network.api", "chain_node", "client.sdk"):
        assert find_impurities(f"from {name} import x", ALLOWED_PACKAGES["chain_node/consensus"]) == [name]
    assert find_impurities("from . import sibling", ALLOWED_PACKAGES["chain_node/core"]) == ["."]
    assert find_impurities("from chain_node.consensus import x", ALLOWED_PACKAGES["chain_node/core"]) != []
