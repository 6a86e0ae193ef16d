"""The registrar's attestation of one chunk of a pack. Pure: no I/O.

Source: docs/protocol.md, 6.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from client.sdk import canonical, signing
from client.sdk.hashing import keccak

CHUNK_SIZE = 256
"""Assets of one chunk; the last may be shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationDomain:
    """Where an attestation counts."""

    chain_id: int
    pledge_registry: str
    """Address of the PledgeRegistry."""


def compute_nullifier(
    registrar_key: bytes, *, subject: str, origination_day: int, original_principal_cents: int, currency: str
) -> bytes:
    """Return the 32 bytes that are the same whenever the same loan is pledged, and say nothing without the key."""
    loan = canonical.encode([subject, origination_day, original_principal_cents, currency])
    return hmac.digest(registrar_key, loan, "sha256")


def compute_chunk_hash(nullifiers: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
    """Return keccak(nullifiers ‖ leaves)."""
    return keccak(b"".join(nullifiers) + b"".join(leaves))


def attestation_digest(domain: AttestationDomain, *, pack: int, first_index: int, chunk_hash: bytes) -> bytes:
    """Return what a registrar signs for the chunk of `pack` that starts at asset `first_index`."""
    return signing.typed_digest(
        domain={
            "name": "Tranchain PledgeRegistry",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": domain.pledge_registry,
        },
        primary="Attestation",
        fields=[("pack", "uint256"), ("firstIndex", "uint32"), ("chunkHash", "bytes32")],
        message={"pack": pack, "firstIndex": first_index, "chunkHash": chunk_hash},
    )


def attest(
    registrar: LocalAccount, domain: AttestationDomain, *, pack: int, first_index: int, chunk_hash: bytes
) -> bytes:
    """Return the registrar's 65-byte signature."""
    digest = attestation_digest(domain, pack=pack, first_index=first_index, chunk_hash=chunk_hash)
    return signing.sign_digest(registrar, digest)


def recover_attestor(
    domain: AttestationDomain, *, pack: int, first_index: int, chunk_hash: bytes, signature: bytes
) -> str:
    """Return the address that signed; whether it is a registrar is the chain's to say."""
    digest = attestation_digest(domain, pack=pack, first_index=first_index, chunk_hash=chunk_hash)
    return signing.recover(digest, signature)
