"""The answer to a query: entries that open records, sealed to each recipient. Source: docs/protocol.md, 5."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from client.roles.bureau.batch import split_secrets
from client.roles.bureau.context import Bureau
from client.roles.bureau.query import Query
from client.roles.bureau.tables import BATCHES, RECORDS, BatchState, RecordState
from client.sdk.credit_bundle import Bundle, BundleEntry, encode_answer, encode_bundle
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.hashing import keccak
from client.sdk.merkle import MerkleTree, join_proof
from client.sdk.vault_client import PackBlob


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
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
        .order_by(RECORDS.c.part)
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
                records[row.subject].append(Given(**row._mapping))  # noqa: SLF001  # documented access by name
    return dict(records)


def bundle_entries(bureau: Bureau, given_by_handle: Mapping[bytes, Sequence[Given]]) -> list[BundleEntry]:
    """Return what opens each record, in the order of the handles, with its proof under its batch's root."""
    batch_ids = {one.batch_id for given in given_by_handle.values() for one in given}
    trees = {batch_id: _tree(bureau, batch_id) for batch_id in sorted(batch_ids)}
    entries = []
    for handle, one in ((handle, one) for handle, given in given_by_handle.items() for one in given):
        key, salt = split_secrets(bureau.store.key.open(one.sealed_secrets, one.leaf))
        entries.append(
            BundleEntry(
                handle=handle,
                key=key,
                salt=salt,
                batch_id=one.chain_id,
                index=one.position,
                proof=join_proof(trees[one.batch_id].proof(one.position)),
                blob_hash=one.blob_hash,
            )
        )
    return entries


def put_answer(
    bureau: Bureau, query: Query, entries: Sequence[BundleEntry], refused: Sequence[bytes], keys: KeyDirectory
) -> bytes:
    """Seal entries and refused handles to each recipient, put all into the vaults, and return the answer blob's hash.

    Raises:
        RefusedError: a recipient has no usable encryption key (yet).
    """
    bundle = Bundle(query_id=query.id, pack_id=query.pack_id, entries=tuple(entries), refused_handles=tuple(refused))
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


def _tree(bureau: Bureau, batch_id: int) -> MerkleTree:
    query = select(RECORDS.c.leaf).where(RECORDS.c.batch_id == batch_id).order_by(RECORDS.c.position)
    with bureau.store.engine.connect() as connection:
        return MerkleTree(list(connection.scalars(query)))
