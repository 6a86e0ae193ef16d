import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from client.sdk import attestation, signing
from client.sdk.errors import InvalidInputError, RequestRefusedError
from client.sdk.hashing import address_bytes, address_text, keccak
from client.sdk.signed_request import REGISTRAR_SERVICE, RequestScope, RequestVerifier, sign_request

ACCOUNT = Account.from_key(b"\x01" * 32)
REGISTRY = address_text("0x" + "7c" * 20)
SCOPE = RequestScope(chain_id=7, registry=REGISTRY, service=b"\x05" * 32)
NOW = 1_700_000_000


def test_recover_of_a_signature_gives_its_account():
    digest = keccak(b"message")
    assert signing.recover(digest, signing.sign_digest(ACCOUNT, digest)) == ACCOUNT.address


def test_signature_is_the_one_that_eth_account_makes():
    digest = keccak(b"message")
    assert signing.sign_digest(ACCOUNT, digest) == bytes(Account.unsafe_sign_hash(digest, ACCOUNT.key).signature)


@pytest.mark.parametrize("signature", [b"", bytes(65), bytes(64) + b"\x1b", b"\xff" * 64 + b"\x1b", b"\x01" * 66])
def test_recover_of_something_else_is_refused(signature):
    with pytest.raises(InvalidInputError, match="signature"):
        signing.recover(keccak(b"message"), signature)


def test_recover_of_the_mirrored_signature_is_refused():
    """Of the two signatures that a key can make one has s in the upper half; taking both would allow replays."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    digest = keccak(b"message")
    good = signing.sign_digest(ACCOUNT, digest)
    mirrored = good[:32] + (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big") + bytes([55 - good[64]])
    with pytest.raises(InvalidInputError):
        signing.recover(digest, mirrored)


def test_attestation_is_eip_712_typed_data_of_the_protocol():
    domain = attestation.AttestationDomain(chain_id=7, pledge_registry=REGISTRY)
    chunk_hash = attestation.compute_chunk_hash([b"\x01" * 32, b"\x02" * 32], [b"\x03" * 32, b"\x04" * 32])
    assert chunk_hash == keccak(b"\x01" * 32 + b"\x02" * 32 + b"\x03" * 32 + b"\x04" * 32)
    signature = attestation.attest(ACCOUNT, domain, pack=3, first_index=256, chunk_hash=chunk_hash)
    document = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Attestation": [
                {"name": "pack", "type": "uint256"},
                {"name": "firstIndex", "type": "uint32"},
                {"name": "chunkHash", "type": "bytes32"},
            ],
        },
        "primaryType": "Attestation",
        "domain": {
            "name": "Tranchain PledgeRegistry",
            "version": "1",
            "chainId": 7,
            "verifyingContract": REGISTRY,
        },
        "message": {"pack": 3, "firstIndex": 256, "chunkHash": chunk_hash},
    }
    signable = encode_typed_data(full_message=document)
    assert Account.recover_message(signable, signature=signature) == ACCOUNT.address
    signer = attestation.recover_attestor(domain, pack=3, first_index=256, chunk_hash=chunk_hash, signature=signature)
    assert signer == ACCOUNT.address
    other = attestation.recover_attestor(domain, pack=4, first_index=256, chunk_hash=chunk_hash, signature=signature)
    assert other != ACCOUNT.address


def test_nullifier_is_the_same_for_the_same_loan_only():
    loan = {"subject": "S1", "origination_day": 15_000, "original_principal_cents": 500_000, "currency": "USD"}
    nullifier = attestation.compute_nullifier(b"k" * 32, **loan)
    assert nullifier == attestation.compute_nullifier(b"k" * 32, **loan)
    for change in ({"subject": "S2"}, {"origination_day": 1}, {"original_principal_cents": 1}, {"currency": "EUR"}):
        assert nullifier != attestation.compute_nullifier(b"k" * 32, **{**loan, **change})
    assert nullifier != attestation.compute_nullifier(b"x" * 32, **loan)


def test_verifier_takes_a_signed_request_once():
    verifier = RequestVerifier(SCOPE)
    headers = sign_request(ACCOUNT, SCOPE, path="/vault/v1/get", body=b"body", now=NOW)
    assert verifier.verify(headers, path="/vault/v1/get", body=b"body", now=NOW) == ACCOUNT.address
    with pytest.raises(RequestRefusedError, match="used before"):
        verifier.verify(headers, path="/vault/v1/get", body=b"body", now=NOW)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"path": "/vault/v1/put"}, "bad_signature"),
        ({"body": b"other"}, "bad_signature"),
        ({"now": NOW + 120}, "deadline"),
        ({"now": NOW - 181}, "deadline"),
    ],
)
def test_verifier_refuses_a_request_signed_for_something_else(changes, code):
    headers = sign_request(ACCOUNT, SCOPE, path="/vault/v1/get", body=b"body", now=NOW)
    given = {"path": "/vault/v1/get", "body": b"body", "now": NOW} | changes
    with pytest.raises(RequestRefusedError) as caught:
        RequestVerifier(SCOPE).verify(headers, **given)
    assert (caught.value.status, caught.value.code) == (401, code)


@pytest.mark.parametrize(
    "scope",
    [
        RequestScope(chain_id=8, registry=REGISTRY, service=b"\x05" * 32),
        RequestScope(chain_id=7, registry=address_text("0x" + "01" * 20), service=b"\x05" * 32),
        RequestScope(chain_id=7, registry=REGISTRY, service=REGISTRAR_SERVICE),
    ],
)
def test_verifier_refuses_a_request_to_another_chain_registry_or_service(scope):
    headers = sign_request(ACCOUNT, SCOPE, path="/p", body=b"", now=NOW)
    with pytest.raises(RequestRefusedError, match="not that of"):
        RequestVerifier(scope).verify(headers, path="/p", body=b"", now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"X-Tranchain-Account": "0x12"},
        {"X-Tranchain-Nonce": "-1"},
        {"X-Tranchain-Nonce": "abc"},
        {"X-Tranchain-Nonce": str(2**256)},
        {"X-Tranchain-Deadline": "soon"},
        {"X-Tranchain-Signature": "zz"},
        {"X-Tranchain-Signature": ""},
        {"X-Tranchain-Account": None},
    ],
)
def test_verifier_refuses_headers_it_cannot_read(change):
    headers = {**sign_request(ACCOUNT, SCOPE, path="/p", body=b"", now=NOW), **change}
    headers = {name: value for name, value in headers.items() if value is not None}
    with pytest.raises(RequestRefusedError) as caught:
        RequestVerifier(SCOPE).verify(headers, path="/p", body=b"", now=NOW)
    assert caught.value.code in ("malformed", "unsigned")


def test_verifier_forgets_expired_nonces_and_refuses_beyond_its_limit():
    verifier = RequestVerifier(SCOPE, nonce_count_max=3)

    def take(now):
        headers = sign_request(ACCOUNT, SCOPE, path="/p", body=b"", now=now)
        return verifier.verify(headers, path="/p", body=b"", now=now)

    for _ in range(3):
        take(NOW)
    with pytest.raises(RequestRefusedError) as caught:
        take(NOW)
    assert caught.value.status == 429
    assert take(NOW + 121) == ACCOUNT.address


def test_address_text_checksums_and_refuses_other_texts():
    assert address_text(ACCOUNT.address.lower()) == ACCOUNT.address
    assert address_text(address_bytes(ACCOUNT.address)) == ACCOUNT.address
    for wrong in ("", "0x12", "0x" + "zz" * 20, "0x " + "11" * 19 + "1"):
        with pytest.raises(InvalidInputError):
            address_text(wrong)
