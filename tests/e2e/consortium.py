"""A running consortium for end-to-end tests: nodes, bureau, registrar and oracles as real processes.

One node serves most tests, and is faster; with three every organisation has its own, as in the demo.

Its members, accounts and certificates are those of the demo (`scripts/demo_consortium.py`). Commands of `tranchain` run
in this process, which is faster, or as a process of their own where that matters.
"""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from client.cli.app import run
from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.keystore import Identity
from client.sdk.vault_client import VaultClient
from scripts.demo_consortium import (
    AUDITOR_BY_ORACLE,
    KEY_HOLDERS,
    MEMBERS,
    NODE_BY_ACCOUNT,
    ORIGINATOR,
    ORIGINATOR_GOVERNOR,
    DemoConsortium,
    DemoNode,
    make_consortium,
)
from tests.e2e.node_kit import ROOT, Network, NodeProcess, free_port, tranchain_node

REGISTRY = "0x0000000000000000000000000000000000007C03"
GOVERNORS = ("governor-a", "governor-b", "governor-c")
CLI = [sys.executable, "-c", "from client.cli.app import main; main()"]
_START_S = 60
_STOP_S = 20


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    error: str

    @property
    def document(self) -> Any:
        """What it printed with --json."""
        return json.loads(self.out)


@dataclass
class Consortium:
    """Where everything of the running consortium is."""

    directory: Path
    members: DemoConsortium
    nodes: dict[str, NodeProcess]
    """By the organisation that runs it."""
    registrar_port: int
    daemons: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def node(self) -> NodeProcess:
        """The first organisation's node."""
        return next(iter(self.nodes.values()))

    def node_of(self, account: str) -> NodeProcess:
        """The node that an account's holder talks to: its own, or for the originator the exchange's."""
        return self.nodes.get(NODE_BY_ACCOUNT[account], self.node)

    def urls_of(self, account: str) -> str:
        """That node, and the others for when it is dead."""
        own = self.node_of(account)
        return ",".join([own.url, *(node.url for node in self.nodes.values() if node is not own)])

    @property
    def registrar_url(self) -> str:
        return f"http://127.0.0.1:{self.registrar_port}"

    def identity(self, name: str) -> Identity:
        return self.members.identity(name)

    def address(self, name: str) -> str:
        return self.identity(name).address

    def chain(self, account: str | None = None) -> ChainClient:
        """The chain as the first node has it, or the node of an account's holder."""
        return ChainClient((self.node_of(account) if account else self.node).url, REGISTRY)

    def vault(self, name: str) -> VaultClient:
        chain = self.chain()
        return VaultClient(self.urls_of(name), self.identity(name).account, chain_id=chain.chain_id, registry=REGISTRY)

    def options(self, account: str | Path | None) -> list[str]:
        """Common options of the command line for an account, or for a keystore file."""
        nodes = self.urls_of(account) if isinstance(account, str) else self.node.url
        urls = ["--rpc", nodes, "--vault", nodes, "--password-file", str(self.members.password_file)]
        if account is None:
            return urls
        keystore = self.members.keystore(account) if isinstance(account, str) else account
        return [*urls, "--keystore", str(keystore)]

    def cli(self, account: str | Path | None, *arguments: str | Path) -> Done:
        """Run one command in this process, whatever it says; options among the arguments override the usual ones."""
        out, error = io.StringIO(), io.StringIO()
        line = [*self.options(account), *map(str, arguments)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = run(line)
        done = Done(code, out.getvalue(), error.getvalue())
        # A refusal names the line of somebody's own file that is wrong, to that somebody only.
        with (self.directory / ("commands.log" if code == 0 else "refusals.log")).open("a") as log:
            log.write(f"{done.out}{done.error}")
        return done

    def ask(self, account: str | Path | None, *arguments: str | Path) -> Any:
        """Run one command that must succeed, with --json, and return its document."""
        done = self.cli(account, *arguments, "--json")
        assert done.code == 0, f"{arguments}: {done.error}"
        return done.document

    def vote(self, contract: str, function: str, arguments: Sequence[object], why: str) -> None:
        """Have all governors decide a call and carry it out."""
        done = self.ask(
            "governor-a",
            *("admin", "propose", contract, function, json.dumps(arguments), "--description", why),
            *self.governors(),
        )
        assert done["is_executed"], done

    def governors(self) -> list[str]:
        return [f"--governor={self.members.keystore(name)}" for name in GOVERNORS]

    def spawn(self, log: str, account: str | Path | None, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        """Start `tranchain` as a process of its own; its output goes to a log file."""
        with (self.directory / f"{log}.log").open("ab") as file:
            line = [*CLI, *self.options(account), *map(str, arguments)]
            return subprocess.Popen(line, cwd=ROOT, stdout=file, stderr=file, env=self._environment())

    def start_daemon(self, name: str, account: str, *arguments: str | Path) -> None:
        """Start one of the consortium's daemons; `stop_daemon` or `stop` ends it."""
        self.daemons[name] = self.spawn(name, account, *arguments)

    def stop_daemon(self, name: str) -> int:
        """End a daemon by SIGTERM; gives its exit code."""
        process = self.daemons.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(_STOP_S)

    def start_bureau(self) -> None:
        database = ("--db", str(self.directory / "bureau.db"))
        self.start_daemon("bureau", "bureau", "bureau", "serve", *database, "--interval-ms", "100", "--json")

    def start_registrar(self) -> None:
        self.start_daemon("registrar", "registrar", *self.registrar_command(self.registrar_port))
        self.wait_until_listening("registrar", self.registrar_port)

    def registrar_command(self, port: int) -> list[str]:
        key_file, log = self.directory / "registrar.key.json", self.directory / "registrar.requests.log"
        listen = ("--listen", f"127.0.0.1:{port}", "--key-file", str(key_file), "--log", str(log))
        return ["registrar", "serve", *listen]

    def start_oracle(self, account: str = "oracle-c") -> None:
        reader, database = self.members.keystore(AUDITOR_BY_ORACLE[account]), self.directory / f"{account}.db"
        options = ("--auditor", str(reader), "--db", str(database), "--poll-ms", "100")
        self.start_daemon(account, account, "oracle", "serve", *options)

    def wait_until_listening(self, name: str, port: int) -> None:
        """Wait until a daemon takes connections; fails with its log when it ended."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            process = self.daemons.get(name)
            log = self.directory / f"{name}.log"
            assert process is None or process.poll() is None, f"{name} ended: {log.read_text()}"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} does not listen on port {port}")

    def stop(self) -> None:
        """Stop everything, the nodes last."""
        for name in reversed(list(self.daemons)):
            self.stop_daemon(name)
        for node in self.nodes.values():
            node.terminate()
        for node in self.nodes.values():
            node.stop()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONUNBUFFERED": "1"}


def found_consortium(
    directory: Path, *, node_count: int = 1, oracles: Sequence[str] = (), engines: Sequence[str] = ()
) -> Consortium:
    """Make keys and genesis, start the nodes, deploy, enrol the originator, activate the model, prove the keys.

    With one node the bank bureau runs it, and risk control's oracle is the only one unless others are named. `engines`
    says what each node executes with, and then a block has the gas that fits the slowest.
    """
    oracles = oracles or (tuple(AUDITOR_BY_ORACLE) if node_count > 1 else ("oracle-c",))
    names = list(MEMBERS)[:node_count]
    papers = {name: _make_node(directory / f"node-{name}", name) for name in names}
    members = make_consortium(directory, papers, oracles=oracles)
    genesis = directory / "genesis.json"
    engine_by_name = dict(zip(names, engines, strict=True)) if engines else {}
    gas = ("--gas-limit", "60000000") if engines else ()
    built = tranchain_node("genesis", *members.member_files, "--to", genesis, "--block-period-ms", "100", *gas)
    assert built.returncode == 0, built.stderr
    governor = members.identity("governor-a").account
    nodes = {}
    for name, paper in papers.items():
        place = directory / f"node-{name}"
        listen = ["--p2p-listen", str(paper.record).rpartition(":")[0]] if node_count > 1 else []
        network = Network(place, genesis, place / "data", governor, governor)
        engine = ["--engine", engine_by_name[name]] if engines else []
        nodes[name] = NodeProcess(network, options=["--log-level", "debug", *listen, *engine], port=free_port())
    consortium = Consortium(directory, members, nodes, registrar_port=free_port())
    try:
        offsets = [node.launch() for node in nodes.values()]
        for node, offset in zip(nodes.values(), offsets, strict=True):
            node.wait_until_started(offset)
        _govern(consortium)
    except BaseException:
        consortium.stop()
        raise
    return consortium


def _make_node(directory: Path, organisation: str) -> DemoNode:
    endpoint = f"127.0.0.1:{free_port()}"
    where = ("--data-dir", directory / "data", "--organisation", organisation, "--endpoint", endpoint)
    made = tranchain_node("init", *where, "--json")
    assert made.returncode == 0, made.stderr
    printed = json.loads(made.stdout)
    return DemoNode(validator=printed["validator"], record=printed["node"], tls_request=Path(printed["tls_request"]))


def _govern(consortium: Consortium) -> None:
    """Do what governance does once."""
    consortium.ask("governor-a", "admin", "deploy", *consortium.governors())
    _admit_originator(consortium)
    model = consortium.ask("risk-control", "risk", "model", "propose")
    consortium.ask("risk-control", "risk", "model", "publish", str(model["model"]))
    consortium.vote("RiskModelRegistry", "activate", [model["model"], 0], "The first model")
    _prove_keys(consortium)
    key_file = ("--key-file", consortium.directory / "registrar.key.json")
    consortium.ask("registrar", "registrar", "init", *key_file, "--scrypt-n", "4096")


def _admit_originator(consortium: Consortium) -> None:
    members = consortium.members
    governor = consortium.address(ORIGINATOR_GOVERNOR)
    consortium.vote("Consortium", "addOrganisation", [ORIGINATOR, governor], "A new originator")
    papers = ("--role", "ORIGINATOR", "--role", "SERVICER", "--ca", members.authority_file, *consortium.governors())
    organisation = str(len(MEMBERS) + 1)
    consortium.ask(
        *("governor-a", "admin", "enrol", members.certificate(ORIGINATOR)), "--organisation", organisation, *papers
    )


def _prove_keys(consortium: Consortium) -> None:
    keys = KeyDirectory(consortium.chain())
    identities = {name: consortium.identity(name) for name in KEY_HOLDERS}
    for name, identity in identities.items():
        keys.announce(next(iter(identity.encryption_keys.values())), identity.account)
        challenger = "risk-control" if name in ("bureau", "registrar", "auditor-a") else "bureau"
        keys.challenge(identity.address, identities[challenger].account)
        keys.prove(identity)


def is_ready(consortium: Consortium) -> bool:
    """Return whether the node says that it is ready."""
    return httpx.get(f"{consortium.node.url}/ready", timeout=10).status_code == 200


def assert_one_line(done: Done, *words: str, code: int = 1) -> None:
    """Check that a command ended with the exit code and one readable line that has the words."""
    assert done.code == code, done
    lines = done.error.strip().splitlines()
    assert lines[-1].startswith("error: "), done.error
    assert sum(line.startswith("error: ") for line in lines) == 1, done.error
    assert "Traceback" not in done.error
    for word in words:
        assert word in lines[-1], (word, lines[-1])
