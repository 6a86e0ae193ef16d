"""What the library offers to Python. Heights are ints, hashes and addresses bytes, words of 256 bits ints."""

from collections.abc import Sequence
from typing import Literal, final

PlainAccessList = Sequence[tuple[bytes, Sequence[bytes]]]
PlainSlots = Sequence[tuple[int, int]]
PlainContext = tuple[int, int, int, bytes, int | None, int]
"""Height, timestamp, gas limit, coinbase, base fee or None, difficulty."""

PlainOverride = tuple[bytes, int | None, int | None, bytes | None, bool, PlainSlots]
"""Address, balance, nonce, code, whether all other slots are 0, slots."""

PlainAccount = tuple[bytes, int, int, bytes, PlainSlots]
"""Address, balance, nonce, code, slots."""

PlainRecord = tuple[int, int, bytes, bytes]
"""Nonce, balance, storage root, code hash."""

PlainSeal = tuple[int, bytes, int, bytes, bytes]
"""Height, block hash, round, signer, seal."""

Summary = tuple[int, bytes, int, str | None]
"""Status, return data, gas used, error."""

Step = tuple[
    int, str, int, int, int, tuple[int, ...] | None, bytes | None, tuple[tuple[int, int], ...] | None, str | None
]
"""The fields of `StructLog` in their order."""

Frame = tuple[str, bytes, bytes, int, int, int, bytes, bytes, str | None, tuple[Frame, ...]]
"""The fields of `CallFrame` in their order."""

PlainTrace = tuple[int, bool, bytes, list[Step], bool, Frame]
"""The fields of `Trace` in their order."""

Flaw = tuple[Literal["decode", "invalid"], int, str]
"""Kind, offset, what was expected or why it is refused."""

DecodedTransaction = tuple[
    bytes,
    bytes,
    int,
    int | None,
    int,
    int,
    int,
    int,
    int,
    bytes | None,
    int,
    bytes,
    tuple[tuple[bytes, tuple[bytes, ...]], ...],
    int,
    int,
    int,
    bytes,
]
"""The fields of `Transaction` in their order."""

VERSION: str

class NativeError(Exception):
    """`args` is (kind, message)."""

@final
class Executed:
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    gas_used: int
    logs_bloom: bytes
    log_addresses: list[bytes]
    count: int
    def receipts(self) -> list[bytes]: ...

@final
class BlockExecution:
    gas_used: int
    gas_left: int
    size_bytes: int
    def execute(
        self, raws: Sequence[bytes], senders: Sequence[bytes], gas_budget: int | None, size_left: int
    ) -> tuple[int, list[tuple[int, str, bool]]]: ...
    def finish(self) -> Executed: ...

@final
class Database:
    def __init__(
        self,
        path: str,
        genesis_hash: bytes,
        chain_id: int,
        schedule: Sequence[tuple[int, str]],
        *,
        cache_mb: int = 64,
    ) -> None: ...
    def close(self) -> None: ...
    def head(self) -> tuple[int, bytes] | None: ...
    def block(self, height: int) -> bytes | None: ...
    def block_hash(self, height: int) -> bytes | None: ...
    def height_of(self, block_hash: bytes) -> int | None: ...
    def receipts(self, height: int) -> list[bytes] | None: ...
    def transaction_location(self, transaction_hash: bytes) -> tuple[int, int] | None: ...
    def logs_blooms(self, first: int, last: int) -> list[tuple[int, bytes]]: ...
    def heights_with_logs(self, address: bytes, first: int, last: int) -> list[int]: ...
    def put_seals(self, seals: Sequence[PlainSeal]) -> None: ...
    def seals(self, height: int) -> list[PlainSeal]: ...
    def commit(self, height: int, block_hash: bytes, block: bytes, executed: Executed) -> None: ...
    def prune_below(self, height: int) -> int: ...
    def rebuild(self, root: bytes) -> tuple[int, int]: ...
    def require_state(self, root: bytes) -> None: ...
    def account(self, root: bytes, address: bytes) -> PlainRecord | None: ...
    def storage(self, root: bytes, address: bytes, slot: int) -> int: ...
    def code(self, root: bytes, address: bytes) -> bytes: ...
    def prove(
        self, root: bytes, address: bytes, slots: Sequence[int]
    ) -> tuple[PlainRecord, list[bytes], list[tuple[int, int, list[bytes]]]]: ...
    def initialise(self, alloc: Sequence[PlainAccount]) -> Executed: ...
    def start_block(self, parent_root: bytes, context: PlainContext, gas_per_transaction: int) -> BlockExecution: ...
    def call(
        self,
        root: bytes,
        context: PlainContext,
        to: bytes | None,
        gas: int,
        sender: bytes,
        data: bytes,
        value: int,
        gas_price: int,
        access_list: PlainAccessList,
        overrides: Sequence[PlainOverride],
    ) -> Summary: ...
    def trace(
        self,
        root: bytes,
        context: PlainContext,
        raws: Sequence[bytes],
        senders: Sequence[bytes],
        options: tuple[bool, bool, bool, bool, int],
    ) -> PlainTrace: ...

def decode_transactions(raws: Sequence[bytes]) -> list[DecodedTransaction | Flaw]: ...
def run_on_alloc(
    chain_id: int,
    fork: str,
    context: PlainContext,
    alloc: Sequence[PlainAccount],
    to: bytes | None,
    create_at: bytes | None,
    gas: int,
    sender: bytes,
    data: bytes,
    value: int,
) -> tuple[Summary, list[PlainAccount]]: ...
