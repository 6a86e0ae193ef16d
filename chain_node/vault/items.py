"""Bodies of the vault's calls: CBOR to typed items and back to reasons. No I/O. Source: docs/protocol.md, 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cbor2

from chain_node.core.types import Address, Hash32
from chain_node.vault.errors import VaultError, bad_request
from chain_node.vault.limits import ITEMS_MAX, READERS_MAX

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecordContext:
    """Where an encrypted credit record belongs."""

    batch_root: Hash32
    index: int


@dataclass(frozen=True, slots=True)
class PackContext:
    """Whose a blob of a pack is and who may read it."""

    pack: int
    readers: tuple[Address, ...]
    roles: tuple[int, ...]
    """Role ids; every enrolled account with one of them may read."""


@dataclass(frozen=True, slots=True)
class Item:
    """One blob to be kept."""

    context: RecordContext | PackContext
    blob: bytes


def parse_put(body: bytes) -> tuple[list[Item], bytes]:
    """Items of a put body, and the signature over them as one lot.

    Raises:
        VaultError: 400 with the position of what is wrong, 413 when there are too many.
    """
    fields = _decode(body)
    items = _field(fields, "items", list)
    _limit_count(len(items), "items")
    return [_parse_item(position, item) for position, item in enumerate(items)], _field(fields, "signature", bytes)


def parse_get(body: bytes) -> list[Hash32]:
    """Blob hashes of a get body."""
    hashes = _field(_decode(body), "hashes", list)
    _limit_count(len(hashes), "hashes")
    if not all(isinstance(value, bytes) and len(value) == 32 for value in hashes):
        raise bad_request("hashes: expected byte strings of 32 bytes")
    return hashes


def parse_purge(body: bytes) -> int:
    """Pack id of a purge body."""
    return _pack_id(_field(_decode(body), "pack", int), "pack")


def parse_receipts(body: bytes) -> tuple[Hash32, list[int]]:
    """Batch root and record indices of a receipts body."""
    fields = _decode(body)
    root = _field(fields, "batch_root", bytes)
    indices = _field(fields, "indices", list)
    _limit_count(len(indices), "indices")
    if len(root) != 32 or not all(_is_index(index) for index in indices):
        raise bad_request("expected batch_root of 32 bytes and indices below 2^32")
    return Hash32(root), indices


def parse_confirmations(body: bytes) -> int | tuple[Hash32, list[int]]:
    """Pack id, or batch root and record indices, of a confirmations body."""
    return parse_purge(body) if "pack" in _decode(body) else parse_receipts(body)


def _parse_item(position: int, item: object) -> Item:
    where = f"items[{position}]"
    if not isinstance(item, dict):
        raise bad_request(f"{where}: expected a map")
    blob = item.get("blob")
    if not isinstance(blob, bytes) or not blob:
        raise bad_request(f"{where}: blob: expected bytes")
    kind = item.get("kind")
    if kind == "record":
        root, index = item.get("batch_root"), item.get("index")
        if not isinstance(root, bytes) or len(root) != 32 or not isinstance(index, int) or not _is_index(index):
            raise bad_request(f"{where}: expected batch_root of 32 bytes and index below 2^32")
        return Item(RecordContext(Hash32(root), index), blob)
    if kind == "pack":
        return Item(_parse_pack_context(where, item), blob)
    raise bad_request(f"{where}: kind: expected 'record' or 'pack'")


def _parse_pack_context(where: str, item: dict[str, Any]) -> PackContext:
    readers, roles = item.get("readers"), item.get("roles")
    if not isinstance(readers, list) or not isinstance(roles, list):
        raise bad_request(f"{where}: readers, roles: expected lists")
    _check_readers(readers, roles, where)
    pack = _pack_id(item.get("pack"), f"{where}: pack")
    return PackContext(pack, tuple(sorted(set(readers))), tuple(sorted(set(roles))))


def check_pack_context(context: PackContext) -> None:
    """Check what another vault says of a blob of a pack.

    Raises:
        VaultError: it is not what a put could have given.
    """
    _pack_id(context.pack, "pack")
    _check_readers(context.readers, context.roles, "placement")


def _check_readers(readers: Sequence[object], roles: Sequence[object], where: str) -> None:
    """Check who may read a blob of a pack.

    Raises:
        VaultError: 400 with what is wrong.
    """
    if not all(isinstance(one, bytes) and len(one) == 20 for one in readers):
        raise bad_request(f"{where}: readers: expected a list of 20-byte addresses")
    if not all(type(one) is int and 1 <= one < 64 for one in roles):
        raise bad_request(f"{where}: roles: expected a list of role ids 1..63")
    if len(readers) > READERS_MAX:
        raise bad_request(f"{where}: got {len(readers)} readers, expected at most {READERS_MAX}")


def _decode(body: bytes) -> dict[str, Any]:
    try:
        value = cbor2.loads(body)
    except (cbor2.CBORDecodeError, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise bad_request(f"body: expected CBOR ({type(error).__name__})") from error
    if not isinstance(value, dict):
        raise bad_request("body: expected a CBOR map")
    return value


def _field(fields: dict[str, Any], name: str, kind: type[T]) -> T:
    value = fields.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise bad_request(f"{name}: expected {kind.__name__}")
    return value


def _pack_id(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value < 2**256:
        raise bad_request(f"{name}: expected a number below 2^256")
    return value


def _is_index(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**32


def _limit_count(count: int, name: str) -> None:
    if count > ITEMS_MAX:
        raise VaultError(413, "too_many_items", f"{name}: got {count}, expected at most {ITEMS_MAX}")
