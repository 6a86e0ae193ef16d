"""What vaults say to one another: canonical CBOR arrays that begin with a number. No I/O.

Whoever follows asks and the other answers, one question at a time; so nothing is sent that was not asked for but
`Announce`, and the follower alone decides how fast it takes. Source: docs/protocol.md, 11.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import cbor2

from chain_node.core.crypto import SIGNATURE_SIZE_BYTES
from chain_node.core.errors import DecodeError
from chain_node.core.types import Address, Hash32
from chain_node.vault.binding import NODE_KEY_SIZE_BYTES_MAX, NODE_SIGNATURE_SIZE_BYTES_MAX, Binding
from chain_node.vault.items import PackContext, RecordContext, check_pack_context
from chain_node.vault.limits import ASK_COUNT_MAX, ITEMS_MAX, MESSAGE_SIZE_BYTES_MAX, NEWS_COUNT_MAX
from chain_node.vault.lot_table import PLACE_SIZE_BYTES, START, decode_context, encode_context
from chain_node.vault.lots import DIGEST_SIZE_BYTES
from chain_node.vault.purge_order import PurgeOrder, decode_order, encode_order
from chain_node.vault.typed_data import DeletionReceipt, PurgeReceipt

_UINT64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Announce:
    """0: whose vault this is; the first message of both sides, and the answer to itself.

    It is answered because a node that is behind cannot judge the other yet and does not hear its first one.
    """

    binding: Binding
    is_answer: bool


@dataclass(frozen=True, slots=True)
class Follow:
    """1: tell me what came after this place in your journal; answered when there is something."""

    place: bytes


@dataclass(frozen=True, slots=True)
class Purged:
    """A purge that the sender carried out: the order, and the sender's receipt."""

    order: PurgeOrder
    receipt: PurgeReceipt
    signature: bytes


@dataclass(frozen=True, slots=True)
class News:
    """2: lots of which something came, packs that were purged, in this order; and the place after them."""

    height: int
    """Of the sender's chain when it said so: whoever is behind cannot judge yet."""
    judged_at: int
    """Height at which the sender last looked what the other is entitled to."""
    entries: tuple[Hash32 | Purged, ...]
    place: bytes


@dataclass(frozen=True, slots=True)
class AskLot:
    """3: what is this lot, and which of its items may I have?"""

    lot_id: Hash32
    is_known: bool
    """Only the items are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotOffer:
    """4: a lot and the positions of the items that the other may have. Account, signature, digests: if asked for."""

    lot_id: Hash32
    account: bytes
    signature: bytes
    digests: bytes
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AskItems:
    """5: give me items of a lot, the first from a byte offset."""

    lot_id: Hash32
    positions: tuple[int, ...]
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPiece:
    """An item, or a piece of a long one; without a placement when it is not here any more."""

    position: int
    context: RecordContext | PackContext | None = None
    size_bytes: int = 0
    """Of the whole blob."""
    piece: bytes = b""


@dataclass(frozen=True, slots=True)
class Items:
    """6: as many of the items asked for as fit, in the order asked; a piece goes alone."""

    lot_id: Hash32
    pieces: tuple[ItemPiece, ...]


@dataclass(frozen=True, slots=True)
class AskReceipts:
    """7: give me your receipts for these records."""

    root: Hash32
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Receipts:
    """8: receipts for those of the records that were taken back."""

    root: Hash32
    signed: tuple[tuple[DeletionReceipt, bytes], ...]


VaultMessage = Announce | Follow | News | AskLot | LotOffer | AskItems | Items | AskReceipts | Receipts


def encode_message(message: VaultMessage) -> bytes:
    """Canonical bytes."""
    return cbor2.dumps(_fields_of(message), canonical=True)


def decode_message(payload: bytes) -> VaultMessage:
    """The message with these bytes.

    Raises:
        InvalidInputError: it is none, or not in its canonical form.
    """
    if len(payload) > MESSAGE_SIZE_BYTES_MAX:
        raise _wrong(f"at most {MESSAGE_SIZE_BYTES_MAX} bytes, got {len(payload)}")
    try:
        fields = cbor2.loads(payload)
        if cbor2.dumps(fields, canonical=True) != payload:
            raise _wrong("canonical CBOR")
        message = _message_of(fields)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise _wrong(f"a message between vaults ({type(error).__name__})") from error
    return message


def _fields_of(message: VaultMessage) -> list[Any]:
    match message:
        case Announce(binding, is_answer):
            signatures = [binding.node_signature, binding.vault_signature]
            return [0, binding.vault, binding.node_key, *signatures, int(is_answer)]
        case Follow(place):
            return [1, place]
        case News(height, judged_at, entries, place):
            told = [one if isinstance(one, bytes) else _fields_of_purged(one) for one in entries]
            return [2, height, judged_at, told, place]
        case AskLot(lot_id, is_known):
            return [3, lot_id, int(is_known)]
        case LotOffer():
            lot = [message.lot_id, message.account, message.signature, message.digests]
            return [4, *lot, list(message.positions)]
        case AskItems(lot_id, positions, offset):
            return [5, lot_id, list(positions), offset]
        case Items(lot_id, pieces):
            return [6, lot_id, [_fields_of_piece(piece) for piece in pieces]]
        case AskReceipts(root, indices):
            return [7, root, list(indices)]
        case Receipts(root, signed):
            return [8, root, [[one.index, one.blob_hash, one.deleted_at, signature] for one, signature in signed]]


def _fields_of_purged(purged: Purged) -> list[Any]:
    return [encode_order(purged.order), purged.receipt.count, purged.receipt.purged_at, purged.signature]


def _fields_of_piece(piece: ItemPiece) -> list[Any]:
    if piece.context is None:
        return [piece.position]
    return [piece.position, encode_context(piece.context), piece.size_bytes, piece.piece]


def _message_of(fields: Any) -> VaultMessage:
    match fields:
        case [0, bytes(vault), bytes(node_key), bytes(node_signature), bytes(vault_signature), (0 | 1) as is_answer]:
            if len(node_key) > NODE_KEY_SIZE_BYTES_MAX or len(node_signature) > NODE_SIGNATURE_SIZE_BYTES_MAX:
                raise _wrong("a short key and signature")
            return Announce(
                Binding(
                    vault=Address(_sized(vault, 20)),
                    node_key=node_key,
                    node_signature=node_signature,
                    vault_signature=_sized(vault_signature, SIGNATURE_SIZE_BYTES),
                ),
                bool(is_answer),
            )
        case [1, bytes(place)]:
            return Follow(_place(place))
        case [2, height, judged_at, list(entries), bytes(place)]:
            _limit(entries, NEWS_COUNT_MAX)
            return News(_number(height), _number(judged_at), tuple(map(_news_entry, entries)), _place(place))
        case [3, bytes(lot_id), (0 | 1) as is_known]:
            return AskLot(_hash(lot_id), bool(is_known))
        case [4, bytes(lot_id), bytes(account), bytes(signature), bytes(digests), list(positions)]:
            if len(digests) % DIGEST_SIZE_BYTES or len(digests) > ITEMS_MAX * DIGEST_SIZE_BYTES:
                raise _wrong("digests of 32 bytes")
            return LotOffer(
                lot_id=_hash(lot_id),
                account=account,
                signature=signature,
                digests=digests,
                positions=_ascending(positions, ITEMS_MAX),
            )
        case [5, bytes(lot_id), list(positions), offset]:
            return AskItems(_hash(lot_id), _ascending(positions, ASK_COUNT_MAX), _number(offset))
        case [6, bytes(lot_id), list(pieces)]:
            _limit(pieces, ASK_COUNT_MAX)
            return Items(_hash(lot_id), tuple(map(_piece, pieces)))
        case [7, bytes(root), list(indices)]:
            return AskReceipts(_hash(root), _ascending(indices, ASK_COUNT_MAX))
        case [8, bytes(root), list(signed)]:
            _limit(signed, ASK_COUNT_MAX)
            return Receipts(_hash(root), tuple(_receipt(_hash(root), one) for one in signed))
        case _:
            raise _wrong("one of the nine messages between vaults")


def _news_entry(fields: Any) -> Hash32 | Purged:
    match fields:
        case bytes(lot_id):
            return _hash(lot_id)
        case [bytes(order), count, purged_at, bytes(signature)]:
            decoded = decode_order(order)
            receipt = PurgeReceipt(pack=decoded.pack, count=_number(count), purged_at=_number(purged_at))
            return Purged(decoded, receipt, _sized(signature, SIGNATURE_SIZE_BYTES))
        case _:
            raise _wrong("a lot id or a purge")


def _piece(fields: Any) -> ItemPiece:
    match fields:
        case [position]:
            return ItemPiece(position=_number(position))
        case [position, list(context), size_bytes, bytes(piece)]:
            placed = decode_context(context)
            if isinstance(placed, PackContext):
                check_pack_context(placed)
            elif not 0 <= placed.index < 2**32 or len(placed.batch_root) != 32:
                raise _wrong("the placement of a record")
            return ItemPiece(position=_number(position), context=placed, size_bytes=_number(size_bytes), piece=piece)
        case _:
            raise _wrong("an item")


def _receipt(root: Hash32, fields: Any) -> tuple[DeletionReceipt, bytes]:
    match fields:
        case [index, bytes(blob_hash), deleted_at, bytes(signature)]:
            receipt = DeletionReceipt(
                batch_root=root, index=_number(index), blob_hash=_hash(blob_hash), deleted_at=_number(deleted_at)
            )
            return receipt, _sized(signature, SIGNATURE_SIZE_BYTES)
        case _:
            raise _wrong("a deletion receipt")


def _ascending(numbers: list[Any], count_max: int) -> tuple[int, ...]:
    _limit(numbers, count_max)
    checked = tuple(map(_number, numbers))
    if any(left >= right for left, right in itertools.pairwise(checked)) or (checked and checked[-1] >= 2**32):
        raise _wrong("ascending numbers below 2^32")
    return checked


def _limit(values: list[Any], count_max: int) -> None:
    if len(values) > count_max:
        raise _wrong(f"at most {count_max} entries, got {len(values)}")


def _place(place: bytes) -> bytes:
    return place if place == START else _sized(place, PLACE_SIZE_BYTES)


def _hash(value: bytes) -> Hash32:
    return Hash32(_sized(value, 32))


def _sized(value: bytes, size_bytes: int) -> bytes:
    if len(value) != size_bytes:
        raise _wrong(f"{size_bytes} bytes, got {len(value)}")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _UINT64_MAX:
        raise _wrong("a number below 2^64")
    return value


def _wrong(expected: str) -> DecodeError:
    return DecodeError(offset=0, expected=expected)
