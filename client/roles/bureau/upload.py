"""Uploading a credit file: batches of 10,000 into the vaults and onto the chain, each exactly once.

A batch goes through four steps: kept in the database with its keys, put into the vaults, published, recorded as
published. Every step can be done again: the database keeps the ciphertext until the last, vaults know blobs by hash,
and the chain knows batches by root. So whatever an interrupted upload left behind is finished first.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from client.model.schema import CREDIT_FIELDS, CREDIT_KEYS
from client.roles.bureau.batch import BATCH_SIZE, Row, parts_of, prepare, split_blobs, split_secrets
from client.roles.bureau.context import CREDIT_FILES, Bureau
from client.roles.bureau.retention import Retention
from client.roles.bureau.revocation import send_revocations
from client.roles.bureau.store import LeftOut, LiveRecord
from client.roles.bureau.tables import BATCHES, UPLOADS, BatchState, Part
from client.sdk.errors import BadRow, BadRowsError, InvalidInputError
from client.sdk.leaf import leaf
from client.sdk.pack.credit_record import CreditValues, encode_record, is_by_relation, observed_day
from client.sdk.tabular import Table
from client.sdk.vault_client import RecordBlob

Progress = Callable[[int, int], None]
"""Told how many of how many rows are dealt with."""


_EAST_DAYS = 1
"""East of Greenwich it may be tomorrow already."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is to be kept of a person."""

    national_id: str
    parts: Mapping[Part, CreditValues]
    expires_day: int
    """First day on which it may not be used any more."""


def people_of(
    table: Table, retention: Retention, *, today: int, skip_bad_rows: bool
) -> tuple[list[Person], tuple[BadRow, ...]]:
    """Return the people of a credit file, no subject twice, and the rows left out (only with `skip_bad_rows`).

    Raises:
        BadRowsError: rows that cannot be taken, among them those that were observed after `today`.
    """
    columns = [*CREDIT_KEYS, "line", *(spec.name for spec in CREDIT_FIELDS)]
    bad = list(table.bad_rows)
    people: list[Person] = []
    for row in table.accepted(skip_bad_rows=skip_bad_rows).select(columns).iter_rows():
        values = row[2:]
        problem = _problem(values, row[1], today)
        if problem is not None:
            bad.append(problem)
            continue
        expires_day = retention.expires_day(values, today=today)
        people.append(Person(national_id=row[0], parts=parts_of(values), expires_day=expires_day))
    if bad and not skip_bad_rows:
        raise BadRowsError(table.path, bad)
    return people, tuple(bad)


def upload(
    bureau: Bureau, people: Sequence[Person], *, content_hash: bytes, progress: Progress | None = None
) -> UploadResult:
    """Upload the records of people, or what an earlier run left of them.

    Args:
        content_hash: 32 bytes that name file, mapping and rules; the same again continues.

    Raises:
        RefusedError: chain or vault do not let this account; nothing is lost, a later run continues.
        UnavailableError: likewise.
    """
    counts, report = _Counts(), progress or _unheard
    for unpublished in _unpublished(bureau):
        _deliver(bureau, unpublished, counts)
    upload_id, next_row = _begin(bureau, content_hash, len(people))
    was_complete = next_row == len(people)
    step = BATCH_SIZE // max((len(each.parts) for each in people), default=1)
    with ThreadPoolExecutor(max_workers=1) as executor:
        delivery: Future[None] | None = None
        for start in range(next_row, len(people), step):
            some = people[start : start + step]
            batch_id = _prepare(bureau, upload_id, some, start + len(some))
            if delivery is not None:
                delivery.result()
                report(start, len(people))
            delivery = executor.submit(_deliver, bureau, batch_id, counts) if batch_id is not None else None
        if delivery is not None:
            delivery.result()
    report(len(people), len(people))
    send_revocations(bureau)
    return UploadResult(
        rows=len(people),
        uploaded=counts.uploaded,
        batches=counts.batches,
        superseded=counts.superseded,
        left_out=_left_out(bureau, upload_id),
        was_complete=was_complete,
    )


def _unheard(_done: int, _total: int) -> None:
    """Report to nobody."""


def _problem(values: CreditValues, line: int, today: int) -> BadRow | None:
    """Return what is wrong with a row that its fields' ranges do not show."""
    if observed_day(values) > today + _EAST_DAYS:
        latest = (dt.date(1970, 1, 1) + dt.timedelta(today)).isoformat()
        reason = f"in the future, expected {latest} (UTC) or before"
        return BadRow(line=line, field="observed_day", value=str(values[0]), reason=reason)
    if is_by_relation(values):
        reason = "data of others comes from `tranchain bureau relate`, expected 0 or nothing"
        return BadRow(line=line, field="relation_distance", value=str(values[-1]), reason=reason)
    return None


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


def _prepare(bureau: Bureau, upload_id: int, some: Sequence[Person], next_row: int) -> int | None:
    """Keep a batch of the people that need new records, and remember that all of `some` are dealt with."""
    store, today = bureau.store, bureau.today()
    by_subject = {store.key.subject(person.national_id): person for person in some}
    with store.engine.begin() as connection:
        subjects = list(by_subject)
        known = store.known_subjects(connection, subjects)
        live = store.live_records(connection, [subject for subject in subjects if subject in known])
        taken, left_out = _sort_out(bureau, by_subject, known, live, today)
        batch_id = None
        if taken:
            rows_by_subject = {subject: _rows_of(subject, by_subject[subject]) for subject in taken}
            rows = [row for some in rows_by_subject.values() for row in some]
            new = [some[0] for subject, some in rows_by_subject.items() if subject not in known]
            batch_id = store.add_batch(connection, upload_id, rows, prepare(rows), new)
        _advance(connection, upload_id, next_row, left_out)
    return batch_id


def _rows_of(subject: bytes, person: Person) -> list[Row]:
    return [
        Row(national_id=person.national_id, subject=subject, values=values, expires_day=person.expires_day, part=part)
        for part, values in person.parts.items()
    ]


def _sort_out(
    bureau: Bureau,
    by_subject: Mapping[bytes, Person],
    known: Mapping[bytes, bool],
    live: Mapping[bytes, Mapping[Part, LiveRecord]],
    today: int,
) -> tuple[list[bytes], LeftOut]:
    """Return the subjects of whom something new is said that may be kept, and how many are left out, by cause."""
    taken: list[bytes] = []
    unchanged = older = erased = expired = 0
    for subject, person in by_subject.items():
        records = live.get(subject, {})
        if known.get(subject, False):
            erased += 1
        elif person.expires_day <= today:
            expired += 1
        elif _is_older(person, records):
            older += 1
        elif _is_same(bureau, person, records):
            unchanged += 1
        else:
            taken.append(subject)
    return taken, LeftOut(unchanged=unchanged, older=older, erased=erased, expired=expired)


def _is_older(person: Person, records: Mapping[Part, LiveRecord]) -> bool:
    """Return whether the record in force says more: a person's own one always does beside one made from others'."""
    own = records.get(Part.OWN)
    if own is None:
        return False
    given = person.parts.get(Part.OWN)
    return given is None or observed_day(given) < own.observed_day


def _is_same(bureau: Bureau, person: Person, records: Mapping[Part, LiveRecord]) -> bool:
    return records.keys() == person.parts.keys() and all(
        _has_values(bureau, records[part], values) for part, values in person.parts.items()
    )


def _has_values(bureau: Bureau, record: LiveRecord, values: CreditValues) -> bool:
    _, salt = split_secrets(bureau.store.key.open(record.sealed_secrets, record.leaf))
    return leaf(salt, encode_record(values)) == record.leaf


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
