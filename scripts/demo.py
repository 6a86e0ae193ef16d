"""`make demo`: the main job on 6,069 real loans, on a real node, by real processes.

Every step is a command of `tranchain` or `tranchain-node`, printed before it runs, so that a reader can do it by hand.
"""

import argparse
import json
import os
import shlex
import shutil
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

from demo_consortium import KEY_HOLDERS, MEMBERS, ORIGINATOR, ORIGINATOR_GOVERNOR, DemoConsortium, make_consortium
from demo_report import REGISTRY, print_report, save_picture

from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = Path("examples/lendingclub_2011")
PRODUCT = "LC-2011-1"
BLOCK_PERIOD_MS = 200
_STOP_S = 20


@dataclass
class Demo:
    """The running demo: where it is, how its commands are called, and its background processes."""

    directory: Path
    rpc: str
    registrar: str
    started: float = field(default_factory=time.monotonic)
    processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)
    consortium: DemoConsortium | None = None
    seconds_by_command: dict[str, float] = field(default_factory=dict)
    """Whole-process time of each command that ran, by its group and name."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment of every command: where the node is and where the password is."""
        return os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TRANCHAIN_RPC": self.rpc,
            "TRANCHAIN_VAULT": self.rpc,
            "TRANCHAIN_REGISTRAR": self.registrar,
            "TRANCHAIN_PASSWORD_FILE": str(self.directory / "password"),
            "PYTHONUNBUFFERED": "1",
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
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise SystemExit(f"the command failed with exit code {done.returncode}: {done.stderr.strip()}")
        self.seconds_by_command[" ".join(command[1:3])] = time.monotonic() - begun
        document: dict[str, Any] = json.loads(done.stdout) if as_json else {}
        if show:
            self._print_document(document)
        return document

    def start(self, name: str, *command: str, account: str | None = None) -> None:
        """Start a daemon; its output goes to a log file in the demo directory."""
        line = self._with_account(command, account)
        print(f"  $ {_shown(line)} &", flush=True)
        log: IO[bytes] = (self.directory / f"{name}.log").open("ab")
        process = subprocess.Popen(line, env=self.environment, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
        log.close()
        self.processes.append((name, process))

    def wait_for(self, url: str, name: str) -> None:
        """Wait until a daemon answers at `url`."""
        for _ in range(300):
            dead = next((p for n, p in self.processes if n == name and p.poll() is not None), None)
            if dead is not None:
                raise SystemExit(f"{name} ended with exit code {dead.returncode}; see {self.directory}/{name}.log")
            try:
                with urllib.request.urlopen(url, timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{name} did not answer at {url} within 30 s; see {self.directory}/{name}.log")

    def stop(self) -> None:
        """Stop the daemons, last started first."""
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name, process in reversed(self.processes):
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                print(f"{name} did not stop within {_STOP_S} s and was killed", file=sys.stderr)
                process.kill()

    def _with_account(self, command: tuple[str, ...], account: str | None) -> list[str]:
        if account is None:
            return list(command)
        keystore = self.directory / "keystores" / f"{account}.json"
        shown = keystore.relative_to(ROOT) if keystore.is_relative_to(ROOT) else keystore
        return [command[0], "--keystore", str(shown), *command[1:]]

    def _print_document(self, document: Mapping[str, Any]) -> None:
        plain = {key: value for key, value in document.items() if not isinstance(value, list | dict)}
        if plain:
            print("    " + ", ".join(f"{key} {value}" for key, value in plain.items()), flush=True)


def make_network(demo: Demo) -> Path:
    """Keys, certificates, member files and genesis; returns the genesis file, which is written last."""
    demo.say("A consortium of three institutions: keys, certificates, member files, genesis")
    made = demo.run("tranchain-node", "init", "--data-dir", str(demo.directory / "node"))
    demo.consortium = make_consortium(demo.directory, validator=made["validator"])
    print("  (scripts/demo_consortium.py made a demo CA, 14 accounts, their certificates, three signed member files)")
    members = [str(path) for path in demo.consortium.member_files]
    genesis = demo.directory / "genesis.json"
    period = ("--block-period-ms", str(BLOCK_PERIOD_MS))
    demo.run("tranchain-node", "genesis", *members, "--to", str(genesis), *period, as_json=False)
    return genesis


def start_node(demo: Demo) -> None:
    """The first minute of a new consortium: its network is made and its first node starts."""
    genesis = make_network(demo)
    demo.say("The bank bureau's node starts: validator, JSON-RPC and vault")
    listen = demo.rpc.removeprefix("http://")
    node = ("--genesis", str(genesis), "--data-dir", str(demo.directory / "node"), "--rpc-listen", listen)
    demo.start("node", "tranchain-node", "run", *node)
    demo.wait_for(f"{demo.rpc}/ready", "node")


def found_network(demo: Demo) -> None:
    """Contracts, the originator, encryption keys and the model: what governance does once.

    Every step first looks at the chain, so that a run continues where an earlier one ended.
    """
    consortium = _made(demo)
    chain = ChainClient(demo.rpc, REGISTRY)
    demo.say("Governance: deploy the contracts, enrol the originator, approve the model")
    governors = [f"--governor={consortium.keystore(name)}" for name in ("governor-a", "governor-b", "governor-c")]
    demo.run("tranchain", "admin", "deploy", *governors, account="governor-a", show=False)
    vote = ("tranchain", "admin", "propose")
    if chain.call("Consortium", "organisationCount") == len(MEMBERS):
        governor = consortium.identity(ORIGINATOR_GOVERNOR).address
        new_member = ("Consortium", "addOrganisation", json.dumps([ORIGINATOR, governor]))
        demo.run(*vote, *new_member, "--description", "A new originator", *governors, account="governor-a", show=False)
    if not chain.call("Consortium", "organisationOf", consortium.identity(ORIGINATOR).address):
        certificates = consortium.directory / "certificates"
        enrol = ("tranchain", "admin", "enrol", str(certificates / f"{ORIGINATOR}.pem"))
        papers = ("--role", "ORIGINATOR", "--ca", str(certificates / "ca.pem"))
        organisation = ("--organisation", str(len(MEMBERS) + 1))
        demo.run(*enrol, *organisation, *papers, *governors, account="governor-a", show=False)
    if chain.call("RiskModelRegistry", "modelCount") == 0:
        demo.run("tranchain", "risk", "model", "propose", account="risk-control")
    if demo.run("tranchain", "risk", "model", "show", "1", show=False)["status"] == "proposed":
        activate = ("RiskModelRegistry", "activate", json.dumps([1]))
        demo.run(*vote, *activate, "--description", "The first model", *governors, account="governor-a", show=False)
    prove_keys(demo)


def prove_keys(demo: Demo) -> None:
    """Announce, challenge and prove the encryption keys of all that messages are sealed to and have none in force."""
    consortium = _made(demo)
    chain = ChainClient(demo.rpc, REGISTRY)
    keys, now = KeyDirectory(chain), chain.block_second()
    identities = {name: consortium.identity(name) for name in KEY_HOLDERS}
    unproven = {name: each for name, each in identities.items() if keys.status(each.address).problem(now)}
    for identity in unproven.values():
        keys.announce(next(iter(identity.encryption_keys.values())), identity.account)
    for name, identity in unproven.items():
        challenger = identities["risk-control" if name in ("bureau", "registrar", "auditor-a") else "bureau"]
        keys.challenge(identity.address, challenger.account)
        keys.prove(identity)
    if unproven:
        print(f"  ({len(unproven)} accounts announced an encryption key, were challenged by others, and proved it:")
        print("   `tranchain keys announce`, `tranchain keys challenge`, `tranchain keys prove`)", flush=True)


def run_main_job(demo: Demo) -> None:
    """Upload → submit → query → score → grade → screen → issue."""
    consortium, directory = _made(demo), demo.directory
    demo.say("Bank bureau: upload the credit files of 6,008 borrowers, and answer queries")
    bureau_db = ("--db", str(directory / "bureau.db"))
    mapping = ("--mapping", str(EXAMPLES / "mapping_credit_files.toml"))
    demo.run(
        "tranchain", "bureau", "upload", str(EXAMPLES / "credit_files.csv"), *mapping, *bureau_db, account="bureau"
    )
    demo.start("bureau", "tranchain", "bureau", "serve", *bureau_db, account="bureau")
    key_file = ("--key-file", str(directory / "registrar.key.json"))
    demo.run("tranchain", "registrar", "init", *key_file, "--scrypt-n", "4096", account="registrar", show=False)
    listen = ("--listen", demo.registrar.removeprefix("http://"), "--log", str(directory / "registrar.requests.log"))
    demo.start("registrar", "tranchain", "registrar", "serve", *key_file, *listen, account="registrar")
    auditor = ("--auditor", str(consortium.keystore("auditor-c")), "--db", str(directory / "oracle.db"))
    demo.start("oracle", "tranchain", "oracle", "serve", *auditor, account="oracle")

    demo.say("Risk control invites the originator; the originator submits 6,069 loans")
    risk_db = ("--db", str(directory / "risk_control.db"))
    originator = consortium.identity(ORIGINATOR).address
    invited = demo.run("tranchain", "risk", "invite", "--originator", originator, *risk_db, account="risk-control")
    pack = str(invited["pack"])
    demo.run(
        *("tranchain", "pack", "submit", str(EXAMPLES / "loans.csv"), "--pack", pack),
        *("--mapping", str(EXAMPLES / "mapping_loans.toml"), "--consents", str(EXAMPLES / "consents.csv")),
        *("--cut-off", "2011-12-31", "--closing", "2012-01-15", "--db", str(directory / "originator.db")),
        account=ORIGINATOR,
    )
    demo.say("Risk control queries every borrower's credit file")
    demo.run("tranchain", "risk", "query", pack, account="risk-control")
    demo.say("The oracle runs the ONNX model and reports a score per loan")
    demo.run("tranchain", "risk", "score", pack, "--timeout", "120", account="risk-control")
    demo.say("Risk control grades and screens the pack on chain until its expected bad rate is at most 10 %")
    screening = ("--expected-bad-rate", "10%", "--mode", "whole-pack")
    demo.run("tranchain", "risk", "screen", pack, *screening, account="risk-control")
    demo.say("Closing: bring-down, assignment of title, acceptance by the trustee, issuance")
    demo.run("tranchain", "pack", "bring-down", pack, account=ORIGINATOR)
    document = directory / "assignment.txt"
    document.write_text(f"Assignment of the claims of pack {pack} to the SPV of product {PRODUCT}.\n")
    demo.run("tranchain", "pack", "assign", pack, "--document", str(document), account=ORIGINATOR, show=False)
    demo.run("tranchain", "exchange", "accept", pack, account="trustee", show=False)
    reader = ("--reader", str(consortium.keystore("trustee")))
    demo.run("tranchain", "exchange", "issue", PRODUCT, "--pack", pack, *reader, account="exchange")


def check_and_show(demo: Demo) -> None:
    """Recompute the product's every figure, then compare with what became of the loans."""
    demo.say("The trustee recomputes every figure of the product from chain and vault")
    verified = demo.run("tranchain", "exchange", "verify", PRODUCT, account="trustee", show=False)
    for check in verified["checks"]:
        mark = "=" if check["equal"] else "DIFFERS FROM"
        print(f"    {check['figure']}: {check['on_chain'][:60]} {mark} {check['recomputed'][:60]}")
    demo.say("What became of the loans (known today, never shown to the model)")
    figures = print_report(_made(demo), demo.rpc, verified["pack"], ROOT / EXAMPLES / "outcomes.csv")
    picture = ROOT / "build" / "demo.png"
    save_picture(figures, picture)
    print(f"\n  picture: {picture.relative_to(ROOT)}")


def main() -> None:
    """Run the demo; exit code 0 only when everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument("--directory", type=Path, default=ROOT / "demo-data", help="made anew")
    arguments = parser.parse_args()
    directory = arguments.directory.resolve()
    _make_anew(directory)
    port = 8545 if arguments.keep else find_port()
    demo = Demo(directory, rpc=f"http://127.0.0.1:{port}", registrar=f"http://127.0.0.1:{find_port()}")
    with stopping(demo):
        start_node(demo)
        found_network(demo)
        run_main_job(demo)
        check_and_show(demo)
        demo.say("Done: every step was a signed transaction of the institution that took it")
        if arguments.keep:
            keep_running(demo)


def keep_running(demo: Demo) -> None:
    """Say where everything is and wait for Ctrl-C."""
    consortium = _made(demo)
    print(f"\n  JSON-RPC (HTTP and WebSocket) {demo.rpc}, chain id 170919, gas price 0")
    print(f"  keystores {consortium.directory}/keystores, one password for all in {consortium.password_file}")
    print("  governor-a may deploy contracts (role DEPLOYER); logs are beside the keystores. Ctrl-C stops everything.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


@contextmanager
def stopping(demo: Demo) -> Iterator[None]:
    """Stop the daemons at the end, whatever the end is."""
    with ExitStack() as stack:
        stack.callback(demo.stop)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        yield


def _shown(line: list[str]) -> str:
    """Return a command as it is typed in the project's folder."""
    return shlex.join(line).replace(f"{ROOT}/", "")


def _made(demo: Demo) -> DemoConsortium:
    if demo.consortium is None:
        raise SystemExit("the consortium is not made yet")
    return demo.consortium


def _make_anew(directory: Path) -> None:
    is_demo = (directory / "password").exists() or (directory / "node").exists()
    if directory.exists() and any(directory.iterdir()) and not is_demo:
        raise SystemExit(f"{directory} holds something that is not a demo; name another --directory")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)


def find_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
