"""The consortium in containers: `docker-compose up` on a clean machine, the main job, `down`, `up` again.

Needs a running engine and is slow, so it belongs to `make soak`. What the one-shot service `init` promises is tested
without an engine.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.demo_consortium import KEY_HOLDERS, MEMBERS, ORIGINATOR
from tests.e2e.consortium import free_port

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = "/opt/tranchain/examples/lendingclub_2011"
KEYSTORES = "/consortium/keystores"
SERVICES = ("node", "bureau", "registrar", "oracle", "desk")
PRODUCT = "LC-2011-1"
_UP_S = 1_800
"""For building the image, and for a start."""
_COMMAND_S = 300


@dataclass(frozen=True, slots=True)
class Compose:
    """A project of its own, so that a consortium that runs on this machine is left alone."""

    program: tuple[str, ...]
    project: str
    port: int

    def run(self, *arguments: str, timeout_s: int = _COMMAND_S) -> "subprocess.CompletedProcess[str]":
        """Run one compose command, whatever its exit code."""
        return subprocess.run(
            [*self.program, "--project-name", self.project, *arguments],
            cwd=ROOT,
            env={**os.environ, "TRANCHAIN_PORT": str(self.port)},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def ask(self, *arguments: str, timeout_s: int = _COMMAND_S) -> str:
        """Run one compose command that must succeed, and return what it printed."""
        done = self.run(*arguments, timeout_s=timeout_s)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}{self.run('logs', '--tail=30').stdout}"
        return done.stdout

    def up(self) -> None:
        self.ask("up", "--detach", timeout_s=_UP_S)

    def tranchain(self, account: str, *arguments: str) -> Any:
        """Run a command at the desk, with --json, and return its document."""
        line = ("tranchain", "--keystore", f"{KEYSTORES}/{account}.json", *arguments, "--json")
        return json.loads(self.ask("exec", "-T", "desk", *line))

    def inspect(self, service: str) -> Any:
        """Return what the engine knows of a service's container."""
        container = self.ask("ps", "--all", "--quiet", service).strip()
        found = subprocess.run(["docker", "inspect", container], capture_output=True, check=True)
        return json.loads(found.stdout)[0]

    def block_hash(self, height: int) -> str:
        """Ask the node, through the port it publishes."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [hex(height), False]}
        block = httpx.post(f"http://127.0.0.1:{self.port}", json=body, timeout=10).json()["result"]
        return str(block["hash"])


@contextmanager
def new_project(name: str) -> Iterator[Compose]:
    """A project with an image of the present sources, not started; all of it is removed at the end."""
    project = Compose(compose_program(), f"tranchain-{name}-{os.getpid()}", free_port())
    try:
        project.ask("build", "init", timeout_s=_UP_S)
        yield project
    finally:
        project.run("down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    """The consortium after its first `up`."""
    with new_project("test") as project:
        project.up()
        yield project


def compose_program() -> tuple[str, ...]:
    """Return how compose is called here; the test is skipped where no engine answers."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no container engine answers `docker info`")
    for program in (("docker-compose",), ("docker", "compose")):
        if shutil.which(program[0]) and not subprocess.run([*program, "version"], capture_output=True).returncode:
            return program
    pytest.skip("neither `docker-compose` nor `docker compose` is installed")


def run_main_job(compose: Compose) -> Any:
    """Upload, submit, query, score, screen, close and issue the example's 6,069 loans; gives the verification."""
    mapping = ("--mapping", f"{EXAMPLES}/mapping_credit_files.toml")
    compose.ask("exec", "-T", "bureau", "tranchain", "bureau", "upload", f"{EXAMPLES}/credit_files.csv", *mapping)
    keystore = json.loads(compose.ask("exec", "-T", "desk", "cat", f"{KEYSTORES}/originator.json"))
    originator = "0x" + keystore["address"].removeprefix("0x")
    pack = str(compose.tranchain("risk-control", "risk", "invite", "--originator", originator)["pack"])
    compose.tranchain(
        *("originator", "pack", "submit", f"{EXAMPLES}/loans.csv", "--pack", pack),
        *("--mapping", f"{EXAMPLES}/mapping_loans.toml", "--consents", f"{EXAMPLES}/consents.csv"),
        *("--cut-off", "2011-12-31", "--closing", "2012-01-15"),
    )
    compose.tranchain("risk-control", "risk", "query", pack)
    compose.tranchain("risk-control", "risk", "score", pack, "--timeout", "180")
    compose.tranchain("risk-control", "risk", "screen", pack, "--expected-bad-rate", "10%", "--mode", "whole-pack")
    compose.tranchain("originator", "pack", "bring-down", pack)
    compose.tranchain("originator", "pack", "assign", pack, "--document", f"{EXAMPLES}/SOURCE.md")
    compose.tranchain("trustee", "exchange", "accept", pack)
    reader = ("--reader", f"{KEYSTORES}/trustee.json")
    compose.tranchain("exchange", "exchange", "issue", PRODUCT, "--pack", pack, *reader)
    return compose.tranchain("trustee", "exchange", "verify", PRODUCT)


def wait_until_ready(compose: Compose) -> None:
    """Wait until the engine calls the node healthy."""
    deadline = time.monotonic() + 120
    while compose.inspect("node")["State"].get("Health", {}).get("Status") != "healthy":
        assert time.monotonic() < deadline, compose.ask("logs", "--tail=30", "node")
        time.sleep(1)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_main_job_in_containers_survives_down_and_up(compose: Compose) -> None:
    verified = run_main_job(compose)
    assert verified["all_equal"], verified
    assert verified["product"] == PRODUCT
    first_block = compose.block_hash(1)

    compose.ask("down")
    compose.up()

    assert compose.block_hash(1) == first_block
    assert compose.tranchain("trustee", "exchange", "verify", PRODUCT) == verified
    logs = compose.ask("logs", "init", "setup")
    assert "the network is kept as it is" in logs
    assert "the network was founded before" in logs


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_node_that_ends_is_started_again(compose: Compose) -> None:
    first_block, started = compose.block_hash(1), compose.inspect("node")["State"]["StartedAt"]
    compose.ask("exec", "-T", "node", "python3", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
    deadline = time.monotonic() + 60
    while compose.inspect("node")["State"]["StartedAt"] == started:
        assert time.monotonic() < deadline, "the node was not started again within 60 s"
        time.sleep(0.5)
    wait_until_ready(compose)
    assert compose.block_hash(1) == first_block


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("service", SERVICES)
def test_container_has_few_rights(compose: Compose, service: str) -> None:
    found = compose.inspect(service)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    published = [each for ports in found["NetworkSettings"]["Ports"].values() for each in ports or []]
    assert all(each["HostIp"] == "127.0.0.1" for each in published)
    assert bool(published) == (service == "node")
    assert compose.ask("exec", "-T", service, "id", "-u").strip() == "10001"
    assert compose.run("exec", "-T", service, "touch", "/opt/tranchain/x").returncode != 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_daemon_and_node_see_only_keys_of_their_own(compose: Compose) -> None:
    assert compose.run("exec", "-T", "bureau", "cat", "/consortium/node/validator.key").returncode != 0
    assert compose.run("exec", "-T", "node", "ls", KEYSTORES).returncode != 0
    assert compose.run("exec", "-T", "bureau", "touch", "/consortium/x").returncode != 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("service", SERVICES)
def test_only_the_node_is_on_a_network_that_reaches_outside(compose: Compose, service: str) -> None:
    names = list(compose.inspect(service)["NetworkSettings"]["Networks"])
    found = subprocess.run(["docker", "network", "inspect", *names], capture_output=True, check=True)
    is_internal = [network["Internal"] for network in json.loads(found.stdout)]
    assert is_internal
    assert all(is_internal) == (service != "node")


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_setup_that_was_killed_continues_with_the_next_up() -> None:
    with new_project("cut") as project:
        project.ask("up", "--detach", "node", timeout_s=_UP_S)
        wait_until_ready(project)
        project.ask("up", "--detach", "--no-deps", "setup")
        deadline = time.monotonic() + 120
        while "addOrganisation" not in project.ask("logs", "setup"):
            assert time.monotonic() < deadline, project.ask("logs", "setup")
            time.sleep(0.2)
        project.ask("kill", "setup")
        assert project.inspect("setup")["State"]["ExitCode"] == 137
        project.up()
        status = project.tranchain("governor-a", "admin", "status")
        assert [each["name"] for each in status["organisations"]] == [*MEMBERS, ORIGINATOR]
        usable = [account for account in status["accounts"] if account["key"] == "usable"]
        assert len(usable) == len(KEY_HOLDERS)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_image_carries_no_keys(compose: Compose) -> None:
    image = compose.inspect("node")["Image"]
    find = ["find", "/consortium", "/var/lib/tranchain", "-type", "f"]
    found = subprocess.run(["docker", "run", "--rm", "--network=none", image, *find], capture_output=True, check=True)
    assert found.stdout == b""
    find = ["find", "/opt/tranchain", "-name", "keystores", "-o", "-name", "*.key", "-o", "-name", "*.key.json"]
    found = subprocess.run(["docker", "run", "--rm", "--network=none", image, *find], capture_output=True, check=True)
    assert found.stdout == b""


def run_init(directory: Path) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "scripts/compose_init.py", "init", "--directory", str(directory)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def files_in(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_init_after_an_interrupted_one_makes_everything_anew_and_then_keeps_it(tmp_path: Path) -> None:
    leftover = tmp_path / "keystores" / "bureau.json"
    for path in (leftover, tmp_path / "node" / "validator.key", tmp_path / "password", tmp_path / "genesis.json"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("half written")
    first = run_init(tmp_path)
    assert first.returncode == 0, first.stderr
    made = files_in(tmp_path)
    assert b"half written" not in made.values()
    assert made[tmp_path / "genesis.json"] == made[tmp_path / "node" / "genesis.json"]
    again = run_init(tmp_path)
    assert (again.returncode, again.stdout) == (0, "the network is kept as it is\n")
    assert files_in(tmp_path) == made


@pytest.mark.parametrize("accounts", [None, "another network"])
def test_init_refuses_a_node_of_another_network(tmp_path: Path, accounts: str | None) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "genesis.json").write_text("a network")
    if accounts:
        (tmp_path / "genesis.json").write_text(accounts)
    before = files_in(tmp_path)
    refused = run_init(tmp_path)
    assert refused.returncode == 1
    assert "down --volumes" in refused.stderr
    assert files_in(tmp_path) == before
