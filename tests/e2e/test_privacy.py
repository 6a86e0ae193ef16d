"""After the main job nobody finds, links or tests a guess on a borrower: not on the chain, not in a log."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.model.schema import CREDIT_FIELDS, CREDIT_KEYS
from client.sdk.hashing import keccak
from client.sdk.table_mapping import load_mapping
from client.sdk.tabular import read_table
from tests.e2e.borrower_traces import (
    credit_file_rows,
    obvious_keys,
    traces_of_files,
    traces_of_person,
    traces_of_records,
    traces_of_secrets,
)
from tests.e2e.consortium import Consortium
from tests.e2e.main_job import MainJob
from tests.e2e.pack_files import CREDIT_MAPPING, example_loans
from tests.e2e.traces import Trace, search

LOGS = ("bureau.log", "registrar.log", "registrar.requests.log", "oracle-c.log", "commands.log")
KEY_FILES = ("validator.key", "tls.key", "vault.key", "keys.bin")
OUTSIDER = 1_090
"""Place of a loan whose borrower is in no pack."""


@pytest.fixture(scope="module")
def traces(consortium: Consortium, main_job: MainJob) -> list[Trace]:
    keys = obvious_keys(consortium)
    found = [
        *traces_of_files(main_job, credit_file_rows(consortium), keys),
        *traces_of_secrets(consortium, main_job, keys),
        *traces_of_records(_records(consortium), keys),
    ]
    return list({trace.data: trace for trace in reversed(found)}.values())


def test_nothing_of_a_borrower_is_anywhere(consortium: Consortium, traces: list[Trace]) -> None:
    kinds = {trace.what.split(",")[0] for trace in traces}
    assert len(traces) > 100_000
    assert {"subject id", "loan id", "handle", "canonical row", "canonical record", "keccak of subject id"} <= kinds
    places = everything_public(consortium)
    assert sum(map(len, places.values())) > 2_000_000
    assert search(traces, places) == []


def test_planted_traces_are_found_in_every_place(consortium: Consortium, traces: list[Trace]) -> None:
    subject = example_loans(0, 1)[0]["borrower_id"]
    salts = [trace for trace in traces if trace.what.startswith("salt of a record")][:2]
    few = [*traces_of_person(subject, []), *salts]
    hashed = hashlib.sha256(subject.encode()).digest()
    shortened, in_capitals = keccak(subject.encode())[:20], hashed.hex().upper().encode()
    planted = b"|".join([subject.encode(), hashed, shortened, in_capitals, salts[0].data])
    for place, content in everything_public(consortium).items():
        middle = len(content) // 2
        found = search(few, {"here": content[:middle] + planted + content[middle:]})
        assert {finding.removesuffix(" in here") for finding in found} == {
            *("subject id", "sha256 of subject id", "sha256 of subject id, hex"),
            *("keccak of subject id", salts[0].what),
        }, place


def test_borrower_named_in_a_vote_is_found_on_the_chain(consortium: Consortium, main_job: MainJob) -> None:
    subject = example_loans(OUTSIDER, 1)[0]["borrower_id"]
    assert subject not in {loan["borrower_id"] for loan in main_job.loans}
    outsider = list(traces_of_person(subject, obvious_keys(consortium)))
    before = dict(on_chain(consortium))
    assert search(outsider, before) == []
    line = ("admin", "propose", "RiskModelRegistry", "retire", "[1]", "--description")
    consortium.ask("governor-a", *line, hashlib.sha256(subject.encode()).hexdigest())
    after = {place: content for place, content in on_chain(consortium) if place not in before}
    assert any(finding.startswith("sha256 of subject id, hex in calldata") for finding in search(outsider, after))


def test_vault_holds_rows_and_records_as_ciphertext_only(consortium: Consortium, traces: list[Trace]) -> None:
    store = consortium.node.network.data_dir / "vault" / "data.mdb"
    assert search(traces, {"vault": store.read_bytes()}) == []


def everything_public(consortium: Consortium) -> dict[str, bytes]:
    """What every member sees, and what lies in logs for the operators."""
    places = dict(on_chain(consortium))
    node = consortium.node.network.directory
    assert node / "node.log" in node.iterdir()
    files = [path for path in sorted(node.rglob("*")) if path.is_file() and path.name not in KEY_FILES]
    files += [consortium.directory / name for name in ("genesis.json", *LOGS)]
    places |= {str(path.relative_to(consortium.directory)): path.read_bytes() for path in files}
    return {place: content for place, content in places.items() if content}


def on_chain(consortium: Consortium) -> Iterator[tuple[str, bytes]]:
    """Calldata and logs of every block."""
    web3 = consortium.chain().web3
    for height in range(web3.eth.block_number + 1):
        block = web3.eth.get_block(height, full_transactions=True)
        calldata = b"|".join(bytes(transaction["input"]) for transaction in block["transactions"])
        receipts = [web3.eth.get_transaction_receipt(transaction["hash"]) for transaction in block["transactions"]]
        logs = [
            b"|".join([*map(bytes, log["topics"]), bytes(log["data"])]) for each in receipts for log in each["logs"]
        ]
        if calldata:
            yield f"calldata of block {height}", calldata
        if logs:
            yield f"logs of block {height}", b"|".join(logs)


def _records(consortium: Consortium) -> list[tuple[int | None, ...]]:
    path: Path = consortium.directory / "credit_files.csv"
    mapping = load_mapping(CREDIT_MAPPING)
    table = read_table(path, CREDIT_FIELDS, keys=CREDIT_KEYS, unique=CREDIT_KEYS, mapping=mapping)
    frame = table.accepted(skip_bad_rows=False)
    return [tuple(values) for values in frame.select([field.name for field in CREDIT_FIELDS]).iter_rows()]
