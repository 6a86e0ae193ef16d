"""The few things the vote record asks of a disk, so that a simulation can crash it."""

import errno
import os
from pathlib import Path
from typing import Protocol

from chain_node.storage.errors import StoreFullError


class Disk(Protocol):
    """One growing file. What was appended is durable after `sync`; before, a crash may keep any part of it."""

    def read_all(self) -> bytes:
        """The whole content."""
        ...

    def append(self, data: bytes) -> None:
        """Add at the end. Raises StoreFullError and leaves the length as it was when there is no room."""
        ...

    def sync(self) -> None:
        """Make everything appended or truncated durable. After an error nothing may be assumed durable."""
        ...

    def truncate(self, size_bytes: int) -> None:
        """Cut the content to its first bytes."""
        ...

    def replace(self, content: bytes) -> None:
        """Put other content in place of all, durably and atomically: a crash leaves the one or the other."""
        ...


class FileDisk:
    """A `Disk` in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = _open(path)
        self._size_bytes = os.fstat(self._descriptor).st_size
        _sync_directory(path.parent)

    def close(self) -> None:
        """Release the file."""
        os.close(self._descriptor)

    def read_all(self) -> bytes:
        """The whole content."""
        return self._path.read_bytes()

    def append(self, data: bytes) -> None:
        """Add at the end."""
        try:
            _write_all(self._descriptor, data, self._size_bytes)
        except OSError as error:
            os.ftruncate(self._descriptor, self._size_bytes)
            raise _translate(self._path, error) from error
        self._size_bytes += len(data)

    def sync(self) -> None:
        """Make everything appended or truncated durable."""
        os.fdatasync(self._descriptor)

    def truncate(self, size_bytes: int) -> None:
        """Cut the content to its first bytes."""
        os.ftruncate(self._descriptor, size_bytes)
        self._size_bytes = size_bytes

    def replace(self, content: bytes) -> None:
        """Put other content in place of all, durably and atomically."""
        draft = self._path.with_suffix(".new")
        try:
            descriptor = _write_file(draft, content)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _translate(self._path, error) from error
        draft.rename(self._path)
        _sync_directory(self._path.parent)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._size_bytes = len(content)


class MemoryDisk:
    """A `Disk` in memory that can crash: what was not synced is kept up to a point the test chooses."""

    def __init__(self, content: bytes = b"") -> None:
        self._durable = content
        self._pending = content

    def read_all(self) -> bytes:
        """The whole content."""
        return self._pending

    def append(self, data: bytes) -> None:
        """Add at the end."""
        self._pending += data

    def sync(self) -> None:
        """Make everything durable."""
        self._durable = self._pending

    def truncate(self, size_bytes: int) -> None:
        """Cut the content to its first bytes."""
        self._pending = self._pending[:size_bytes]

    def replace(self, content: bytes) -> None:
        """Put other content in place of all."""
        self._durable = self._pending = content

    def crash(self, *, kept_bytes: int) -> "MemoryDisk":
        """The disk after a crash: all durable bytes, and as many of the unsynced ones as `kept_bytes` says."""
        tail = self._pending[len(self._durable) :] if self._pending.startswith(self._durable) else b""
        return MemoryDisk(self._durable + tail[:kept_bytes])


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _write_file(path: Path, content: bytes) -> int:
    """Write a whole file durably and leave it open."""
    descriptor = _open(path)
    try:
        os.ftruncate(descriptor, 0)
        _write_all(descriptor, content, 0)
        os.fsync(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        offset += written
        view = view[written:]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translate(path: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFullError(str(path), os.strerror(error.errno))
    return error
