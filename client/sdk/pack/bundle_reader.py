"""The records of one bureau's answer: opened, checked against their batches on the chain, and added to those found.

Source: docs/protocol.md, 5 and 7.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from client.sdk.ahead import ahead
from client.sdk.chain import ChainClient
from client.sdk.credit_bundle import Bundle, open_record
from client.sdk.credit_parts import BundlePart, check_proof, decrypt_part, open_records
from client.sdk.errors import InvalidInputError
from client.sdk.pack.credit_table import FoundRecords


class RecordSource(Protocol):
    """What opening records needs of a vault."""

    def get_all(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Return the blobs with these hashes, checked, in order; RefusedError when one is not to be had."""


class Batches:
    """Roots, sizes and revoked bits of batches as of a block (None: the latest), each asked once."""

    def __init__(self, chain: ChainClient, block: int | None) -> None:
        """Nothing is asked yet."""
        self._chain, self._block = chain, block
        self._batches: dict[int, tuple[bytes, int, Sequence[int]]] = {}

    def root_and_count(self, batch_id: int) -> tuple[bytes, int]:
        """Return the root of a batch and the number of its records."""
        return self._batch(batch_id)[:2]

    def is_revoked(self, batch_id: int, index: int) -> bool:
        """Return whether a record is revoked; InvalidInputError for one that the batch has not."""
        _, _, words = self._batch(batch_id)
        if index >> 8 >= len(words):
            raise InvalidInputError("bundle entry", got=f"index {index}", expected="a position inside its batch")
        return bool(words[index >> 8] >> (index & 255) & 1)

    def _batch(self, batch_id: int) -> tuple[bytes, int, Sequence[int]]:
        if batch_id not in self._batches:
            batch = self._chain.call("CreditFileRegistry", "batch", batch_id)
            arguments = (batch_id, 0, (batch.count + 255) // 256)
            words = self._chain.call("CreditFileRegistry", "revokedWords", *arguments, block=self._block)
            self._batches[batch_id] = bytes(batch.root), int(batch.count), words
        return self._batches[batch_id]


def read_entries(
    chain: ChainClient, vault: RecordSource, bundle: Bundle, found: FoundRecords, *, organisation: int, block: int
) -> set[bytes]:
    """Add the records of a whole bundle that count as of a block; returns the handles of those erased since."""
    then, now = Batches(chain, block), Batches(chain, None)
    counting = [entry for entry in bundle.entries if not then.is_revoked(entry.batch_id, entry.index)]
    live = [entry for entry in counting if not now.is_revoked(entry.batch_id, entry.index)]
    blobs = vault.get_all([entry.blob_hash for entry in live])
    for entry, blob in zip(live, blobs, strict=True):
        record = open_record(entry, blob, batch_root=then.root_and_count(entry.batch_id)[0])
        found.add(entry.handle, record, organisation=organisation, batch_id=entry.batch_id, index=entry.index)
    return {entry.handle for entry in counting if now.is_revoked(entry.batch_id, entry.index)}


def read_parts(
    chain: ChainClient, vault: RecordSource, bundle: Bundle, found: FoundRecords, *, organisation: int, block: int
) -> set[bytes]:
    """Add the records of a bundle in parts, as `read_entries` does."""
    then, now = Batches(chain, block), Batches(chain, None)
    erased: set[bytes] = set()
    for part, places, blobs in ahead(_fetched(vault, bundle, now)):
        root, count = then.root_and_count(part.batch_id)
        check_proof(part, root=root, count=count)
        for place, record in zip(places, open_records(part, places, blobs), strict=True):
            index = part.indices[place]
            if not then.is_revoked(part.batch_id, index):
                found.add(part.handles[place], record, organisation=organisation, batch_id=part.batch_id, index=index)
        gone = set(range(len(part.indices))).difference(places)
        erased |= {part.handles[place] for place in gone if not then.is_revoked(part.batch_id, part.indices[place])}
    return erased


def _fetched(
    vault: RecordSource, bundle: Bundle, now: Batches
) -> Iterator[tuple[BundlePart, Sequence[int], Sequence[bytes]]]:
    """Yield each part with the places of its records that are not revoked by now, and their blobs."""
    for part_hash in bundle.part_hashes:
        part = decrypt_part(bundle.part_key, vault.get_all([part_hash])[0])
        places = [place for place, index in enumerate(part.indices) if not now.is_revoked(part.batch_id, index)]
        yield part, places, vault.get_all([part.blob_hashes[place] for place in places])
