"""A file of 32-byte keys in fixed slots, overwritten in place: the only thing that must be destroyed to forget a blob.

The store is copy-on-write and may keep bytes of a deleted value in a freed page for long. So every blob is encrypted
under a key of its own, which lives here and nowhere else; deleting is overwriting the key with zeros and waiting for
the disk. On disks and file systems that copy on write below us (SSD, btrfs, zfs), old blocks may outlive this until
they are recycled: use full-disk encryption there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from chain_node.vault.errors import StoreFullError

KEY_SIZE_BYTES = 32
NO_KEY = bytes(KEY_SIZE_BYTES)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class KeySlots:
    """Keys by slot number. Not safe for several writers: the blob store holds its lock around every call."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close the file; what was written is durable already."""
        os.close(self._file)

    def read(self, slot: int) -> bytes:
        """Key of the slot; `NO_KEY` when it was wiped or never written."""
        key = os.pread(self._file, KEY_SIZE_BYTES, slot * KEY_SIZE_BYTES)
        return key if len(key) == KEY_SIZE_BYTES else NO_KEY

    def write(self, key_by_slot: dict[int, bytes]) -> None:
        """Write keys and wait until they are on disk.

        Raises:
            StoreFullError: there is no space; slots named here may hold anything, the others are as before.
        """
        try:
            for first_slot, keys in _runs(key_by_slot):
                self._write_all(first_slot * KEY_SIZE_BYTES, keys)
            os.fdatasync(self._file)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise StoreFullError(os.strerror(error.errno)) from error
            raise

    def wipe(self, slots: Iterable[int]) -> None:
        """Overwrite keys with zeros and wait until that is on disk. Needs no free space."""
        self.write(dict.fromkeys(slots, NO_KEY))

    def _write_all(self, offset: int, data: bytes) -> None:
        while data:
            written = os.pwrite(self._file, data, offset)
            data, offset = data[written:], offset + written


def _runs(key_by_slot: dict[int, bytes]) -> list[tuple[int, bytes]]:
    """Keys of neighbouring slots joined, so that a batch is one write."""
    runs: list[tuple[int, list[bytes]]] = []
    for slot in sorted(key_by_slot):
        if runs and runs[-1][0] + len(runs[-1][1]) == slot:
            runs[-1][1].append(key_by_slot[slot])
        else:
            runs.append((slot, [key_by_slot[slot]]))
    return [(first, b"".join(keys)) for first, keys in runs]
