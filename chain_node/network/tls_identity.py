"""The files a node proves itself with: key, certificate, and the authorities of the consortium.

What a node *is* is its key: sha256 of the DER SubjectPublicKeyInfo, which the members' node records name. The
certificate says that an authority of the consortium knows the key; host names in it decide nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from chain_node.core.errors import ConfigError
from chain_node.network.api import TlsKeyHash

_OTHERS_MAY_ACCESS = 0o077
_SIZE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the PEM files are."""

    key: Path
    """This node's TLS key, PKCS #8 without password, mode 0600."""
    certificate: Path
    """This node's certificate, followed by intermediate ones if there are any."""
    ca: Path
    """Certificates of the consortium's authorities; two while one replaces the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsIdentity:
    """What the files say."""

    tls_key_hash: TlsKeyHash
    certificate_expires_at: dt.datetime
    """Of this node's certificate, UTC."""


def load_tls_identity(files: TlsFiles, now: dt.datetime) -> TlsIdentity:
    """Read and check the files.

    Raises:
        ConfigError: one cannot be read or used, they do not belong together, or the certificate is not valid now.
            The message names the file and what to do.
    """
    key = _read_key(files.key)
    chain = _read_certificates(files.certificate, "have the consortium's authority sign tls.csr, and put it there")
    authorities = _read_certificates(files.ca, "ask the consortium for the certificate of its authority")
    certificate = chain[0]
    if spki_of(certificate.public_key()) != spki_of(key.public_key()):
        raise ConfigError(
            str(files.certificate),
            f"is the certificate of TLS key {tls_key_hash_of(certificate.public_key()).hex()}, but {files.key} holds "
            f"{tls_key_hash_of(key.public_key()).hex()}; have a certificate made for the key that is there",
        )
    _check_validity(files.certificate, certificate, now)
    _check_usage(files.certificate, certificate)
    _check_issuer(files, chain, authorities, now)
    return TlsIdentity(
        tls_key_hash=tls_key_hash_of(key.public_key()), certificate_expires_at=certificate.not_valid_after_utc
    )


def tls_key_hash_of(public_key: PublicKeyTypes) -> TlsKeyHash:
    """What a node with that key is called."""
    return TlsKeyHash(sha256(spki_of(public_key)).digest())


def tls_key_hash_of_certificate(encoded: bytes) -> TlsKeyHash:
    """The same, from a certificate (DER) whose signature was checked."""
    return tls_key_hash_of(x509.load_der_x509_certificate(encoded).public_key())


def spki_of(public_key: PublicKeyTypes) -> bytes:
    """DER SubjectPublicKeyInfo."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read_key(path: Path) -> PrivateKeyTypes:
    content = _read(path, "`tranchain-node init` makes one")
    if path.stat().st_mode & _OTHERS_MAY_ACCESS:
        raise ConfigError(str(path), f"may be read by others; run: chmod 600 {path}")
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError as error:
        raise ConfigError(str(path), "has a password; a node starts alone, store the key without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(str(path), "holds no private key in PEM; `tranchain-node init` makes one") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256K1):
        raise ConfigError(str(path), "is a secp256k1 key, which TLS does not know; use a key of its own, on P-256")
    return key


def _read_certificates(path: Path, hint: str) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path, hint))
    except ValueError as error:
        raise ConfigError(str(path), f"holds no certificate in PEM; {hint}") from error


def _read(path: Path, hint: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SIZE_BYTES_MAX)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}; {hint}") from error


def _check_validity(path: Path, certificate: x509.Certificate, now: dt.datetime) -> None:
    if now > certificate.not_valid_after_utc:
        expired = certificate.not_valid_after_utc.isoformat()
        raise ConfigError(str(path), f"expired at {expired}; have the authority renew it, the key can stay")
    if now < certificate.not_valid_before_utc:
        begins = certificate.not_valid_before_utc.isoformat()
        raise ConfigError(str(path), f"is not valid before {begins}; check this machine's clock")


def _check_usage(path: Path, certificate: x509.Certificate) -> None:
    """A node dials and listens with the same certificate."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    missing = [
        name
        for name, oid in (
            ("serverAuth", ExtendedKeyUsageOID.SERVER_AUTH),
            ("clientAuth", ExtendedKeyUsageOID.CLIENT_AUTH),
        )
        if oid not in usage
    ]
    if missing:
        raise ConfigError(str(path), f"may not be used for {' and '.join(missing)}; a node's certificate needs both")


def _check_issuer(
    files: TlsFiles, chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: dt.datetime
) -> None:
    issuers = [authority for authority in authorities if any(_is_issued_by(link, authority) for link in chain)]
    if not issuers:
        raise ConfigError(
            str(files.certificate),
            f"was issued by {chain[-1].issuer.rfc4514_string()!r}, which is not in {files.ca}; "
            "have one of the authorities there sign tls.csr",
        )
    if all(authority.not_valid_after_utc < now for authority in issuers):
        raise ConfigError(str(files.ca), "the authority has expired; ask the consortium for its new certificate")


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
