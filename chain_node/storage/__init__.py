"""What survives a crash: the chain store (blocks, receipts, state, indexes) and the vote record.

`api.py` is the seam, over bytes: nothing here decodes a block. `lmdb_store.py` is the store of a node,
`memory_store.py` that of simulations and tests; one suite of tests runs on both. `vote_record.py` keeps what a
validator signed, over a small `Disk`. May import `core` only. Start reading with `api.py`.
"""

from chain_node.storage.api import (
    SEALED_HEIGHTS_KEPT,
    BlockCommit,
    ChainStore,
    LateSeal,
    StoredHead,
    StoreIdentity,
    TransactionLocation,
)
from chain_node.storage.disk import Disk, FileDisk, MemoryDisk
from chain_node.storage.errors import (
    StoreFailedError,
    StoreFullError,
    StoreIdentityError,
    StoreLockedError,
    StoreUnreadableError,
    VoteRecordCorruptError,
)
from chain_node.storage.lmdb_store import LmdbStore
from chain_node.storage.memory_store import MemoryStore
from chain_node.storage.vote_record import VoteRecord

__all__ = [
    "SEALED_HEIGHTS_KEPT",
    "BlockCommit",
    "ChainStore",
    "Disk",
    "FileDisk",
    "LateSeal",
    "LmdbStore",
    "MemoryDisk",
    "MemoryStore",
    "StoreFailedError",
    "StoreFullError",
    "StoreIdentity",
    "StoreIdentityError",
    "StoreLockedError",
    "StoreUnreadableError",
    "StoredHead",
    "TransactionLocation",
    "VoteRecord",
    "VoteRecordCorruptError",
]
