"""Everything of the main job's borrowers that nobody may find on the chain or in a log."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from client.roles.registrar.key_file import open_key_file
from client.roles.risk_control.store import PackKeyStore
from client.sdk import canonical
from client.sdk.credit_bundle import BundleEntry, decode_answer, decode_bundle
from client.sdk.database import open_engine
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.hpke import decode_key_blob
from client.sdk.pack.blobs import PackedRow, decrypt_rows
from client.sdk.pack.credit_record import encode_record
from client.sdk.pack.reader import read_pack
from client.sdk.recipients import open_sealed
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import REGISTRY, Consortium
from tests.e2e.main_job import MainJob
from tests.e2e.pack_files import Row, read_rows
from tests.e2e.traces import Trace, dollars, guesses, in_clear, is_distinctive, spellings, word

READER = "trustee"


def obvious_keys(consortium: Consortium) -> list[bytes]:
    """Keys that somebody who guesses would try first, all of them public or trivial."""
    numbers = [number.to_bytes(size, "big") for number in (0, 1, consortium.chain().chain_id) for size in (4, 8, 32)]
    accounts = [bytes.fromhex(consortium.address(name)[2:]) for name in ("bureau", "risk-control", ORIGINATOR)]
    return [b"", b"tranchain", b"pack", b"secret", bytes.fromhex(REGISTRY[2:]), *numbers, *accounts]


def traces_of_person(subject: str, keys: Sequence[bytes]) -> Iterator[Trace]:
    """A person's id, and what can be computed by guessing it."""
    yield from in_clear("subject id", subject.encode())
    for place, spelling in enumerate(spellings(subject)):
        yield from guesses("subject id", spelling, keys if place < 3 else keys[:2])


def traces_of_files(job: MainJob, credit_files: Sequence[Row], keys: Sequence[bytes]) -> Iterator[Trace]:
    """What the institutions' own files say of the borrowers."""
    borrowers = {loan["borrower_id"] for loan in job.loans}
    for loan in job.loans:
        yield from traces_of_person(loan["borrower_id"], keys)
        yield from in_clear("loan id", loan["loan_id"].encode())
        yield from guesses("loan id", loan["loan_id"].encode(), keys[:2])
        yield from _amount("income", loan["annual_income"])
        yield from _amount("balance", loan["outstanding_principal"])
    for row in credit_files:
        if row["national_id"] in borrowers:
            yield from _amount("revolving balance", row["revolving_balance"])


def traces_of_secrets(consortium: Consortium, job: MainJob, keys: Sequence[bytes]) -> Iterator[Trace]:
    """Rows, records, handles, salts and keys, as those see them who may."""
    chain, identity = consortium.chain(), consortium.identity(READER)
    pack = read_pack(chain, consortium.vault(READER), identity, job.pack)
    commitment = bytes(chain.call("AssetPackRegistry", "pack", job.pack).keyCommitment)
    engine = open_engine(str(consortium.directory / "risk_control.db"))
    risk_control = consortium.identity("risk-control")
    store = PackKeyStore(engine, risk_control, chain_id=chain.chain_id, registry=chain.registry)
    yield from in_clear("pack key", store.get(commitment))
    yield from in_clear("row key", pack.row_key)
    password = consortium.members.password_file.read_text()
    yield from in_clear("registrar's key", open_key_file(consortium.directory / "registrar.key.json", password))
    for packed in _packed_rows(consortium, job, pack.row_key):
        yield from in_clear("handle", packed.asset().handle)
        yield from in_clear("salt of a row", packed.salt)
        yield from in_clear("receipt", packed.receipt)
        yield from in_clear("canonical row", packed.row)
        yield from guesses("canonical row", packed.row, keys[:2])
        values = packed.asset().values
        yield from guesses("values of a row", canonical.encode(list(values)), keys[:2])
    for entry in bundle_entries(consortium, job):
        yield from in_clear("key of a record", entry.key)
        yield from in_clear("salt of a record", entry.salt)


def traces_of_records(records: Sequence[tuple[int | None, ...]], keys: Sequence[bytes]) -> Iterator[Trace]:
    """Canonical credit records, and what can be computed by guessing one."""
    for values in records:
        record = encode_record(values)
        yield from in_clear("canonical record", record)
        yield from in_clear("values of a record", canonical.encode(list(values))[1:])
        yield from guesses("canonical record", record, keys[:2])


def bundle_entries(consortium: Consortium, job: MainJob) -> tuple[BundleEntry, ...]:
    """The keys, salts and proofs that the bureau gave to the reader."""
    chain, vault, identity = consortium.chain(), consortium.vault(READER), consortium.identity(READER)
    query_id = job.documents["query"]["query"]
    answered = next(chain.events("CreditFileRegistry", "CreditAnswered", filters={"queryId": query_id}))
    sealed = vault.get(decode_answer(vault.get(bytes(answered.args["bundleRoot"])))[identity.address])
    expires_at = chain.call("CreditFileRegistry", "query", query_id).expiresAt
    info = KeyDirectory(chain).seal_info("bundle", subject=query_id, recipient=identity.address, expires_at=expires_at)
    return decode_bundle(open_sealed(identity, sealed, info)).entries


def credit_file_rows(consortium: Consortium) -> list[Row]:
    """The bureau's own file."""
    return read_rows(consortium.directory / "credit_files.csv")


def _packed_rows(consortium: Consortium, job: MainJob, row_key: bytes) -> list[PackedRow]:
    chain, vault = consortium.chain(), consortium.vault(READER)
    added = chain.events("AssetPackRegistry", "AssetsAdded", filters={"packId": job.pack})
    blobs = vault.get_all([bytes(event.args["rowsBlob"]) for event in added])
    assert decode_key_blob(vault.get(bytes(chain.call("AssetPackRegistry", "pack", job.pack).rowKeyBlob)))
    return [packed for blob in blobs for packed in decrypt_rows(row_key, blob, what="rows")]


def _amount(what: str, text: str) -> Iterator[Trace]:
    cents = int(Decimal(text) * 100)
    if is_distinctive(cents):
        yield Trace(f"{what}, dollars", dollars(cents))
        yield Trace(f"{what}, EVM word", word(cents))
