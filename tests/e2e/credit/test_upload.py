"""Uploads against a real node: interrupted everywhere, continued, superseded, erased, refused."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import lmdb
import polars as pl
import pytest
from sqlalchemy import select

from client.model.schema import CREDIT_FIELDS
from client.roles.bureau import upload as upload_module
from client.roles.bureau.context import Bureau
from client.roles.bureau.retention import Retention
from client.roles.bureau.revocation import erase, expire
from client.roles.bureau.tables import RECORDS
from client.roles.bureau.upload import UploadResult, people_of, upload
from client.sdk.chain import ChainClient
from client.sdk.errors import RefusedError, UnavailableError
from client.sdk.hashing import keccak
from client.sdk.tabular import Table
from client.sdk.vault_client import VaultClient
from tests.e2e.credit.credit_network import CLI, CreditNetwork
from tests.e2e.node_kit import ROOT


def credit_frame(count: int, *, first: int = 0, day: int = 20_000, seed: int = 1) -> pl.DataFrame:
    """Random credit files of people who do not exist."""
    source = random.Random(seed)
    columns = {
        field.name: [source.randint(field.minimum, min(field.maximum, 400_000)) for _ in range(count)]
        for field in CREDIT_FIELDS
    }
    left_out = {field.name: [None] * count for field in CREDIT_FIELDS if field.needs_explicit_consent}
    ids = [f"P{number:012}" for number in range(first, first + count)]
    days = {"observed_day": [day] * count, "relation_distance": [None] * count}
    return pl.DataFrame({"subject_id": ids, **columns, **left_out, **days, "line": range(2, count + 2)})


def run(bureau: Bureau, frame: pl.DataFrame, name: str, **retention: object) -> UploadResult:
    table = Table(path=name, frame=frame, bad_rows=())
    people, _ = people_of(table, Retention(**retention), today=bureau.today(), skip_bad_rows=False)
    return upload(bureau, people, content_hash=keccak(name.encode()), progress=lambda done, total: None)


def published(chain: ChainClient, first_batch: int) -> list[int]:
    """Record counts of the batches on the chain from an id on."""
    last = chain.call("CreditFileRegistry", "batchCount")
    return [chain.call("CreditFileRegistry", "batch", each).count for each in range(first_batch, last + 1)]


@pytest.fixture
def next_batch(network: CreditNetwork) -> int:
    return int(network.chain().call("CreditFileRegistry", "batchCount")) + 1


def hashes_of(bureau: Bureau) -> list[bytes]:
    with bureau.store.engine.connect() as connection:
        return list(connection.scalars(select(RECORDS.c.blob_hash).order_by(RECORDS.c.batch_id, RECORDS.c.position)))


class Killed(BaseException):
    """What a process would not survive."""


STEPS = ["before the vault", "after the vault", "after the transaction"]


@pytest.mark.parametrize("step", STEPS)
def test_upload_killed_between_two_steps_continues_and_doubles_nothing(
    network: CreditNetwork, tmp_path: Path, next_batch: int, monkeypatch: pytest.MonkeyPatch, step: str
):
    monkeypatch.setattr(upload_module, "BATCH_SIZE", 100)
    bureau = network.bureau(tmp_path / "bureau.db")
    frame = credit_frame(350, first=1_000_000, seed=STEPS.index(step))

    def dying(original, *, is_first: bool):
        def wrapped(*args, **options):
            if len(published(bureau.chain, next_batch)) >= 1 and is_first:
                raise Killed
            result = original(*args, **options)
            if len(published(bureau.chain, next_batch)) >= 2:
                raise Killed
            return result

        return wrapped

    with monkeypatch.context() as patch:
        if step == "after the transaction":
            patch.setattr(ChainClient, "send", dying(ChainClient.send, is_first=False))
        else:
            patch.setattr(VaultClient, "put", dying(VaultClient.put, is_first=step == "before the vault"))
            patch.setattr(ChainClient, "send", dying(ChainClient.send, is_first=step == "after the vault"))
        with pytest.raises(Killed):
            run(bureau, frame, step)
    again = run(network.bureau(tmp_path / "bureau.db"), frame, step)
    assert published(bureau.chain, next_batch) == [100, 100, 100, 50]
    assert not again.was_complete
    counts = bureau.store.counts()
    assert (counts["records_live"], counts["batches_published"], counts["subjects"]) == (350, 4, 350)
    assert run(bureau, frame, step).was_complete
    assert len(network.vault("bureau").get_all(hashes_of(bureau))) == 350


def test_upload_process_killed_at_random_instants_continues_and_doubles_nothing(
    network: CreditNetwork, tmp_path: Path, next_batch: int
):
    file = tmp_path / "files.csv"
    credit_frame(30_000, first=2_000_000).write_csv(file)
    command = [*CLI, *network.options("bureau"), "bureau", "upload", str(file), "--db", str(tmp_path / "bureau.db")]
    source = random.Random(7)
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        target = len(published(network.chain(), next_batch)) + 1
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if (tmp_path / "bureau.db").exists() and source.random() < 0.05:
                break
            if len(published(network.chain(), next_batch)) >= target:
                break
            time.sleep(0.05)
        if process.poll() is None:
            process.kill()
            kills += 1
        process.wait()
    last = network.ask("bureau", "bureau", "upload", file, "--db", tmp_path / "bureau.db")
    assert kills >= 1
    assert last["file_rows"] == 30_000
    assert published(network.chain(), next_batch) == [10_000] * 3
    counts = network.bureau(tmp_path / "bureau.db").store.counts()
    assert (counts["records_live"], counts["batches_published"], counts["subjects"]) == (30_000, 3, 30_000)


def test_node_killed_during_an_upload_loses_nothing(
    network: CreditNetwork, tmp_path: Path, next_batch: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(upload_module, "BATCH_SIZE", 100)
    bureau = network.bureau(tmp_path / "bureau.db")
    bureau.chain.receipt_timeout_s = 3
    frame = credit_frame(300, first=3_000_000)
    original = VaultClient.put

    def put(self, blobs):
        if len(published(bureau.chain, next_batch)) == 1:
            network.node.kill()
        return original(self, blobs)

    with monkeypatch.context() as patch:
        patch.setattr(VaultClient, "put", put)
        with pytest.raises(UnavailableError):
            run(bureau, frame, "node killed")
    network.node.start()
    run(network.bureau(tmp_path / "bureau.db"), frame, "node killed")
    assert published(network.chain(), next_batch) == [100, 100, 100]
    assert bureau.store.counts()["records_live"] == 300


def test_newer_file_supersedes_and_a_stale_or_equal_row_is_left_out(network: CreditNetwork, tmp_path: Path):
    bureau = network.bureau(tmp_path / "bureau.db")
    run(bureau, credit_frame(120, first=4_000_000, seed=1), "first")
    old_hashes = hashes_of(bureau)
    newer = pl.concat(
        [
            credit_frame(120, first=4_000_000, seed=1)[:40],  # unchanged
            credit_frame(120, first=4_000_000, day=19_999, seed=2)[40:80],  # observed before
            credit_frame(120, first=4_000_000, day=20_100, seed=3)[80:],  # observed later
        ]
    )
    result = run(bureau, newer, "second")
    assert (result.uploaded, result.superseded) == (40, 40)
    assert (result.left_out.unchanged, result.left_out.older) == (40, 40)
    fetched = list(network.vault("risk").fetch(old_hashes))
    assert [one.blob is None for one in fetched] == [False] * 80 + [True] * 40
    assert bureau.store.counts()["revocations_waiting"] == 0


def test_bureau_on_postgresql_uploads_supersedes_and_erases(network: CreditNetwork, postgres_url: str):
    bureau = network.bureau(postgres_url)
    run(bureau, credit_frame(120, first=4_500_000, seed=1), "first on PostgreSQL")
    result = run(bureau, credit_frame(50, first=4_500_000, day=20_100, seed=2), "second on PostgreSQL")
    assert (result.uploaded, result.superseded) == (50, 50)
    erasure = erase(bureau, "P000004500003")
    assert (erasure.records, erasure.revoked, erasure.receipts_missing) == (2, 2, 0)
    counts = bureau.store.counts()
    assert (counts["records_live"], counts["records_superseded"], counts["records_erased"]) == (119, 50, 1)
    assert counts["revocations_waiting"] == 0
    assert run(bureau, credit_frame(50, first=4_500_000, day=20_100, seed=2), "second on PostgreSQL").was_complete
    bureau.store.close()


def test_erased_person_leaves_nothing_readable_anywhere(network: CreditNetwork, tmp_path: Path):
    bureau = network.bureau(tmp_path / "bureau.db")
    run(bureau, credit_frame(50, first=5_000_000), "erasure")
    blob_hash = hashes_of(bureau)[7]
    blob = network.vault("bureau").get(blob_hash)
    erasure = erase(bureau, "P000005000007")
    assert (erasure.records, erasure.revoked, erasure.receipts, erasure.receipts_missing) == (1, 1, 1, 0)
    assert not erasure.was_erased
    with pytest.raises(RefusedError):
        network.vault("bureau").get(blob_hash)
    vault_files = [path for path in (network.node.network.data_dir / "vault").rglob("*") if path.is_file()]
    assert vault_files
    remains = b"".join(path.read_bytes() for path in vault_files)
    assert not any(blob[at : at + 16] in remains for at in range(len(blob) - 15))
    with bureau.store.engine.connect() as connection:
        row = connection.execute(select(RECORDS).where(RECORDS.c.blob_hash == blob_hash)).one()
    assert row.sealed_secrets is None
    assert "P000005000007" not in list(bureau.store.national_ids())
    assert erase(bureau, "P000005000007").was_erased
    again = run(bureau, credit_frame(50, first=5_000_000, day=20_200, seed=9), "the same people again")
    assert (again.uploaded, again.left_out.erased) == (49, 1)
    with pytest.raises(RefusedError, match="no credit file"):
        erase(bureau, "P999999999999")


def test_erasure_interrupted_after_the_keys_are_gone_is_finished_by_the_next_run(
    network: CreditNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bureau = network.bureau(tmp_path / "bureau.db")
    run(bureau, credit_frame(10, first=6_000_000), "interrupted erasure")

    def unavailable(*_, **__):
        raise UnavailableError("the chain", "no connection")

    with monkeypatch.context() as patch:
        patch.setattr(ChainClient, "send", unavailable)
        with pytest.raises(UnavailableError):
            erase(bureau, "P000006000003")
    counts = bureau.store.counts()
    assert (counts["records_erased"], counts["revocations_waiting"]) == (1, 1)
    assert erase(network.bureau(tmp_path / "bureau.db"), "P000006000003").receipts_missing == 0
    assert bureau.store.counts()["revocations_waiting"] == 0


def test_records_past_their_time_are_destroyed_and_revoked(network: CreditNetwork, tmp_path: Path):
    bureau = network.bureau(tmp_path / "bureau.db")
    run(bureau, credit_frame(30, first=7_000_000), "expiring", days=30)
    assert expire(bureau) == 0
    with bureau.store.engine.begin() as connection:
        connection.execute(RECORDS.update().where(RECORDS.c.position < 10).values(expires_day=bureau.today()))
    assert expire(bureau) == 10
    counts = bureau.store.counts()
    assert (counts["records_expired"], counts["records_live"], counts["revocations_waiting"]) == (10, 20, 0)
    chain_id = bureau.chain.call("CreditFileRegistry", "batchCount")
    assert bureau.chain.call("CreditFileRegistry", "revokedWords", chain_id, 0, 1) == [(1 << 10) - 1]


def test_data_that_expired_before_the_upload_is_left_out(network: CreditNetwork, tmp_path: Path):
    bureau = network.bureau(tmp_path / "bureau.db")
    frame = credit_frame(20, first=7_500_000, day=15_000)
    with_event = frame.with_columns(
        months_since_delinquency=pl.when(pl.int_range(pl.len()) < 5).then(10), months_since_public_record=None
    )
    result = run(bureau, with_event.cast({"months_since_public_record": pl.Int64}), "adverse", jurisdiction="cn")
    assert (result.uploaded, result.left_out.expired) == (15, 5)


def test_suspended_account_is_refused_clearly_and_its_upload_continues_afterwards(
    network: CreditNetwork, tmp_path: Path
):
    file = tmp_path / "files.csv"
    credit_frame(60, first=8_000_000).write_csv(file)
    arguments = ("bureau", "upload", file, "--db", tmp_path / "bureau.db")
    network.govern("setSuspended", network.identities["bureau"].address, True)
    try:
        refused = network.cli("bureau", *arguments, check=False)
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: refused by")
        assert len(refused.stderr.splitlines()) == 1
    finally:
        network.govern("setSuspended", network.identities["bureau"].address, False)
    assert network.ask("bureau", *arguments)["file_rows"] == 60
    assert network.bureau(tmp_path / "bureau.db").store.counts()["records_live"] == 60


def test_ciphertext_changed_on_the_vaults_disk_is_reported_and_not_served(network: CreditNetwork, tmp_path: Path):
    bureau = network.bureau(tmp_path / "bureau.db")
    run(bureau, credit_frame(20, first=9_000_000), "tampered")
    hashes = hashes_of(bureau)
    data_file = next((network.node.network.data_dir / "vault").rglob("data.mdb"))
    with lmdb.open(str(data_file.parent), readonly=True, max_dbs=16, lock=False) as environment:
        table = environment.open_db(b"blobs", create=False)
        with environment.begin() as transaction:
            entry = transaction.get(hashes[5], db=table)
    content = data_file.read_bytes()
    for at in (position for position in range(len(content)) if content.startswith(entry[-40:], position)):
        with data_file.open("r+b") as file:
            file.seek(at)
            file.write(bytes([content[at] ^ 1]))
    fetched = list(network.vault("risk").fetch(hashes))
    assert [at for at, one in enumerate(fetched) if one.blob is None] == [5]
    assert "tampered" in str(fetched[5].reason)


def test_bad_rows_are_listed_and_the_good_ones_taken_on_demand(network: CreditNetwork, tmp_path: Path):
    file = tmp_path / "files.csv"
    frame = credit_frame(30, first=9_500_000)
    lines = frame.write_csv().splitlines()
    lines[3] = lines[3].replace("20000", "-5", 1)
    lines[5] = lines[4]
    file.write_text("\n".join(lines) + "\n")
    refused = network.cli("bureau", "--json", "bureau", "upload", file, "--db", tmp_path / "bureau.db", check=False)
    assert refused.returncode == 1
    assert '"line": 4' in refused.stderr
    assert '"line": 6' in refused.stderr
    assert "P0000" not in refused.stderr
    taken = network.ask("bureau", "bureau", "upload", file, "--db", tmp_path / "bureau.db", "--skip-bad-rows")
    assert (taken["uploaded_count"], taken["bad_count"]) == (28, 2)


def test_script_for_schedulers_uploads_like_the_command(network: CreditNetwork, tmp_path: Path):
    file = tmp_path / "files.csv"
    credit_frame(10, first=9_800_000).write_csv(file)
    command = [CLI[0], "scripts/upload_credit_files.py", str(file), "--db", str(tmp_path / "bureau.db"), "--json"]
    done = subprocess.run(
        [*command, *network.options("bureau")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert '"uploaded_count": 10' in done.stdout
