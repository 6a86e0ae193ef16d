import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from eth_account import Account

from client.sdk import certificates, node_certificates
from client.sdk.errors import InvalidInputError

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
AUTHORITY = certificates.create_authority("Test CA", now=NOW - dt.timedelta(hours=1))
SUBJECT = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bank A")])
KEY = ec.generate_private_key(ec.SECP256R1())


def request_of(key: ec.EllipticCurvePrivateKey, *hosts: str) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(SUBJECT)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def certify(request: bytes) -> x509.Certificate:
    return node_certificates.certify_node(AUTHORITY, request, not_before=NOW - dt.timedelta(hours=1), days=30)


def test_node_certificate_is_for_key_and_hosts_of_its_request():
    certificate = certify(request_of(KEY, "node.a.example", "localhost"))
    assert certificate.public_key() == KEY.public_key()
    assert node_certificates.hosts_of(certificate) == ["node.a.example", "localhost"]
    certificate.verify_directly_issued_by(AUTHORITY.certificate)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_node_certificate_serves_both_sides_of_a_strict_tls_connection(tmp_path: Path):
    """Whatever verifies by the letter of RFC 5280 takes it."""
    (tmp_path / "ca.pem").write_text(AUTHORITY.certificate_pem())
    (tmp_path / "tls.pem").write_text(certificates.pem_of(certify(request_of(KEY, "localhost"))))
    (tmp_path / "tls.key").write_bytes(
        KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    sides = []
    for purpose in (ssl.Purpose.CLIENT_AUTH, ssl.Purpose.SERVER_AUTH):
        context = ssl.create_default_context(purpose, cafile=str(tmp_path / "ca.pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(tmp_path / "tls.pem", tmp_path / "tls.key")
        sides.append(context)
    server, client = shake_hands(*sides)
    assert server.getpeercert() == client.getpeercert() != {}


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    )
    waiting = list(reversed(ends))
    while waiting:
        end = waiting.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)
    return ends


@pytest.mark.parametrize(
    ("request_pem", "problem"),
    [
        (b"", "expected PEM"),
        (request_of(ec.generate_private_key(ec.SECP384R1()), "a"), "expected a P-256 TLS key"),
        (certificates.certificate_request(Account.create(), organisation="A", name="x").encode(), "P-256 TLS key"),
        (request_of(KEY), "got no host"),
    ],
)
def test_request_that_is_no_nodes_is_refused(request_pem: bytes, problem: str):
    with pytest.raises(InvalidInputError, match=problem):
        certify(request_pem)


def test_node_request_changed_after_signing_is_refused():
    der = bytearray(x509.load_pem_x509_csr(request_of(KEY, "a.example")).public_bytes(serialization.Encoding.DER))
    at = der.index(b"a.example")
    der[at : at + 9] = b"b.example"
    changed = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(InvalidInputError, match="a signature that its key did not make"):
        certify(changed)


def test_tls_key_hash_is_that_of_the_public_key():
    first, renewed = certify(request_of(KEY, "a")), certify(request_of(KEY, "b"))
    assert node_certificates.tls_key_hash(first) == node_certificates.tls_key_hash(renewed)
    other = certify(request_of(ec.generate_private_key(ec.SECP256R1()), "a"))
    assert node_certificates.tls_key_hash(other) != node_certificates.tls_key_hash(first)
