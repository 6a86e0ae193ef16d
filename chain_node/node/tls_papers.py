"""What a node needs before it can talk to others: its TLS key, and the request for the certificate of that key.

The key stays where it was made; only the request travels to the consortium's authority, and its certificate comes back.
Source: design, 4.5; docs/protocol.md, 3 ("Member file").
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chain_node.core.errors import ConfigError
from chain_node.network.tls_identity import tls_key_hash_of
from chain_node.node.config import parse_listen
from chain_node.node.keys import write_secret

_NAME_LENGTH_MAX = 64
"""Of X.509, for names of people to read; the whole host name is in the subject alternative name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPapers:
    """A TLS key and what others must know of it."""

    tls_key_hash: bytes
    """sha256 of the DER SubjectPublicKeyInfo."""
    request_file: Path
    """The signing request, PEM."""
    endpoint: str
    """HOST:PORT where others find the node."""

    @property
    def record(self) -> str:
        """HOST:PORT:KEYHASH, as `tranchain admin member-file --node` and `tranchain admin node set` take it."""
        return f"{self.endpoint}:{self.tls_key_hash.hex()}"


def make_tls_papers(key_path: Path, *, organisation: str, endpoint: str) -> TlsPapers:
    """Write a signing request beside the TLS key, which is made where there is none; an older request is replaced.

    Raises:
        ConfigError: the endpoint is none, or a file cannot be read or written.
    """
    host, port = parse_listen("endpoint", endpoint)
    if port == 0 or not host.isascii():
        raise ConfigError("endpoint", f"got {endpoint!r}, expected HOST:PORT where other nodes find this one")
    if not organisation.strip():
        raise ConfigError("organisation", "is empty; expected the member's name")
    key = load_tls_key(key_path) if key_path.exists() else _create_key(key_path)
    request = _make_request(key, organisation, host)
    path = key_path.with_suffix(".csr")
    try:
        path.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise ConfigError("tls_request", f"{path} cannot be written: {error.strerror}") from error
    return TlsPapers(tls_key_hash=tls_key_hash_of(key.public_key()), request_file=path, endpoint=endpoint)


def _create_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_secret(path, pem, "tls_key")
    return key


def load_tls_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the TLS key; ConfigError when there is none that can be used."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError("tls_key", f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise ConfigError("tls_key", f"{path} does not hold an unencrypted key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError("tls_key", f"{path} does not hold a key of an elliptic curve")
    return key


def _make_request(key: ec.EllipticCurvePrivateKey, organisation: str, host: str) -> x509.CertificateSigningRequest:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:_NAME_LENGTH_MAX]),
            x509.NameAttribute(NameOID.COMMON_NAME, host[:_NAME_LENGTH_MAX]),
        ]
    )
    names = x509.SubjectAlternativeName([_general_name(host)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
