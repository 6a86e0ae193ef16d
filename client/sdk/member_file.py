"""Member files: what one organisation brings into a new consortium, signed by its governor. Pure: no I/O.

Source: docs/protocol.md, 3.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from eth_account.signers.local import LocalAccount

from client.sdk import signing
from client.sdk.certificates import account_of, certificate_hash, check_certificate, pem_of, read_certificate
from client.sdk.errors import InvalidInputError
from client.sdk.hashing import address_text
from client.sdk.role import Role, role_named

MEMBER_FILE_VERSION = 1
_KEY_HASH = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberNode:
    """Where an organisation's node listens."""

    host: str
    port: int
    tls_spki_sha256: str
    """Hex sha256 of the node's TLS public key (DER SubjectPublicKeyInfo)."""

    @property
    def endpoint(self) -> str:
        """HOST:PORT, as the Consortium has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAccount:
    """One account of an organisation."""

    address: str
    roles: tuple[Role, ...]
    valid_from: int
    """First second."""
    valid_until: int
    """First second after."""
    certificate: x509.Certificate

    @property
    def certificate_hash(self) -> bytes:
        """Sha256 of the certificate's DER."""
        return certificate_hash(self.certificate)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFile:
    """One organisation's part of the genesis."""

    organisation: str
    governor: str
    """Account that votes for the organisation and signs this file."""
    validator: str | None
    node: MemberNode | None
    accounts: tuple[MemberAccount, ...]


def read_node(text: str, *, name: str) -> MemberNode:
    """Read HOST:PORT:KEYHASH, as `tranchain-node init` prints it; InvalidInputError with `name` for anything else."""
    endpoint, _, key_hash = text.rpartition(":")
    host, _, port = endpoint.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 1 << 16 and _KEY_HASH.fullmatch(key_hash)):
        raise InvalidInputError(name, got=text, expected="HOST:PORT:KEYHASH with 64 hex digits")
    return MemberNode(host=host.strip("[]"), port=int(port), tls_spki_sha256=key_hash.lower())


def sign_member_file(member: MemberFile, governor: LocalAccount) -> str:
    """Return the file as JSON with the governor's signature."""
    if governor.address != member.governor:
        raise InvalidInputError("governor", got=governor.address, expected=member.governor)
    document = _document(member)
    signature = signing.sign_digest(governor, signing.personal_digest(_signed_bytes(document)))
    return json.dumps({**document, "signature": "0x" + signature.hex()}, indent=2, sort_keys=True) + "\n"


def parse_member_file(text: str, *, authority: x509.Certificate | None) -> MemberFile:
    """Read a member file and check its signature and certificates.

    Args:
        text: the file.
        authority: who must have issued the certificates; None checks only that they are for their accounts.

    Raises:
        InvalidInputError: not a member file, not signed by its governor, or a certificate that does not fit.
    """
    try:
        document = json.loads(text)
        signature = bytes.fromhex(document.pop("signature").removeprefix("0x"))
        member = _member(document)
    except InvalidInputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError("member file", got=f"another document ({error})", expected="version 1") from error
    if signing.recover(signing.personal_digest(_signed_bytes(document)), signature) != member.governor:
        raise InvalidInputError(f"member file of {member.organisation}", got="a signature of another account")
    for account in member.accounts:
        if authority is not None:
            check_certificate(account.certificate, authority=authority, address=account.address, at=None)
        elif account_of(account.certificate) != account.address:
            raise InvalidInputError(f"certificate of {account.address}", got="that of another account")
    return member


def check_members(members: Sequence[MemberFile]) -> None:
    """Raise InvalidInputError when an account, organisation, validator or node occurs twice."""
    for what, names in (
        ("organisation", [member.organisation for member in members]),
        ("account", [account.address for member in members for account in member.accounts]),
        ("governor", [member.governor for member in members]),
        ("validator", [member.validator for member in members if member.validator]),
        ("TLS key", [member.node.tls_spki_sha256 for member in members if member.node]),
    ):
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise InvalidInputError(f"member files: {what}", got=f"{repeated[0]} twice", expected="each once")


def _document(member: MemberFile) -> dict[str, Any]:
    node = member.node
    return {
        "version": MEMBER_FILE_VERSION,
        "organisation": member.organisation,
        "governor": member.governor,
        "validator": member.validator,
        "node": node and {"host": node.host, "port": node.port, "tls_spki_sha256": node.tls_spki_sha256},
        "accounts": [
            {
                "address": account.address,
                "roles": [role.name for role in account.roles],
                "valid_from": account.valid_from,
                "valid_until": account.valid_until,
                "certificate": pem_of(account.certificate),
            }
            for account in member.accounts
        ],
    }


def _member(document: dict[str, Any]) -> MemberFile:
    if document["version"] != MEMBER_FILE_VERSION:
        raise InvalidInputError("member file", got=f"version {document['version']}", expected="1")
    node, validator = document["node"], document["validator"]
    return MemberFile(
        organisation=str(document["organisation"]),
        governor=address_text(document["governor"]),
        validator=address_text(validator) if validator else None,
        node=_node(node) if node else None,
        accounts=tuple(_account(each) for each in document["accounts"]),
    )


def _node(document: dict[str, Any]) -> MemberNode:
    node = MemberNode(
        host=str(document["host"]), port=int(document["port"]), tls_spki_sha256=str(document["tls_spki_sha256"])
    )
    return read_node(f"{node.endpoint}:{node.tls_spki_sha256}", name="member file: node")


def _account(document: dict[str, Any]) -> MemberAccount:
    return MemberAccount(
        address=address_text(document["address"]),
        roles=tuple(role_named(name) for name in document["roles"]),
        valid_from=int(document["valid_from"]),
        valid_until=int(document["valid_until"]),
        certificate=read_certificate(document["certificate"].encode()),
    )


def _signed_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
