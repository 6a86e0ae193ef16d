"""A node source in dictionaries, and transactions signed for it."""

from collections.abc import Callable

from chain_node.core import rlp
from chain_node.core.codec import decode_transaction
from chain_node.core.crypto import sign_digest
from chain_node.core.genesis import Fork, ForkSchedule
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32, Height, Transaction
from chain_node.execution import BlockContext, BlockLimits, StateChanges

CHAIN_ID = 170919
GAS_LIMIT = 60_000_000
COINBASE = Address(bytes.fromhex("00000000000000000000000000000000c01bba5e"))


class NodeTable:
    def __init__(self) -> None:
        self.nodes: dict[Hash32, bytes] = {}
        self.codes: dict[Hash32, bytes] = {}

    def read_node(self, node_hash: Hash32) -> bytes | None:
        return self.nodes.get(node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        return self.codes.get(code_hash)

    def add(self, changes: StateChanges) -> None:
        self.nodes.update(changes.nodes)
        self.codes.update(changes.codes)


def hash_at(height: Height) -> Hash32:
    """Hash of the block at a height, in every test chain."""
    return keccak(b"hash %d" % height)


def schedule_of(fork: Fork) -> ForkSchedule:
    return ForkSchedule(
        berlin_height=None if fork == "istanbul" else Height(0), london_height=Height(0) if fork == "london" else None
    )


def context_at(
    height: int,
    fork: Fork = "berlin",
    *,
    gas_limit: int = GAS_LIMIT,
    block_hash: Callable[[Height], Hash32 | None] = lambda _: None,
) -> BlockContext:
    return BlockContext(
        height=Height(height),
        timestamp=1_700_000_000 + height,
        gas_limit=gas_limit,
        coinbase=COINBASE,
        base_fee_per_gas=0 if fork == "london" else None,
        block_hash=block_hash,
    )


def limits(
    *, gas_per_transaction: int = 0, size_bytes: int = 1 << 24, should_stop: Callable[[], bool] = lambda: False
) -> BlockLimits:
    return BlockLimits(gas_per_transaction=gas_per_transaction, size_bytes=size_bytes, should_stop=should_stop)


def key_of(name: str) -> bytes:
    return keccak(name.encode())


def sign(
    key: bytes,
    *,
    nonce: int,
    to: Address | None,
    data: bytes = b"",
    value: int = 0,
    gas: int = 1_000_000,
    gas_price: int = 0,
    chain_id: int = CHAIN_ID,
) -> Transaction:
    """A legacy transaction."""
    fields: list[rlp.Item] = [*map(rlp.scalar, (nonce, gas_price, gas)), to or b"", rlp.scalar(value), data]
    signature = sign_digest(key, keccak(rlp.encode([*fields, rlp.scalar(chain_id), b"", b""])))
    v = 35 + 2 * chain_id + signature[64]
    return decode_transaction(rlp.encode([*fields, rlp.scalar(v), *_r_and_s(signature)]))


def sign_typed(
    key: bytes,
    *,
    nonce: int,
    to: Address | None,
    data: bytes = b"",
    gas: int = 1_000_000,
    max_fee: int = 0,
    priority_fee: int | None = None,
    access_list: tuple[tuple[Address, tuple[bytes, ...]], ...] = (),
) -> Transaction:
    """A transaction of type 1, or of type 2 if a priority fee is given."""
    kind = b"\x01" if priority_fee is None else b"\x02"
    fees = [max_fee] if priority_fee is None else [priority_fee, max_fee]
    fields: list[rlp.Item] = [
        *map(rlp.scalar, (CHAIN_ID, nonce, *fees, gas)),
        to or b"",
        b"",
        data,
        [[address, list(keys)] for address, keys in access_list],
    ]
    signature = sign_digest(key, keccak(kind + rlp.encode(fields)))
    return decode_transaction(kind + rlp.encode([*fields, rlp.scalar(signature[64]), *_r_and_s(signature)]))


def _r_and_s(signature: bytes) -> list[bytes]:
    return [rlp.scalar(int.from_bytes(signature[start : start + 32], "big")) for start in (0, 32)]
