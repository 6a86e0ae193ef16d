"""The chain store of a node, on LMDB: one write transaction per block, durable when it returns.

LMDB never overwrites pages of the last durable transaction, so a crash at any instant leaves the store as it was after
some commit. Its map is a reservation of address space and grows by doubling; the file grows with what is written.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

import lmdb

from chain_node.core import rlp
from chain_node.core.errors import LocalProtocolError
from chain_node.core.types import Address, Hash32, Height, Round
from chain_node.storage.api import (
    FORMAT_VERSION,
    SEALED_HEIGHTS_KEPT,
    BlockCommit,
    LateSeal,
    StoredHead,
    StoreIdentity,
    TransactionLocation,
)
from chain_node.storage.errors import (
    StoreFailedError,
    StoreFullError,
    StoreIdentityError,
    StoreLockedError,
    StoreUnreadableError,
)

MAP_SIZE_BYTES_START = 256 * 1024 * 1024
MAP_SIZE_BYTES_MAX = 16 * 1024**4
"""The map is not doubled beyond this; by then the disk has long been full."""

DISK_FULL_BYTES = 64 * 1024
"""Less room than this on the disk means that a failed write failed for want of it."""

_META = b"meta"
_BLOCKS = b"blocks"
_BLOCK_HASHES = b"block_hashes"
_HEIGHTS = b"heights"
_RECEIPTS = b"receipts"
_TRANSACTIONS = b"transactions"
_BLOOMS = b"blooms"
_LOG_ADDRESSES = b"log_addresses"
_SEALS = b"seals"
_NODES = b"nodes"
_CODES = b"codes"
_TABLES = (
    _META,
    _BLOCKS,
    _BLOCK_HASHES,
    _HEIGHTS,
    _RECEIPTS,
    _TRANSACTIONS,
    _BLOOMS,
    _LOG_ADDRESSES,
    _SEALS,
    _NODES,
    _CODES,
)
_HEAD_KEY = b"head"
_T = TypeVar("_T")


class LmdbStore:
    """A `ChainStore` in a directory."""

    def __init__(
        self,
        path: Path,
        identity: StoreIdentity,
        *,
        map_size_bytes_start: int = MAP_SIZE_BYTES_START,
        map_size_bytes_max: int = MAP_SIZE_BYTES_MAX,
    ) -> None:
        """Open the store, or create it where there is none.

        Raises:
            StoreLockedError: another process has it open.
            StoreIdentityError: it belongs to another genesis, engine or format.
            StoreUnreadableError: the files are not a store.
            StoreFullError: no room to create it.
        """
        self._path = path
        self._map_size_bytes_max = map_size_bytes_max
        # LMDB may only resize its map while no transaction is open, so reads hold this lock; writes do not.
        self._map_lock = Lock()
        with _translate_errors_of_opening(path), ExitStack() as undo:
            path.mkdir(parents=True, exist_ok=True)
            self._lock_file = _lock(path)
            undo.callback(os.close, self._lock_file)
            self._environment = _open_environment(path, map_size_bytes_start)
            undo.callback(self._environment.close)
            self._tables = {name: self._environment.open_db(name) for name in _TABLES}
            self._check_identity(identity)
            self._head = self._read_head()
            undo.pop_all()

    def close(self) -> None:
        """Release files; nothing may be called afterwards."""
        self._environment.close()
        os.close(self._lock_file)

    def head(self) -> StoredHead | None:
        """The last committed block."""
        return self._head

    def commit_block(self, commit: BlockCommit) -> None:
        """Store a block with everything it adds, in one transaction, durable on return."""
        expected = 0 if self._head is None else self._head.height + 1
        if commit.height != expected:
            raise LocalProtocolError(f"commit of height {commit.height}, expected {expected}")
        self._write(lambda transaction: self._put_block(transaction, commit))
        self._head = StoredHead(commit.height, commit.block_hash)

    def block(self, height: Height) -> bytes | None:
        """The encoded block."""
        return self._get(_BLOCKS, _height_key(height))

    def block_hash(self, height: Height) -> Hash32 | None:
        """The hash of the block at this height."""
        found = self._get(_BLOCK_HASHES, _height_key(height))
        return None if found is None else Hash32(found)

    def height_of(self, block_hash: Hash32) -> Height | None:
        """The height of a block."""
        found = self._get(_HEIGHTS, block_hash)
        return None if found is None else _height(found)

    def receipts(self, height: Height) -> tuple[bytes, ...] | None:
        """The encoded receipts of a block."""
        found = self._get(_RECEIPTS, _height_key(height))
        if found is None:
            return None
        return tuple(item for item in rlp.decode(found) if isinstance(item, bytes))

    def transaction_location(self, transaction_hash: Hash32) -> TransactionLocation | None:
        """Where a transaction was included."""
        found = self._get(_TRANSACTIONS, transaction_hash)
        if found is None:
            return None
        return TransactionLocation(_height(found[:8]), int.from_bytes(found[8:], "big"))

    def logs_blooms(self, first: Height, last: Height) -> tuple[tuple[Height, bytes], ...]:
        """Height and filter of each block of the range, both ends included."""
        pairs = self._range(_BLOOMS, _height_key(first), _height_key(last))
        return tuple((_height(key), bloom) for key, bloom in pairs)

    def heights_with_logs(self, address: Address, first: Height, last: Height) -> tuple[Height, ...]:
        """Heights in the range, both ends included, at which the contract logged; ascending."""
        pairs = self._range(_LOG_ADDRESSES, address + _height_key(first), address + _height_key(last))
        return tuple(_height(key[20:]) for key, _ in pairs)

    def put_seals(self, seals: Sequence[LateSeal]) -> None:
        """Add late seals."""
        self._write(lambda transaction: self._put_seals(transaction, seals))

    def seals(self, height: Height) -> tuple[LateSeal, ...]:
        """Late seals of a height, by block hash, round and signer."""
        pairs = self._range(_SEALS, _height_key(height), _height_key(Height(height + 1)))
        return tuple(_decode_seal(key, seal) for key, seal in pairs if _height(key[:8]) == height)

    def read_node(self, node_hash: Hash32) -> bytes | None:
        """The encoding of a trie node."""
        return self._get(_NODES, node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        """A contract's code."""
        return self._get(_CODES, code_hash)

    def _get(self, table: bytes, key: bytes) -> bytes | None:
        with self._map_lock, self._environment.begin(db=self._tables[table]) as transaction:
            found: bytes | None = transaction.get(key)
            return found

    def _range(self, table: bytes, first: bytes, last: bytes) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        with self._map_lock, self._environment.begin(db=self._tables[table]) as transaction:
            cursor = transaction.cursor()
            if cursor.set_range(first):
                for key, value in cursor:
                    if key > last:
                        break
                    found.append((key, value))
        return found

    def _write(self, put: Callable[[lmdb.Transaction], None]) -> None:
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    put(transaction)
                return
            except lmdb.MapFullError as error:
                self._grow_map(error)
            except lmdb.Error as error:
                if _is_disk_full(self._path, error):
                    raise StoreFullError(str(self._path), str(error)) from error
                raise StoreFailedError(str(self._path), str(error)) from error

    def _grow_map(self, error: lmdb.Error) -> None:
        with self._map_lock:
            size_bytes = 2 * self._environment.info()["map_size"]
            if size_bytes > self._map_size_bytes_max:
                raise StoreFullError(str(self._path), "the map has its greatest size") from error
            self._environment.set_mapsize(size_bytes)

    def _put_block(self, transaction: lmdb.Transaction, commit: BlockCommit) -> None:
        height = _height_key(commit.height)
        tables = self._tables
        transaction.put(height, commit.block, db=tables[_BLOCKS])
        transaction.put(height, commit.block_hash, db=tables[_BLOCK_HASHES])
        transaction.put(commit.block_hash, height, db=tables[_HEIGHTS])
        transaction.put(height, rlp.encode(list(commit.receipts)), db=tables[_RECEIPTS])
        transaction.put(height, commit.logs_bloom, db=tables[_BLOOMS])
        locations = [(key, height + i.to_bytes(4, "big")) for i, key in enumerate(commit.transaction_hashes)]
        self._put_all(transaction, _TRANSACTIONS, locations)
        self._put_all(transaction, _LOG_ADDRESSES, [(address + height, b"") for address in commit.log_addresses])
        changes = commit.state_changes()
        self._put_all(transaction, _NODES, changes.nodes.items())
        self._put_all(transaction, _CODES, changes.codes.items())
        transaction.put(_HEAD_KEY, height + commit.block_hash, db=tables[_META])
        self._drop_old_seals(transaction, commit.height)

    def _put_all(self, transaction: lmdb.Transaction, table: bytes, items: Iterable[tuple[bytes, bytes]]) -> None:
        # Ascending keys touch each page once.
        with transaction.cursor(self._tables[table]) as cursor:
            cursor.putmulti(sorted(items))

    def _put_seals(self, transaction: lmdb.Transaction, seals: Sequence[LateSeal]) -> None:
        self._put_all(transaction, _SEALS, [(_seal_key(seal), seal.seal) for seal in seals])
        if self._head is not None:
            self._drop_old_seals(transaction, self._head.height)

    def _drop_old_seals(self, transaction: lmdb.Transaction, head: Height) -> None:
        with transaction.cursor(self._tables[_SEALS]) as cursor:
            while cursor.first() and _height(bytes(cursor.key()[:8])) <= head - SEALED_HEIGHTS_KEPT:
                cursor.delete()

    def _check_identity(self, identity: StoreIdentity) -> None:
        expected = {
            "format version": str(FORMAT_VERSION).encode(),
            "genesis hash": b"0x" + identity.genesis_hash.hex().encode(),
            "engine": identity.engine_name.encode(),
        }
        with self._environment.begin(write=True, db=self._tables[_META]) as transaction:
            if transaction.stat(self._tables[_META])["entries"] == 0:
                for field, value in expected.items():
                    transaction.put(field.encode(), value)
                return
            for field, value in expected.items():
                got = transaction.get(field.encode(), b"none")
                if got != value:
                    raise StoreIdentityError(str(self._path), field, got=got.decode(), expected=value.decode())

    def _read_head(self) -> StoredHead | None:
        found = self._get(_META, _HEAD_KEY)
        return None if found is None else StoredHead(_height(found[:8]), Hash32(found[8:]))


def _lock(path: Path) -> int:
    descriptor = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreLockedError(str(path)) from error
    return descriptor


def _open_environment(path: Path, map_size_bytes: int) -> lmdb.Environment:
    with suppress(FileNotFoundError):
        map_size_bytes = max(map_size_bytes, (path / "data.mdb").stat().st_size)
    return lmdb.open(
        str(path), map_size=map_size_bytes, max_dbs=len(_TABLES), subdir=True, sync=True, metasync=True, readahead=False
    )


@contextmanager
def _translate_errors_of_opening(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreFullError(str(path), str(error)) from error
        raise StoreUnreadableError(str(path), str(error)) from error
    except lmdb.Error as error:
        if _is_disk_full(path, error):
            raise StoreFullError(str(path), str(error)) from error
        raise StoreUnreadableError(str(path), str(error)) from error


def _is_disk_full(path: Path, error: lmdb.Error) -> bool:
    """LMDB reports a write that was cut short by a full disk as an input/output error."""
    space = os.statvfs(path)
    return isinstance(error, lmdb.DiskError | lmdb.MapFullError) or space.f_bavail * space.f_frsize < DISK_FULL_BYTES


def _height_key(height: Height) -> bytes:
    return height.to_bytes(8, "big")


def _height(key: bytes) -> Height:
    return Height(int.from_bytes(key, "big"))


def _seal_key(seal: LateSeal) -> bytes:
    return _height_key(seal.height) + seal.block_hash + seal.round.to_bytes(8, "big") + seal.signer


def _decode_seal(key: bytes, seal: bytes) -> LateSeal:
    return LateSeal(
        height=_height(key[:8]),
        block_hash=Hash32(key[8:40]),
        round=Round(int.from_bytes(key[40:48], "big")),
        signer=Address(key[48:]),
        seal=seal,
    )
