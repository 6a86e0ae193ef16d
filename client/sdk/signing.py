"""Signatures of account keys over 32-byte digests. Pure: no I/O.

A signature is 65 bytes, r ‖ s ‖ v with v 27 or 28 and s in the lower half, as Solidity's ecrecover expects.
"""

from functools import lru_cache

from coincurve import PrivateKey, PublicKey
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from client.sdk.errors import InvalidInputError
from client.sdk.hashing import address_text, keccak

SIGNATURE_SIZE = 65
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def sign_digest(account: LocalAccount, digest: bytes) -> bytes:
    """Sign a 32-byte digest."""
    signature: bytes = _signer(bytes(account.key)).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


@lru_cache(maxsize=4)
def _signer(key: bytes) -> PrivateKey:
    """Making one computes its public key, which takes as long as a signature."""
    return PrivateKey(key)


def recover(digest: bytes, signature: bytes) -> str:
    """Return the address that signed the digest; InvalidInputError for anything that is not a proper signature."""
    shape_ok = len(signature) == SIGNATURE_SIZE and signature[64] in (27, 28)
    if not shape_ok or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise InvalidInputError("signature", got="another form", expected="65 bytes r, s (lower half), v 27 or 28")
    try:
        raw = signature[:64] + bytes([signature[64] - 27])
        key = PublicKey.from_signature_and_message(raw, digest, hasher=None)
    except Exception as error:  # coincurve raises plain Exception for a point off the curve
        raise InvalidInputError("signature", got="one of no key") from error
    return address_of_public_key(key.format(compressed=False))


def address_of_public_key(uncompressed: bytes) -> str:
    """Return the account of an uncompressed secp256k1 point (0x04 ‖ x ‖ y)."""
    return address_text(keccak(uncompressed[1:])[-20:])


def personal_digest(message: bytes) -> bytes:
    """Return what an EIP-191 personal signature of `message` signs."""
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)


def typed_digest(
    *, domain: dict[str, object], primary: str, fields: list[tuple[str, str]], message: dict[str, object]
) -> bytes:
    """Return what an EIP-712 signature signs; `fields` are the (name, type) pairs of the primary type in order."""
    types = {primary: [{"name": name, "type": kind} for name, kind in fields]}
    signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)
