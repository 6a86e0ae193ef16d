"""Member files: what one organisation brings into a new network, signed by its governor.

Source: docs/protocol.md, 3 ("Member file").
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chain_node.core.crypto import recover_address
from chain_node.core.errors import BadSignatureError, ConfigError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32

ROLES = {
    "BUREAU": 1,
    "ORIGINATOR": 2,
    "RISK_CONTROL": 3,
    "ORACLE": 4,
    "REGISTRAR": 5,
    "EXCHANGE": 6,
    "TRUSTEE": 7,
    "AUDITOR": 8,
    "DEPLOYER": 9,
    "GOVERNOR": 10,
    "SERVICER": 11,
    "REGULATOR": 12,
}
"""Role ids by name. Source: docs/protocol.md, 1."""

_FILE_SIZE_BYTES_MAX = 1024 * 1024
_ADDRESS = r"^0x[0-9a-fA-F]{40}$"


class _Account(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    address: str = Field(pattern=_ADDRESS)
    roles: list[str] = Field(min_length=1)
    valid_from: int = Field(ge=0, lt=2**40)
    valid_until: int = Field(ge=0, lt=2**40)
    certificate: str


class _NodeRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    host: str = Field(min_length=1, max_length=200)
    port: int = Field(ge=1, le=65_535)
    tls_spki_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    version: int = Field(ge=1, le=1)
    organisation: str = Field(min_length=1, max_length=100)
    governor: str = Field(pattern=_ADDRESS)
    validator: str | None = Field(pattern=_ADDRESS)
    node: _NodeRecord | None
    accounts: list[_Account]
    signature: str = Field(pattern=r"^(0x)?[0-9a-fA-F]{130}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAccount:
    """One account to enrol."""

    address: Address
    roles: int
    """Bitmap; bit = role id."""
    valid_from: int
    """Seconds since 1970."""
    valid_until: int
    """Seconds since 1970; first second in which it is not valid any more."""
    certificate_hash: Hash32
    """sha256 of the certificate's DER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberNode:
    """The node that an organisation starts with."""

    endpoint: str
    """HOST:PORT where it listens for peers."""
    tls_key_hash: Hash32
    """sha256 of the DER SubjectPublicKeyInfo of its TLS key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One organisation."""

    organisation: str
    governor: Address
    validator: Address | None
    node: MemberNode | None
    accounts: tuple[MemberAccount, ...]


def read_member_file(path: Path) -> Member:
    """Read a member file and check its signature and certificates.

    Raises:
        ConfigError: names the file and what is wrong with it.
    """
    try:
        if path.stat().st_size > _FILE_SIZE_BYTES_MAX:
            raise ConfigError(str(path), f"larger than {_FILE_SIZE_BYTES_MAX} bytes; not a member file")
        # Not json.loads: nesting without end would overflow its stack once the engine has raised the recursion limit.
        fields = orjson.loads(path.read_bytes())
        document = _Document.model_validate(fields)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {key}", first["msg"]) from error
    except orjson.JSONDecodeError as error:
        raise ConfigError(str(path), f"not JSON: {error}") from error
    try:
        _check_signature(fields, document)
        return Member(
            organisation=document.organisation,
            governor=_address(document.governor),
            validator=None if document.validator is None else _address(document.validator),
            node=None if document.node is None else _read_node(document.node),
            accounts=tuple(_read_account(account) for account in document.accounts),
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.key}", error.reason) from error


def _check_signature(fields: dict[str, object], document: _Document) -> None:
    signed = {key: value for key, value in fields.items() if key != "signature"}
    message = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    digest = keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
    signature = bytes.fromhex(document.signature.removeprefix("0x"))
    recovery_id = signature[64] - 27 if signature[64] >= 27 else signature[64]
    try:
        signer = recover_address(digest, signature[:64] + bytes((recovery_id,)))
    except BadSignatureError as error:
        raise ConfigError("signature", str(error)) from error
    if signer != _address(document.governor):
        raise ConfigError(
            "signature", f"made by 0x{signer.hex()}, expected the governor {document.governor}; or the file was changed"
        )


def _read_node(node: _NodeRecord) -> MemberNode:
    host = f"[{node.host}]" if ":" in node.host else node.host
    return MemberNode(endpoint=f"{host}:{node.port}", tls_key_hash=Hash32(bytes.fromhex(node.tls_spki_sha256)))


def _read_account(account: _Account) -> MemberAccount:
    key = f"account {account.address}"
    roles = 0
    for name in account.roles:
        if name not in ROLES:
            raise ConfigError(key, f"unknown role {name!r}, expected one of {', '.join(ROLES)}")
        roles |= 1 << ROLES[name]
    if account.valid_from >= account.valid_until:
        raise ConfigError(key, f"valid_from {account.valid_from} is not before valid_until {account.valid_until}")
    try:
        certificate = x509.load_pem_x509_certificate(account.certificate.encode())
        public_key = certificate.public_key()
    except (ValueError, TypeError) as error:
        raise ConfigError(key, f"the certificate cannot be read: {error}") from error
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != "secp256k1":
        raise ConfigError(key, "the certificate is not for a secp256k1 key")
    point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    certified = Address(keccak(point[1:])[12:])
    if certified != _address(account.address):
        raise ConfigError(key, f"its certificate is for the account 0x{certified.hex()}")
    return MemberAccount(
        address=certified,
        roles=roles,
        valid_from=account.valid_from,
        valid_until=account.valid_until,
        certificate_hash=Hash32(sha256(certificate.public_bytes(Encoding.DER)).digest()),
    )


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))
