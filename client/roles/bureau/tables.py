"""Tables of a bureau's database. Source: docs/protocol.md, 5.

Nothing in them names a person to someone without the bureau's account key: subjects are found by a keyed hash, and
their ids, the keys and the salts of records are sealed.
"""

from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

COMPONENT = "bureau"
SCHEMA_VERSION = 2


class BatchState(IntEnum):
    """How far a batch has come."""

    PREPARED = 1
    """Its records are here and its blobs may be in the vault."""
    PUBLISHED = 2
    """It is on the chain, with an id."""


class RecordState(IntEnum):
    """What a record is good for. From SUPERSEDED on the number is the reason of its revocation plus 2."""

    PENDING = 1
    """Of a batch that is not published yet."""
    LIVE = 2
    SUPERSEDED = 3
    ERASED = 4
    EXPIRED = 5
    WRONG = 6


class Part(IntEnum):
    """What a record has of a subject. Fields of explicit consent are a record of their own, which can be held back."""

    OWN = 0
    """All fields that any consent covers."""
    EXPLICIT = 1
    """The day, and the fields that need explicit consent."""
    RELATED = 2
    """Made from the records of related subjects; there is none beside OWN."""


class QueryState(IntEnum):
    """How far the answer to a query has come."""

    PREPARED = 1
    """Decided; the answer may or may not be on the chain."""
    ANSWERED = 2
    REFUSED = 3
    LAPSED = 4
    """It expired, or another account of this organisation dealt with it."""


class Outcome(IntEnum):
    """What a query got of a subject that this bureau knows."""

    FOUND = 1
    MISSING = 2
    """No record that may be given: erased, expired, superseded by nothing."""
    REFUSED = 3


METADATA = MetaData()

SETTINGS = Table(
    "settings",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

SUBJECTS = Table(
    "subjects",
    METADATA,
    Column("subject", LargeBinary(32), primary_key=True),  # keyed hash of the national id
    Column("sealed_id", LargeBinary),  # null once erased
    Column("erased_at", BigInteger),  # Unix second
)

UPLOADS = Table(
    "uploads",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("content_hash", LargeBinary(32), nullable=False, unique=True),  # of file, mapping and rules
    Column("row_count", Integer, nullable=False),
    Column("next_row", Integer, nullable=False),  # rows before it are in batches or were left out
    Column("unchanged", Integer, nullable=False),
    Column("older", Integer, nullable=False),
    Column("erased", Integer, nullable=False),
    Column("expired", Integer, nullable=False),
)

BATCHES = Table(
    "batches",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("upload_id", ForeignKey("uploads.id"), nullable=False),
    Column("root", LargeBinary(32), nullable=False, unique=True),
    Column("vault_root", LargeBinary(32), nullable=False),
    Column("record_count", Integer, nullable=False),
    Column("observed_from", Integer, nullable=False),  # days
    Column("observed_to", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # Unix second
    Column("state", SmallInteger, nullable=False),
    Column("blobs", LargeBinary),  # encrypted records until the batch is published
    Column("chain_id", BigInteger),  # batch id on the chain
)

RECORDS = Table(
    "records",
    METADATA,
    Column("batch_id", ForeignKey("batches.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("subject", ForeignKey("subjects.subject"), nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("blob_hash", LargeBinary(32), nullable=False),
    Column("observed_day", Integer, nullable=False),
    Column("expires_day", Integer, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("sealed_secrets", LargeBinary),  # key and salt; null once destroyed
    Column("is_revoked", SmallInteger, nullable=False),  # 1 when the chain says so too
)
Index("records_by_subject", RECORDS.c.subject)
Index("records_by_state", RECORDS.c.state, RECORDS.c.is_revoked)

QUERIES = Table(
    "queries",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # query id on the chain
    Column("pack_id", BigInteger, nullable=False),
    Column("originator", String(42), nullable=False),
    Column("requester", String(42), nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("second", BigInteger, nullable=False),  # of the block that asked
    Column("block_number", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("reason", SmallInteger, nullable=False),  # of a refusal, else 0
    Column("found", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("withheld", Integer, nullable=False),
    Column("handles", LargeBinary, nullable=False),  # all handles of the query, 32 bytes each
)

QUERY_SUBJECTS = Table(
    "query_subjects",
    METADATA,
    Column("query_id", ForeignKey("queries.id"), primary_key=True),
    Column("position", Integer, primary_key=True),  # of the handle
    Column("subject", LargeBinary(32), nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("batch_id", Integer),  # of the record that was given
    Column("record_position", Integer),
    Column("is_told", SmallInteger, nullable=False),  # 1 when the chain was told that this record changed
    Index("query_subjects_by_subject", "subject"),
    Index("query_subjects_by_record", "batch_id", "record_position"),
)

WITHDRAWALS = Table(
    "withdrawals",
    METADATA,
    Column("subject", LargeBinary(32), primary_key=True),
    Column("purposes", Integer, nullable=False),  # bitmap, bit = purpose
    Column("withdrawn_at", BigInteger, nullable=False),  # Unix second
)

RELATIONS = Table(
    "relations",
    METADATA,
    Column("subject", LargeBinary(32), primary_key=True),
    Column("related", LargeBinary(32), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("distance", SmallInteger, nullable=False),
    Column("consented_day", Integer, nullable=False),  # of the subject
    Column("related_consented_day", Integer),  # of the related person; null: has not
    Index("relations_by_related", "related"),
)

DELETIONS = Table(
    "deletion_receipts",
    METADATA,
    Column("batch_id", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("vault", String(42), primary_key=True),  # address of its signing key
    Column("deleted_at", BigInteger, nullable=False),  # Unix second
    Column("signature", LargeBinary(65), nullable=False),
)
