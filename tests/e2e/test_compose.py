"""The consortium in containers: `docker-compose up` on a clean machine, the main job, a killed node, `down` and `up`.

Needs a running engine and is slow, so it belongs to `make soak`. What the one-shot service `init` promises is tested
without an engine.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.demo_consortium import KEY_HOLDERS, MEMBERS, ORGANISATION_BY_ACCOUNT, ORIGINATOR
from tests.e2e.node_kit import free_port

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = "/opt/tranchain/examples/lendingclub_2011"
NODES = ("node-a", "node-b", "node-c")
DAEMONS = {
    "bureau": "bank-bureau",
    "registrar": "bank-bureau",
    "oracle-a": "bank-bureau",
    "oracle-b": "exchange",
    "oracle-c": "risk-control",
}
"""The institution of each."""
SERVICES = (*NODES, *DAEMONS, "desk")
PRODUCT = "LC-2011-1"
_UP_S = 1_800
"""For building the image, and for a start."""
_COMMAND_S = 300


@dataclass(frozen=True, slots=True)
class Compose:
    """A project of its own, so that a consortium that runs on this machine is left alone."""

    program: tuple[str, ...]
    project: str
    ports: Mapping[str, int]
    """Of the nodes' JSON-RPC on this machine."""

    def run(self, *arguments: str, timeout_s: int = _COMMAND_S) -> "subprocess.CompletedProcess[str]":
        """Run one compose command, whatever its exit code."""
        return subprocess.run(
            [*self.program, "--project-name", self.project, *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                **{f"TRANCHAIN_PORT_{node[-1].upper()}": str(port) for node, port in self.ports.items()},
            },
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
        line = ("tranchain", "--keystore", keystore_of(account), *arguments, "--json")
        return json.loads(self.ask("exec", "-T", "desk", *line))

    def inspect(self, service: str) -> Any:
        """Return what the engine knows of a service's container."""
        container = self.ask("ps", "--all", "--quiet", service).strip()
        found = subprocess.run(["docker", "inspect", container], capture_output=True, check=True)
        return json.loads(found.stdout)[0]

    def block(self, height: int | str, node: str = "node-a") -> Any:
        """Ask a node for a block, through the port it publishes."""
        number = height if isinstance(height, str) else hex(height)
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [number, False]}
        return httpx.post(f"http://127.0.0.1:{self.ports[node]}", json=body, timeout=10).json()["result"]

    def height(self, node: str = "node-a") -> int:
        return int(self.block("latest", node)["number"], 16)


def keystore_of(account: str) -> str:
    """Where an account's keystore is at the desk."""
    return f"/consortium/{ORGANISATION_BY_ACCOUNT[account]}/keystores/{account}.json"


@contextmanager
def new_project(name: str) -> Iterator[Compose]:
    """A project with an image of the present sources, not started; all of it is removed at the end."""
    project = Compose(compose_program(), f"tranchain-{name}-{os.getpid()}", {node: free_port() for node in NODES})
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
    keystore = json.loads(compose.ask("exec", "-T", "desk", "cat", keystore_of(ORIGINATOR)))
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
    reader = ("--reader", keystore_of("trustee"))
    compose.tranchain("exchange", "exchange", "issue", PRODUCT, "--pack", pack, *reader)
    return compose.tranchain("trustee", "exchange", "verify", PRODUCT)


def wait_until_ready(compose: Compose, node: str = "node-a") -> None:
    """Wait until the engine calls a node healthy."""
    deadline = time.monotonic() + 120
    while compose.inspect(node)["State"].get("Health", {}).get("Status") != "healthy":
        assert time.monotonic() < deadline, compose.ask("logs", "--tail=30", node)
        time.sleep(1)


def vote(compose: Compose, why: str) -> Any:
    """Have the three institutions decide something: four transactions."""
    governors = [f"--governor={keystore_of(f'governor-{letter}')}" for letter in "abc"]
    line = ("admin", "propose", "CreditFileRegistry", "setMinimumSubjects", "[100]", "--description", why)
    return compose.tranchain("governor-a", *line, *governors)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_main_job_in_containers_survives_down_and_up(compose: Compose) -> None:
    verified = run_main_job(compose)
    assert verified["all_equal"], verified
    assert verified["product"] == PRODUCT
    first_hash = compose.block(1)["hash"]
    assert [compose.block(1, node)["hash"] for node in NODES] == [first_hash] * len(NODES)

    compose.ask("down")
    compose.up()

    assert [compose.block(1, node)["hash"] for node in NODES] == [first_hash] * len(NODES)
    assert compose.tranchain("trustee", "exchange", "verify", PRODUCT) == verified
    logs = compose.ask("logs", "init", "setup")
    assert "the network is kept as it is" in logs
    assert "the network was founded before" in logs


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("victim", NODES)
def test_others_go_on_without_a_killed_node_which_comes_back(compose: Compose, victim: str) -> None:
    left = [node for node in NODES if node != victim]
    before = compose.height(left[0])
    compose.ask("kill", victim)
    assert vote(compose, f"without {victim}")["is_executed"]
    assert compose.height(left[0]) >= before + 3
    assert compose.run("exec", "-T", victim, "true").returncode != 0, "the victim runs"

    compose.ask("start", victim)
    wait_until_ready(compose, victim)
    assert vote(compose, f"with {victim} again")["is_executed"]
    head = compose.height(left[0])
    deadline = time.monotonic() + 60
    while compose.height(victim) < head:
        assert time.monotonic() < deadline, compose.ask("logs", "--tail=30", victim)
        time.sleep(0.2)
    assert len({compose.block(head, node)["hash"] for node in NODES}) == 1


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_node_that_ends_is_started_again(compose: Compose) -> None:
    first_block, started = compose.block(1), compose.inspect("node-a")["State"]["StartedAt"]
    compose.ask("exec", "-T", "node-a", "python3", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
    deadline = time.monotonic() + 60
    while compose.inspect("node-a")["State"]["StartedAt"] == started:
        assert time.monotonic() < deadline, "the node was not started again within 60 s"
        time.sleep(0.5)
    wait_until_ready(compose)
    assert compose.block(1) == first_block


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
    assert len(published) == (1 if service in NODES else 0), "a node publishes its JSON-RPC and nothing else"
    assert compose.ask("exec", "-T", service, "id", "-u").strip() == "10001"
    assert compose.run("exec", "-T", service, "touch", "/opt/tranchain/x").returncode != 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("service", [*NODES, *DAEMONS])
def test_container_sees_only_its_own_institution(compose: Compose, service: str) -> None:
    find = ("find", "/consortium", "-type", "f")
    seen = compose.ask("exec", "-T", service, *find).split()
    if service in NODES:
        assert all(path.startswith("/consortium/node/") for path in seen)
        assert "/consortium/node/validator.key" in seen
    else:
        own = DAEMONS[service]
        assert all(path.startswith(f"/consortium/{own}/") for path in seen)
        assert not any(path.endswith((".key", "genesis.json")) for path in seen), "a node's key"
        assert compose.run("exec", "-T", service, "touch", f"/consortium/{own}/x").returncode != 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_nodes_have_keys_of_their_own(compose: Compose) -> None:
    for name in ("validator.key", "tls.key"):
        keys = {compose.ask("exec", "-T", node, "cat", f"/consortium/node/{name}") for node in NODES}
        assert len(keys) == len(NODES)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("service", SERVICES)
def test_only_nodes_are_on_a_network_that_reaches_outside(compose: Compose, service: str) -> None:
    names = list(compose.inspect(service)["NetworkSettings"]["Networks"])
    found = subprocess.run(["docker", "network", "inspect", *names], capture_output=True, check=True)
    is_internal = [network["Internal"] for network in json.loads(found.stdout)]
    assert is_internal
    assert all(is_internal) == (service not in NODES)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_setup_that_was_killed_continues_with_the_next_up() -> None:
    with new_project("cut") as project:
        project.ask("up", "--detach", *NODES, timeout_s=_UP_S)
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
    image = compose.inspect("node-a")["Image"]
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


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """Folders that volumes are mounted on."""
    for name in MEMBERS:
        (tmp_path / name / "node").mkdir(parents=True)
    return tmp_path


def test_init_after_an_interrupted_one_makes_everything_anew_and_then_keeps_it(mounted: Path) -> None:
    leftovers = ("bank-bureau/keystores/bureau.json", "exchange/node/tls.key", "risk-control/node/genesis.json")
    for name in (*leftovers, "password", "genesis.json"):
        path = mounted / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("half written")
    first = run_init(mounted)
    assert first.returncode == 0, first.stderr
    made = files_in(mounted)
    assert b"half written" not in made.values()
    for name in MEMBERS:
        assert made[mounted / name / "node" / "genesis.json"] == made[mounted / "genesis.json"]
        assert made[mounted / name / "password"] == made[mounted / "password"]
    assert len({made[mounted / name / "node" / "tls.key"] for name in MEMBERS}) == len(MEMBERS)
    again = run_init(mounted)
    assert (again.returncode, again.stdout) == (0, "the network is kept as it is\n")
    assert files_in(mounted) == made


@pytest.mark.parametrize("accounts", [None, "another network"])
def test_init_refuses_nodes_of_another_network(mounted: Path, accounts: str | None) -> None:
    for name in MEMBERS:
        (mounted / name / "node" / "genesis.json").write_text("a network")
    if accounts:
        (mounted / "genesis.json").write_text(accounts)
    assert_init_refuses(mounted)


def test_init_refuses_nodes_that_differ(mounted: Path) -> None:
    for name in MEMBERS:
        (mounted / name / "node" / "genesis.json").write_text(f"network of {name}")
    (mounted / "genesis.json").write_text("network of bank-bureau")
    assert_init_refuses(mounted)


def test_init_keeps_the_chain_of_a_node_that_lost_its_genesis_file(mounted: Path) -> None:
    chain = mounted / "exchange" / "node" / "chain" / "data.mdb"
    chain.parent.mkdir()
    chain.write_text("blocks")
    assert_init_refuses(mounted)


def assert_init_refuses(directory: Path) -> None:
    before = files_in(directory)
    refused = run_init(directory)
    assert refused.returncode == 1
    assert "down --volumes" in refused.stderr
    assert files_in(directory) == before
