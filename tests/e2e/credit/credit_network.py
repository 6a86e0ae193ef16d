"""A consortium of four organisations on one real node, with keystores on disk, for tests of credit files.

A: bank bureau, registrar, auditor. B: trustee, bureau of payment data. C: risk control and a bureau. D: two
originators, without a node. A governs alone with B and C.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from eth_account.signers.local import LocalAccount

from client.cli.app import run
from client.roles.admin.deployment import Plan, deploy_implementations, load_plan, register_and_wire
from client.roles.admin.governance import call_of, carry
from client.roles.bureau.context import Bureau
from client.roles.bureau.store import BureauStore
from client.sdk.artifacts import artifact_names
from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.keystore import Identity, add_encryption_key, create_account, unlock
from client.sdk.vault_client import VaultClient
from tests.e2e.node_kit import ROOT, Enrolled, Network, NodeProcess, account_number, tranchain_node, write_member_file

REGISTRY = "0x0000000000000000000000000000000000007C03"
PASSWORD = "test password"
SCRYPT_N = 2
ROLES = {
    "bureau": ("A", ("BUREAU",)),
    "registrar": ("A", ("REGISTRAR",)),
    "auditor": ("A", ("AUDITOR",)),
    "trustee": ("B", ("TRUSTEE", "EXCHANGE")),
    "bureau_b": ("B", ("BUREAU",)),
    "risk": ("C", ("RISK_CONTROL",)),
    "bureau_c": ("C", ("BUREAU",)),
    "originator": ("D", ("ORIGINATOR",)),
    "originator_2": ("D", ("ORIGINATOR",)),
}
ORGANISATIONS = ("A", "B", "C", "D")
CLI = [sys.executable, "-c", "from client.cli.app import main; main()"]


@dataclass
class CreditNetwork:
    """A running node with contracts, and the keystores of its members."""

    directory: Path
    node: NodeProcess
    identities: dict[str, Identity] = field(default_factory=dict)
    governors: dict[str, LocalAccount] = field(default_factory=dict)

    @property
    def password_file(self) -> Path:
        return self.directory / "password"

    def chain(self) -> ChainClient:
        return ChainClient(self.node.url, REGISTRY)

    def vault(self, name: str, url: str | None = None) -> VaultClient:
        chain = self.chain()
        account = self.identities[name].account
        return VaultClient(url or self.node.url, account, chain_id=chain.chain_id, registry=REGISTRY)

    def bureau(self, database: str | Path, *vault_urls: str, name: str = "bureau") -> Bureau:
        """A bureau as its own commands see it."""
        identity = self.identities[name]
        return Bureau(
            identity=identity,
            store=BureauStore(str(database), identity.account),
            chain=self.chain(),
            vaults=[self.vault(name, url) for url in (self.node.url, *vault_urls)],
        )

    def govern(self, function: str, *arguments: object) -> None:
        """Have the Consortium call one of its own functions by the votes of A, B and C."""
        chain = self.chain()
        governors = [self.governors[organisation] for organisation in ("A", "B", "C")]
        carry(chain, [call_of(chain, "Consortium", function, arguments)], function, governors)

    def options(self, name: str) -> list[str]:
        """Common options of the command line for one member."""
        return [
            *("--rpc", self.node.url, "--vault", self.node.url),
            *("--keystore", str(self.identities[name].path), "--password-file", str(self.password_file)),
        ]

    def cli(self, name: str, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `tranchain` as a member to its end, in this process, which is faster."""
        out, error = io.StringIO(), io.StringIO()
        line = [*self.options(name), *map(str, arguments)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = run(line)
        done = subprocess.CompletedProcess(line, code, out.getvalue(), error.getvalue())
        assert not check or done.returncode == 0, done.stderr
        return done

    def ask(self, name: str, *arguments: str | Path) -> Any:
        """Run `tranchain --json` as a member and return what it says."""
        return orjson.loads(self.cli(name, "--json", *arguments).stdout)

    @contextmanager
    def daemon(self, name: str, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a `tranchain` daemon as a member; its output goes to NAME.log."""
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*CLI, "--json", *self.options(name), *map(str, arguments)], cwd=ROOT, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(20)


def start(directory: Path) -> CreditNetwork:
    """Make the members' files and the genesis, start the node, deploy, and prove the encryption keys."""
    network = CreditNetwork(directory, NodeProcess(_genesis(directory), options=["--log-level", "debug"]))
    (directory / "password").write_text(PASSWORD)
    for organisation in ORGANISATIONS:
        network.governors[organisation] = _governor(organisation)
    network.node.start()
    chain = network.chain()
    _deploy(chain, network)
    for name in ROLES:
        identity = unlock(directory / "keys" / f"{name}.json", PASSWORD)
        key = add_encryption_key(identity, PASSWORD, scrypt_n=SCRYPT_N)
        KeyDirectory(chain).announce(key, identity.account)
        network.identities[name] = unlock(identity.path, PASSWORD)
    _prove_keys(network)
    return network


def _prove_keys(network: CreditNetwork) -> None:
    """Have each key challenged by another organisation and proven."""
    keys = KeyDirectory(network.chain())
    for name in ROLES:
        challenger = "risk" if ROLES[name][0] != "C" else "bureau"
        keys.challenge(network.identities[name].address, network.identities[challenger].account)
        keys.prove(network.identities[name])


def _governor(organisation: str) -> LocalAccount:
    return account_number(2_000_000 + ORGANISATIONS.index(organisation))


def _genesis(directory: Path) -> Network:
    data_dir = directory / "data"
    made = tranchain_node("init", "--data-dir", data_dir)
    assert made.returncode == 0, made.stderr
    deployer = account_number(1_000_002)
    members = []
    for organisation in ORGANISATIONS:
        accounts = [
            Enrolled(create_account(directory / "keys" / f"{name}.json", PASSWORD, scrypt_n=SCRYPT_N).account, roles)
            for name, (its_organisation, roles) in ROLES.items()
            if its_organisation == organisation
        ]
        if organisation == "A":
            accounts.append(Enrolled(deployer, ("DEPLOYER",)))
        path = directory / f"member_{organisation}.json"
        write_member_file(
            path,
            accounts,
            governor=_governor(organisation),
            organisation=organisation,
            validator=made.stdout.split()[2] if organisation == "A" else None,
        )
        members.append(path)
    genesis = directory / "genesis.json"
    built = tranchain_node("genesis", *members, "--to", genesis, "--block-period-ms", "100")
    assert built.returncode == 0, built.stderr
    return Network(directory, genesis, data_dir, _governor("A"), deployer)


def _deploy(chain: ChainClient, network: CreditNetwork) -> None:
    plan = load_plan()
    present = Plan(contracts=tuple(each for each in plan.contracts if each.name in artifact_names()))
    deployer = network.node.network.deployer
    implementations = deploy_implementations(chain, present, deployer, on_step=lambda: None)
    governors = [network.governors[organisation] for organisation in ("A", "B", "C")]
    report = register_and_wire(chain, present, implementations, governors)
    assert report.is_complete
