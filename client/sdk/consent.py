"""Consent receipts: the originator attests that a borrower agreed to a purpose. Pure but for the random nonce.

Source: docs/protocol.md, 5.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from eth_account.signers.local import LocalAccount

from client.sdk import canonical, signing
from client.sdk.errors import DecodeError, InvalidInputError
from client.sdk.role import Role, role_bitmap

RECEIPT_VERSION = 1
_NONCE_SIZE = 16
_HASH_SIZE = 32


class Purpose(IntEnum):
    """Why a credit file is read; the number is the bit in a receipt."""

    UNDERWRITING = 1
    MONITORING = 2
    DISPUTE = 3
    AUDIT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentReceipt:
    """What a borrower agreed to, under the handle of one pack."""

    handle: bytes
    """The subject's handle in the pack, 32 bytes."""
    purposes: int
    """Bitmap, bit = Purpose."""
    recipient_roles: int
    """Bitmap of the roles that may receive, bit = Role."""
    is_explicit: bool
    """Whether the borrower agreed expressly and not by conduct."""
    granted_day: int
    expires_day: int
    """First day on which it no longer holds."""
    nonce: bytes
    """16 random bytes, so that equal consents have different hashes."""
    evidence_hash: bytes
    """Hash of the borrower's signed document, which the originator keeps."""

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return canonical.encode(
            [
                RECEIPT_VERSION,
                self.handle,
                self.purposes,
                self.recipient_roles,
                int(self.is_explicit),
                self.granted_day,
                self.expires_day,
                self.nonce,
                self.evidence_hash,
            ]
        )


def make_receipt(
    *,
    handle: bytes,
    purposes: Iterable[Purpose],
    recipient_roles: Iterable[Role],
    granted_day: int,
    expires_day: int,
    evidence_hash: bytes,
    is_explicit: bool = True,
) -> ConsentReceipt:
    """Return a receipt with a fresh nonce."""
    return ConsentReceipt(
        handle=handle,
        purposes=sum({1 << purpose for purpose in purposes}),
        recipient_roles=role_bitmap(recipient_roles),
        is_explicit=is_explicit,
        granted_day=granted_day,
        expires_day=expires_day,
        nonce=secrets.token_bytes(_NONCE_SIZE),
        evidence_hash=evidence_hash,
    )


def sign_receipt(receipt: ConsentReceipt, originator: LocalAccount) -> bytes:
    """Return receipt ‖ signature, the bytes whose keccak is a leaf of the consent root."""
    body = receipt.to_bytes()
    return body + signing.sign_digest(originator, signing.personal_digest(body))


def parse_receipt(signed: bytes) -> tuple[ConsentReceipt, str]:
    """Return the receipt and the address that signed it; DecodeError when it is not a receipt."""
    body, signature = signed[: -signing.SIGNATURE_SIZE], signed[-signing.SIGNATURE_SIZE :]
    match canonical.decode_array(body, what="consent receipt", length=9):
        case [
            1,
            bytes(handle),
            int(purposes),
            int(roles),
            0 | 1 as explicit,
            int(granted),
            int(expires),
            bytes(nonce),
            bytes(evidence),
        ] if (len(handle), len(nonce), len(evidence)) == (_HASH_SIZE, _NONCE_SIZE, _HASH_SIZE):
            receipt = ConsentReceipt(
                handle=handle,
                purposes=purposes,
                recipient_roles=roles,
                is_explicit=bool(explicit),
                granted_day=granted,
                expires_day=expires,
                nonce=nonce,
                evidence_hash=evidence,
            )
        case _:
            raise DecodeError("consent receipt", got="another shape", expected="version 1 of docs/protocol.md, 5")
    return receipt, signing.recover(signing.personal_digest(body), signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentUse:
    """What a receipt has to permit, and who has to have signed it."""

    originator: str
    purpose: Purpose
    recipient_roles: int
    """Bitmap of roles, bit = Role; every one of them must be agreed to."""
    day: int


def check_receipt(signed: bytes, *, handle: bytes, use: ConsentUse) -> ConsentReceipt:
    """Return the receipt if it permits exactly this use; InvalidInputError says which part does not."""
    receipt, signer = parse_receipt(signed)
    if signer != use.originator:
        problem = "is not signed by the pack's originator"
    elif receipt.handle != handle:
        problem = "is for another subject"
    elif not receipt.purposes >> use.purpose & 1:
        problem = f"does not cover the purpose {use.purpose.name.lower()}"
    elif use.recipient_roles & ~receipt.recipient_roles:
        problem = "does not cover every recipient's role"
    elif not receipt.granted_day <= use.day < receipt.expires_day:
        problem = "does not hold on this day"
    else:
        return receipt
    raise InvalidInputError(f"consent receipt {problem}")
