"""Requests and bundles of many subjects, in parts of a few megabytes each. Pure but for the random nonces.

A vault takes blobs of a bounded size, and nobody has to hold a million records at once: who writes makes one part after
the other, and who reads opens them so. Source: docs/protocol.md, 5.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from client.sdk import canonical, cipher, leaf, merkle
from client.sdk.errors import DecodeError, TamperedError

PART_COUNT_MAX: Final = 16_384
"""Subjects of one request, and entries of one bundle, that are not in parts."""
_WORTH_COUNT: Final = 1_024
"""Entries of a batch from which on one proof for all of them, in a part, is opened sooner than a proof for each."""
_SIZE: Final = 32
"""Of a handle, a key, a salt, a hash."""
_INDEX_SIZE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePart:
    """How to open records of one batch, in the order of their places in it, and one proof for all of them."""

    batch_id: int
    indices: tuple[int, ...]
    """Positions in the batch, strictly ascending."""
    handles: tuple[bytes, ...]
    keys: tuple[bytes, ...]
    salts: tuple[bytes, ...]
    blob_hashes: tuple[bytes, ...]
    leaves: tuple[bytes, ...]
    """Of all these records, so that the proof still holds when one of them is erased."""
    siblings: tuple[bytes, ...]
    """As `merkle.MerkleTree.siblings_of` gives them for the leaves."""


def cut(handles: Sequence[bytes], receipts: Sequence[bytes]) -> Iterator[tuple[Sequence[bytes], Sequence[bytes]]]:
    """Yield handles and receipts of each part of a request."""
    for start in range(0, len(handles), PART_COUNT_MAX):
        yield handles[start : start + PART_COUNT_MAX], receipts[start : start + PART_COUNT_MAX]


def is_in_parts(entry_count: int, *, batch_count: int) -> bool:
    """Return whether a bundle of entries from so many batches is made in parts."""
    return entry_count > PART_COUNT_MAX or entry_count >= _WORTH_COUNT * max(1, batch_count)


def encrypt_part(part_key: bytes, part: BundlePart) -> bytes:
    """Return the vault blob of a part."""
    columns = (part.handles, part.keys, part.salts, part.blob_hashes, part.leaves, part.siblings)
    indices = np.array(part.indices, dtype=">u4").tobytes()
    return cipher.encrypt(part_key, canonical.encode([part.batch_id, indices, *map(b"".join, columns)]))


def decrypt_part(part_key: bytes, blob: bytes) -> BundlePart:
    """Open the vault blob of a part; TamperedError or DecodeError when it is none of this key."""
    opened = cipher.decrypt(part_key, blob, what="part of a bundle")
    match canonical.decode_array(opened, what="part of a bundle", length=8):
        case [int(batch_id), bytes(indices), *columns] if len(indices) % _INDEX_SIZE == 0:
            count = len(indices) // _INDEX_SIZE
            handles, keys, salts, blob_hashes, leaves = (_split(each, count) for each in columns[:5])
            return BundlePart(
                batch_id=batch_id,
                indices=tuple(np.frombuffer(indices, dtype=">u4").tolist()),
                handles=handles,
                keys=keys,
                salts=salts,
                blob_hashes=blob_hashes,
                leaves=leaves,
                siblings=_split(columns[5], None),
            )
    raise DecodeError("part of a bundle", got="another shape", expected="that of docs/protocol.md, 5")


def check_proof(part: BundlePart, *, root: bytes, count: int) -> None:
    """Raise TamperedError unless the leaves of a part are at their places of the batch with this root and size."""
    if merkle.root_of_some(part.leaves, part.indices, part.siblings, count=count) != root:
        raise TamperedError(
            f"{len(part.indices)} credit records of batch {part.batch_id}",
            got="a proof that leads to another root",
            expected="the committed root",
        )


def open_records(part: BundlePart, places: Sequence[int], encrypted: Sequence[bytes]) -> list[bytes]:
    """Return canonical credit records of a part whose proof was checked.

    Args:
        part: what opens them.
        places: which records of the part.
        encrypted: their vault blobs, checked against the hashes that the part names.

    Raises:
        TamperedError: a blob, a key or a salt is not that of the record published at its place.
    """
    records = [
        cipher.decrypt(part.keys[place], blob, what=f"credit record {part.batch_id}/{part.indices[place]}")
        for place, blob in zip(places, encrypted, strict=True)
    ]
    leaves = leaf.leaves([part.salts[place] for place in places], records)
    if leaves != [part.leaves[place] for place in places]:
        what = f"credit records of batch {part.batch_id}"
        raise TamperedError(what, got="bytes that do not give their leaves", expected="the committed records")
    return records


def _split(joined: canonical.Value, count: int | None) -> tuple[bytes, ...]:
    if not isinstance(joined, bytes) or len(joined) % _SIZE or count not in (None, len(joined) // _SIZE):
        raise DecodeError("part of a bundle", got="another length", expected="32 bytes for each record")
    return tuple(joined[start : start + _SIZE] for start in range(0, len(joined), _SIZE))
