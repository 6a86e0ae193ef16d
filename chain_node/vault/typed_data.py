"""EIP-712 of the vault: signed requests and deletion receipts. No I/O. Source: docs/protocol.md, 9."""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32

_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_REQUEST_TYPE = keccak(
    b"Request(address account,bytes32 service,string path,bytes32 bodyHash,uint256 nonce,uint256 deadline)"
)
_RECEIPT_TYPE = keccak(b"DeletionReceipt(bytes32 batchRoot,uint32 index,bytes32 blobHash,uint256 deletedAt)")


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
    deleted_at: int
    """Unix second of the newest block when the record was deleted."""


def domain_separator(chain_id: int, registry: Address) -> Hash32:
    """Domain of one network; `registry` is the address of its ContractRegistry."""
    return keccak(
        _DOMAIN_TYPE + keccak(b"Tranchain Vault") + keccak(b"1") + _word(chain_id) + bytes(12) + registry,
    )


def request_digest(domain: Hash32, request: Request) -> Hash32:
    """The 32 bytes a member's account signs."""
    struct = keccak(
        _REQUEST_TYPE
        + bytes(12)
        + request.account
        + request.service
        + keccak(request.path.encode())
        + request.body_hash
        + _word(request.nonce)
        + _word(request.deadline)
    )
    return keccak(b"\x19\x01" + domain + struct)


def receipt_digest(domain: Hash32, receipt: DeletionReceipt) -> Hash32:
    """The 32 bytes a vault's key signs."""
    struct = keccak(
        _RECEIPT_TYPE + receipt.batch_root + _word(receipt.index) + receipt.blob_hash + _word(receipt.deleted_at)
    )
    return keccak(b"\x19\x01" + domain + struct)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
