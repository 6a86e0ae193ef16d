"""Lots: what one put brought, signed by who put it, so that any vault can check it whoever hands it on. No I/O.

The signature is over the digests of all items, not over their bytes: it still holds for the others when one of them
is erased. Source: docs/protocol.md, 11; docs/adr/0014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cbor2

from chain_node.core.crypto import SIGNATURE_SIZE_BYTES, recover_address
from chain_node.core.errors import BadSignatureError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.items import Item, PackContext, RecordContext
from chain_node.vault.typed_data import lot_digest

DIGEST_SIZE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Lot:
    """One signed put, without its blobs."""

    account: Address
    signature: bytes
    """65 bytes, recovery id 0 or 1."""
    digests: bytes
    """Of every item in the order of the put, 32 bytes each."""

    @property
    def lot_id(self) -> Hash32:
        """What a lot is called: the same put by the same account is the same lot, wherever it was put."""
        return keccak(self.account + self.digests)

    @property
    def count(self) -> int:
        """Number of items."""
        return len(self.digests) // DIGEST_SIZE_BYTES

    def digest_at(self, position: int) -> bytes:
        """Digest of one item."""
        return self.digests[position * DIGEST_SIZE_BYTES : (position + 1) * DIGEST_SIZE_BYTES]

    def verify(self, domain: Hash32) -> None:
        """Check that the account signed these items.

        Raises:
            BadSignatureError: it did not.
        """
        signer = recover_address(lot_digest(domain, self.account, keccak(self.digests)), self.signature)
        if signer != self.account:
            raise BadSignatureError(f"the lot is signed by 0x{signer.hex()}, expected 0x{self.account.hex()}")


@dataclass(frozen=True, slots=True)
class LotPart:
    """Items of a lot by their positions in it."""

    lot: Lot
    positions: Sequence[int]


def make_lot(account: Address, signature: bytes, items: Sequence[Item]) -> Lot:
    """The lot of a put; nothing is verified."""
    # Ethereum's tools write 27 or 28 where the curve library writes 0 or 1
    if len(signature) == SIGNATURE_SIZE_BYTES and signature[64] in (27, 28):
        signature = signature[:64] + bytes([signature[64] - 27])
    return Lot(account, signature, b"".join(item_digest(item.context, keccak(item.blob)) for item in items))


def item_digest(context: RecordContext | PackContext, blob_hash: Hash32) -> Hash32:
    """What of an item is signed: where it belongs, who may read it, and its hash."""
    if isinstance(context, RecordContext):
        # the canonical array [0, batch root, index, blob hash]; a put has up to 10,000 of them
        return keccak(b"\x84\x00\x58\x20" + context.batch_root + cbor2.dumps(context.index) + b"\x58\x20" + blob_hash)
    fields = [1, context.pack, list(context.readers), list(context.roles), blob_hash]
    return keccak(cbor2.dumps(fields, canonical=True))
