"""The durable memory of what this validator signed, over the vote record of the storage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from chain_node.consensus.qbft.record import VoteRecord, decode_entry, height_of_entry, record_after
from chain_node.core.errors import ConfigError, InvalidInputError
from chain_node.core.types import Height
from chain_node.storage import Disk, FileDisk
from chain_node.storage import VoteRecord as VoteLog


class OpenDisk(Disk, Protocol):
    """A disk that must be let go of."""

    def close(self) -> None:
        """Release the file."""
        ...


class Votes:
    """Appends entries and, when the log has grown, cuts off heights that are decided."""

    def __init__(self, path: Path, open_disk: Callable[[Path], OpenDisk] = FileDisk) -> None:
        """Open the log, or make it; the simulation has disks of its own.

        Raises:
            ConfigError: it is damaged.
        """
        self._disk = open_disk(path)
        self._log = VoteLog(self._disk)
        self._path = path

    def restore(self) -> VoteRecord | None:
        """What the log says of the highest height anything was signed for.

        Raises:
            ConfigError: an entry cannot be read although its checksum is right.
        """
        record: VoteRecord | None = None
        for payload in self._log.payloads:
            try:
                record = record_after(record, *decode_entry(payload))
            except InvalidInputError as error:
                raise ConfigError("data_dir", f"{self._path} holds an entry that cannot be read: {error}") from error
        return record

    def append(self, entry: bytes) -> None:
        """Add an entry, durable on return.

        Raises:
            StoreFullError: no room; the entry was not added.
        """
        self._log.append(entry)

    @property
    def has_grown(self) -> bool:
        """Whether it is time to call `forget_up_to`."""
        return self._log.is_compaction_due

    def forget_up_to(self, height: Height) -> None:
        """Drop what was signed up to a height that is imported.

        Raises:
            StoreFullError: no room for the shorter log; the longer one is kept.
        """
        self._log.compact(payload for payload in self._log.payloads if height_of_entry(payload) > height)

    def close(self) -> None:
        """Release the file."""
        self._disk.close()
