"""Data of related people for borrowers without data: which relations a bureau knows, and the records made from them.

A relation counts where the borrower consented to it and the related person to the use of its file; the record is
published like any other and says that it is spread. It goes when the borrower's own record comes, or when one of the
related people is erased or withdraws. Source: docs/protocol.md, 5; docs/adr/0022.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from client.roles.bureau.batch import split_secrets
from client.roles.bureau.context import Bureau
from client.roles.bureau.derivation import DISTANCE_MAX, Kind, RelatedRecord, derive
from client.roles.bureau.tables import RECORDS, RELATIONS, WITHDRAWALS, Part, RecordState
from client.roles.bureau.upload import Person, UploadResult, upload
from client.sdk import canonical, cipher
from client.sdk.errors import BadRow
from client.sdk.leaf import check_leaf
from client.sdk.pack.credit_record import CreditValues, encode_record, parse_record
from client.sdk.table_mapping import TableMapping
from client.sdk.tabular import Table, read_table

RELATION_KEYS = ("subject_id", "related_id", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationField:
    """A column of the relations file beside its text columns."""

    name: str
    unit: str = "day"
    minimum: int = 0
    maximum: int = 73_049
    nullable: bool = False


RELATION_FIELDS = (
    RelationField(name="distance", unit="count", minimum=1, maximum=DISTANCE_MAX),
    RelationField(name="consented_day"),
    RelationField(name="related_consented_day", nullable=True),
)
RELATION_MAPPING = TableMapping(
    columns={"consented_day": "consented_on", "related_consented_day": "related_consented_on"},
    units={"consented_day": "date", "related_consented_day": "date"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One line of the file."""

    subject: str
    """National id of the borrower."""
    related: str
    """National id of the related person."""
    kind: Kind
    distance: int
    consented_day: int
    """On which the borrower consented that this relation is used."""
    related_consented_day: int | None
    """On which the related person consented that its file is used so; None: it has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelateResult:
    """What became of a file of relations."""

    relations: int
    without_consent: int
    """Relations whose related person has not consented, or withdrew a consent."""
    borrowers: int
    """Borrowers without data for whom a record was made."""
    upload: UploadResult | None
    """None when there was nobody to make a record for."""


def read_relations(path: Path) -> tuple[list[Relation], tuple[BadRow, ...]]:
    """Read a file of relations: the good ones and the bad rows."""
    table: Table = read_table(path, RELATION_FIELDS, keys=RELATION_KEYS, mapping=RELATION_MAPPING)
    bad = list(table.bad_rows)
    relations: list[Relation] = []
    seen: set[tuple[str, str]] = set()
    columns = [*RELATION_KEYS, *(spec.name for spec in RELATION_FIELDS), "line"]
    for subject, related, word, distance, consented, related_consented, line in table.frame.select(columns).iter_rows():
        if word.upper() not in Kind.__members__:
            allowed = ", ".join(each.name.lower() for each in Kind)
            bad.append(BadRow(line=line, field="kind", value=word, reason=f"expected one of {allowed}"))
        elif subject == related or (subject, related) in seen:
            bad.append(BadRow(line=line, field="related_id", value=related, reason="expected another person, once"))
        else:
            seen.add((subject, related))
            relations.append(
                Relation(
                    subject=subject,
                    related=related,
                    kind=Kind[word.upper()],
                    distance=distance,
                    consented_day=consented,
                    related_consented_day=related_consented,
                )
            )
    return relations, tuple(bad)


def relate(bureau: Bureau, relations: Sequence[Relation]) -> RelateResult:
    """Keep relations, and publish a record for every borrower among them without data whose relations have some.

    Run again it makes the records anew from what is known then; those that say the same are left as they are.

    Raises:
        RefusedError: chain or vault do not let this account; a later run continues.
        UnavailableError: likewise.
    """
    key, today = bureau.store.key, bureau.today()
    subjects = {each: key.subject(each) for one in relations for each in (one.subject, one.related)}
    with bureau.store.engine.begin() as connection:
        _keep(connection, relations, subjects)
        withdrawn = set(connection.scalars(select(WITHDRAWALS.c.subject)))
    usable = [
        one
        for one in relations
        if one.consented_day <= today
        and one.related_consented_day is not None
        and one.related_consented_day <= today
        and subjects[one.related] not in withdrawn
    ]
    records = _own_records(bureau, subjects.values())
    counting = [one for one in usable if subjects[one.subject] not in records and subjects[one.related] in records]
    values = _values(bureau, {subjects[one.related] for one in counting}, records)
    related: defaultdict[str, list[Relation]] = defaultdict(list)
    for one in counting:
        related[one.subject].append(one)
    people = [
        Person(
            national_id=national_id,
            parts={Part.RELATED: derive([_related_record(one, values[subjects[one.related]]) for one in found])},
            expires_day=min(records[subjects[one.related]].expires_day for one in found),
        )
        for national_id, found in sorted(related.items())
    ]
    return RelateResult(
        relations=len(relations),
        without_consent=len(relations) - len(usable),
        borrowers=len(people),
        upload=upload(bureau, people, content_hash=_content_hash(people)) if people else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    leaf: bytes
    blob_hash: bytes
    sealed_secrets: bytes
    expires_day: int


def _keep(connection: Connection, relations: Sequence[Relation], subjects: Mapping[str, bytes]) -> None:
    for one in relations:
        pair = {"subject": subjects[one.subject], "related": subjects[one.related]}
        connection.execute(delete(RELATIONS).filter_by(**pair))
        connection.execute(
            insert(RELATIONS).values(
                **pair,
                kind=one.kind,
                distance=one.distance,
                consented_day=one.consented_day,
                related_consented_day=one.related_consented_day,
            )
        )


def _own_records(bureau: Bureau, subjects: Iterable[bytes]) -> dict[bytes, _Record]:
    """Return the record in force of each subject that has one of its own."""
    wanted = set(subjects)
    columns = RECORDS.c.subject, RECORDS.c.leaf, RECORDS.c.blob_hash, RECORDS.c.sealed_secrets, RECORDS.c.expires_day
    in_force = RECORDS.c.state == RecordState.LIVE, RECORDS.c.part == Part.OWN, RECORDS.c.expires_day > bureau.today()
    with bureau.store.engine.connect() as connection:
        return {
            subject: _Record(leaf=leaf, blob_hash=blob_hash, sealed_secrets=sealed, expires_day=expires_day)
            for subject, leaf, blob_hash, sealed, expires_day in connection.execute(select(*columns).where(*in_force))
            if subject in wanted
        }


def _values(bureau: Bureau, subjects: Iterable[bytes], records: Mapping[bytes, _Record]) -> dict[bytes, CreditValues]:
    """Read the records of subjects back from the vault: the database has their keys only."""
    ordered = sorted(subjects)
    blobs = bureau.fetch_all([records[subject].blob_hash for subject in ordered])
    found = {}
    for subject, blob in zip(ordered, blobs, strict=True):
        record = records[subject]
        key, salt = split_secrets(bureau.store.key.open(record.sealed_secrets, record.leaf))
        opened = cipher.decrypt(key, blob, what="own credit record")
        check_leaf(record.leaf, salt=salt, record=opened, what="own credit record")
        found[subject] = parse_record(opened)
    return found


def _related_record(relation: Relation, values: CreditValues) -> RelatedRecord:
    return RelatedRecord(kind=relation.kind, distance=relation.distance, values=values)


def _content_hash(people: Sequence[Person]) -> bytes:
    """Name the upload by what it says: the same records again are the same upload."""
    digest = hashlib.sha256(b"records made from relations")
    for person in people:
        record = encode_record(person.parts[Part.RELATED])
        digest.update(canonical.encode([person.national_id, person.expires_day, record]))
    return digest.digest()
