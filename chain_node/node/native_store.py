"""The chain store of the native engine: blocks and state in one database that the library keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from chain_node.core.errors import LocalProtocolError
from chain_node.core.genesis import ForkSchedule
from chain_node.core.types import Address, Hash32, Height, Round
from chain_node.execution.native.border import Border, open_border
from chain_node.execution.native.engine import NativeEngine
from chain_node.storage import (
    BlockCommit,
    LateSeal,
    StoredHead,
    StoreFailedError,
    StoreFullError,
    StoreIdentityError,
    StoreLockedError,
    StoreUnreadableError,
    TransactionLocation,
)

if TYPE_CHECKING:
    from chain_node.execution.native._native import Database

_P = ParamSpec("_P")
_T = TypeVar("_T")


class NativeStore:
    """A `ChainStore` over the library's database."""

    def __init__(self, path: Path, database: Database, border: Border) -> None:
        self._path = str(path)
        self._database = database
        self._border = border
        self._head = self._read_head()

    def head(self) -> StoredHead | None:
        """The last committed block."""
        return self._head

    def commit_block(self, commit: BlockCommit) -> None:
        """Store a block with everything it adds, in one transaction, durable on return."""
        expected = 0 if self._head is None else self._head.height + 1
        if commit.height != expected:
            raise LocalProtocolError(f"commit of height {commit.height}, expected {expected}")
        executed = commit.changes
        if not isinstance(executed, self._border.library.Executed):
            raise LocalProtocolError(f"block {commit.height} was executed by an engine with another kind of store")
        self._call(self._database.commit, commit.height, commit.block_hash, commit.block, executed)
        self._head = StoredHead(commit.height, commit.block_hash)

    def block(self, height: Height) -> bytes | None:
        """The encoded block."""
        return self._call(self._database.block, height)

    def block_hash(self, height: Height) -> Hash32 | None:
        """The hash of the block at this height."""
        found = self._call(self._database.block_hash, height)
        return None if found is None else Hash32(found)

    def height_of(self, block_hash: Hash32) -> Height | None:
        """The height of a block."""
        found = self._call(self._database.height_of, block_hash)
        return None if found is None else Height(found)

    def receipts(self, height: Height) -> tuple[bytes, ...] | None:
        """The encoded receipts of a block."""
        found = self._call(self._database.receipts, height)
        return None if found is None else tuple(found)

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        """Where a transaction was included."""
        found = self._call(self._database.transaction_location, transaction_hash)
        return None if found is None else TransactionLocation(Height(found[0]), found[1])

    def logs_blooms(self, first: Height, last: Height) -> tuple[tuple[Height, bytes], ...]:
        """Height and filter of each block of the range, both ends included."""
        pairs = self._call(self._database.logs_blooms, first, last)
        return tuple((Height(height), bloom) for height, bloom in pairs)

    def heights_with_logs(self, address: Address, first: Height, last: Height) -> tuple[Height, ...]:
        """Heights in the range, both ends included, at which the contract logged; ascending."""
        return tuple(map(Height, self._call(self._database.heights_with_logs, address, first, last)))

    def put_seals(self, seals: Sequence[LateSeal]) -> None:
        """Add late seals."""
        fields = [(seal.height, seal.block_hash, seal.round, seal.signer, seal.seal) for seal in seals]
        self._call(self._database.put_seals, fields)

    def seals(self, height: Height) -> tuple[LateSeal, ...]:
        """Late seals of a height, by block hash, round and signer."""
        return tuple(
            LateSeal(
                height=Height(height),
                block_hash=Hash32(block_hash),
                round=Round(round_number),
                signer=Address(signer),
                seal=seal,
            )
            for height, block_hash, round_number, signer, seal in self._call(self._database.seals, height)
        )

    def close(self) -> None:
        """Release the files; nothing may be called afterwards."""
        self._database.close()

    def _read_head(self) -> StoredHead | None:
        found = self._call(self._database.head)
        return None if found is None else StoredHead(Height(found[0]), Hash32(found[1]))

    def _call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._border.guard(
            lambda kind, message: _translate(self._path, kind, message), function, *args, **kwargs
        )


def open_native(
    path: Path, genesis_hash: Hash32, *, chain_id: int, schedule: ForkSchedule, cache_mb: int
) -> tuple[NativeStore, NativeEngine]:
    """Open the library's database, or create it, with the engine that executes on it.

    Raises:
        StoreLockedError, StoreIdentityError, StoreUnreadableError, StoreFullError: as for the store of py-evm.
        ConfigError: the library is missing, or of another version.
    """
    border = open_border()
    forks = [(0, "istanbul")]
    forks += [] if schedule.berlin_height is None else [(schedule.berlin_height, "berlin")]
    forks += [] if schedule.london_height is None else [(schedule.london_height, "london")]
    database = border.guard(
        lambda kind, message: _translate(str(path), kind, message),
        border.library.Database,
        str(path),
        genesis_hash,
        chain_id,
        forks,
        cache_mb=cache_mb,
    )
    engine = NativeEngine(database, border, chain_id=chain_id, schedule=schedule)
    return NativeStore(path, database, border), engine


def _translate(path: str, kind: str, message: str) -> Exception:
    match kind:
        case "full":
            return StoreFullError(path, message)
        case "locked":
            return StoreLockedError(path)
        case "identity":
            found, _, expected = message.partition(", expected ")
            field, _, got = found.rpartition(" ")
            return StoreIdentityError(path, field, got=got, expected=expected)
        case "unreadable":
            return StoreUnreadableError(path, message)
        case _:
            return StoreFailedError(path, message)
