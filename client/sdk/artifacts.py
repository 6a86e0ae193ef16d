"""ABIs and bytecode of the project's contracts, from the installed `contracts` package."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector

from client.sdk.errors import InvalidInputError

ABI = list[dict[str, Any]]
"""The JSON form of a contract's interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: ABI
    bytecode: bytes
    """Creation code without constructor arguments; empty for an interface."""
    deployed_bytecode: bytes
    """Code in place; differs from that on a chain where the contract has immutable values."""
    notices: Mapping[str, str]
    """What a custom error means, by its signature such as `PackUnknown(uint256)`, where its NatSpec says so."""


def _code(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _directory() -> Any:
    return resources.files("contracts").joinpath("artifacts")


@cache
def load_artifact(name: str) -> Artifact:
    """Return the artifact of a contract; InvalidInputError when there is none of that name."""
    file = _directory().joinpath(f"{name}.json")
    if not file.is_file():
        raise InvalidInputError("contract", got=name, expected="one of contracts/artifacts")
    document = json.loads(file.read_text())
    errors = document.get("userdoc", {}).get("errors", {})
    notices = {signature: " ".join(each["notice"] for each in notes) for signature, notes in errors.items()}
    return Artifact(
        name=name,
        abi=document["abi"],
        bytecode=_code(document.get("bytecode", "")),
        deployed_bytecode=_code(document.get("deployedBytecode", "")),
        notices=notices,
    )


@cache
def artifact_names() -> tuple[str, ...]:
    """Return the names of all artifacts, ascending."""
    directory = _directory()
    if not directory.is_dir():
        return ()
    return tuple(sorted(file.name.removesuffix(".json") for file in directory.iterdir() if file.name.endswith(".json")))


@cache
def errors_by_selector() -> Mapping[bytes, dict[str, Any]]:
    """Return the ABI of every custom error of every contract by its four-byte selector."""
    return {function_abi_to_4byte_selector(entry): entry for entry in _entries("error")}  # type: ignore[arg-type]  # errors hash like functions


@cache
def events_by_topic() -> Mapping[tuple[bytes, int], dict[str, Any]]:
    """Return the ABI of every event by its topic and the number of topics that its logs carry."""
    return {(event_abi_to_log_topic(entry), 1 + indexed_count(entry)): entry for entry in _entries("event")}  # type: ignore[arg-type]  # plain dicts of the ABI


def indexed_count(event: Mapping[str, Any]) -> int:
    """Return how many parameters of an event are indexed."""
    return sum(1 for each in event["inputs"] if each["indexed"])


@cache
def error_notices() -> Mapping[str, str]:
    """Return what custom errors mean, by signature, over all contracts."""
    return {key: text for name in artifact_names() for key, text in load_artifact(name).notices.items()}


def _entries(kind: str) -> Iterator[dict[str, Any]]:
    for name in artifact_names():
        yield from (entry for entry in load_artifact(name).abi if entry["type"] == kind)
