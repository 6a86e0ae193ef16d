"""What vaults say of data that was taken back: whose vault it is, and its signed receipts. Pure: no I/O.

A receipt counts when the vault signed it, and a vault belongs to a node when the node's TLS key, which the chain
lists, and the vault's key have signed for each other. Neither needs trust in the vault that passed it on.
Source: docs/protocol.md, 9 and 11.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from client.sdk import signing
from client.sdk.errors import DecodeError, InvalidInputError, TamperedError
from client.sdk.hashing import address_text

NEVER_HELD = bytes(32)
"""Blob hash in a receipt of a vault that never held the record, and will not take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Signatures by which a node and a vault say that they belong together."""

    node_key: bytes
    """DER SubjectPublicKeyInfo of the node's TLS key."""
    node_signature: bytes
    vault_signature: bytes
    """65 bytes, v 27 or 28."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultConfirmation:
    """One vault's part of an answer."""

    node: bytes | None
    """Hash of its node's TLS key; None for a vault that runs alone."""
    organisation: int
    endpoint: str
    vault: str | None
    """Address of its key; None when its node has never announced a vault."""
    binding: Binding | None
    receipts: Sequence[Mapping[str, Any] | None]
    """In the order asked; None for one that is missing."""

    @property
    def name(self) -> str:
        """What to call it to people."""
        if self.node is None:
            return f"vault {self.vault}"
        silent = "" if self.vault else ", which has announced no vault"
        return f"organisation {self.organisation}, node {self.node.hex()[:16]} at {self.endpoint}{silent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultDomain:
    """Network in which signatures of vaults count."""

    chain_id: int
    registry: str
    """Address of the ContractRegistry."""

    def digest(self, primary: str, fields: list[tuple[str, str]], message: dict[str, object]) -> bytes:
        """Return what an EIP-712 signature of a vault's domain signs."""
        domain = {
            "name": "Tranchain Vault",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": self.registry,
        }
        return signing.typed_digest(domain=domain, primary=primary, fields=fields, message=message)


def decode_confirmations(answer: Mapping[str, Any], *, count: int) -> list[VaultConfirmation]:
    """Read the answer to `confirmations`; `count` receipts were asked for."""
    vaults = answer.get("vaults")
    if not isinstance(vaults, list):
        raise _other_shape()
    return [_confirmation(each, count) for each in vaults]


def check_binding(domain: VaultDomain, confirmation: VaultConfirmation) -> None:
    """Check that a node and its vault have signed for each other; TamperedError when they have not."""
    binding, node, vault = confirmation.binding, confirmation.node, confirmation.vault
    if binding is None or node is None or vault is None:
        raise _not_bound(confirmation)
    fields = [("node", "bytes32"), ("vault", "address")]
    digest = domain.digest("VaultNode", fields, {"node": node, "vault": vault})
    try:
        key = load_der_public_key(binding.node_key)
        if hashlib.sha256(binding.node_key).digest() != node or not isinstance(key, EllipticCurvePublicKey):
            raise _not_bound(confirmation)
        key.verify(binding.node_signature, digest, ECDSA(SHA256()))
        if signing.recover(digest, binding.vault_signature) != vault:
            raise _not_bound(confirmation)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, InvalidInputError) as error:
        raise _not_bound(confirmation) from error


def check_deletion(domain: VaultDomain, vault: str, root: bytes, index: int, receipt: Mapping[str, Any]) -> None:
    """Check that a vault signed a receipt for a record; TamperedError when it did not."""
    fields = [("batchRoot", "bytes32"), ("index", "uint32"), ("blobHash", "bytes32"), ("deletedAt", "uint256")]
    message = {
        "batchRoot": root,
        "index": index,
        "blobHash": receipt["blob_hash"],
        "deletedAt": receipt["deleted_at"],
    }
    _check_signer(domain.digest("DeletionReceipt", fields, message), vault, receipt)


def check_purge(domain: VaultDomain, vault: str, pack: int, receipt: Mapping[str, Any]) -> None:
    """Check that a vault signed a receipt for a pack; TamperedError when it did not."""
    fields = [("pack", "uint256"), ("count", "uint256"), ("purgedAt", "uint256")]
    message = {"pack": pack, "count": receipt["count"], "purgedAt": receipt["purged_at"]}
    _check_signer(domain.digest("PurgeReceipt", fields, message), vault, receipt)


def _check_signer(digest: bytes, vault: str, receipt: Mapping[str, Any]) -> None:
    if signing.recover(digest, receipt["signature"]) != vault:
        raise TamperedError("deletion receipt", got="another signer", expected=f"vault {vault}")


def _confirmation(fields: Any, count: int) -> VaultConfirmation:
    match fields:
        case {
            "node": None | bytes() as node,
            "organisation": int(organisation),
            "endpoint": str(endpoint),
            "vault": None | bytes() as vault,
            "binding": binding,
            "receipts": list(receipts),
        } if len(receipts) == count and all(each is None or _is_receipt(each) for each in receipts):
            return VaultConfirmation(
                node=node,
                organisation=organisation,
                endpoint=endpoint,
                vault=None if vault is None else address_text(f"0x{vault.hex()}"),
                binding=None if binding is None else _binding(binding),
                receipts=receipts,
            )
        case _:
            raise _other_shape()


def _binding(fields: Any) -> Binding:
    match fields:
        case {"node_key": bytes(key), "node_signature": bytes(by_node), "vault_signature": bytes(by_vault)}:
            return Binding(node_key=key, node_signature=by_node, vault_signature=by_vault)
        case _:
            raise _other_shape()


def _is_receipt(fields: Any) -> bool:
    match fields:
        case {"blob_hash": bytes(blob_hash), "deleted_at": int(), "signature": bytes()}:
            return len(blob_hash) == len(NEVER_HELD)
        case {"count": int(), "purged_at": int(), "signature": bytes()}:
            return True
        case _:
            return False


def _other_shape() -> DecodeError:
    return DecodeError("vault answer", got="another shape", expected="that of docs/protocol.md, 9")


def _not_bound(confirmation: VaultConfirmation) -> TamperedError:
    return TamperedError(
        f"receipts of {confirmation.name}", got="no proof that the vault is this node's", expected="both signatures"
    )
