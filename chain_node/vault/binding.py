"""Whose node a vault is at: a statement that both the node's TLS key and the vault's key sign. No I/O.

The chain knows the hash of every node's TLS key, so anybody can check the statement, and with it every receipt of the
vault, without trusting whoever passed it on. Source: docs/protocol.md, 11; docs/adr/0014.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chain_node.core.crypto import recover_address, sign_digest
from chain_node.core.errors import BadSignatureError
from chain_node.core.types import Address, Hash32
from chain_node.vault.typed_data import vault_node_digest

NODE_SIGNATURE_SIZE_BYTES_MAX = 160
NODE_KEY_SIZE_BYTES_MAX = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A vault's key and the node it belongs to, each having signed for the other."""

    vault: Address
    """Account of the vault's key, which signs its receipts."""
    node_key: bytes
    """DER SubjectPublicKeyInfo of the node's TLS key."""
    node_signature: bytes
    """ECDSA with SHA-256, DER, by the TLS key."""
    vault_signature: bytes
    """65 bytes, recovery id 0 or 1, by the vault's key."""

    @property
    def node(self) -> Hash32:
        """Hash of the node's TLS key, as the chain lists it."""
        return Hash32(hashlib.sha256(self.node_key).digest())

    def verify(self, domain: Hash32) -> None:
        """Check both signatures.

        Raises:
            BadSignatureError: one of them is not of the key it should be of.
        """
        digest = vault_node_digest(domain, self.node, self.vault)
        if recover_address(digest, self.vault_signature) != self.vault:
            raise BadSignatureError("the vault's key did not sign for this node")
        try:
            key = load_der_public_key(self.node_key)
            if not isinstance(key, EllipticCurvePublicKey):
                raise BadSignatureError("the node's key is not on a curve")
            key.verify(self.node_signature, digest, ECDSA(SHA256()))
        except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
            raise BadSignatureError("the node's key did not sign for this vault") from error


def make_binding(
    domain: Hash32, vault_key: bytes, vault: Address, node_key: bytes, sign: Callable[[bytes], bytes]
) -> Binding:
    """Bind a vault to its node; `sign` is ECDSA with SHA-256 by the node's TLS key, whose DER is `node_key`."""
    digest = vault_node_digest(domain, hashlib.sha256(node_key).digest(), vault)
    return Binding(
        vault=vault, node_key=node_key, node_signature=sign(digest), vault_signature=sign_digest(vault_key, digest)
    )
