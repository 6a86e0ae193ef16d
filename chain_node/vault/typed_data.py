"""EIP-712 of the vault: signed requests, lots, receipts, and whose node a vault is at. No I/O.

Source: docs/protocol.md, 9 and 11.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32

_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_REQUEST_TYPE = keccak(
    b"Request(address account,bytes32 service,string path,bytes32 bodyHash,uint256 nonce,uint256 deadline)"
)
_RECEIPT_TYPE = keccak(b"DeletionReceipt(bytes32 batchRoot,uint32 index,bytes32 blobHash,uint256 deletedAt)")
_LOT_TYPE = keccak(b"Lot(address account,bytes32 itemsHash)")
_PURGE_RECEIPT_TYPE = keccak(b"PurgeReceipt(uint256 pack,uint256 count,uint256 purgedAt)")
_VAULT_NODE_TYPE = keccak(b"VaultNode(bytes32 node,address vault)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a member signs to call a service."""

    account: Address
    service: Hash32
    path: str
    body_hash: Hash32
    nonce: int
    deadline: int
    """Unix second after which the request is worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionReceipt:
    """What a vault signs to say that it holds a record no more."""

    batch_root: Hash32
    index: int
    blob_hash: Hash32
    """32 zero bytes when the vault never held the record."""
    deleted_at: int
    """Unix second of the newest block when the record was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReceipt:
    """What a vault signs to say that it holds nothing of a pack and takes no more of it."""

    pack: int
    count: int
    """Blobs that it forgot."""
    purged_at: int
    """Unix second of the newest block when it did."""


def domain_separator(chain_id: int, registry: Address) -> Hash32:
    """Domain of one network; `registry` is the address of its ContractRegistry."""
    return keccak(
        _DOMAIN_TYPE + keccak(b"Tranchain Vault") + keccak(b"1") + _word(chain_id) + bytes(12) + registry,
    )


def request_digest(domain: Hash32, request: Request) -> Hash32:
    """The 32 bytes a member's account signs."""
    return _sign_bytes(
        domain,
        _REQUEST_TYPE
        + bytes(12)
        + request.account
        + request.service
        + keccak(request.path.encode())
        + request.body_hash
        + _word(request.nonce)
        + _word(request.deadline),
    )


def receipt_digest(domain: Hash32, receipt: DeletionReceipt) -> Hash32:
    """The 32 bytes a vault's key signs."""
    words = receipt.batch_root + _word(receipt.index) + receipt.blob_hash + _word(receipt.deleted_at)
    return _sign_bytes(domain, _RECEIPT_TYPE + words)


def lot_digest(domain: Hash32, account: Address, items_hash: Hash32) -> Hash32:
    """The 32 bytes an account signs to say that it put a lot."""
    return _sign_bytes(domain, _LOT_TYPE + bytes(12) + account + items_hash)


def purge_receipt_digest(domain: Hash32, receipt: PurgeReceipt) -> Hash32:
    """The 32 bytes a vault's key signs."""
    words = _word(receipt.pack) + _word(receipt.count) + _word(receipt.purged_at)
    return _sign_bytes(domain, _PURGE_RECEIPT_TYPE + words)


def vault_node_digest(domain: Hash32, node: bytes, vault: Address) -> Hash32:
    """The 32 bytes that both a node's TLS key and its vault's key sign; `node` is the hash of the TLS key."""
    return _sign_bytes(domain, _VAULT_NODE_TYPE + node + bytes(12) + vault)


def _sign_bytes(domain: Hash32, struct: bytes) -> Hash32:
    return keccak(b"\x19\x01" + domain + keccak(struct))


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
