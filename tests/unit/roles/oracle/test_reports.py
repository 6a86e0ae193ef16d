from pathlib import Path

import pytest
from eth_abi.abi import encode

from client.roles.oracle.service import chunk_hashes, commitment_of
from client.roles.oracle.store import ReportStore, StoredReport
from client.sdk.database import open_engine
from client.sdk.hashing import keccak

REGISTRY = "0x" + "22" * 20
ORACLE = "0x" + "AA" * 20
STORED = StoredReport(salt=b"\x09" * 32, report=bytes(index % 101 for index in range(20_000)))


def store(path: Path, *, chain: int = 7, registry: str = REGISTRY) -> ReportStore:
    return ReportStore(open_engine(str(path)), chain_id=chain, registry=registry)


def test_commitment_is_the_hash_of_round_oracle_salt_and_report_hash() -> None:
    first, second = STORED.report[:16_384], STORED.report[16_384:]
    assert chunk_hashes(STORED.report) == [keccak(first), keccak(second)]
    report_hash = keccak(keccak(first) + keccak(second))
    packed = (5).to_bytes(32, "big") + bytes(12) + bytes.fromhex(ORACLE[2:]) + STORED.salt + report_hash
    assert commitment_of(5, ORACLE, STORED) == keccak(packed)
    assert packed == encode(["uint256", "address", "bytes32", "bytes32"], [5, ORACLE, STORED.salt, report_hash])


@pytest.mark.parametrize(
    ("round_id", "oracle", "stored"),
    [
        (6, ORACLE, STORED),
        (5, "0x" + "AB" * 20, STORED),
        (5, ORACLE, StoredReport(salt=b"\x08" * 32, report=STORED.report)),
        (5, ORACLE, StoredReport(salt=STORED.salt, report=STORED.report[:-1] + b"\x64")),
    ],
)
def test_commitment_differs_with_each_of_its_parts(round_id: int, oracle: str, stored: StoredReport) -> None:
    assert commitment_of(round_id, oracle, stored) != commitment_of(5, ORACLE, STORED)


def test_report_and_salt_survive_until_the_reveal(tmp_path: Path) -> None:
    kept = store(tmp_path / "db").keep(3, b"\x01\x02")
    assert kept.report == b"\x01\x02"
    assert len(kept.salt) == 32
    assert store(tmp_path / "db").find(3) == kept
    assert store(tmp_path / "db").find(4) is None


def test_every_report_has_a_salt_of_its_own(tmp_path: Path) -> None:
    opened = store(tmp_path / "db")
    assert opened.keep(1, b"same").salt != opened.keep(2, b"same").salt


def test_reports_of_another_chain_or_registry_are_others(tmp_path: Path) -> None:
    kept = store(tmp_path / "db").keep(1, b"report")
    assert store(tmp_path / "db", chain=8).find(1) is None
    assert store(tmp_path / "db", registry="0x" + "23" * 20).find(1) is None
    assert store(tmp_path / "db", chain=8).keep(1, b"other") != kept
    assert store(tmp_path / "db").find(1) == kept
