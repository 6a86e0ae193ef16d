"""The demo consortium's keys, certificates and member files, generated anew into a directory. Never for real money.

Organisations: A bank bureau (also registrar), B exchange and trustee, C risk control; each runs a validator, an oracle
and an auditor's account. The originator D has no node; it joins by a vote of the other three. What is an organisation's
own lies in a folder of its name.
"""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from client.sdk.certificates import Authority, certificate_request, certify, create_authority, pem_of, validity_of
from client.sdk.keystore import SCRYPT_N_DEMO, Identity, add_encryption_key, create_account, unlock
from client.sdk.member_file import MemberAccount, MemberFile, read_node, sign_member_file
from client.sdk.node_certificates import certify_node
from client.sdk.role import Role

MEMBERS: dict[str, dict[str, tuple[Role, ...]]] = {
    "bank-bureau": {
        "governor-a": (Role.GOVERNOR, Role.DEPLOYER),
        "bureau": (Role.BUREAU,),
        "registrar": (Role.REGISTRAR,),
        "oracle-a": (Role.ORACLE,),
        "auditor-a": (Role.AUDITOR,),
    },
    "exchange": {
        "governor-b": (Role.GOVERNOR,),
        "exchange": (Role.EXCHANGE,),
        "trustee": (Role.TRUSTEE,),
        "oracle-b": (Role.ORACLE,),
        "auditor-b": (Role.AUDITOR,),
    },
    "risk-control": {
        "governor-c": (Role.GOVERNOR,),
        "risk-control": (Role.RISK_CONTROL,),
        "oracle-c": (Role.ORACLE,),
        "auditor-c": (Role.AUDITOR,),
    },
}
"""Accounts of the genesis by organisation; the first of each organisation governs it."""

NODE_NAMES = {"bank-bureau": "node-a", "exchange": "node-b", "risk-control": "node-c"}
"""What the organisations' nodes are called."""
ORIGINATOR, ORIGINATOR_GOVERNOR = "originator", "governor-d"
ORGANISATION_BY_ACCOUNT = {account: name for name, accounts in MEMBERS.items() for account in accounts} | dict.fromkeys(
    (ORIGINATOR, ORIGINATOR_GOVERNOR), ORIGINATOR
)
NODE_BY_ACCOUNT = {
    account: "exchange" if name == ORIGINATOR else name for account, name in ORGANISATION_BY_ACCOUNT.items()
}
"""The organisation whose node an account's holder talks to; the originator, which has none, talks to the exchange's."""
AUDITOR_BY_ORACLE = {f"oracle-{letter}": f"auditor-{letter}" for letter in "abc"}
"""The account of the same organisation that reads for each oracle."""
KEY_HOLDERS = ("bureau", "registrar", "auditor-a", "trustee", "auditor-b", "risk-control", "auditor-c", ORIGINATOR)
"""Accounts that messages are sealed to."""
_VALID_DAYS = 365
_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoNode:
    """What `tranchain-node init` printed of an organisation's node."""

    validator: str
    record: str | None = None
    """HOST:PORT:KEYHASH; None for a node without peers."""
    tls_request: Path | None = None
    """Its certificate and the authority's are put beside it."""


@dataclass(frozen=True, slots=True)
class DemoConsortium:
    """Where everything of the demo is."""

    directory: Path

    @property
    def password_file(self) -> Path:
        """One password for all demo keystores."""
        return self.directory / "password"

    @property
    def authority_file(self) -> Path:
        """Certificate of the demo authority."""
        return self.directory / "ca.pem"

    @property
    def member_files(self) -> list[Path]:
        """Signed member files, in the order of the organisations."""
        return [self.directory / name / "member.json" for name in MEMBERS]

    def keystore(self, account: str) -> Path:
        """Keystore file of a demo account."""
        return self.directory / ORGANISATION_BY_ACCOUNT[account] / "keystores" / f"{account}.json"

    def certificate(self, account: str) -> Path:
        """Certificate of a demo account."""
        return self.directory / ORGANISATION_BY_ACCOUNT[account] / "certificates" / f"{account}.pem"

    def identity(self, account: str) -> Identity:
        """The unlocked account."""
        return unlock(self.keystore(account), self.password_file.read_text())


def make_consortium(
    directory: Path, nodes: Mapping[str, DemoNode], *, oracles: Sequence[str] = tuple(AUDITOR_BY_ORACLE)
) -> DemoConsortium:
    """Generate accounts, a demo authority, certificates and signed member files, for the organisations' nodes by name.

    Of the oracle accounts only `oracles` are made: a round of scores waits for a majority of those that are enrolled.
    """
    demo = DemoConsortium(directory)
    demo.password_file.write_text(secrets.token_urlsafe(24))
    demo.password_file.chmod(0o600)
    for name in (*MEMBERS, ORIGINATOR):
        for part in ("keystores", "certificates"):
            (directory / name / part).mkdir(parents=True, mode=0o700)
    now = dt.datetime.now(dt.UTC)
    authority = create_authority("Tranchain demo CA", now=now - _HOUR)
    demo.authority_file.write_text(authority.certificate_pem())
    for organisation, accounts in MEMBERS.items():
        node = nodes.get(organisation)
        if node is not None and node.tls_request is not None:
            _certify_node(authority, node.tls_request, now)
        members = [
            _account(demo, authority, name, roles, now)
            for name, roles in accounts.items()
            if name not in AUDITOR_BY_ORACLE or name in oracles
        ]
        member = MemberFile(
            organisation=organisation,
            governor=members[0].address,
            validator=node.validator if node else None,
            node=read_node(node.record, name=organisation) if node and node.record else None,
            accounts=tuple(members),
        )
        governor = demo.identity(next(iter(accounts))).account
        (directory / organisation / "member.json").write_text(sign_member_file(member, governor))
    _account(demo, authority, ORIGINATOR, (Role.ORIGINATOR, Role.SERVICER), now)
    _account(demo, authority, ORIGINATOR_GOVERNOR, (Role.GOVERNOR,), now)
    return demo


def _certify_node(authority: Authority, request: Path, now: dt.datetime) -> None:
    certificate = certify_node(authority, request.read_bytes(), not_before=now - _HOUR, days=_VALID_DAYS)
    request.with_name("tls.pem").write_text(pem_of(certificate))
    request.with_name("ca.pem").write_text(authority.certificate_pem())


def _account(
    demo: DemoConsortium, authority: Authority, name: str, roles: tuple[Role, ...], now: dt.datetime
) -> MemberAccount:
    identity = create_account(demo.keystore(name), demo.password_file.read_text(), scrypt_n=SCRYPT_N_DEMO)
    if name in KEY_HOLDERS:
        add_encryption_key(identity, demo.password_file.read_text(), scrypt_n=SCRYPT_N_DEMO)
    request = certificate_request(identity.account, organisation=ORGANISATION_BY_ACCOUNT[name], name=name)
    certificate = certify(authority, request.encode(), not_before=now - _HOUR, days=_VALID_DAYS)
    demo.certificate(name).write_text(pem_of(certificate))
    valid_from, valid_until = validity_of(certificate)
    return MemberAccount(
        address=identity.address, roles=roles, valid_from=valid_from, valid_until=valid_until, certificate=certificate
    )
