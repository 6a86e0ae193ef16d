"""The vote record keeps every record whose append returned, cuts a torn end, and refuses damage before the end."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_node.core.errors import LocalProtocolError
from chain_node.storage import (
    FileDisk,
    MemoryDisk,
    StoreFullError,
    VoteRecord,
    VoteRecordCorruptError,
    vote_record,
)

PAYLOADS = st.lists(st.binary(max_size=40), max_size=8)


def write(disk: MemoryDisk | FileDisk, payloads: list[bytes]) -> None:
    record = VoteRecord(disk)
    for payload in payloads:
        record.append(payload)


@given(payloads=PAYLOADS)
def test_reopened_record_has_what_was_appended(payloads: list[bytes]) -> None:
    disk = MemoryDisk()
    write(disk, payloads)
    assert VoteRecord(disk.crash(kept_bytes=0)).payloads == tuple(payloads)


@settings(max_examples=200)
@given(payloads=PAYLOADS, torn=st.binary(max_size=40), kept=st.integers(min_value=0, max_value=60))
def test_torn_append_is_cut_and_the_record_goes_on(payloads: list[bytes], torn: bytes, kept: int) -> None:
    disk = MemoryDisk()
    write(disk, payloads)
    disk.append(record_bytes(torn))
    after = disk.crash(kept_bytes=kept)
    is_whole = kept >= len(record_bytes(torn))
    survived = [*payloads, torn] if is_whole else payloads
    reopened = VoteRecord(after)
    assert reopened.payloads == tuple(survived)
    reopened.append(b"next")
    assert VoteRecord(after.crash(kept_bytes=0)).payloads == (*survived, b"next")


@given(payloads=PAYLOADS, garbage=st.binary(max_size=60))
def test_end_of_garbage_is_cut(payloads: list[bytes], garbage: bytes) -> None:
    disk = MemoryDisk()
    write(disk, payloads)
    disk.append(b"\0" + garbage)
    assert VoteRecord(disk.crash(kept_bytes=100)).payloads == tuple(payloads)


@given(
    payloads=st.lists(st.binary(min_size=1, max_size=20), min_size=2, max_size=5),
    position=st.integers(min_value=0),
    change=st.integers(min_value=1, max_value=255),
)
def test_damage_before_the_last_record_is_refused(payloads: list[bytes], position: int, change: int) -> None:
    disk = MemoryDisk()
    write(disk, payloads)
    content = bytearray(disk.read_all())
    end_of_earlier = len(content) - len(record_bytes(payloads[-1]))
    content[position % end_of_earlier] ^= change
    with pytest.raises(VoteRecordCorruptError, match="damaged at byte"):
        VoteRecord(MemoryDisk(bytes(content)))


def test_compact_keeps_only_what_is_given() -> None:
    disk = MemoryDisk()
    write(disk, [b"one", b"two", b"three"])
    record = VoteRecord(disk)
    record.compact([b"three"])
    record.append(b"four")
    assert VoteRecord(disk.crash(kept_bytes=0)).payloads == (b"three", b"four")


def test_compaction_is_due_from_a_size_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vote_record, "COMPACTION_SIZE_BYTES", 100)
    record = VoteRecord(MemoryDisk())
    record.append(bytes(40))
    assert not record.is_compaction_due
    record.append(bytes(40))
    assert record.is_compaction_due
    record.compact([])
    assert not record.is_compaction_due


def test_payload_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vote_record, "PAYLOAD_SIZE_BYTES_MAX", 10)
    record = VoteRecord(MemoryDisk())
    with pytest.raises(LocalProtocolError, match="11 bytes, at most 10"):
        record.append(bytes(11))
    assert record.payloads == ()


class FailingDisk(MemoryDisk):
    """A disk whose sync fails from now on."""

    def sync(self) -> None:
        raise OSError(5, "input/output error")


def test_record_takes_nothing_more_after_a_failed_sync() -> None:
    record = VoteRecord(FailingDisk())
    with pytest.raises(OSError, match="input/output"):
        record.append(b"lost?")
    with pytest.raises(LocalProtocolError, match="reopen"):
        record.append(b"next")
    assert record.payloads == ()


def test_file_disk_keeps_records_over_reopening(tmp_path: Path) -> None:
    path = tmp_path / "votes" / "record"
    disk = FileDisk(path)
    write(disk, [b"one", b"two"])
    VoteRecord(disk).compact([b"two"])
    VoteRecord(disk).append(b"three")
    disk.close()
    assert VoteRecord(FileDisk(path)).payloads == (b"two", b"three")
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["record"]


def test_file_disk_cuts_a_torn_end(tmp_path: Path) -> None:
    disk = FileDisk(tmp_path / "record")
    write(disk, [b"one"])
    disk.append(record_bytes(b"two")[:-1])
    disk.close()
    assert VoteRecord(FileDisk(tmp_path / "record")).payloads == (b"one",)
    assert (tmp_path / "record").read_bytes() == record_bytes(b"one")


def test_full_disk_refuses_the_vote_and_keeps_the_earlier_ones(small_disk: Path) -> None:
    disk = FileDisk(small_disk / "record")
    with pytest.raises(StoreFullError, match="free some space"):
        write(disk, [bytes(300_000)] * 20)
    record = VoteRecord(disk)
    count = len(record.payloads)
    record.append(b"a small one still fits")
    with pytest.raises(StoreFullError):
        record.compact([bytes(4 << 20)])
    disk.close()
    reopened = FileDisk(small_disk / "record")
    assert VoteRecord(reopened).payloads[count:] == (b"a small one still fits",)
    reopened.close()
    assert os.listdir(small_disk) == ["record"]


def record_bytes(payload: bytes) -> bytes:
    disk = MemoryDisk()
    VoteRecord(disk).append(payload)
    return disk.read_all()
