"""The TLS key of a node and the request for its certificate."""

from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from chain_node.core.errors import ConfigError
from chain_node.node.tls_papers import make_tls_papers


def read_request(path: Path) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(path.read_bytes())


def test_papers_hold_a_secret_key_and_a_request_it_signed(tmp_path: Path) -> None:
    papers = make_tls_papers(tmp_path / "tls.key", organisation="Bank A", endpoint="node.a.example:30303")
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600
    assert papers.request_file == tmp_path / "tls.csr"
    request = read_request(papers.request_file)
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=node.a.example,O=Bank A"
    key = request.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert papers.tls_key_hash == sha256(der).digest()
    assert papers.record == f"node.a.example:30303:{sha256(der).hexdigest()}"


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]:30303", "::1"),
        ("a.example:65535", "a.example"),
        ("a." * 40 + "example:9", "a." * 40 + "example"),
    ],
)
def test_request_names_the_host_of_the_endpoint(tmp_path: Path, endpoint: str, name: str) -> None:
    papers = make_tls_papers(tmp_path / "tls.key", organisation="A", endpoint=endpoint)
    extensions = read_request(papers.request_file).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each.value) for each in names] == [name]


def test_papers_again_keep_the_key(tmp_path: Path) -> None:
    first = make_tls_papers(tmp_path / "tls.key", organisation="A", endpoint="a.example:1")
    again = make_tls_papers(tmp_path / "tls.key", organisation="A", endpoint="b.example:2")
    other = make_tls_papers(tmp_path / "next.key", organisation="A", endpoint="b.example:2")
    assert first.tls_key_hash == again.tls_key_hash != other.tls_key_hash
    names = read_request(again.request_file).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == ["b.example"]


@pytest.mark.parametrize("endpoint", ["", "host", ":1", "host:0", "host:65536", "hóst.example:1", "host:x"])
def test_endpoint_that_is_none_is_refused(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        make_tls_papers(tmp_path / "tls.key", organisation="A", endpoint=endpoint)
    assert not (tmp_path / "tls.key").exists()


def test_organisation_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="organisation"):
        make_tls_papers(tmp_path / "tls.key", organisation=" ", endpoint="a.example:1")


def test_long_names_are_cut_to_what_a_certificate_holds(tmp_path: Path) -> None:
    papers = make_tls_papers(tmp_path / "tls.key", organisation="B" * 100, endpoint="a.example:1")
    assert read_request(papers.request_file).subject.rfc4514_string() == "CN=a.example,O=" + "B" * 64


def test_file_without_a_usable_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tls.key"
    path.write_text("no key")
    with pytest.raises(ConfigError, match="does not hold an unencrypted key"):
        make_tls_papers(path, organisation="A", endpoint="a.example:1")
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(ConfigError, match="elliptic curve"):
        make_tls_papers(path, organisation="A", endpoint="a.example:1")
