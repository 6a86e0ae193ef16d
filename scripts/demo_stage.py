"""The stage of the demo: runs commands of `tranchain` and `tranchain-node` as their holders do, and keeps daemons.

Every command is printed before it runs, so that a reader can do it by hand.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from demo_consortium import AUDITOR_BY_ORACLE, NODE_BY_ACCOUNT, ORGANISATION_BY_ACCOUNT, DemoConsortium

from chain_node.node.engine_choice import EngineName

ROOT = Path(__file__).resolve().parents[1]
_STOP_S = 20


@dataclass
class Daemon:
    """A background process and how it was started."""

    line: list[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]


@dataclass
class Demo:
    """The running demo: where it is, how its commands are called, and its background processes."""

    directory: Path
    rpc_by_organisation: Mapping[str, str]
    """URL of JSON-RPC and vault of each node, by the organisation that runs it."""
    registrar: str
    has_all_oracles: bool = False
    """Whether organisations without a node have an oracle too, which then uses another's node."""
    genesis_options: tuple[str, ...] = ("--block-period-ms", "200")
    """Of `tranchain-node genesis`."""
    engine: EngineName | None = None
    """What the nodes run; None: what the environment says, else the native engine where it is installed."""
    started: float = field(default_factory=time.monotonic)
    daemons: dict[str, Daemon] = field(default_factory=dict)
    """By name."""
    seconds_by_command: dict[str, float] = field(default_factory=dict)
    """Whole-process time of each command that ran, by its group and name."""

    @property
    def consortium(self) -> DemoConsortium:
        """Accounts and papers of the organisations."""
        return DemoConsortium(self.directory)

    @property
    def organisations(self) -> list[str]:
        """Those that run a node."""
        return list(self.rpc_by_organisation)

    @property
    def oracles(self) -> list[str]:
        """Accounts of the oracles."""
        return [
            name
            for name in AUDITOR_BY_ORACLE
            if self.has_all_oracles or ORGANISATION_BY_ACCOUNT[name] in self.rpc_by_organisation
        ]

    @property
    def rpc(self) -> str:
        """URL of the first organisation's node."""
        return next(iter(self.rpc_by_organisation.values()))

    def urls_of(self, account: str | None) -> str:
        """The nodes that an account's holder uses: its own organisation's first, the others where that is dead."""
        own = self.rpc_by_organisation.get(NODE_BY_ACCOUNT[account], self.rpc) if account else self.rpc
        return ",".join([own, *(url for url in self.rpc_by_organisation.values() if url != own)])

    def environment_of(self, account: str | None) -> Mapping[str, str]:
        """Environment of the commands of an account's holder."""
        return os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TRANCHAIN_RPC": self.urls_of(account),
            "TRANCHAIN_VAULT": self.urls_of(account),
            "TRANCHAIN_REGISTRAR": self.registrar,
            "TRANCHAIN_PASSWORD_FILE": str(self.consortium.password_file),
            **({} if self.engine is None else {"TRANCHAIN_ENGINE": self.engine}),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "",  # an installed command is compiled already
        }

    def say(self, text: str) -> None:
        """Print a heading with the seconds since the start."""
        print(f"\n\033[1m[{time.monotonic() - self.started:5.1f} s] {text}\033[0m", flush=True)

    def run(self, *command: str, account: str | None = None, show: bool = True, as_json: bool = True) -> dict[str, Any]:
        """Run one command and return its JSON document, if it has one; the demo ends where it fails."""
        line = self._with_account(command, account)
        print(f"  $ {_shown(line)}", flush=True)
        line += ["--json"] if as_json else []
        begun = time.monotonic()
        environment = self.environment_of(account)
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise SystemExit(f"the command failed with exit code {done.returncode}: {done.stderr.strip()}")
        self.seconds_by_command[" ".join(command[1:3])] = time.monotonic() - begun
        document: dict[str, Any] = json.loads(done.stdout) if as_json else {}
        if show:
            self._print_document(document)
        return document

    def start(self, name: str, *command: str, account: str | None = None) -> None:
        """Start a daemon; its output goes to a log file in the demo directory."""
        self._launch(name, self._with_account(command, account), self.environment_of(account))

    def start_again(self, name: str) -> None:
        """Start a daemon that was killed, as before."""
        daemon = self.daemons[name]
        self._launch(name, daemon.line, daemon.environment)

    def kill(self, name: str) -> None:
        """Kill a daemon with SIGKILL."""
        process = self.daemons[name].process
        print(f"  $ kill -9 {process.pid}", flush=True)
        process.kill()
        process.wait()

    def wait_for(self, url: str, name: str) -> None:
        """Wait until a daemon answers at `url`."""
        for _ in range(300):
            code = self.daemons[name].process.poll()
            if code is not None:
                raise SystemExit(f"{name} ended with exit code {code}; see {self.directory}/{name}.log")
            try:
                with urllib.request.urlopen(url, timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{name} did not answer at {url} within 30 s; see {self.directory}/{name}.log")

    def stop(self) -> None:
        """Stop the daemons, last started first."""
        for daemon in reversed(self.daemons.values()):
            if daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGTERM)
        for name, daemon in reversed(self.daemons.items()):
            try:
                daemon.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                print(f"{name} did not stop within {_STOP_S} s and was killed", file=sys.stderr)
                daemon.process.kill()

    def _launch(self, name: str, line: list[str], environment: Mapping[str, str]) -> None:
        print(f"  $ {_shown(line)} &", flush=True)
        log: IO[bytes] = (self.directory / f"{name}.log").open("ab")
        process = subprocess.Popen(line, env=environment, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
        log.close()
        self.daemons[name] = Daemon(line, environment, process)

    def _with_account(self, command: tuple[str, ...], account: str | None) -> list[str]:
        if account is None:
            return list(command)
        keystore = self.consortium.keystore(account)
        shown = keystore.relative_to(ROOT) if keystore.is_relative_to(ROOT) else keystore
        return [command[0], "--keystore", str(shown), *command[1:]]

    def _print_document(self, document: Mapping[str, Any]) -> None:
        plain = {key: value for key, value in document.items() if not isinstance(value, list | dict)}
        if plain:
            print("    " + ", ".join(f"{key} {value}" for key, value in plain.items()), flush=True)


@contextmanager
def stopping(demo: Demo) -> Iterator[None]:
    """Stop the daemons at the end, whatever the end is."""
    with ExitStack() as stack:
        stack.callback(demo.stop)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        yield


def find_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _shown(line: list[str]) -> str:
    """Return a command as it is typed in the project's folder."""
    return shlex.join(line).replace(f"{ROOT}/", "")
