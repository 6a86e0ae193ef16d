"""Sealing to an account's encryption key: HPKE with the hybrid ML-KEM-768 + X25519 KEM.

Public keys are 1,216 bytes (ML-KEM-768 encapsulation key ‖ X25519), private ones 96 (ML-KEM seed ‖ X25519 scalar);
a sealed message is encapsulation (1,120 bytes) ‖ ciphertext ‖ tag (16). Source: docs/protocol.md, 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from client.sdk import canonical
from client.sdk.errors import DecodeError, InvalidInputError, TamperedError
from client.sdk.hashing import address_bytes, address_text, keccak

Label = Literal["pack-key", "row-key", "request-key", "bundle", "key-challenge", "report-rows", "tape-key"]

PUBLIC_KEY_SIZE = 1184 + 32
PRIVATE_KEY_SIZE = 64 + 32
OVERHEAD_SIZE = 1120 + 16
"""Bytes by which a sealed message is longer than its plaintext."""

KEY_LIFETIME_S = 90 * 86_400
"""A key serves this long from its announcement."""

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_ML_KEM_PUBLIC_SIZE = 1184
_ML_KEM_SEED_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SealInfo:
    """What a sealed message is for; it opens only with exactly the same."""

    label: Label
    """Purpose of the message."""
    chain_id: int
    """Chain the message belongs to."""
    registry: str
    """Address of the chain's ContractRegistry."""
    subject: int
    """What the message belongs to: pack id, query id, a number from the key commitment, or 0; set by the label."""
    recipient: str
    """Address of the account whose key opens the message."""
    expires_at: int
    """Second after which the recipient must refuse the message; 0 where the label has no expiry."""

    def for_recipient(self, recipient: str) -> "SealInfo":
        """Return the same purpose for another recipient."""
        return replace(self, recipient=recipient)

    def to_bytes(self) -> bytes:
        """Return the `info` of HPKE: canonical CBOR of the fields in order, addresses as 20 bytes."""
        registry, recipient = address_bytes(self.registry), address_bytes(self.recipient)
        return canonical.encode([self.label, self.chain_id, registry, self.subject, recipient, self.expires_at])


class EncryptionKey:
    """A private HPKE key. Its repr shows the public key's hash only."""

    def __init__(self, raw: bytes):
        """Read the 96 bytes of `to_bytes`."""
        if len(raw) != PRIVATE_KEY_SIZE:
            raise DecodeError("encryption key", got=f"{len(raw)} bytes", expected=f"{PRIVATE_KEY_SIZE}")
        self._ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_ML_KEM_SEED_SIZE])
        self._x25519 = x25519.X25519PrivateKey.from_private_bytes(raw[_ML_KEM_SEED_SIZE:])
        self._key = hpke.MLKEM768X25519PrivateKey(self._ml_kem, self._x25519)
        public = self._ml_kem.public_key().public_bytes_raw() + self._x25519.public_key().public_bytes_raw()
        self.public_key = public
        self.key_hash = keccak(public)

    @classmethod
    def generate(cls) -> "EncryptionKey":
        """Return a new random key."""
        ml_kem, curve = mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
        return cls(ml_kem.private_bytes_raw() + curve.private_bytes_raw())

    def to_bytes(self) -> bytes:
        """Return the private key. It must not leave the keystore unencrypted."""
        return self._ml_kem.private_bytes_raw() + self._x25519.private_bytes_raw()

    def open(self, sealed: bytes, info: SealInfo) -> bytes:
        """Open a message sealed to this key for exactly this purpose; TamperedError otherwise."""
        try:
            return _SUITE.decrypt(sealed, self._key, info.to_bytes())
        except (InvalidTag, ValueError) as error:
            raise TamperedError(
                f"sealed message ({info.label}, {info.subject})",
                got=f"{len(sealed)} bytes that this key does not open",
                expected=f"one sealed to {info.recipient} for this purpose",
            ) from error

    def __repr__(self) -> str:
        return f"EncryptionKey({self.key_hash.hex()[:16]}…)"


def seal(public_key: bytes, plaintext: bytes, info: SealInfo) -> bytes:
    """Seal `plaintext` to a public key as announced on the chain."""
    if len(public_key) != PUBLIC_KEY_SIZE:
        raise InvalidInputError("public key", got=f"{len(public_key)} bytes", expected=f"{PUBLIC_KEY_SIZE}")
    try:
        key = hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public_key[:_ML_KEM_PUBLIC_SIZE]),
            x25519.X25519PublicKey.from_public_bytes(public_key[_ML_KEM_PUBLIC_SIZE:]),
        )
        return _SUITE.encrypt(plaintext, key, info.to_bytes())
    except ValueError as error:
        raise InvalidInputError("public key", got="one that is not valid ML-KEM-768 and X25519") from error


def encode_key_blob(sealed_by_recipient: Mapping[str, bytes]) -> bytes:
    """Return a key blob: canonical array of [recipient address, sealed message], recipients ascending."""
    pairs = sorted((address_bytes(recipient), sealed) for recipient, sealed in sealed_by_recipient.items())
    return canonical.encode([[recipient, sealed] for recipient, sealed in pairs])


def decode_key_blob(blob: bytes) -> dict[str, bytes]:
    """Return the sealed message of each recipient (checksummed address) of a key blob."""
    sealed_by_recipient: dict[str, bytes] = {}
    for item in canonical.decode_array(blob, what="key blob"):
        match item:
            case [bytes(recipient), bytes(sealed)] if len(recipient) == 20:
                sealed_by_recipient[address_text(recipient)] = sealed
            case _:
                raise DecodeError("key blob", expected="an array of [address, sealed message]")
    return sealed_by_recipient
