"""What an account signs of a put, so that any vault can check a copy of its items. Source: docs/protocol.md, 11."""

from collections.abc import Mapping, Sequence
from typing import Any

from cbor2 import dumps

from client.sdk import signing
from client.sdk.canonical import encode
from client.sdk.hashing import keccak


def lot_digest(account: str, items: Sequence[Mapping[str, Any]], *, chain_id: int, registry: str) -> bytes:
    """Return the EIP-712 digest over the items of a put, which are those of its body in their order."""
    return signing.typed_digest(
        domain={"name": "Tranchain Vault", "version": "1", "chainId": chain_id, "verifyingContract": registry},
        primary="Lot",
        fields=[("account", "address"), ("itemsHash", "bytes32")],
        message={"account": account, "itemsHash": keccak(b"".join(map(_item_digest, items)))},
    )


def _item_digest(item: Mapping[str, Any]) -> bytes:
    blob_hash = keccak(item["blob"])
    if item["kind"] == "record":
        # the canonical array [0, batch root, index, blob hash]; an upload makes one for every record
        return keccak(b"\x84\x00\x58\x20" + item["batch_root"] + dumps(item["index"]) + b"\x58\x20" + blob_hash)
    readers, roles = sorted(set(item["readers"])), sorted(set(item["roles"]))
    return keccak(encode([1, item["pack"], readers, roles, blob_hash]))
