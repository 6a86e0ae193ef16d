"""What the documentation names exists: files, functions, contracts with their functions and events, commands, links."""

import ast
import fnmatch
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import typer

import chain_node.node.cli
import client.cli.app

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("chain_node", "client", "contracts", "docs", "examples", "scripts", "tests")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")
PYTHON_NAME = re.compile(r"([\w/]+\.py)::(\w+(?:\.\w+)?)")
CONTRACT_NAME = re.compile(r"([A-Z]\w+)\.(\w+)(\(.*\))?")


@cache
def tracked() -> tuple[str, ...]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return tuple(name for name in listing.stdout.decode().split("\0") if name)


def documents() -> list[Path]:
    return [ROOT / name for name in tracked() if name in ("README.md", "CONTRIBUTING.md") or _is_page(name)]


def _is_page(name: str) -> bool:
    return name.startswith("docs/") and name.endswith(".md")


def code_spans(page: Path) -> Iterator[str]:
    return (match.group(1) for match in CODE_SPAN.finditer(FENCE.sub("", page.read_text())))


def is_in_tree(name: str) -> bool:
    """Whether a path, a folder or a pattern names something tracked; a bare file name may lie anywhere."""
    pattern = name.rstrip("/")
    if pattern.split("/")[0] in FOLDERS:
        return any(file.startswith(f"{pattern}/") or fnmatch.fnmatch(file, pattern) for file in tracked())
    return any(fnmatch.fnmatch(f"/{file}", f"*/{pattern}") for file in tracked())


def looks_like_path(name: str) -> bool:
    if not PATH.fullmatch(name):
        return False
    return name.endswith((".py", ".sol")) or ("/" in name and name.split("/")[0] in FOLDERS)


def definitions(path: Path) -> Iterator[str]:
    """Names that a module or one of its classes defines."""
    for node in ast.parse(path.read_text()).body:
        yield from _names(node)
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{name}" for member in node.body for name in _names(member))


def _names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            yield name


@cache
def abi_names(contract: str) -> frozenset[str]:
    entries = json.loads((ROOT / "contracts" / "artifacts" / f"{contract}.json").read_text())["abi"]
    return frozenset(entry["name"] for entry in entries if "name" in entry)


@cache
def commands() -> dict[str, click.Command]:
    return {
        "tranchain": typer.main.get_command(client.cli.app.build()),
        "tranchain-node": typer.main.get_command(chain_node.node.cli.app),
    }


def command_lines(page: Path) -> Iterator[str]:
    """Every call of our two programs, in a code span or in a block of shell."""
    blocks = (match.group(2) for match in FENCE.finditer(page.read_text()) if match.group(1) in ("", "sh", "bash"))
    lines = (line for block in blocks for line in block.replace("\\\n", " ").splitlines())
    for line in (*code_spans(page), *lines):
        words = line.strip().removeprefix("$ ").split(" ")
        if words[0] in commands() and len(words) > 1:
            yield line.strip().removeprefix("$ ")


def problem_of(line: str) -> str | None:
    """The first word of a command line that is no command or option."""
    program, *given = shlex.split(line.replace("…", ""), comments=True)
    words = client.cli.app.common_first(given)[1] if program == "tranchain" else given
    command = commands()[program]
    while hasattr(command, "commands") and words:
        words = command.completed(words) if hasattr(command, "completed") else words
        if words[0].startswith("-"):
            break
        name = words.pop(0)
        if name not in command.commands:
            return name
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options = (word.split("=")[0] for word in words if word.startswith("--"))
    return next((option for option in options if option not in known | {"--help"}), None)


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_documentation_names_what_exists(page: Path) -> None:
    unknown = [name for name in code_spans(page) if looks_like_path(name) and not is_in_tree(name)]
    for span in code_spans(page):
        if found := PYTHON_NAME.fullmatch(span):
            path, name = found.groups()
            if not (ROOT / path).is_file() or name not in definitions(ROOT / path):
                unknown.append(span)
        elif (found := CONTRACT_NAME.fullmatch(span)) and f"contracts/artifacts/{found.group(1)}.json" in tracked():
            contract, name, _ = found.groups()
            if name not in abi_names(contract) | {"sol", "json"}:
                unknown.append(span)
    unknown += [f"{word} in {line}" for line in command_lines(page) if (word := problem_of(line)) is not None]
    assert not unknown, f"correct these names, or the page: {unknown}"


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_the_documentation_resolve(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    broken = [target for target in targets if not (page.parent / target).resolve().exists()]
    assert not broken, f"these relative links lead nowhere: {broken}"


def test_every_dependency_has_its_reason() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = document["project"]
    crate = tomllib.loads((ROOT / "chain_node" / "execution" / "native" / "Cargo.toml").read_text())
    wanted = [
        *document["build-system"]["requires"],
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
        *crate["dependencies"],
        *crate.get("dev-dependencies", {}),
    ]
    table = (ROOT / "docs" / "adr" / "0013-dependencies.md").read_text()
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    explained = {name for cell in cells for name in CODE_SPAN.findall(cell)}
    assert {re.split(r"[\[<>=;]", requirement)[0] for requirement in wanted} == explained


def test_wrong_names_are_noticed() -> None:
    assert not is_in_tree("client/roles/bureau/uploads.py")
    assert is_in_tree("client/roles/bureau/upload.py")
    assert is_in_tree("upload.py")
    assert "issue" in abi_names("Exchange")
    assert problem_of("tranchain bureau upload file.csv --mapping m.toml") is None
    assert problem_of("tranchain bureau download file.csv") == "download"
    assert problem_of("tranchain bureau upload file.csv --mappping m.toml") == "--mappping"
