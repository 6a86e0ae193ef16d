import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from chain_node.core.errors import ConfigError
from chain_node.network.tls_identity import TlsFiles, load_tls_identity, tls_key_hash_of_certificate
from tests.unit.network.authority import NOW, Authority, hash_of, new_key, pem_of, write_files, write_key


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> TlsFiles:
    return write_files(tmp_path, authority)


def refusal(files: TlsFiles) -> str:
    with pytest.raises(ConfigError) as caught:
        load_tls_identity(files, NOW)
    return str(caught.value)


def test_identity_hash_is_sha256_of_the_public_key_info(tmp_path: Path, authority: Authority) -> None:
    key = new_key()
    files = write_files(tmp_path, authority, key=key)
    command = ["openssl", "pkey", "-in", str(files.key), "-pubout", "-outform", "DER"]
    spki = subprocess.run(command, capture_output=True, check=True).stdout
    identity = load_tls_identity(files, NOW)
    assert identity.tls_key_hash == hashlib.sha256(spki).digest() == hash_of(key)
    assert (identity.certificate_expires_at - NOW).days in (89, 90)


def test_identity_renewed_certificate_keeps_the_hash(authority: Authority) -> None:
    key = new_key()
    first, second = (
        tls_key_hash_of_certificate(
            subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout
        )
        for pem in (authority.sign(key), authority.sign(key))
    )
    assert first == second == hash_of(key)


@pytest.mark.parametrize(
    ("name", "hint"), [("key", "tranchain-node init"), ("certificate", "sign tls.csr"), ("ca", "ask the consortium")]
)
def test_identity_missing_or_foreign_file_is_named_with_what_to_do(files: TlsFiles, name: str, hint: str) -> None:
    path = getattr(files, name)
    path.write_text("nothing of use\n")
    assert str(path) in refusal(files)
    assert hint in refusal(files)
    path.unlink()
    assert f"{path}: cannot be read: No such file or directory; " in refusal(files)
    assert hint in refusal(files)


def test_identity_key_that_others_may_read_is_refused(files: TlsFiles) -> None:
    files.key.chmod(0o640)
    assert refusal(files) == f"{files.key}: may be read by others; run: chmod 600 {files.key}"


def test_identity_key_with_a_password_is_refused(files: TlsFiles) -> None:
    encrypted = new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    files.key.write_bytes(encrypted)
    assert "has a password" in refusal(files)


def test_identity_account_key_is_no_tls_key(files: TlsFiles) -> None:
    write_key(files.key, ec.generate_private_key(ec.SECP256K1()))
    assert "secp256k1" in refusal(files)


def test_identity_certificate_of_another_key_is_refused(files: TlsFiles, authority: Authority) -> None:
    other = new_key()
    files.certificate.write_bytes(authority.sign(other))
    assert f"is the certificate of TLS key {hash_of(other).hex()}, but {files.key} holds" in refusal(files)


@pytest.mark.parametrize(("days", "reason"), [((-20, -1), "expired at"), ((2, 20), "check this machine's clock")])
def test_identity_certificate_out_of_its_time_is_refused(
    tmp_path: Path, authority: Authority, days: tuple[int, int], reason: str
) -> None:
    files = write_files(tmp_path, authority, days=days)
    assert str(files.certificate) in refusal(files)
    assert reason in refusal(files)


def test_identity_certificate_for_one_direction_only_is_refused(files: TlsFiles, authority: Authority) -> None:
    key = new_key()
    write_key(files.key, key)
    files.certificate.write_bytes(authority.sign(key, usages=(ExtendedKeyUsageOID.SERVER_AUTH,)))
    assert "may not be used for clientAuth" in refusal(files)


def test_identity_certificate_of_an_authority_not_in_the_file_is_refused(files: TlsFiles) -> None:
    files.ca.write_bytes(pem_of(Authority.create("Other").certificate))
    assert f"was issued by 'CN=Consortium', which is not in {files.ca}" in refusal(files)


def test_identity_authority_of_the_same_name_with_another_key_is_refused(files: TlsFiles) -> None:
    files.ca.write_bytes(pem_of(Authority.create("Consortium").certificate))
    assert "which is not in" in refusal(files)


def test_identity_expired_authority_is_refused(tmp_path: Path) -> None:
    expired = Authority.create(days=(-20, -1))
    assert "the authority has expired" in refusal(write_files(tmp_path, expired))


def test_identity_two_authorities_in_one_file_are_both_good(tmp_path: Path, authority: Authority) -> None:
    other = Authority.create("Other")
    both = pem_of(authority.certificate) + pem_of(other.certificate)
    for name, issuer in (("a", authority), ("b", other)):
        load_tls_identity(write_files(tmp_path / name, issuer, ca=both), NOW)
