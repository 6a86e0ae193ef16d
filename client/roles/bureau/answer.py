"""The answer to a query: entries that open records, sealed to each recipient. Source: docs/protocol.md, 5."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import select

from client.roles.bureau.batch import split_secrets
from client.roles.bureau.context import Bureau
from client.roles.bureau.query import Query
from client.roles.bureau.tables import BATCHES, RECORDS, BatchState, RecordState
from client.sdk import cipher
from client.sdk.ahead import ahead
from client.sdk.credit_bundle import Bundle, BundleEntry, encode_answer, encode_bundle
from client.sdk.credit_parts import BundlePart, encrypt_part, is_in_parts
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.hashing import keccak
from client.sdk.merkle import MerkleTree, join_proof
from client.sdk.vault_client import PackBlob


class Given(NamedTuple):
    """A record that may be given."""

    subject: bytes
    part: int
    batch_id: int
    chain_id: int
    position: int
    leaf: bytes
    blob_hash: bytes
    sealed_secrets: bytes


def records_to_give(bureau: Bureau, subjects: Sequence[bytes], *, now: int, today: int) -> dict[bytes, list[Given]]:
    """Return the records in force of each subject that has any, published, unexpired and with their keys."""
    wanted = set(subjects)
    query = (
        select(
            RECORDS.c.subject,
            RECORDS.c.part,
            RECORDS.c.batch_id,
            BATCHES.c.chain_id,
            RECORDS.c.position,
            RECORDS.c.leaf,
            RECORDS.c.blob_hash,
            RECORDS.c.sealed_secrets,
        )
        .join(BATCHES, BATCHES.c.id == RECORDS.c.batch_id)
        .where(
            RECORDS.c.state == RecordState.LIVE,
            RECORDS.c.expires_day > today,
            RECORDS.c.sealed_secrets.is_not(None),
            BATCHES.c.state == BatchState.PUBLISHED,
            BATCHES.c.expires_at > now,
        )
    )
    records: defaultdict[bytes, list[Given]] = defaultdict(list)
    with bureau.store.engine.connect() as connection:
        for row in connection.execute(query):
            if row.subject in wanted:
                records[row.subject].append(Given(*row))
    for several in records.values():
        several.sort(key=lambda one: one.part)  # here, as the database would sort all of them beside its file
    return dict(records)


def make_bundle(
    bureau: Bureau, query: Query, given_by_handle: Mapping[bytes, Sequence[Given]], refused: Sequence[bytes]
) -> Bundle:
    """Return what opens the records given; where that is in parts, they are in the vaults then."""
    bundle = Bundle(query_id=query.id, pack_id=query.pack_id, entries=(), refused_handles=tuple(refused))
    batch_ids = {one.batch_id for given in given_by_handle.values() for one in given}
    if not is_in_parts(sum(map(len, given_by_handle.values())), batch_count=len(batch_ids)):
        return replace(bundle, entries=tuple(_entries(bureau, given_by_handle, batch_ids)))
    part_key = cipher.new_key()
    return replace(bundle, part_key=part_key, part_hashes=tuple(_put_parts(bureau, query, given_by_handle, part_key)))


def _entries(
    bureau: Bureau, given_by_handle: Mapping[bytes, Sequence[Given]], batch_ids: Iterable[int]
) -> Iterator[BundleEntry]:
    """Yield what opens each record, in the order of the handles, with its proof under its batch's root."""
    trees = {batch_id: MerkleTree(_leaves(bureau, batch_id)) for batch_id in batch_ids}
    for handle, one in ((handle, one) for handle, given in given_by_handle.items() for one in given):
        key, salt = split_secrets(bureau.store.key.open(one.sealed_secrets, one.leaf))
        yield BundleEntry(
            handle=handle,
            key=key,
            salt=salt,
            batch_id=one.chain_id,
            index=one.position,
            proof=join_proof(trees[one.batch_id].proof(one.position)),
            blob_hash=one.blob_hash,
        )


def _put_parts(
    bureau: Bureau, query: Query, given_by_handle: Mapping[bytes, Sequence[Given]], part_key: bytes
) -> Iterator[bytes]:
    """Put what opens the records into the vaults, a part for each batch, and yield the hash of each part.

    A part is made while the vaults take the one before.
    """
    by_batch: defaultdict[int, list[tuple[int, bytes, Given]]] = defaultdict(list)
    for handle, given in given_by_handle.items():
        for one in given:
            by_batch[one.batch_id].append((one.position, handle, one))
    made = (_part(bureau, batch_id, sorted(by_batch.pop(batch_id))) for batch_id in sorted(by_batch))
    for blob in ahead(encrypt_part(part_key, part) for part in made):
        for vault in bureau.vaults:
            vault.put([PackBlob(pack=query.pack_id, readers=query.recipients, blob=blob)])
        yield keccak(blob)


def _part(bureau: Bureau, batch_id: int, chosen: Sequence[tuple[int, bytes, Given]]) -> BundlePart:
    indices = tuple(position for position, _, _ in chosen)
    given = [one for _, _, one in chosen]
    secrets = [split_secrets(bureau.store.key.open(one.sealed_secrets, one.leaf)) for one in given]
    return BundlePart(
        batch_id=given[0].chain_id,
        indices=indices,
        handles=tuple(handle for _, handle, _ in chosen),
        keys=tuple(key for key, _ in secrets),
        salts=tuple(salt for _, salt in secrets),
        blob_hashes=tuple(one.blob_hash for one in given),
        leaves=tuple(one.leaf for one in given),
        siblings=tuple(MerkleTree(_leaves(bureau, batch_id)).siblings_of(indices)),
    )


def put_answer(bureau: Bureau, query: Query, bundle: Bundle, keys: KeyDirectory) -> bytes:
    """Seal a bundle to each recipient, put all into the vaults, and return the answer blob's hash.

    Raises:
        RefusedError: a recipient has no usable encryption key (yet).
    """
    plaintext = encode_bundle(bundle)
    sealed_by_recipient = keys.seal_to(
        query.recipients, plaintext, label="bundle", subject=query.id, expires_at=query.expires_at
    )
    answer = encode_answer({recipient: keccak(sealed) for recipient, sealed in sealed_by_recipient.items()})
    blobs = [
        PackBlob(pack=query.pack_id, readers=[recipient], blob=sealed)
        for recipient, sealed in sealed_by_recipient.items()
    ]
    blobs.append(PackBlob(pack=query.pack_id, readers=query.recipients, blob=answer))
    for vault in bureau.vaults:
        vault.put(blobs)
    return keccak(answer)


def _leaves(bureau: Bureau, batch_id: int) -> list[bytes]:
    query = select(RECORDS.c.leaf).where(RECORDS.c.batch_id == batch_id).order_by(RECORDS.c.position)
    with bureau.store.engine.connect() as connection:
        return list(connection.scalars(query))
