"""What a validator signed and is locked on: an append-only log of opaque records, each durable when `append` returns.

A record is four marker bytes, the payload's length and CRC-32 (both big-endian, 4 bytes), and the payload. Records are
synced one by one, so a crash can only damage the last: on opening, a damaged end is cut off. A damaged record with a
valid one after it was durable once, and opening fails: a validator that forgets a vote may contradict it.
"""

import zlib
from collections.abc import Iterable, Iterator

from chain_node.core.errors import LocalProtocolError
from chain_node.storage.disk import Disk
from chain_node.storage.errors import VoteRecordCorruptError

_MARKER = b"\xf5VR1"
_HEADER_SIZE_BYTES = len(_MARKER) + 8
PAYLOAD_SIZE_BYTES_MAX = 64 * 1024 * 1024
"""One record; the largest holds a locked block and its certificate."""

COMPACTION_SIZE_BYTES = 4 * 1024 * 1024
"""From this size on `is_compaction_due` asks for `compact`. Memory holds the records too and swings by as much."""


class VoteRecord:
    """The log. One per validator; use from one thread at a time."""

    def __init__(self, disk: Disk) -> None:
        """Read the log and cut off a record that a crash left unfinished.

        Raises:
            VoteRecordCorruptError: a record that was durable is damaged.
        """
        self._disk = disk
        content = disk.read_all()
        self._payloads = list(_read_records(content))
        self._size_bytes = sum(_HEADER_SIZE_BYTES + len(payload) for payload in self._payloads)
        self._is_broken = False
        if self._size_bytes < len(content):
            if _has_record_after(content, self._size_bytes + 1):
                raise VoteRecordCorruptError(self._size_bytes)
            disk.truncate(self._size_bytes)
            disk.sync()

    @property
    def payloads(self) -> tuple[bytes, ...]:
        """All records, oldest first."""
        return tuple(self._payloads)

    @property
    def is_compaction_due(self) -> bool:
        """Whether the log has grown so that `compact` should be called when it is safe."""
        return self._size_bytes >= COMPACTION_SIZE_BYTES

    def append(self, payload: bytes) -> None:
        """Add a record, durable on return.

        Raises:
            StoreFullError: no room; the record was not added.
            LocalProtocolError: too large, or an earlier `append` failed to sync.
            OSError: the disk failed; the record may or may not be there, and the log takes no more.
        """
        if len(payload) > PAYLOAD_SIZE_BYTES_MAX:
            raise LocalProtocolError(f"record of {len(payload)} bytes, at most {PAYLOAD_SIZE_BYTES_MAX}")
        if self._is_broken:
            raise LocalProtocolError("the vote record failed to sync; reopen it")
        record = _encode_record(payload)
        self._disk.append(record)
        # After a failed sync the system may drop the pages and report success next time: never write on.
        self._is_broken = True
        self._disk.sync()
        self._is_broken = False
        self._payloads.append(payload)
        self._size_bytes += len(record)

    def compact(self, payloads: Iterable[bytes]) -> None:
        """Replace all records atomically by those still needed, durable on return."""
        kept = list(payloads)
        content = b"".join(_encode_record(payload) for payload in kept)
        self._disk.replace(content)
        self._payloads = kept
        self._size_bytes = len(content)


def _encode_record(payload: bytes) -> bytes:
    size = len(payload).to_bytes(4, "big")
    return _MARKER + size + zlib.crc32(size + payload).to_bytes(4, "big") + payload


def _read_records(content: bytes) -> Iterator[bytes]:
    offset = 0
    while (payload := _record_at(content, offset)) is not None:
        yield payload
        offset += _HEADER_SIZE_BYTES + len(payload)


def _record_at(content: bytes, offset: int) -> bytes | None:
    """The payload of the record that begins here, or None if there is no whole and undamaged one."""
    start = offset + _HEADER_SIZE_BYTES
    if content[offset : offset + len(_MARKER)] != _MARKER or start > len(content):
        return None
    size = content[offset + 4 : offset + 8]
    payload = content[start : start + int.from_bytes(size, "big")]
    is_whole = len(payload) == int.from_bytes(size, "big")
    is_sound = zlib.crc32(size + payload) == int.from_bytes(content[offset + 8 : start], "big")
    return payload if is_whole and is_sound else None


def _has_record_after(content: bytes, offset: int) -> bool:
    position = content.find(_MARKER, offset)
    while position != -1:
        if _record_at(content, position) is not None:
            return True
        position = content.find(_MARKER, position + 1)
    return False
