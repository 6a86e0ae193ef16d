"""A purge as it was asked for: the signed request itself, kept, so that every vault can check it. No I/O.

Source: docs/protocol.md, 11; docs/adr/0014.
"""

from __future__ import annotations

from dataclasses import dataclass

import cbor2

from chain_node.core.crypto import SIGNATURE_SIZE_BYTES
from chain_node.core.errors import DecodeError
from chain_node.core.types import Address, Hash32
from chain_node.vault.items import parse_purge
from chain_node.vault.limits import PURGE_SIZE_BYTES_MAX
from chain_node.vault.signed_request import Claim, verify_claim

PURGE_PATH = "/vault/v1/purge"


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """A signed request to purge a pack, as one vault got it."""

    claim: Claim
    service: Hash32
    """Id of the vault that got it."""
    body: bytes

    @property
    def pack(self) -> int:
        """The pack to be purged.

        Raises:
            VaultError: the body is none of a purge.
        """
        return parse_purge(self.body)

    def verify(self, domain: Hash32) -> None:
        """Check that the account signed it; whether it may purge is for the chain to say. Its deadline does not matter:
        what was to be forgotten once is to be forgotten for ever.

        Raises:
            VaultError: it did not.
        """
        verify_claim(self.claim, domain=domain, service=self.service, path=PURGE_PATH, body=self.body)


def encode_order(order: PurgeOrder) -> bytes:
    """Canonical bytes."""
    claim = order.claim
    nonce, deadline = claim.nonce.to_bytes(32, "big"), claim.deadline.to_bytes(32, "big")
    return cbor2.dumps([claim.account, nonce, deadline, claim.signature, order.service, order.body], canonical=True)


def decode_order(raw: bytes) -> PurgeOrder:
    """The order with these bytes; nothing is verified.

    Raises:
        DecodeError: these are none.
    """
    try:
        fields = cbor2.loads(raw)
    except (cbor2.CBORDecodeError, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise _not_an_order() from error
    sizes = (20, 32, 32, SIGNATURE_SIZE_BYTES, 32)
    if not isinstance(fields, list) or len(fields) != len(sizes) + 1 or not all(type(one) is bytes for one in fields):
        raise _not_an_order()
    if tuple(map(len, fields[:-1])) != sizes or len(fields[-1]) > PURGE_SIZE_BYTES_MAX:
        raise _not_an_order()
    account, nonce, deadline, signature, service, body = fields
    claim = Claim(
        account=Address(account),
        nonce=int.from_bytes(nonce, "big"),
        deadline=int.from_bytes(deadline, "big"),
        signature=signature,
    )
    return PurgeOrder(claim, Hash32(service), body)


def _not_an_order() -> DecodeError:
    return DecodeError(offset=0, expected="the six byte strings of a purge order")
