"""Commands of `tranchain admin` that make files: accounts, the authority, certificates, member files."""

import datetime as dt
import os
from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import session_of
from client.sdk import certificates, keystore, node_certificates
from client.sdk.errors import InvalidInputError
from client.sdk.hashing import address_text
from client.sdk.member_file import MemberAccount, MemberFile, read_node, sign_member_file
from client.sdk.role import role_named

_CLOCK_SKEW = dt.timedelta(minutes=5)
_CA_FILE, _CA_KEY_FILE = "ca.pem", "ca.key.pem"


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the group."""
    account = typer.Typer(help="Accounts.\n\nExample: tranchain admin account new --organisation 'Bank A'")
    account.command("new")(new_account)
    authority = typer.Typer(help="A certificate authority.\n\nExample: tranchain admin ca init ca --name 'Demo CA'")
    authority.command("init")(init_authority)
    authority.callback()(group)
    account.callback()(group)
    app.add_typer(account, name="account")
    app.add_typer(authority, name="ca")
    app.command("certify")(certify)
    app.command("certify-node")(certify_node)
    app.command("member-file")(make_member_file)


def new_account(
    context: typer.Context,
    organisation: Annotated[str, typer.Option(help="Name of the member in the certificate.")],
    light: Annotated[bool, typer.Option("--light", help="Light work factor, for throw-away keys only.")] = False,
) -> None:
    """Create an account: the keystore file of --keystore, and beside it a request for its certificate.

    Example: tranchain --keystore keys/bureau.json admin account new --organisation "Bank A"
    """
    session = session_of(context)
    path = session.keystore_path
    scrypt_n = keystore.SCRYPT_N_DEMO if light else keystore.SCRYPT_N_DEFAULT
    identity = keystore.create_account(path, session.password, scrypt_n=scrypt_n)
    request = path.with_name(f"{path.stem}.csr.pem")
    text = certificates.certificate_request(identity.account, organisation=organisation, name=path.stem)
    write_new(request, text.encode())
    session.console.result({"address": identity.address, "keystore": str(path), "request": str(request)})


def init_authority(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Where the authority's files go.")],
    name: Annotated[str, typer.Option(help="Name in its certificates.")] = "Tranchain demo CA",
) -> None:
    """Create a certificate authority for a demonstration or a small consortium.

    Example: tranchain --password-file ca.password admin ca init ca --name "Demo CA"
    """
    session = session_of(context)
    authority = certificates.create_authority(name, now=dt.datetime.now(dt.UTC) - _CLOCK_SKEW)
    write_new(directory / _CA_KEY_FILE, authority.key_pem(session.password))
    write_new(directory / _CA_FILE, authority.certificate_pem().encode())
    session.console.result({"name": name, "certificate": str(directory / _CA_FILE)})


def certify(
    context: typer.Context,
    request: Annotated[Path, typer.Argument(help="Signing request of an account (….csr.pem).")],
    ca: Annotated[Path, typer.Option(help="Directory of the authority.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of validity.")] = 365,
    out: Annotated[Path | None, typer.Option(help="Certificate file; default beside the request.")] = None,
) -> None:
    """Issue the certificate of an account from its signing request.

    Example: tranchain --password-file ca.password admin certify keys/bureau.csr.pem --ca ca --days 365
    """
    session = session_of(context)
    authority = certificates.open_authority(read_file(ca / _CA_FILE), read_file(ca / _CA_KEY_FILE), session.password)
    start = dt.datetime.now(dt.UTC) - _CLOCK_SKEW
    certificate = certificates.certify(authority, read_file(request), not_before=start, days=days)
    path = out or request.with_name(request.name.removesuffix(".pem").removesuffix(".csr") + ".crt.pem")
    write_new(path, certificates.pem_of(certificate).encode())
    valid_from, valid_until = certificates.validity_of(certificate)
    session.console.result(
        {
            "address": certificates.account_of(certificate),
            "subject": certificates.subject_of(certificate),
            "certificate": str(path),
            "certificate_hash": certificates.certificate_hash(certificate),
            "valid_from": valid_from,
            "valid_until": valid_until,
        }
    )


def certify_node(
    context: typer.Context,
    request: Annotated[Path, typer.Argument(help="Signing request of a node (tls.csr).")],
    ca: Annotated[Path, typer.Option(help="Directory of the authority.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of validity.")] = 365,
    out: Annotated[Path | None, typer.Option(help="Certificate file; default beside the request (tls.pem).")] = None,
) -> None:
    """Issue the certificate of a node's TLS key. Compare organisation, hosts and key hash with what the member says.

    Example: tranchain --password-file ca.password admin certify-node tls.csr --ca ca --days 365
    """
    session = session_of(context)
    authority = certificates.open_authority(read_file(ca / _CA_FILE), read_file(ca / _CA_KEY_FILE), session.password)
    start = dt.datetime.now(dt.UTC) - _CLOCK_SKEW
    certificate = node_certificates.certify_node(authority, read_file(request), not_before=start, days=days)
    path = out or request.with_suffix(".pem")
    write_new(path, certificates.pem_of(certificate).encode())
    session.console.result(
        {
            "subject": certificates.subject_of(certificate),
            "hosts": node_certificates.hosts_of(certificate),
            "tls_key_hash": node_certificates.tls_key_hash(certificate).hex(),
            "certificate": str(path),
            "valid_until": certificates.validity_of(certificate)[1],
        }
    )


def make_member_file(
    context: typer.Context,
    organisation: Annotated[str, typer.Option(help="Name of the member.")],
    account: Annotated[list[str], typer.Option(help="CERTIFICATE=ROLE,ROLE of one of its accounts; repeat.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    validator: Annotated[str | None, typer.Option(help="Address of its validator key.")] = None,
    node: Annotated[
        str | None, typer.Option(metavar="HOST:PORT:KEYHASH", help="Its node, as `tranchain-node init` prints it.")
    ] = None,
) -> None:
    """Write an organisation's part of a genesis, signed by its governor (the acting account).

    Example: tranchain --keystore gov.json admin member-file --organisation A --account g.crt.pem=GOVERNOR --out a.json
    """
    session = session_of(context)
    governor = session.identity.account
    member = MemberFile(
        organisation=organisation,
        governor=governor.address,
        validator=address_text(validator) if validator else None,
        node=read_node(node, name="--node") if node else None,
        accounts=tuple(_member_account(each) for each in account),
    )
    write_new(out, sign_member_file(member, governor).encode())
    session.console.result({"organisation": organisation, "accounts": len(member.accounts), "file": str(out)})


def read_file(path: Path) -> bytes:
    """Return a file's bytes; InvalidInputError in one line when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be read") from error


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet, readable by its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be written") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def group() -> None:
    """Keep a group with one command a group."""


def _member_account(text: str) -> MemberAccount:
    path, separator, names = text.rpartition("=")
    if not separator:
        raise InvalidInputError("--account", got=text, expected="CERTIFICATE=ROLE,ROLE")
    certificate = certificates.read_certificate(read_file(Path(path)))
    valid_from, valid_until = certificates.validity_of(certificate)
    return MemberAccount(
        address=certificates.account_of(certificate),
        roles=tuple(role_named(name) for name in names.split(",")),
        valid_from=valid_from,
        valid_until=valid_until,
        certificate=certificate,
    )
