"""Signing and recovery, against eth-account, and errors that say what they got."""

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_node.core.crypto import CURVE_ORDER, HALF_CURVE_ORDER, address_of, recover_address, sign_digest
from chain_node.core.errors import (
    BadSignatureError,
    ChainError,
    ConfigError,
    DecodeError,
    HeaderMismatchError,
    InvariantViolation,
    RemoteProtocolError,
    UnavailableError,
    invariant,
)
from chain_node.core.hashing import keccak

keys = st.integers(1, CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32)


@settings(max_examples=50)
@given(keys, digests)
def test_signature_is_low_s_deterministic_and_recovers_to_the_key(key: bytes, digest: bytes) -> None:
    signature = sign_digest(key, digest)
    assert signature == sign_digest(key, digest)
    assert signature[64] in (0, 1)
    assert int.from_bytes(signature[32:64], "big") <= HALF_CURVE_ORDER
    assert recover_address(digest, signature) == address_of(key)


def test_address_and_signature_agree_with_another_library() -> None:
    key, digest = b"\x22" * 32, keccak(b"tranchain")
    other = Account.unsafe_sign_hash(digest, key)
    assert address_of(key).hex() == Account.from_key(key).address[2:].lower()
    assert sign_digest(key, digest) == bytes(other.signature[:64]) + bytes((other.v - 27,))


def test_keccak_is_not_nist_sha3() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (bytes(64), "got 64 bytes, expected 65"),
        (b"\x01" * 64 + b"\x02", "recovery id 2"),
        (b"\x01" * 64 + b"\x1b", "recovery id 27"),
        (bytes(32) + b"\x01" * 33, "r is not in"),
        (b"\xff" * 32 + b"\x01" * 33, "r is not in"),
        (b"\x01" * 32 + bytes(32) + b"\x01", "s is not in"),
        (b"\x01" * 32 + (HALF_CURVE_ORDER + 1).to_bytes(32, "big") + b"\x01", "above n/2"),
        ((5).to_bytes(32, "big") + b"\x01" * 32 + b"\x00", "recovers to no public key"),
    ],
)
def test_signature_out_of_range_is_refused_with_its_reason(signature: bytes, reason: str) -> None:
    with pytest.raises(BadSignatureError, match=reason):
        recover_address(keccak(b"x"), signature)


def test_errors_say_what_they_got_and_expected() -> None:
    assert str(HeaderMismatchError("mix_hash", b"\x01", b"\x02")) == "header mix_hash: got 0x01, expected 0x02"
    assert str(DecodeError(offset=3, expected="a list")) == "byte 3: expected a list"
    assert str(ConfigError("a.b", "is missing")) == "a.b: is missing"
    assert str(UnavailableError("the peer")) == "the peer is not available now"
    assert RemoteProtocolError("too fast", penalty=10).penalty == 10
    assert "(100 bytes)" in str(HeaderMismatchError("extra_data", bytes(100), "less"))


def test_broken_invariant_is_not_caught_as_an_ordinary_error() -> None:
    invariant(holds=True, fact="one is one")
    with pytest.raises(InvariantViolation, match="two is one"):
        invariant(holds=False, fact="two is one")
    assert not issubclass(InvariantViolation, Exception)
    assert issubclass(ConfigError, ChainError)
