"""The bureau's database, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account import Account
from sqlalchemy import insert, select, update

from client.model.schema import CREDIT_FIELDS
from client.roles.bureau.batch import BATCH_SIZE, Row, prepare, split_blobs, split_secrets
from client.roles.bureau.journal import Journal, Named, Tally
from client.roles.bureau.query import Query
from client.roles.bureau.sealing import DatabaseKey
from client.roles.bureau.store import BureauStore
from client.roles.bureau.tables import BATCHES, RECORDS, SUBJECTS, UPLOADS, Outcome, QueryState, RecordState
from client.sdk.cipher import decrypt
from client.sdk.errors import InvalidInputError, KeystoreError, TamperedError
from client.sdk.leaf import leaf
from client.sdk.pack.credit_record import encode_record
from tests.unit.roles.bureau.conftest import ACCOUNT


def row(number: int, *, day: int = 15_000, expires_day: int = 22_000) -> Row:
    values = (day, *[number % 7] * (len(CREDIT_FIELDS) - 1))
    national_id = f"X{number:09}"
    subject = DatabaseKey(ACCOUNT).subject(national_id)
    return Row(national_id=national_id, subject=subject, values=values, expires_day=expires_day)


def add(store: BureauStore, rows: list[Row], *, chain_id: int | None = None, new: bool = True) -> int:
    with store.engine.begin() as connection:
        upload_id = connection.execute(
            insert(UPLOADS).values(
                content_hash=prepare(rows[:1]).root,
                row_count=len(rows),
                next_row=0,
                unchanged=0,
                older=0,
                erased=0,
                expired=0,
            )
        ).inserted_primary_key[0]
        batch_id = store.add_batch(connection, upload_id, rows, prepare(rows), rows if new else [])
    if chain_id is not None:
        store.publish_batch(batch_id, chain_id)
    return batch_id


def test_batch_kept_then_published_makes_its_records_live(store: BureauStore):
    batch_id = add(store, [row(i) for i in range(5)])
    assert store.counts()["records_pending"] == 5
    store.publish_batch(batch_id, 7)
    counts = store.counts()
    assert (counts["records_live"], counts["subjects"], counts["batches_published"]) == (5, 5, 1)
    with store.engine.connect() as connection:
        assert connection.execute(select(BATCHES.c.chain_id, BATCHES.c.blobs)).one() == (7, None)


def test_newer_record_supersedes_and_destroys_the_secrets_of_the_older(store: BureauStore):
    first = add(store, [row(1), row(2)], chain_id=1)
    second = add(store, [row(1, day=15_100)], new=False)
    assert store.publish_batch(second, 2) == 1
    with store.engine.connect() as connection:
        found = connection.execute(
            select(RECORDS.c.batch_id, RECORDS.c.position, RECORDS.c.state, RECORDS.c.sealed_secrets).order_by(
                RECORDS.c.batch_id, RECORDS.c.position
            )
        ).all()
    assert [(one[0], one[1], RecordState(one[2]), one[3] is None) for one in found] == [
        (first, 0, RecordState.SUPERSEDED, True),
        (first, 1, RecordState.LIVE, False),
        (second, 0, RecordState.LIVE, False),
    ]


def test_publishing_twice_changes_nothing(store: BureauStore):
    batch_id = add(store, [row(1)], chain_id=1)
    assert store.publish_batch(batch_id, 1) == 0
    assert store.counts()["records_live"] == 1


def test_secrets_of_a_record_open_its_ciphertext_and_give_its_leaf(store: BureauStore):
    rows = [row(i) for i in range(3)]
    add(store, rows)
    with store.engine.connect() as connection:
        blobs = split_blobs(connection.scalar(select(BATCHES.c.blobs)))
        records = connection.execute(select(RECORDS).order_by(RECORDS.c.position)).all()
    for one, blob, record in zip(rows, blobs, records, strict=True):
        key, salt = split_secrets(store.key.open(record.sealed_secrets, record.leaf))
        assert decrypt(key, blob, what="record") == encode_record(one.values)
        assert leaf(salt, encode_record(one.values)) == record.leaf


def test_sealed_secrets_moved_to_another_record_do_not_open(store: BureauStore):
    add(store, [row(1), row(2)])
    with store.engine.connect() as connection:
        first, second = connection.execute(select(RECORDS).order_by(RECORDS.c.position)).all()
    with pytest.raises(TamperedError):
        store.key.open(first.sealed_secrets, second.leaf)


def test_national_ids_come_back_until_erased(store: BureauStore):
    add(store, [row(1), row(2)])
    assert sorted(store.national_ids()) == ["X000000001", "X000000002"]
    with store.engine.begin() as connection:
        subject = store.key.subject("X000000001")
        connection.execute(update(SUBJECTS).where(SUBJECTS.c.subject == subject).values(sealed_id=None, erased_at=5))
    assert list(store.national_ids()) == ["X000000002"]
    with store.engine.connect() as connection:
        assert store.known_subjects(connection, [subject]) == {subject: True}


def test_database_opened_with_another_account_is_refused(database_url: str):
    BureauStore(database_url, ACCOUNT).close()
    BureauStore(database_url, ACCOUNT).close()
    with pytest.raises(KeystoreError, match="another account"):
        BureauStore(database_url, Account.from_key(b"\x22" * 32))


def test_sqlite_file_holds_no_id_and_after_erasure_no_secret(tmp_path: Path):
    store = BureauStore(f"{tmp_path}/bureau.db", ACCOUNT)
    add(store, [row(i) for i in range(300)], chain_id=1)
    with store.engine.connect() as connection:
        sealed = connection.scalar(select(RECORDS.c.sealed_secrets).where(RECORDS.c.position == 17))

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))

    assert b"X000000017" not in on_disk()
    assert sealed in on_disk()
    with store.engine.begin() as connection:
        connection.execute(update(RECORDS).where(RECORDS.c.position == 17).values(sealed_secrets=None))
    store.scrub()
    remains = on_disk()
    assert not any(sealed[at : at + 12] in remains for at in range(len(sealed) - 11))
    store.close()


def test_scrub_works_on_every_database(store: BureauStore):
    add(store, [row(1)])
    store.scrub()
    assert store.counts()["subjects"] == 1


def query(number: int, *, second: int = 1_000_000, requester: str = "0x" + "11" * 20) -> Query:
    return Query(
        id=number,
        pack_id=number,
        requester=requester,
        purpose=1,
        count=3,
        recipients=(),
        handles_root=b"",
        consent_root=b"",
        request_blob=b"",
        expires_at=second + 1,
        second=second,
        block_number=1,
    )


def answered(
    journal: Journal,
    number: int,
    subjects: list[bytes],
    *,
    second: int = 1_000_000,
    originator: str = "0xabc",
    requester: str = "0x" + "11" * 20,
) -> None:
    named = [Named(position=at, subject=one, outcome=Outcome.FOUND) for at, one in enumerate(subjects)]
    journal.keep(
        query(number, second=second, requester=requester),
        originator=originator,
        state=QueryState.ANSWERED,
        tally=Tally(found=len(subjects)),
        handles=[b"h" * 32] * 3,
        named=named,
    )


def test_journal_counts_readings_of_the_last_month_only(store: BureauStore):
    journal = Journal(store)
    one, other = b"\x01" * 32, b"\x02" * 32
    answered(journal, 1, [one, other], second=1_000_000)
    answered(journal, 2, [one], second=10_000_000)
    assert journal.times_given([one, other], now=10_000_001) == {one: 1}
    assert journal.times_given([other], now=1_000_001) == {other: 1}


def test_journal_counts_readings_of_all_risk_controls_together(store: BureauStore):
    journal, one = Journal(store), b"\x01" * 32
    answered(journal, 1, [one], requester="0xfirst", originator="0xabc")
    answered(journal, 2, [one], requester="0xsecond", originator="0xdef")
    assert journal.times_given([one], now=1_000_001) == {one: 2}
    assert journal.earlier_subjects("0xdef", "0xfirst", now=1_000_000, but=3) == {1: {one}, 2: {one}}
    assert journal.earlier_subjects("0xabc", "0xthird", now=1_000_000, but=3) == {1: {one}}


def test_journal_gives_earlier_subjects_of_the_originator_but_not_of_the_query_itself(store: BureauStore):
    journal = Journal(store)
    answered(journal, 1, [b"\x01" * 32])
    answered(journal, 2, [b"\x02" * 32])
    assert journal.earlier_subjects("0xabc", "0xother", now=1_000_000, but=2) == {1: {b"\x01" * 32}}
    requester = "0x" + "11" * 20
    assert journal.earlier_subjects("0xother", requester, now=1_000_000, but=1) == {2: {b"\x02" * 32}}
    assert journal.earlier_subjects("0xother", "0xother", now=1_000_000, but=0) == {}


def test_journal_counts_an_earlier_query_whose_answer_is_under_way_and_no_later_one(store: BureauStore):
    journal = Journal(store)
    named = [Named(position=0, subject=b"\x01" * 32, outcome=Outcome.FOUND)]
    journal.keep(query(5), originator="0xabc", state=QueryState.PREPARED, named=named)
    assert journal.earlier_subjects("0xabc", "", now=1_000_000, but=6) == {5: {b"\x01" * 32}}
    assert journal.earlier_subjects("0xabc", "", now=1_000_000, but=4) == {}


def test_journal_decision_kept_again_replaces_the_first(store: BureauStore):
    journal = Journal(store)
    answered(journal, 1, [b"\x01" * 32, b"\x02" * 32])
    journal.keep(query(1), originator="", state=QueryState.PREPARED, reason=4)
    assert journal.state_of(1) is QueryState.PREPARED
    assert journal.decision_of(1) == (4, Tally())
    assert journal.unsettled() == [1]
    assert journal.state_of(2) is None


def test_withdrawals_add_up_by_purpose(store: BureauStore):
    journal = Journal(store)
    journal.withdraw(b"\x01" * 32, purposes=1 << 2, now=5)
    journal.withdraw(b"\x01" * 32, purposes=1 << 1, now=6)
    journal.withdraw(b"\x02" * 32, purposes=1 << 2, now=6)
    assert journal.withdrawn(1) == {b"\x01" * 32}
    assert journal.withdrawn(2) == {b"\x01" * 32, b"\x02" * 32}
    assert journal.withdrawn(3) == set()


def test_followed_block_is_remembered(store: BureauStore):
    journal = Journal(store)
    assert journal.followed_to() == -1
    journal.set_followed_to(12)
    journal.set_followed_to(13)
    assert journal.followed_to() == 13


@pytest.mark.parametrize("count", [0, BATCH_SIZE + 1])
def test_prepare_of_too_few_or_too_many_rows_is_refused(count: int):
    with pytest.raises(InvalidInputError, match="batch"):
        prepare([row(0)] * count)
