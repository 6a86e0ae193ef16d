"""The bureau's database: what is known of subjects, records, batches and uploads. Answers to queries: `journal.py`.

SQLite or PostgreSQL through SQLAlchemy Core. One upload runs at a time; the daemon and other commands may work beside.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from sqlalchemy import Connection, Engine, and_, event, func, insert, select, text, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from client.roles.bureau import tables
from client.roles.bureau.batch import PreparedBatch, Row, join_blobs
from client.roles.bureau.sealing import DatabaseKey
from client.roles.bureau.tables import (
    BATCHES,
    RECORDS,
    SETTINGS,
    SUBJECTS,
    UPLOADS,
    BatchState,
    Part,
    RecordState,
)
from client.sdk.database import ensure_schema, insert_rows, open_engine

_RECORD_COLUMNS = (
    *("batch_id", "position", "subject", "leaf", "blob_hash", "observed_day", "expires_day", "part", "state"),
    *("sealed_secrets", "is_revoked"),
)
_IN_MAX = 5_000
"""Values of one IN list; both databases take more than 30,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRecord:
    """A record in force of a subject."""

    batch_id: int
    position: int
    leaf: bytes
    observed_day: int
    sealed_secrets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Rows of a file that did not become records, by cause."""

    unchanged: int = 0
    """The record in force says the same."""
    older: int = 0
    """The record in force was observed later."""
    erased: int = 0
    """The subject was erased."""
    expired: int = 0
    """The data may not be used any more."""

    def __add__(self, other: "LeftOut") -> "LeftOut":
        """Add count by count."""
        return LeftOut(
            unchanged=self.unchanged + other.unchanged,
            older=self.older + other.older,
            erased=self.erased + other.erased,
            expired=self.expired + other.expired,
        )


class BureauStore:
    """A bureau's database, opened with the bureau's account."""

    def __init__(self, url: str, account: LocalAccount):
        """Open or create it.

        Raises:
            ConfigError: another kind or version of database.
            KeystoreError: it was made with another account.
            UnavailableError: it cannot be reached.
        """
        self.engine: Engine = open_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _overwrite_deleted)
        ensure_schema(self.engine, tables.METADATA, component=tables.COMPONENT, version=tables.SCHEMA_VERSION)
        self.key = DatabaseKey(account)
        with self.engine.begin() as connection:
            found = setting(connection, "key_check")
            if found is None:
                put_setting(connection, "key_check", self.key.check_value())
            else:
                self.key.check(found)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def scrub(self) -> None:
        """Make what was destroyed unreadable in the database's files too.

        SQLite overwrites deleted values at once, but its write-ahead log keeps them until it is emptied here.
        PostgreSQL rewrites the tables concerned; its own log and backups are the operator's to rotate.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self.engine.dialect.name == "sqlite":
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
            else:
                for table in ("records", "subjects", "batches", "relations"):
                    connection.execute(text(f"VACUUM (FULL) {table}"))

    def live_records(self, connection: Connection, subjects: Sequence[bytes]) -> dict[bytes, dict[Part, LiveRecord]]:
        """Return the records in force of each subject that has any."""
        found: dict[bytes, dict[Part, LiveRecord]] = {}
        columns = (
            RECORDS.c.subject,
            RECORDS.c.part,
            RECORDS.c.batch_id,
            RECORDS.c.position,
            RECORDS.c.leaf,
            RECORDS.c.observed_day,
            RECORDS.c.sealed_secrets,
        )
        in_force = RECORDS.c.state.in_([RecordState.PENDING, RecordState.LIVE])
        for some in _in_parts(subjects):
            # of a subject with pending and live records the pending ones come last and count
            query = select(*columns).where(RECORDS.c.subject.in_(some), in_force).order_by(RECORDS.c.batch_id)
            for subject, part, batch_id, position, leaf, day, sealed in connection.execute(query):
                found.setdefault(subject, {})[Part(part)] = LiveRecord(
                    batch_id=batch_id, position=position, leaf=leaf, observed_day=day, sealed_secrets=sealed
                )
        return found

    def known_subjects(self, connection: Connection, subjects: Sequence[bytes]) -> dict[bytes, bool]:
        """Return, for each subject in the database, whether it was erased."""
        known: dict[bytes, bool] = {}
        for some in _in_parts(subjects):
            query = select(SUBJECTS.c.subject, SUBJECTS.c.erased_at).where(SUBJECTS.c.subject.in_(some))
            known.update((subject, erased_at is not None) for subject, erased_at in connection.execute(query))
        return known

    def national_ids(self) -> Iterator[str]:
        """Yield the ids of all subjects that are not erased."""
        with self.engine.connect() as connection:
            for subject, sealed in connection.execute(
                select(SUBJECTS.c.subject, SUBJECTS.c.sealed_id).where(SUBJECTS.c.sealed_id.is_not(None))
            ):
                yield self.key.open(sealed, subject).decode()

    def add_batch(
        self, connection: Connection, upload_id: int, rows: Sequence[Row], batch: PreparedBatch, new: Sequence[Row]
    ) -> int:
        """Keep a prepared batch and the subjects in it that are `new`; gives its id here."""
        result = connection.execute(
            insert(BATCHES).values(
                upload_id=upload_id,
                root=batch.root,
                vault_root=batch.vault_root,
                record_count=len(rows),
                observed_from=batch.observed_from,
                observed_to=batch.observed_to,
                expires_at=batch.expires_at,
                state=BatchState.PREPARED,
                blobs=join_blobs(batch.blobs),
            )
        )
        batch_id = int(result.inserted_primary_key[0])  # type: ignore[index]  # one row was inserted
        if new:
            subjects = [row.subject for row in new]
            sealed = self.key.seal_each([row.national_id.encode() for row in new], subjects)
            # in the order of their keys: neighbours share a page of the index
            insert_rows(connection, SUBJECTS, ("subject", "sealed_id"), sorted(zip(subjects, sealed, strict=True)))
        insert_rows(connection, RECORDS, _RECORD_COLUMNS, self._records_of(batch_id, rows, batch))
        return batch_id

    def _records_of(self, batch_id: int, rows: Sequence[Row], batch: PreparedBatch) -> list[tuple[object, ...]]:
        """Return the rows of new records in the order of `_RECORD_COLUMNS`."""
        sealed = self.key.seal_each(batch.secrets, batch.leaves)
        state = int(RecordState.PENDING)
        return [
            (
                batch_id,
                place,
                row.subject,
                leaf,
                blob_hash,
                row.values[0],
                row.expires_day,
                int(row.part),
                state,
                one,
                0,
            )
            for place, (row, leaf, blob_hash, one) in enumerate(
                zip(rows, batch.leaves, batch.blob_hashes, sealed, strict=True)
            )
        ]

    def publish_batch(self, batch_id: int, chain_id: int) -> int:
        """Record that a batch is on the chain under `chain_id`; gives how many older records it supersedes."""
        with self.engine.begin() as connection:
            fresh = RECORDS.alias("fresh")
            its_subjects = select(fresh.c.subject).where(fresh.c.batch_id == batch_id).scalar_subquery()
            superseded = connection.execute(
                update(RECORDS)
                .where(
                    RECORDS.c.subject.in_(its_subjects),
                    RECORDS.c.state == RecordState.LIVE,
                    RECORDS.c.batch_id != batch_id,
                )
                .values(state=RecordState.SUPERSEDED, sealed_secrets=None)
            ).rowcount
            connection.execute(
                update(RECORDS)
                .where(and_(RECORDS.c.batch_id == batch_id, RECORDS.c.state == RecordState.PENDING))
                .values(state=RecordState.LIVE)
            )
            connection.execute(
                update(BATCHES)
                .where(BATCHES.c.id == batch_id)
                .values(state=BatchState.PUBLISHED, chain_id=chain_id, blobs=None)
            )
            return superseded

    def counts(self) -> dict[str, int]:
        """Return how many there are of everything, for the console."""
        with self.engine.connect() as connection:
            by_state = {
                RecordState(state).name.lower(): count
                for state, count in connection.execute(
                    select(RECORDS.c.state, func.count()).group_by(RECORDS.c.state).order_by(RECORDS.c.state)
                )
            }
            batches = {
                BatchState(state).name.lower(): count
                for state, count in connection.execute(
                    select(BATCHES.c.state, func.count()).group_by(BATCHES.c.state).order_by(BATCHES.c.state)
                )
            }
            to_revoke = RECORDS.c.state >= RecordState.SUPERSEDED, RECORDS.c.is_revoked == 0
            return {
                "subjects": connection.scalar(select(func.count()).select_from(SUBJECTS)) or 0,
                "uploads": connection.scalar(select(func.count()).select_from(UPLOADS)) or 0,
                **{f"records_{name}": count for name, count in by_state.items()},
                **{f"batches_{name}": count for name, count in batches.items()},
                "revocations_waiting": connection.scalar(select(func.count()).select_from(RECORDS).where(*to_revoke))
                or 0,
            }


def setting(connection: Connection, name: str) -> bytes | None:
    """Return a setting, None when it was never put."""
    return connection.scalar(select(SETTINGS.c.value).where(SETTINGS.c.name == name))


def put_setting(connection: Connection, name: str, value: bytes) -> None:
    """Put a setting."""
    changed = connection.execute(update(SETTINGS).where(SETTINGS.c.name == name).values(value=value)).rowcount
    if not changed:
        connection.execute(insert(SETTINGS).values(name=name, value=value))


def _in_parts(subjects: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(subjects), _IN_MAX):
        yield subjects[start : start + _IN_MAX]


def _overwrite_deleted(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA secure_delete = ON")
