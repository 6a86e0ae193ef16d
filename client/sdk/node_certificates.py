"""X.509 certificates of nodes' TLS keys: what the consortium's authority issues so that nodes let one another in.

A certificate alone lets nobody in: the key's hash must be in a member's node record on the chain as well.
"""

import datetime as dt
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from client.sdk.certificates import Authority, key_usage
from client.sdk.errors import InvalidInputError


def certify_node(authority: Authority, request_pem: bytes, *, not_before: dt.datetime, days: int) -> x509.Certificate:
    """Issue the certificate of a node's TLS key, for the hosts that its signing request names.

    Raises:
        InvalidInputError: no such request, not of a P-256 key that its sender holds, or without a host.
    """
    try:
        request = x509.load_pem_x509_csr(request_pem)
    except ValueError as error:
        raise InvalidInputError("signing request", got="another kind of file", expected="PEM") from error
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidInputError("signing request", got="another kind of key", expected="a P-256 TLS key of a node")
    if not request.is_signature_valid:
        raise InvalidInputError("signing request", got="a signature that its key did not make")
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise InvalidInputError("signing request", got="no host", expected="one of `tranchain-node init`") from error
    issuer_key = authority.key.public_key()
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
        # A node is the server of one connection and the client of another.
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    return builder.sign(authority.key, hashes.SHA256())


def tls_key_hash(certificate: x509.Certificate) -> bytes:
    """Return sha256 of the DER SubjectPublicKeyInfo: what the node is called on chain."""
    encoded = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(encoded).digest()


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses that the certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]
