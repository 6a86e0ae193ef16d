"""A consortium on disk and its node as a real process, for tests and benchmarks."""

import contextlib
import datetime as dt
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

from client.sdk.certificates import Authority, certificate_request, certify, create_authority
from client.sdk.member_file import MemberAccount, MemberFile, MemberNode, sign_member_file
from client.sdk.role import Role, role_named

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "chain_node.node"]
START_SECONDS_MAX = 60
_YEAR_SECONDS = 365 * 24 * 3600


def tranchain_node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of `tranchain-node` to its end."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def account_number(number: int) -> LocalAccount:
    """A key for tests, always the same for a number."""
    return Account.from_key((0x7E57 << 64 | number).to_bytes(32, "big"))


@dataclass(frozen=True)
class Enrolled:
    """One account of the test consortium."""

    account: LocalAccount
    roles: Sequence[str] = ("RISK_CONTROL",)
    valid_from: int = 0
    valid_until: int = 2**40 - 1


@dataclass
class Network:
    """A data directory with key and genesis."""

    directory: Path
    genesis: Path
    data_dir: Path
    governor: LocalAccount
    deployer: LocalAccount


def write_member_file(
    path: Path,
    accounts: Sequence[Enrolled],
    *,
    governor: LocalAccount,
    organisation: str = "Bank A",
    validator: str | None = None,
    node: MemberNode | None = None,
    authority: Authority | None = None,
) -> None:
    """Write a signed member file whose accounts have certificates of the authority, by default a new one."""
    now = dt.datetime.now(dt.UTC)
    issuer = authority or create_authority("Test authority", now=now)

    def member_account(enrolled: Enrolled) -> MemberAccount:
        request = certificate_request(enrolled.account, organisation=organisation, name="test")
        roles: tuple[Role, ...] = tuple(role_named(name) for name in enrolled.roles)
        return MemberAccount(
            address=enrolled.account.address,
            roles=roles,
            valid_from=enrolled.valid_from,
            valid_until=enrolled.valid_until,
            certificate=certify(issuer, request.encode(), not_before=now, days=30),
        )

    member = MemberFile(
        organisation=organisation,
        governor=governor.address,
        validator=validator,
        node=node,
        accounts=tuple(member_account(enrolled) for enrolled in accounts),
    )
    path.write_text(sign_member_file(member, governor))


def make_network(directory: Path, accounts: Sequence[Enrolled] = (), *options: str) -> Network:
    """Make a validator key and a genesis of one organisation with these accounts and one that may deploy."""
    network = Network(
        directory, directory / "genesis.json", directory / "data", account_number(1_000_001), account_number(1_000_002)
    )
    made = tranchain_node("init", "--data-dir", network.data_dir, "--json")
    assert made.returncode == 0, made.stderr
    validator = json.loads(made.stdout)["validator"]
    deployer = Enrolled(network.deployer, ("DEPLOYER",))
    member = directory / "member.json"
    write_member_file(member, [deployer, *accounts], governor=network.governor, validator=validator)
    built = tranchain_node("genesis", member, "--to", network.genesis, *options)
    assert built.returncode == 0, built.stderr
    return network


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, outside the range from which connections take theirs."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


@dataclass
class NodeProcess:
    """`tranchain-node run` on a free port; a context manager that stops it."""

    network: Network
    options: Sequence[str] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    """Where its RPC listens."""
    prefix: Sequence[str] = ()
    """Command that runs it, as `ip netns exec NAME` does."""
    program: Sequence[str] = tuple(PROGRAM)

    @property
    def url(self) -> str:
        """HTTP URL of the RPC."""
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        """The node's log."""
        return self.network.directory / "node.log"

    def __enter__(self) -> "NodeProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.wait_until_started(self.launch())

    def launch(self) -> int:
        """Start the process; gives the length of the log before."""
        arguments = ["--genesis", str(self.network.genesis), "--data-dir", str(self.network.data_dir)]
        self.log.touch()
        offset = self.log.stat().st_size
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.prefix,
                    *self.program,
                    "run",
                    *arguments,
                    "--rpc-listen",
                    f"{self.host}:{self.port}",
                    *self.options,
                ],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )
        return offset

    def wait_until_started(self, offset: int) -> None:
        """Wait until the process answers, by what it writes to the log from `offset` on."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            text = self.log.read_bytes()[offset:].decode()
            if '"node_started"' in text:
                self.port = int(text.split(f'"rpc": "http://{self.host}:')[1].split('"')[0])
                if httpx.get(f"{self.url}/health", timeout=10).status_code == 200:
                    return
            assert self.process.poll() is None, f"the node ended at start: {text}"
            time.sleep(0.05)
        raise AssertionError(f"the node did not start: {self.log.read_text()}")

    def terminate(self) -> None:
        """Send SIGTERM and do not wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 20) -> int:
        """Stop with SIGTERM; gives the exit code."""
        self.terminate()
        return 0 if self.process is None else self.process.wait(seconds)

    def kill(self) -> None:
        """Kill with SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def call(self, method: str, *params: object) -> object:
        """Answer of one RPC call."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = httpx.post(self.url, json=body, timeout=30).json()
        assert "error" not in answer, answer
        return answer["result"]

    def height(self) -> int:
        """Number of the newest block."""
        return int(str(self.call("eth_blockNumber")), 16)
