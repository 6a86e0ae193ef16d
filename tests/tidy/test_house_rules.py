"""The house rules that a linter does not know, as tests. Each message says what to do instead."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
FILE_BYTES_MAX = 1_000_000
BANNED_MODULE_NAMES = {"utils", "helpers", "common", "manager", "misc"}
PURE_PACKAGES = ("chain_node/core", "chain_node/consensus")
IMPURE_MODULES = {"asyncio", "socket", "ssl", "time", "random", "secrets", "os", "threading", "logging", "sqlite3"}
BANNED_WORDS = re.compile(r"\b(FIXME|XXX|HACK)\b|\bTODO\b(?! #\d+)")


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).exists()]


def product_modules() -> list[Path]:
    return tracked("chain_node/*.py", "client/*.py", "scripts/*.py")


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_modules_stay_readable() -> None:
    long = [
        f"{p.relative_to(ROOT)}: {n}"
        for p in product_modules()
        if (n := len(p.read_text().splitlines())) > MODULE_LINES_MAX
    ]
    assert not long, f"split these modules by what they are about: {long}"


def test_functions_fit_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {body_lines(function)} lines"
        for path in product_modules()
        for function in functions(ast.parse(path.read_text()))
        if body_lines(function) > FUNCTION_LINES_MAX
    ]
    assert not long, f"give a part of these functions a name of its own: {long}"


def test_module_names_say_what_is_inside() -> None:
    vague = [str(path.relative_to(ROOT)) for path in product_modules() if path.stem in BANNED_MODULE_NAMES]
    assert not vague, f"name these modules after the idea they hold: {vague}"


@pytest.mark.parametrize("package", PURE_PACKAGES)
def test_pure_packages_know_no_outside_world(package: str) -> None:
    impure = []
    for path in tracked(f"{package}/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = {(node.module or "").split(".")[0]}
            else:
                continue
            impure += [f"{path.relative_to(ROOT)}: {name}" for name in names & IMPURE_MODULES]
    assert not impure, f"pass the effect in from chain_node/node instead: {impure}"


@pytest.mark.parametrize("package", PURE_PACKAGES)
def test_consensus_knows_no_floats(package: str) -> None:
    floats = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in tracked(f"{package}/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float)) or isinstance(node, ast.Div)
    ]
    assert not floats, f"use integers with a unit in the name: {floats}"


def test_product_code_has_no_bare_assert() -> None:
    asserts = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in tracked("chain_node/*.py", "client/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert not asserts, f"asserts vanish under -O; raise a typed error or call invariant(): {asserts}"


def test_no_unfinished_marks() -> None:
    marked = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("*.py", "*.sol")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BANNED_WORDS.search(line)
    ]
    assert not marked, f"finish it, or open an issue and write TODO with its number: {marked}"


def test_packages_introduce_themselves() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked("chain_node/*__init__.py", "client/*__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, f"say in a docstring what the package is for and where to start reading: {silent}"


def test_no_large_files() -> None:
    allowed = {".csv", ".gz", ".lock"}
    large = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.stat().st_size > FILE_BYTES_MAX and path.suffix not in allowed
    ]
    assert not large, f"keep large files out of git: {large}"


def test_no_secrets_in_git() -> None:
    """Demo keys are generated; a private key or keystore in git is a mistake."""
    marks = [b"-----BEGIN " + b"PRIVATE KEY", b"-----BEGIN EC " + b"PRIVATE KEY", b'"cipher' + b'text"']
    suspects = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path != Path(__file__)
        and path.suffix not in {".py", ".md", ".gz"}
        and any(mark in path.read_bytes() for mark in marks)
    ]
    assert not suspects, f"remove the secret and generate it instead: {suspects}"
