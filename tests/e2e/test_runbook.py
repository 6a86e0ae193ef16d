"""The runbook's way to a consortium, typed as it stands there by three members; then one node after another dies."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chain_node.node.status import read_nodes, to_json
from tests.e2e.node_kit import ROOT, free_port

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
BLOCK = re.compile(r"^```sh\n# ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MEMBERS = ("Bank A", "Exchange B", "Risk C")
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


class Member:
    """One institution: a directory of its own, and what it types there."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.p2p_port, self.rpc_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir()
        (directory / "gov.password").write_text(f"password of {name}")

    def fit(self, commands: str) -> str:
        """The commands with this member's name and addresses."""
        return (
            commands.replace('"Bank A"', f'"{self.name}"')
            .replace("node.a.example:30303", f"127.0.0.1:{self.p2p_port}")
            .replace("0.0.0.0:30303", f"127.0.0.1:{self.p2p_port}")
            .replace("127.0.0.1:8545", f"127.0.0.1:{self.rpc_port}")
        )

    def type(self, commands: str) -> str:
        """Run commands in the member's directory; gives what they print."""
        name = f'ORGANISATION="{self.name}"\n'
        return run(name + self.fit(commands), self.directory)

    def start(self, command: str) -> None:
        """Start what goes on running."""
        with (self.directory / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-ec", f"exec {self.fit(command)}"],
                cwd=self.directory,
                env=ENVIRONMENT,
                stdout=log,
                stderr=log,
            )

    def status(self) -> dict[str, Any]:
        """What `tranchain-node status --json` says."""
        return to_json(read_nodes([f"http://127.0.0.1:{self.rpc_port}"]))


def run(commands: str, directory: Path) -> str:
    done = subprocess.run(
        ["bash", "-ec", commands], cwd=directory, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
    return done.stdout


def start_section() -> list[tuple[str, str]]:
    """Who types what, in the runbook's order."""
    section = RUNBOOK[RUNBOOK.index("## Start a consortium") : RUNBOOK.index("\n## Members")]
    return BLOCK.findall(section)


def carry(members: list[Member], authority: Path, certify: str) -> None:
    """Requests go to the authority, certificates come back; keys stay where they are."""
    for member in members:
        for request in (member.directory / "gov.csr.pem", member.directory / "data" / "tls.csr"):
            shutil.copy(request, authority)
        run(certify, authority)
        shutil.copy(authority / "gov.crt.pem", member.directory)
        shutil.copy(authority / "tls.pem", member.directory / "data")
        shutil.copy(authority / "ca" / "ca.pem", member.directory / "data")
        for paper in ("gov.csr.pem", "tls.csr", "gov.crt.pem", "tls.pem"):
            (authority / paper).unlink()


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Member]]:
    """Three members whose nodes run, by the steps 1 to 6."""
    if shutil.which("jq") is None:
        pytest.skip("the runbook's commands need jq")
    directory = tmp_path_factory.mktemp("runbook")
    authority = directory / "authority"
    authority.mkdir()
    (authority / "ca.password").write_text("password of the authority")
    everyone = [Member(name, directory / name[-1]) for name in MEMBERS]
    steps = start_section()
    assert [who for who, _ in steps[:7]] == [
        *("the authority", "each member", "the authority, for each member"),
        *("each member", "each member", "each member", "each member"),
    ]
    (_, make_authority), (_, make_keys), (_, certify), (_, sign), (_, make_genesis), (_, start), _ = steps[:7]
    run(make_authority, authority)
    with ThreadPoolExecutor(len(everyone)) as together:
        list(together.map(lambda member: member.type(make_keys), everyone))
    carry(everyone, authority, certify)
    with ThreadPoolExecutor(len(everyone)) as together:
        list(together.map(lambda member: member.type(sign), everyone))
        for member in everyone:
            for letter, other in zip("abc", everyone, strict=True):
                shutil.copy(other.directory / "member.json", member.directory / f"member-{letter}.json")
        sums = {printed.splitlines()[-1] for printed in together.map(lambda one: one.type(make_genesis), everyone)}
    assert len(sums) == 1, "every member must make the same genesis"
    try:
        for member in everyone:
            member.start(start)
        wait_until(everyone, lambda found: found["isWell"] and is_final(found), seconds=60)
        yield everyone
    finally:
        for member in everyone:
            if member.process is not None:
                member.process.kill()
                member.process.wait()


def is_final(found: dict[str, Any]) -> bool:
    status = found["nodes"][0]["status"]
    return bool(status["validators"]) and all(one["isLinked"] for one in status["validators"])


def wait_until(
    members: list[Member], is_so: Callable[[dict[str, Any]], bool], *, seconds: float = 30
) -> list[dict[str, Any]]:
    """Wait until every member's status is so; gives the statuses."""
    deadline = time.monotonic() + seconds
    while True:
        found = [member.status() for member in members]
        if all(one["nodes"][0]["status"] is not None and is_so(one) for one in found):
            return found
        assert time.monotonic() < deadline, json.dumps(found)[:4000]
        time.sleep(0.5)


def kinds(found: dict[str, Any]) -> set[str]:
    return {finding["kind"] for finding in found["findings"]}


def test_runbook_leads_to_linked_nodes_that_know_each_other(members: list[Member]) -> None:
    for member, found in zip(members, wait_until(members, is_final), strict=True):
        status = found["nodes"][0]["status"]
        assert status["organisationName"] == member.name
        assert sorted(one["organisationName"] for one in status["validators"]) == sorted(MEMBERS)
        assert {one["organisationName"] for one in status["peers"]} == set(MEMBERS) - {member.name}
    look = next(commands for _, commands in start_section() if commands.startswith("tranchain-node status"))
    assert f"{MEMBERS[0]} (this node)" in members[0].type(look)


def test_no_key_left_its_owner(members: list[Member]) -> None:
    authority = members[0].directory.parent / "authority"
    secrets = {member.name: (member.directory / "data" / "validator.key").read_bytes() for member in members}
    assert len(set(secrets.values())) == len(MEMBERS)
    assert not list(authority.rglob("*.key")) or {path.name for path in authority.rglob("*.key")} == {"ca.key"}
    for member in members:
        for path in member.directory.rglob("*"):
            text = path.read_bytes() if path.is_file() else b""
            assert not any(secret.strip() in text for name, secret in secrets.items() if name != member.name)


def test_runbook_alarms_show_as_nodes_die(members: list[Member]) -> None:
    first, second, third = members
    assert third.process is not None
    third.process.kill()
    third.process.wait()
    for found in wait_until([first, second], lambda found: "missing" in kinds(found)):
        sentence = next(one["sentence"] for one in found["findings"] if one["kind"] == "missing")
        assert "Risk C" in sentence
        assert found["isWell"]
    assert second.process is not None
    second.process.kill()
    second.process.wait()
    (found,) = wait_until([first], lambda found: "no_peers" in kinds(found))
    assert not found["isWell"]
    assert first.status()["nodes"][0]["status"]["diagnosis"]["findings"][0]["severity"] == "fault"
    assert second.status()["nodes"][0]["problem"].startswith("nothing listens there")
