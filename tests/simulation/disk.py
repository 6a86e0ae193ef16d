"""Files that lose what was not synced when the power fails, and the store, which is all or nothing.

At every step that a real machine could die in, the file asks its host; the host may say so by raising PowerLost.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from chain_node.storage import MemoryStore
from chain_node.storage.api import BlockCommit, LateSeal

CrashPoint = Callable[[str], None]
_SECTOR_SIZE_BYTES = 64


class SimulatedFile:
    """A `Disk` (chain_node.storage.disk): survives its users, keeps what was synced, and any part of what was not."""

    def __init__(self, crash_point: CrashPoint, check_room: Callable[[], None], *, keeps_its_word: bool = True) -> None:
        """`keeps_its_word` false is the disk of a validator without memory: a crash takes all that was ever synced."""
        self.durable = b""
        self._pending = b""
        self._crash_point = crash_point
        self._check_room = check_room
        self._keeps_its_word = keeps_its_word

    def close(self) -> None:
        """Nothing to release."""

    def read_all(self) -> bytes:
        """The whole content."""
        return self._pending

    def append(self, data: bytes) -> None:
        """Add at the end."""
        self._check_room()
        self._crash_point("append")
        self._pending += data
        self._crash_point("appended")

    def sync(self) -> None:
        """Make everything durable."""
        self._crash_point("sync")
        self.durable = self._pending
        self._crash_point("synced")

    def truncate(self, size_bytes: int) -> None:
        """Cut the content to its first bytes."""
        self._pending = self._pending[:size_bytes]

    def replace(self, content: bytes) -> None:
        """Put other content in place of all."""
        self._check_room()
        self._crash_point("replace")
        self.durable = self._pending = content
        self._crash_point("replaced")

    def lose_power(self, rng: random.Random) -> None:
        """Keep what is durable, and none, a beginning, some sectors, or all of what is not."""
        if not self._keeps_its_word:
            self.durable = self._pending = b""
            return
        whole, kept = self._pending, len(self.durable)
        if not whole.startswith(self.durable):
            survivors = [self.durable, whole]
            self.durable = self._pending = survivors[rng.randrange(2)]
            return
        tail = whole[kept:]
        fate = rng.randrange(4)
        if fate == 0:
            tail = b""
        elif fate == 1:
            tail = tail[: rng.randrange(len(tail) + 1)]
        elif fate == 2:
            tail = b"".join(
                tail[start : start + _SECTOR_SIZE_BYTES]
                if rng.randrange(2)
                else bytes(len(tail[start:]))[:_SECTOR_SIZE_BYTES]
                for start in range(0, len(tail), _SECTOR_SIZE_BYTES)
            )
        self.durable = self._pending = whole[:kept] + tail


class SimulatedStore(MemoryStore):
    """A chain store whose writes happen wholly or not at all, like those of the one on disk."""

    def __init__(
        self,
        genesis: BlockCommit,
        crash_point: CrashPoint,
        check_room: Callable[[], None],
        on_commit: Callable[[BlockCommit], None],
    ) -> None:
        super().__init__()
        self._check_room = check_room
        super().commit_block(genesis)
        self._crash_point = crash_point
        self._on_commit = on_commit

    def commit_block(self, commit: BlockCommit) -> None:
        """Store a block."""
        self._check_room()
        self._crash_point("commit")
        super().commit_block(commit)
        self._on_commit(commit)
        self._crash_point("committed")

    def put_seals(self, seals: Sequence[LateSeal]) -> None:
        """Add late seals."""
        self._check_room()
        self._crash_point("put seals")
        super().put_seals(seals)
        self._crash_point("seals put")
