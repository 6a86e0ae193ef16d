"""The extraData field of a header: RLP([vanity, validators, vote, round, seals]). No I/O.

Strict: `encode(decode(x)) == x`, and the older layouts (fixed four-byte round, null vote, IBFT 2) are refused.

Source: Besu QbftExtraDataCodec; GoQuorum types.QBFTExtra.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.core import rlp
from chain_node.core.crypto import SIGNATURE_SIZE_BYTES
from chain_node.core.errors import DecodeError
from chain_node.core.fields import read_bytes, read_list, read_scalar
from chain_node.core.types import Address, Round

EMPTY_VANITY = bytes(32)
_ADD = b"\xff"
_DROP = b""
_ROUND_ENCODED_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Vote:
    """One validator's wish to change the set, cast by the author of the block."""

    recipient: Address
    """Whom it is about."""
    is_add: bool
    """True to add, false to drop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraData:
    """Decoded extraData."""

    vanity: bytes
    """Free bytes, 32 by custom."""
    validators: tuple[Address, ...]
    """The set that seals this block, ascending; empty when a contract lists it."""
    vote: Vote | None
    """At most one; always None when a contract lists the validators."""
    round: Round
    """The round in which the block was committed, or is proposed."""
    seals: tuple[bytes, ...]
    """Commit seals of 65 bytes in order of arrival; empty before commitment."""


def encode_extra_data(extra: ExtraData) -> bytes:
    """RLP of the five items; round in its shortest form, an absent vote as an empty list."""
    vote = [] if extra.vote is None else [extra.vote.recipient, _ADD if extra.vote.is_add else _DROP]
    return rlp.encode([extra.vanity, extra.validators, vote, rlp.scalar(extra.round), extra.seals])


def decode_extra_data(raw: bytes) -> ExtraData:
    """Decode extraData of a sealed or unsealed header.

    Raises:
        DecodeError: not the current QBFT layout.
    """
    vanity, validators, vote, round_number, seals = read_list(rlp.decode(raw), field="extra data", size=5)
    return ExtraData(
        vanity=read_bytes(vanity, field="vanity"),
        validators=tuple(
            Address(read_bytes(item, field="validator", size=20)) for item in read_list(validators, field="validators")
        ),
        vote=_read_vote(vote),
        round=Round(read_scalar(round_number, field="round", maximum=_ROUND_ENCODED_MAX)),
        seals=tuple(
            read_bytes(item, field="seal", size=SIGNATURE_SIZE_BYTES) for item in read_list(seals, field="seals")
        ),
    )


def _read_vote(item: rlp.Decoded) -> Vote | None:
    fields = read_list(item, field="vote")
    if not fields:
        return None
    recipient, kind = read_list(item, field="vote", size=2)
    kind_byte = read_bytes(kind, field="vote type")
    if kind_byte not in (_ADD, _DROP):
        raise DecodeError(offset=0, expected="vote type 0xff (add) or empty (drop)")
    return Vote(Address(read_bytes(recipient, field="vote recipient", size=20)), kind_byte == _ADD)
