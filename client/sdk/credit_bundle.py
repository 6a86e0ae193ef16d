"""What risk control sends with a query and what a bureau answers with: request blobs and bundles. Pure: no I/O.

Both sides of the exchange use this module, so that they agree by construction. Source: docs/protocol.md, 5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client.sdk import canonical, cipher, leaf, merkle
from client.sdk.errors import DecodeError, TamperedError
from client.sdk.hashing import keccak
from client.sdk.hpke import decode_key_blob, encode_key_blob


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRequest:
    """The subjects of a query, and what each of them agreed to."""

    handles: tuple[bytes, ...]
    """Ascending and distinct."""
    receipts: tuple[bytes, ...]
    """Signed consent receipts, in the order of the handles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleEntry:
    """How to open one credit record, and the proof that it is the published one."""

    handle: bytes
    key: bytes
    """The record's own AES-256-GCM key."""
    salt: bytes
    batch_id: int
    index: int
    """Position in the batch."""
    proof: bytes
    """Siblings from leaf to batch root, 32·k bytes."""
    blob_hash: bytes
    """Vault address of the encrypted record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bureau's answer to one query for one recipient."""

    query_id: int
    pack_id: int
    entries: tuple[BundleEntry, ...]
    refused_handles: tuple[bytes, ...] = ()
    """Handles of whom the bureau gives nothing for want of consent, or because it gave too often."""
    part_key: bytes = b""
    """Opens the parts; none where the entries are here."""
    part_hashes: tuple[bytes, ...] = ()
    """Vault addresses of the parts that have the entries, where they are many."""


def encode_request_part(request_key: bytes, handles: Sequence[bytes], receipts: Sequence[bytes]) -> bytes:
    """Return a part of a request, for the vault."""
    return cipher.encrypt(request_key, canonical.encode([list(handles), list(receipts)]))


def encode_request_of_parts(
    part_hashes: Sequence[bytes], request_key: bytes, sealed_by_bureau: Mapping[str, bytes]
) -> bytes:
    """Return the request blob of a request in parts."""
    body = cipher.encrypt(request_key, canonical.encode([list(part_hashes)]))
    return canonical.encode([encode_key_blob(sealed_by_bureau), body])


def request_parts(request_key: bytes, blob: bytes) -> tuple[bytes, ...]:
    """Return the vault addresses of the parts of a request, none where it is whole."""
    opened = cipher.decrypt(request_key, _request_parts(blob)[1], what="request blob")
    match canonical.decode_array(opened, what="request blob"):
        case [list(hashes)]:
            return _byte_strings(hashes, "request blob")
        case _:
            return ()


def open_request_part(request_key: bytes, blob: bytes) -> CreditRequest:
    """Open a part of a request; TamperedError or DecodeError when it is none of this key."""
    return _request_of(cipher.decrypt(request_key, blob, what="part of a request"))


def encode_request(request: CreditRequest, request_key: bytes, sealed_by_bureau: Mapping[str, bytes]) -> bytes:
    """Return the request blob; `sealed_by_bureau` is the request key sealed to each bureau that is asked."""
    body = cipher.encrypt(request_key, canonical.encode([list(request.handles), list(request.receipts)]))
    return canonical.encode([encode_key_blob(sealed_by_bureau), body])


def sealed_request_keys(blob: bytes) -> dict[str, bytes]:
    """Return the sealed request key of each bureau (checksummed address) of a request blob."""
    return decode_key_blob(_request_parts(blob)[0])


def open_request(request_key: bytes, blob: bytes) -> CreditRequest:
    """Open a request blob; TamperedError or DecodeError when it is not one made with this key."""
    return _request_of(cipher.decrypt(request_key, _request_parts(blob)[1], what="request blob"))


def _request_of(opened: bytes) -> CreditRequest:
    match canonical.decode_array(opened, what="request blob"):
        case [list(handles), list(receipts)] if len(handles) == len(receipts):
            what = "request blob"
            return CreditRequest(handles=_byte_strings(handles, what), receipts=_byte_strings(receipts, what))
        case _:
            raise DecodeError("request blob", got="another shape", expected="[handles, receipts] of equal length")


def encode_answer(bundle_hash_by_recipient: Mapping[str, bytes]) -> bytes:
    """Return the answer blob, whose hash the bureau's answer carries."""
    return encode_key_blob(bundle_hash_by_recipient)


def decode_answer(blob: bytes) -> dict[str, bytes]:
    """Return the hash of each recipient's bundle blob, by checksummed address."""
    return decode_key_blob(blob)


def encode_bundle(bundle: Bundle) -> bytes:
    """Return the canonical bytes that are sealed to each recipient."""
    if bundle.part_key:
        parts: list[canonical.Value] = [bundle.part_key, list(bundle.part_hashes)]
        return canonical.encode([bundle.query_id, bundle.pack_id, *parts, list(bundle.refused_handles)])
    entries: list[canonical.Value] = [
        [e.handle, e.key, e.salt, e.batch_id, e.index, e.proof, e.blob_hash] for e in bundle.entries
    ]
    return canonical.encode([bundle.query_id, bundle.pack_id, entries, list(bundle.refused_handles)])


def decode_bundle(data: bytes) -> Bundle:
    """Read an opened bundle; DecodeError when it is not one."""
    match canonical.decode_array(data, what="bundle"):
        case [int(query_id), int(pack_id), list(items), list(refused)]:
            entries = tuple(_entry(item) for item in items)
            handles = _byte_strings(refused, "bundle")
            return Bundle(query_id=query_id, pack_id=pack_id, entries=entries, refused_handles=handles)
        case [int(query_id), int(pack_id), bytes(key), list(hashes), list(refused)] if len(key) == cipher.KEY_SIZE:
            return Bundle(
                query_id=query_id,
                pack_id=pack_id,
                entries=(),
                refused_handles=_byte_strings(refused, "bundle"),
                part_key=key,
                part_hashes=_byte_strings(hashes, "bundle"),
            )
        case _:
            raise DecodeError("bundle", got="another shape", expected="that of docs/protocol.md, 5")


def open_record(entry: BundleEntry, encrypted: bytes, *, batch_root: bytes) -> bytes:
    """Return the canonical credit record of an entry, checked against the batch root on the chain.

    Raises:
        TamperedError: the blob, the key, the salt or the proof is not that of the record published at this place.
    """
    what = f"credit record {entry.batch_id}/{entry.index}"
    if keccak(encrypted) != entry.blob_hash:
        raise TamperedError(what, got="a blob with another hash", expected="the blob the bureau named")
    record = cipher.decrypt(entry.key, encrypted, what=what)
    proof = merkle.split_proof(entry.proof)
    merkle.check_proof(batch_root, leaf.leaf(entry.salt, record), index=entry.index, proof=proof, what=what)
    return record


def _entry(item: canonical.Value) -> BundleEntry:
    match item:
        case [bytes(handle), bytes(key), bytes(salt), int(batch), int(index), bytes(proof), bytes(blob_hash)]:
            return BundleEntry(
                handle=handle, key=key, salt=salt, batch_id=batch, index=index, proof=proof, blob_hash=blob_hash
            )
        case _:
            raise DecodeError("bundle entry", got="another shape", expected="seven fields of docs/protocol.md, 5")


def _request_parts(blob: bytes) -> tuple[bytes, bytes]:
    match canonical.decode_array(blob, what="request blob"):
        case [bytes(keys), bytes(body)]:
            return keys, body
        case _:
            raise DecodeError("request blob", got="another shape", expected="[sealed keys, encrypted request]")


def _byte_strings(items: Sequence[canonical.Value], what: str) -> tuple[bytes, ...]:
    strings = tuple(item for item in items if isinstance(item, bytes))
    if len(strings) != len(items):
        raise DecodeError(what, got="another type", expected="byte strings")
    return strings
