"""Further bureaus join the demo consortium: organisations without a node, admitted by a vote of the members."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

from demo_report import REGISTRY
from demo_stage import Demo

from client.sdk.certificates import certificate_request, certify, create_authority, pem_of
from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.keystore import SCRYPT_N_DEMO, Identity, add_encryption_key, create_account, unlock

_VALID_DAYS = 365


@dataclass(frozen=True, slots=True)
class JoinedBureau:
    """A bureau that joined, and where its files are."""

    organisation: str
    directory: Path

    @property
    def account_options(self) -> tuple[str, ...]:
        """Options of a command that make it this bureau's."""
        return "--keystore", str(self.directory / "bureau.json")

    @property
    def database_options(self) -> tuple[str, ...]:
        """Options that name its database."""
        return "--db", str(self.directory / "bureau.db")


def admit_bureau(demo: Demo, organisation: str) -> JoinedBureau:
    """Make a bureau's accounts, have the members vote on it, enrol it, and have its encryption key proven."""
    bureau = JoinedBureau(organisation, demo.directory / organisation)
    bureau.directory.mkdir(mode=0o700)
    password = demo.consortium.password_file.read_text()
    governor = create_account(bureau.directory / "governor.json", password, scrypt_n=SCRYPT_N_DEMO)
    identity = create_account(bureau.directory / "bureau.json", password, scrypt_n=SCRYPT_N_DEMO)
    add_encryption_key(identity, password, scrypt_n=SCRYPT_N_DEMO)
    certificate, authority = _certify(bureau, identity)
    governors = [f"--governor={demo.consortium.keystore(f'governor-{letter}')}" for letter in "abcd"]
    vote = (
        "tranchain",
        "admin",
        "propose",
        "Consortium",
        "addOrganisation",
        json.dumps([organisation, governor.address]),
    )
    demo.run(*vote, "--description", "A further bureau", *governors, account="governor-a", show=False)
    chain = ChainClient(demo.rpc, REGISTRY)
    number = str(chain.call("Consortium", "organisationCount"))
    enrol = ("tranchain", "admin", "enrol", str(certificate), "--role", "BUREAU", "--ca", str(authority))
    demo.run(*enrol, "--organisation", number, *governors, account="governor-a", show=False)
    _prove_key(demo, chain, unlock(identity.path, password))
    return bureau


def _certify(bureau: JoinedBureau, identity: Identity) -> tuple[Path, Path]:
    """Have an authority of the bureau's own certify its account; gives the files of both certificates."""
    now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    authority = create_authority(f"{bureau.organisation} demo CA", now=now)
    request = certificate_request(identity.account, organisation=bureau.organisation, name="bureau")
    certificate = certify(authority, request.encode(), not_before=now, days=_VALID_DAYS)
    paths = bureau.directory / "bureau.pem", bureau.directory / "ca.pem"
    paths[0].write_text(pem_of(certificate))
    paths[1].write_text(authority.certificate_pem())
    return paths


def _prove_key(demo: Demo, chain: ChainClient, identity: Identity) -> None:
    keys, challenger = KeyDirectory(chain), demo.consortium.identity("risk-control")
    keys.announce(next(iter(identity.encryption_keys.values())), identity.account)
    keys.challenge(identity.address, challenger.account)
    keys.prove(identity)
