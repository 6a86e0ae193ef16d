"""Uploading a credit file: batches of 10,000 into the vaults and onto the chain, each exactly once.

A batch goes through four steps: kept in the database with its keys, put into the vaults, published, recorded as
published. Every step can be done again: the database keeps the ciphertext until the last, vaults know blobs by hash,
and the chain knows batches by root. So whatever an interrupted upload left behind is finished first.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, insert, select, update

from client.model.schema import CREDIT_FIELDS, CREDIT_KEYS
from client.roles.bureau.batch import BATCH_SIZE, Row, prepare, split_blobs, split_secrets
from client.roles.bureau.context import CREDIT_FILES, Bureau
from client.roles.bureau.retention import Retention
from client.roles.bureau.revocation import send_revocations
from client.roles.bureau.store import LeftOut, LiveRecord
from client.roles.bureau.tables import BATCHES, UPLOADS, BatchState
from client.sdk.errors import InvalidInputError
from client.sdk.leaf import leaf
from client.sdk.pack.credit_record import CreditValues, encode_record
from client.sdk.vault_client import RecordBlob

Progress = Callable[[int, int], None]
"""Told how many of how many rows are dealt with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadResult:
    """What an upload did, over all its runs."""

    rows: int
    """Acceptable rows of the file."""
    uploaded: int
    """Records this run brought onto the chain."""
    batches: int
    """Batches this run published."""
    superseded: int
    """Older records that this run revoked."""
    left_out: LeftOut
    """Rows without a new record, over all runs."""
    was_complete: bool
    """The file had been uploaded whole before."""


@dataclass(slots=True)
class _Counts:
    uploaded: int = 0
    batches: int = 0
    superseded: int = 0


def upload(
    bureau: Bureau, frame: pl.DataFrame, *, content_hash: bytes, retention: Retention, progress: Progress
) -> UploadResult:
    """Upload the rows of a credit file, or what an earlier run left of it.

    Args:
        frame: column `subject_id` and the credit fields; no subject twice.
        content_hash: 32 bytes that name file, mapping and rules; the same again continues.

    Raises:
        RefusedError: chain or vault do not let this account; nothing is lost, a later run continues.
        UnavailableError: likewise.
    """
    counts = _Counts()
    for unpublished in _unpublished(bureau):
        _deliver(bureau, unpublished, counts)
    rows = _rows(frame)
    upload_id, next_row = _begin(bureau, content_hash, len(rows))
    was_complete = next_row == len(rows)
    today = bureau.today()
    with ThreadPoolExecutor(max_workers=1) as executor:
        delivery: Future[None] | None = None
        for start in range(next_row, len(rows), BATCH_SIZE):
            some = rows[start : start + BATCH_SIZE]
            batch_id = _prepare(bureau, upload_id, some, retention, start + len(some), today)
            if delivery is not None:
                delivery.result()
                progress(start, len(rows))
            delivery = executor.submit(_deliver, bureau, batch_id, counts) if batch_id is not None else None
        if delivery is not None:
            delivery.result()
    progress(len(rows), len(rows))
    send_revocations(bureau)
    return UploadResult(
        rows=len(rows),
        uploaded=counts.uploaded,
        batches=counts.batches,
        superseded=counts.superseded,
        left_out=_left_out(bureau, upload_id),
        was_complete=was_complete,
    )


def _rows(frame: pl.DataFrame) -> list[tuple[str, CreditValues]]:
    ids = frame[CREDIT_KEYS[0]].to_list()
    values = frame.select(field.name for field in CREDIT_FIELDS).iter_rows()
    return list(zip(ids, values, strict=True))


def _unpublished(bureau: Bureau) -> list[int]:
    with bureau.store.engine.connect() as connection:
        query = select(BATCHES.c.id).where(BATCHES.c.state == BatchState.PREPARED).order_by(BATCHES.c.id)
        return list(connection.scalars(query))


def _begin(bureau: Bureau, content_hash: bytes, row_count: int) -> tuple[int, int]:
    """Find or begin an upload; gives its id here and the first row that no batch covers."""
    with bureau.store.engine.begin() as connection:
        found = connection.execute(
            select(UPLOADS.c.id, UPLOADS.c.next_row, UPLOADS.c.row_count).where(UPLOADS.c.content_hash == content_hash)
        ).one_or_none()
        if found is None:
            result = connection.execute(
                insert(UPLOADS).values(
                    content_hash=content_hash,
                    row_count=row_count,
                    next_row=0,
                    unchanged=0,
                    older=0,
                    erased=0,
                    expired=0,
                )
            )
            return int(result.inserted_primary_key[0]), 0  # type: ignore[index]  # one row was inserted
    if found.row_count != row_count:
        raise InvalidInputError(
            "upload", got=f"{row_count} rows", expected=f"{found.row_count} as at the first run of this file"
        )
    return int(found.id), int(found.next_row)


def _prepare(
    bureau: Bureau,
    upload_id: int,
    some: Sequence[tuple[str, CreditValues]],
    retention: Retention,
    next_row: int,
    today: int,
) -> int | None:
    """Keep a batch of the rows that need a new record, and remember that all of `some` are dealt with."""
    store = bureau.store
    rows = [
        Row(
            national_id=national_id,
            subject=store.key.subject(national_id),
            values=values,
            expires_day=retention.expires_day(values, today=today),
        )
        for national_id, values in some
    ]
    with store.engine.begin() as connection:
        subjects = [row.subject for row in rows]
        known = store.known_subjects(connection, subjects)
        live = store.live_records(connection, [subject for subject in subjects if subject in known])
        taken, left_out = _sort_out(bureau, rows, known, live, today)
        batch_id = None
        if taken:
            new = [row for row in taken if row.subject not in known]
            batch_id = store.add_batch(connection, upload_id, taken, prepare(taken), new)
        _advance(connection, upload_id, next_row, left_out)
    return batch_id


def _sort_out(
    bureau: Bureau,
    rows: Sequence[Row],
    known: dict[bytes, bool],
    live: dict[bytes, LiveRecord],
    today: int,
) -> tuple[list[Row], LeftOut]:
    """Return the rows that say something new and may be kept, and how many do not, by cause."""
    taken: list[Row] = []
    unchanged = older = erased = expired = 0
    for row in rows:
        record = live.get(row.subject)
        if known.get(row.subject, False):
            erased += 1
        elif row.expires_day <= today:
            expired += 1
        elif record is None:
            taken.append(row)
        elif (row.values[0] or 0) < record.observed_day:
            older += 1
        elif _is_same(bureau, row, record):
            unchanged += 1
        else:
            taken.append(row)
    return taken, LeftOut(unchanged=unchanged, older=older, erased=erased, expired=expired)


def _is_same(bureau: Bureau, row: Row, record: LiveRecord) -> bool:
    _, salt = split_secrets(bureau.store.key.open(record.sealed_secrets, record.leaf))
    return leaf(salt, encode_record(row.values)) == record.leaf


def _advance(connection: Connection, upload_id: int, next_row: int, left_out: LeftOut) -> None:
    connection.execute(
        update(UPLOADS)
        .where(UPLOADS.c.id == upload_id)
        .values(
            next_row=next_row,
            unchanged=UPLOADS.c.unchanged + left_out.unchanged,
            older=UPLOADS.c.older + left_out.older,
            erased=UPLOADS.c.erased + left_out.erased,
            expired=UPLOADS.c.expired + left_out.expired,
        )
    )


def _left_out(bureau: Bureau, upload_id: int) -> LeftOut:
    with bureau.store.engine.connect() as connection:
        row = connection.execute(select(UPLOADS).where(UPLOADS.c.id == upload_id)).one()
    return LeftOut(unchanged=row.unchanged, older=row.older, erased=row.erased, expired=row.expired)


def _deliver(bureau: Bureau, batch_id: int, counts: _Counts) -> None:
    """Put a kept batch into the vaults and onto the chain, unless it is there, and record it as published."""
    with bureau.store.engine.connect() as connection:
        batch = connection.execute(select(BATCHES).where(BATCHES.c.id == batch_id)).one()
    chain_id = int(bureau.chain.call(CREDIT_FILES, "batchOfRoot", batch.root))
    if not chain_id:
        blobs = split_blobs(batch.blobs)
        for vault in bureau.vaults:
            vault.put(RecordBlob(batch_root=batch.root, index=index, blob=blob) for index, blob in enumerate(blobs))
        args = [
            batch.root,
            batch.record_count,
            batch.observed_from,
            batch.observed_to,
            batch.expires_at,
            batch.vault_root,
        ]
        receipt = bureau.chain.send(CREDIT_FILES, "publishBatch", args, bureau.identity.account)
        chain_id = int(receipt.event("BatchPublished").args["batchId"])
    counts.superseded += bureau.store.publish_batch(batch_id, chain_id)
    counts.batches += 1
    counts.uploaded += batch.record_count
