"""Certificates for tests: an authority, and nodes it has signed."""

import datetime as dt
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chain_node.network.api import TlsKeyHash
from chain_node.network.tls_identity import TlsFiles, tls_key_hash_of

Key = ec.EllipticCurvePrivateKey
NOW = dt.datetime.now(dt.UTC)


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Authority:
    key: Key
    certificate: x509.Certificate

    @classmethod
    def create(cls, name: str = "Consortium", *, days: tuple[int, int] = (-10, 100)) -> "Authority":
        key = new_key()
        return cls(key, build(name, name, key, key, days=days, is_authority=True))

    def sign(
        self, key: Key, *, days: tuple[int, int] = (-1, 90), usages: tuple[x509.ObjectIdentifier, ...] = ()
    ) -> bytes:
        issuer = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return pem_of(build("node", str(issuer), key, self.key, days=days, usages=usages))


def build(
    subject: str,
    issuer: str,
    key: Key,
    signer: Key,
    *,
    days: tuple[int, int],
    is_authority: bool = False,
    usages: tuple[x509.ObjectIdentifier, ...] = (),
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + dt.timedelta(days=days[0]))
        .not_valid_after(NOW + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    )
    if not is_authority:
        both = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages or both), critical=False)
    return builder.sign(signer, hashes.SHA256())


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def write_key(path: Path, key: Key) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def write_files(
    folder: Path,
    authority: Authority,
    *,
    key: Key | None = None,
    days: tuple[int, int] = (-1, 90),
    ca: bytes | None = None,
) -> TlsFiles:
    folder.mkdir(parents=True, exist_ok=True)
    files = TlsFiles(key=folder / "tls.key", certificate=folder / "tls.pem", ca=folder / "ca.pem")
    key = key or new_key()
    write_key(files.key, key)
    files.certificate.write_bytes(authority.sign(key, days=days))
    files.ca.write_bytes(ca or pem_of(authority.certificate))
    return files


def hash_of(key: Key) -> TlsKeyHash:
    return tls_key_hash_of(key.public_key())
