"""X.509 certificates of account keys, and the authority that issues them.

The subject public key of an account's certificate is the account's secp256k1 key, so who holds the certificate's key
holds the account. The authority here is for demonstrations and small consortia; any authority can issue the same form.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from eth_account.signers.local import LocalAccount

from client.sdk.errors import InvalidInputError, KeystoreError
from client.sdk.signing import address_of_public_key

AUTHORITY_LIFETIME_DAYS = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> str:
        """Return the authority's own certificate, which everybody may have."""
        return pem_of(self.certificate)

    def key_pem(self, password: str) -> bytes:
        """Return the encrypted private key (PKCS #8)."""
        encryption = serialization.BestAvailableEncryption(password.encode())
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def create_authority(name: str, *, now: dt.datetime) -> Authority:
    """Create an authority with a new P-256 key, valid from `now` for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=AUTHORITY_LIFETIME_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(certificate=builder.sign(key, hashes.SHA256()), key=key)


def open_authority(certificate_pem: bytes, key_pem: bytes, password: str) -> Authority:
    """Read an authority back; KeystoreError for a wrong password."""
    try:
        key = serialization.load_pem_private_key(key_pem, password.encode())
    except (ValueError, TypeError) as error:
        raise KeystoreError("authority's key", got="a wrong password or another kind of file") from error
    certificate = read_certificate(certificate_pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise KeystoreError("authority's key", got="another key", expected="that of its certificate")
    return Authority(certificate=certificate, key=key)


def certificate_request(account: LocalAccount, *, organisation: str, name: str) -> str:
    """Return a signing request (PEM) for an account: signed by its key, so it proves that the key is held."""
    key = ec.derive_private_key(int.from_bytes(bytes(account.key), "big"), ec.SECP256K1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def certify(authority: Authority, request_pem: bytes, *, not_before: dt.datetime, days: int) -> x509.Certificate:
    """Issue a certificate for a signing request; InvalidInputError when it does not prove its account key."""
    try:
        request = x509.load_pem_x509_csr(request_pem)
    except ValueError as error:
        raise InvalidInputError("signing request", got="another kind of file", expected="PEM") from error
    key = _account_key(request.public_key(), "signing request")
    if not request.is_signature_valid:
        raise InvalidInputError("signing request", got="a signature that its key did not make")
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_before + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(is_authority=False), critical=True)
    )
    return builder.sign(authority.key, hashes.SHA256())


def read_certificate(pem: bytes) -> x509.Certificate:
    """Read one certificate; InvalidInputError for anything else."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise InvalidInputError("certificate", got="another kind of text", expected="PEM") from error


def pem_of(certificate: x509.Certificate) -> str:
    """Return the certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def certificate_hash(certificate: x509.Certificate) -> bytes:
    """Return sha256 of the DER, the form in which the Consortium knows it."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()


def account_of(certificate: x509.Certificate) -> str:
    """Return the account whose key the certificate is for."""
    key = _account_key(certificate.public_key(), "certificate")
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return address_of_public_key(point)


def subject_of(certificate: x509.Certificate) -> str:
    """Return organisation and name as `organisation / name`, as far as given."""
    found = [
        str(attribute.value)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for attribute in certificate.subject.get_attributes_for_oid(oid)
    ]
    return " / ".join(found)


def validity_of(certificate: x509.Certificate) -> tuple[int, int]:
    """Return the first second of validity and the first second after it."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return int(first.timestamp()), int(last.timestamp()) + 1


def check_certificate(
    certificate: x509.Certificate, *, authority: x509.Certificate, address: str, at: int | None
) -> None:
    """Raise InvalidInputError unless `authority` issued it for `address` and it is valid at second `at`, if given."""
    holder = account_of(certificate)
    if holder != address:
        raise InvalidInputError("certificate", got=f"one of {holder}", expected=f"one of {address}")
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise InvalidInputError(f"certificate of {address}", got="another issuer", expected="the authority") from error
    first, end = validity_of(certificate)
    if at is not None and not first <= at < end:
        state = "one that expired" if at >= end else "one not valid yet"
        raise InvalidInputError(f"certificate of {address}", got=state, expected=f"validity at second {at}")


def key_usage(*, is_authority: bool) -> x509.KeyUsage:
    """Return what a key may do: an authority's signs certificates, everybody else's signs messages."""
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _account_key(key: object, what: str) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256K1):
        raise InvalidInputError(what, got="another kind of key", expected="a secp256k1 account key")
    return key
