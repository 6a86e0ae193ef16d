"""The demo consortium's keys, certificates and member files, generated anew into a directory. Never for real money.

Organisations: A bank bureau (also registrar; runs the validator), B exchange and trustee, C risk control (runs the
oracle). The originator D has no node; it joins by a vote of the other three.
"""

import datetime as dt
import secrets
from dataclasses import dataclass
from pathlib import Path

from client.sdk.certificates import Authority, certificate_request, certify, create_authority, pem_of, validity_of
from client.sdk.keystore import SCRYPT_N_DEMO, Identity, add_encryption_key, create_account, unlock
from client.sdk.member_file import MemberAccount, MemberFile, sign_member_file
from client.sdk.role import Role

MEMBERS: dict[str, dict[str, tuple[Role, ...]]] = {
    "bank-bureau": {
        "governor-a": (Role.GOVERNOR, Role.DEPLOYER),
        "bureau": (Role.BUREAU,),
        "registrar": (Role.REGISTRAR,),
        "auditor-a": (Role.AUDITOR,),
    },
    "exchange": {
        "governor-b": (Role.GOVERNOR,),
        "exchange": (Role.EXCHANGE,),
        "trustee": (Role.TRUSTEE,),
        "auditor-b": (Role.AUDITOR,),
    },
    "risk-control": {
        "governor-c": (Role.GOVERNOR,),
        "risk-control": (Role.RISK_CONTROL,),
        "oracle": (Role.ORACLE,),
        "auditor-c": (Role.AUDITOR,),
    },
}
"""Accounts of the genesis by organisation; the first of each organisation governs it."""

ORIGINATOR, ORIGINATOR_GOVERNOR = "originator", "governor-d"
KEY_HOLDERS = ("bureau", "registrar", "auditor-a", "trustee", "auditor-b", "risk-control", "auditor-c", ORIGINATOR)
"""Accounts that messages are sealed to."""
_VALID_DAYS = 365


@dataclass(frozen=True, slots=True)
class DemoConsortium:
    """Where everything of the demo is."""

    directory: Path

    @property
    def password_file(self) -> Path:
        """One password for all demo keystores."""
        return self.directory / "password"

    @property
    def member_files(self) -> list[Path]:
        """Signed member files, in the order of the organisations."""
        return [self.directory / "members" / f"{name}.json" for name in MEMBERS]

    def keystore(self, account: str) -> Path:
        """Keystore file of a demo account."""
        return self.directory / "keystores" / f"{account}.json"

    def identity(self, account: str) -> Identity:
        """The unlocked account."""
        return unlock(self.keystore(account), self.password_file.read_text())


def make_consortium(directory: Path, *, validator: str) -> DemoConsortium:
    """Generate accounts, a demo CA, certificates and signed member files; `validator` is the bank bureau's node."""
    demo = DemoConsortium(directory)
    for part in ("keystores", "members", "certificates"):
        (directory / part).mkdir(parents=True, mode=0o700)
    demo.password_file.write_text(secrets.token_urlsafe(24))
    demo.password_file.chmod(0o600)
    now = dt.datetime.now(dt.UTC)
    authority = create_authority("Tranchain demo CA", now=now)
    (directory / "certificates" / "ca.pem").write_text(pem_of(authority.certificate))
    for organisation, accounts in MEMBERS.items():
        members = [_account(demo, authority, organisation, name, roles, now) for name, roles in accounts.items()]
        member = MemberFile(
            organisation=organisation,
            governor=members[0].address,
            validator=validator if organisation == "bank-bureau" else None,
            node=None,
            accounts=tuple(members),
        )
        governor = demo.identity(next(iter(accounts))).account
        (directory / "members" / f"{organisation}.json").write_text(sign_member_file(member, governor))
    _account(demo, authority, ORIGINATOR, ORIGINATOR, (Role.ORIGINATOR,), now)
    _account(demo, authority, ORIGINATOR, ORIGINATOR_GOVERNOR, (Role.GOVERNOR,), now)
    return demo


def _account(
    demo: DemoConsortium,
    authority: Authority,
    organisation: str,
    name: str,
    roles: tuple[Role, ...],
    now: dt.datetime,
) -> MemberAccount:
    identity = create_account(demo.keystore(name), demo.password_file.read_text(), scrypt_n=SCRYPT_N_DEMO)
    if name in KEY_HOLDERS:
        add_encryption_key(identity, demo.password_file.read_text(), scrypt_n=SCRYPT_N_DEMO)
    request = certificate_request(identity.account, organisation=organisation, name=name)
    certificate = certify(authority, request.encode(), not_before=now - dt.timedelta(hours=1), days=_VALID_DAYS)
    (demo.directory / "certificates" / f"{name}.pem").write_text(pem_of(certificate))
    valid_from, valid_until = validity_of(certificate)
    return MemberAccount(
        address=identity.address, roles=roles, valid_from=valid_from, valid_until=valid_until, certificate=certificate
    )
