import datetime as dt
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from eth_account import Account

from client.sdk import certificates
from client.sdk.errors import InvalidInputError, KeystoreError

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SECOND = int(NOW.timestamp())
ACCOUNT = Account.from_key(b"\x01" * 32)
AUTHORITY = certificates.create_authority("Test CA", now=NOW)
REQUEST = certificates.certificate_request(ACCOUNT, organisation="Bank A", name="bureau").encode()
CERTIFICATE = certificates.certify(AUTHORITY, REQUEST, not_before=NOW, days=10)


def _check(**changes):
    use = {"authority": AUTHORITY.certificate, "address": ACCOUNT.address, "at": SECOND + 5}
    certificates.check_certificate(CERTIFICATE, **{**use, **changes})


def test_certificate_is_of_the_account_of_its_request():
    assert certificates.account_of(CERTIFICATE) == ACCOUNT.address
    assert certificates.subject_of(CERTIFICATE) == "Bank A / bureau"
    assert certificates.validity_of(CERTIFICATE) == (SECOND, SECOND + 10 * 86_400 + 1)
    _check()


def test_certificate_hash_is_sha256_of_the_der():
    der = CERTIFICATE.public_bytes(serialization.Encoding.DER)
    assert certificates.certificate_hash(CERTIFICATE) == hashlib.sha256(der).digest()
    again = certificates.read_certificate(certificates.pem_of(CERTIFICATE).encode())
    assert certificates.certificate_hash(again) == certificates.certificate_hash(CERTIFICATE)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"address": Account.from_key(b"\x02" * 32).address}, "expected one of 0x"),
        ({"authority": certificates.create_authority("Test CA", now=NOW).certificate}, "another issuer"),
        ({"at": SECOND - 1}, "not valid yet"),
        ({"at": SECOND + 10 * 86_400 + 1}, "expired"),
    ],
)
def test_certificate_that_does_not_fit_is_refused(changes, problem):
    with pytest.raises(InvalidInputError, match=problem):
        _check(**changes)


def test_request_changed_after_signing_is_refused():
    request = x509.load_pem_x509_csr(REQUEST)
    der = bytearray(request.public_bytes(serialization.Encoding.DER))
    at = der.index(b"Bank A")
    der[at : at + 6] = b"Bank B"
    changed = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(InvalidInputError, match="a signature that its key did not make"):
        certificates.certify(AUTHORITY, changed, not_before=NOW, days=10)


def test_request_of_another_kind_of_key_is_refused():
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with pytest.raises(InvalidInputError, match="expected a secp256k1 account key"):
        certificates.certify(AUTHORITY, request.public_bytes(serialization.Encoding.PEM), not_before=NOW, days=10)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"])
def test_text_that_is_no_certificate_is_refused(pem):
    with pytest.raises(InvalidInputError, match="expected PEM"):
        certificates.read_certificate(pem)
    with pytest.raises(InvalidInputError, match="expected PEM"):
        certificates.certify(AUTHORITY, pem, not_before=NOW, days=10)


def test_authority_opens_with_its_password_only():
    key_pem = AUTHORITY.key_pem("right")
    certificate_pem = AUTHORITY.certificate_pem().encode()
    assert certificates.open_authority(certificate_pem, key_pem, "right").certificate == AUTHORITY.certificate
    with pytest.raises(KeystoreError, match="a wrong password"):
        certificates.open_authority(certificate_pem, key_pem, "wrong")
    other = certificates.create_authority("Other", now=NOW)
    with pytest.raises(KeystoreError, match="another key"):
        certificates.open_authority(other.certificate_pem().encode(), key_pem, "right")


def test_account_certificate_cannot_issue_certificates():
    with pytest.raises(InvalidInputError, match="another issuer"):
        certificates.check_certificate(CERTIFICATE, authority=CERTIFICATE, address=ACCOUNT.address, at=None)
