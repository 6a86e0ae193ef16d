"""What nodes say to one another: one dataclass for each frame type, and its bytes. No I/O.

A frame is the payload's length (4 bytes, big-endian), the type (1 byte) and the payload, RLP. Frames of a smaller
`Priority` leave first: votes never wait behind blocks. Source: docs/protocol.md, 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from chain_node.consensus.qbft.codec import decode_message, encode_message
from chain_node.consensus.qbft.messages import Message
from chain_node.core import rlp
from chain_node.core.codec import DecodeTransactions, decode_each
from chain_node.core.errors import DecodeError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_list, read_scalar
from chain_node.core.limits import BLOCK_SIZE_BYTES_MAX, MESSAGE_SIZE_BYTES_MAX
from chain_node.core.types import Hash32, Height, Round
from chain_node.network.priority import Priority
from chain_node.network.proposal_frames import (
    CompactProposal,
    GetProposalTransactions,
    ProposalTransactions,
    items_of_proposal_frame,
    read_compact_proposal,
    read_get_proposal_transactions,
    read_proposal_transactions,
)

PROTOCOL_VERSION = 2
"""Of the frames; nodes of different versions do not talk."""

TRANSACTIONS_PER_FRAME_MAX = 1_000
"""Transactions in one frame."""

BLOCKS_PER_FRAME_MAX = 64
"""Blocks asked for at once."""

BLOCKS_SIZE_BYTES_TARGET = 4 * 1024 * 1024
"""An answer stops growing here; it has one block at least."""

SEALS_PER_FRAME_MAX = 256
"""Late seals in one frame."""

LINKS_PER_FRAME_MAX = 1_000
"""Nodes in one Status."""

VAULT_MESSAGE_SIZE_BYTES_MAX = 1024 * 1024
"""One message between vaults."""

_REASON_SIZE_BYTES_MAX = 1_000
_KIBIBYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The first frame of both sides."""

    code: ClassVar[int] = 0x00
    priority: ClassVar[Priority] = Priority.CONTROL
    size_bytes_max: ClassVar[int] = _KIBIBYTE
    version: int
    chain_id: int
    genesis_hash: Hash32
    height: Height
    """Of the head."""
    head_hash: Hash32
    client_version: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The last frame: why the link is closed, for the peer's log."""

    code: ClassVar[int] = 0x01
    priority: ClassVar[Priority] = Priority.CONTROL
    size_bytes_max: ClassVar[int] = 2 * _KIBIBYTE
    reason: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Says that this node lives; answered by Pong with the same number."""

    code: ClassVar[int] = 0x02
    priority: ClassVar[Priority] = Priority.CONTROL
    size_bytes_max: ClassVar[int] = 16
    number: int


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to Ping."""

    code: ClassVar[int] = 0x03
    priority: ClassVar[Priority] = Priority.CONTROL
    size_bytes_max: ClassVar[int] = 16
    number: int


@dataclass(frozen=True, slots=True)
class Status:
    """Head and links of the sender; sent whenever they change."""

    code: ClassVar[int] = 0x04
    priority: ClassVar[Priority] = Priority.CONTROL
    size_bytes_max: ClassVar[int] = 64 * _KIBIBYTE
    height: Height
    head_hash: Hash32
    links: tuple[bytes, ...]
    """TLS key hashes of the nodes it has live links with: what comes from it need not be passed on to them."""


@dataclass(frozen=True, slots=True)
class ConsensusMessage:
    """A signed message of the consensus, the author's own or passed on."""

    code: ClassVar[int] = 0x10
    priority: ClassVar[Priority] = Priority.CONSENSUS
    size_bytes_max: ClassVar[int] = MESSAGE_SIZE_BYTES_MAX + _KIBIBYTE
    message_code: int
    encoded: bytes

    @classmethod
    def of(cls, message: Message) -> ConsensusMessage:
        """Encode a message."""
        return cls(*encode_message(message))

    def decode(self, decode_transactions: DecodeTransactions = decode_each) -> Message:
        """Decode it and recover the authors.

        Raises:
            InvalidInputError: it is none.
        """
        return decode_message(self.message_code, self.encoded, decode_transactions)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateSeal:
    """One commit seal of a decided block."""

    height: Height
    block_hash: Hash32
    round: Round
    seal: bytes
    """65 bytes."""


@dataclass(frozen=True, slots=True)
class LateSeals:
    """Commit seals of decided blocks."""

    code: ClassVar[int] = 0x11
    priority: ClassVar[Priority] = Priority.CONSENSUS
    size_bytes_max: ClassVar[int] = 64 * _KIBIBYTE
    seals: tuple[LateSeal, ...]


@dataclass(frozen=True, slots=True)
class Transactions:
    """Transactions that began to wait at the sender."""

    code: ClassVar[int] = 0x20
    priority: ClassVar[Priority] = Priority.GOSSIP
    size_bytes_max: ClassVar[int] = 4 * 1024 * _KIBIBYTE
    encoded: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class GetBlocks:
    """Asks for blocks; answered by Blocks with the same number."""

    code: ClassVar[int] = 0x30
    priority: ClassVar[Priority] = Priority.GOSSIP
    size_bytes_max: ClassVar[int] = 64
    number: int
    first: Height
    count: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Encoded blocks from the height that was asked for, as many as fit and exist."""

    code: ClassVar[int] = 0x31
    priority: ClassVar[Priority] = Priority.BULK
    size_bytes_max: ClassVar[int] = BLOCKS_SIZE_BYTES_TARGET + BLOCK_SIZE_BYTES_MAX
    number: int
    encoded: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class VaultMessage:
    """Something between the vaults of two nodes."""

    code: ClassVar[int] = 0x40
    priority: ClassVar[Priority] = Priority.BULK
    size_bytes_max: ClassVar[int] = VAULT_MESSAGE_SIZE_BYTES_MAX + _KIBIBYTE
    payload: bytes


Frame = (
    Hello
    | Goodbye
    | Ping
    | Pong
    | Status
    | ConsensusMessage
    | LateSeals
    | CompactProposal
    | GetProposalTransactions
    | ProposalTransactions
    | Transactions
    | GetBlocks
    | Blocks
    | VaultMessage
)


def encode_frame(frame: Frame) -> bytes:
    """Length, type and payload."""
    payload = rlp.encode(_items_of(frame))
    return len(payload).to_bytes(4, "big") + bytes((frame.code,)) + payload


def decode_payload(code: int, payload: bytes) -> Frame:
    """The frame of a type, from its payload.

    Raises:
        DecodeError: unknown type, too long, or not the canonical encoding of such a frame.
    """
    reader = _READERS.get(code)
    if reader is None:
        raise DecodeError(offset=0, expected=f"a known frame type, got 0x{code:02x}")
    return reader(read_list(rlp.decode(payload), field="frame"))


def size_bytes_max(code: int) -> int | None:
    """The longest payload a frame type may have; None for an unknown type."""
    frame_type = _TYPES.get(code)
    return None if frame_type is None else frame_type.size_bytes_max


def _items_of(frame: Frame) -> list[rlp.Item]:
    match frame:
        case Hello():
            return [
                rlp.scalar(frame.version),
                rlp.scalar(frame.chain_id),
                frame.genesis_hash,
                rlp.scalar(frame.height),
                frame.head_hash,
                frame.client_version.encode(),
            ]
        case Goodbye():
            return [frame.reason.encode()[:_REASON_SIZE_BYTES_MAX]]
        case Ping() | Pong():
            return [rlp.scalar(frame.number)]
        case Status():
            return [rlp.scalar(frame.height), frame.head_hash, list(frame.links)]
        case ConsensusMessage():
            return [rlp.scalar(frame.message_code), frame.encoded]
        case LateSeals():
            return [
                [rlp.scalar(seal.height), seal.block_hash, rlp.scalar(seal.round), seal.seal] for seal in frame.seals
            ]
        case CompactProposal() | GetProposalTransactions() | ProposalTransactions():
            return items_of_proposal_frame(frame)
        case Transactions():
            return list(frame.encoded)
        case GetBlocks():
            return [rlp.scalar(frame.number), rlp.scalar(frame.first), rlp.scalar(frame.count)]
        case Blocks():
            return [rlp.scalar(frame.number), list(frame.encoded)]
        case VaultMessage():
            return [frame.payload]


def _read_hello(items: list[rlp.Decoded]) -> Hello:
    version, chain_id, genesis_hash, height, head_hash, client_version = read_list(items, field="Hello", size=6)
    return Hello(
        version=read_scalar(version, field="version", maximum=UINT64_MAX),
        chain_id=read_scalar(chain_id, field="chain id"),
        genesis_hash=_read_hash(genesis_hash, "genesis hash"),
        height=_read_height(height),
        head_hash=_read_hash(head_hash, "head hash"),
        client_version=_read_text(client_version, "client version"),
    )


def _read_goodbye(items: list[rlp.Decoded]) -> Goodbye:
    (reason,) = read_list(items, field="Goodbye", size=1)
    return Goodbye(_read_text(reason, "reason"))


def _read_number(items: list[rlp.Decoded]) -> int:
    (number,) = read_list(items, field="Ping", size=1)
    return read_scalar(number, field="number", maximum=UINT64_MAX)


def _read_status(items: list[rlp.Decoded]) -> Status:
    height, head_hash, links = read_list(items, field="Status", size=3)
    keys = _read_many(links, "links", LINKS_PER_FRAME_MAX)
    return Status(
        _read_height(height),
        _read_hash(head_hash, "head hash"),
        tuple(read_bytes(key, field="link", size=32) for key in keys),
    )


def _read_consensus_message(items: list[rlp.Decoded]) -> ConsensusMessage:
    code, encoded = read_list(items, field="ConsensusMessage", size=2)
    return ConsensusMessage(
        read_scalar(code, field="message code", maximum=0xFF), read_bytes(encoded, field="consensus message")
    )


def _read_late_seals(items: list[rlp.Decoded]) -> LateSeals:
    return LateSeals(tuple(_read_late_seal(item) for item in _read_many(items, "seals", SEALS_PER_FRAME_MAX)))


def _read_late_seal(item: rlp.Decoded) -> LateSeal:
    height, block_hash, round_number, seal = read_list(item, field="seal", size=4)
    return LateSeal(
        height=_read_height(height),
        block_hash=_read_hash(block_hash, "block hash"),
        round=Round(read_scalar(round_number, field="round", maximum=UINT64_MAX)),
        seal=read_bytes(seal, field="seal", size=65),
    )


def _read_transactions(items: list[rlp.Decoded]) -> Transactions:
    many = _read_many(items, "transactions", TRANSACTIONS_PER_FRAME_MAX)
    return Transactions(tuple(read_bytes(item, field="transaction") for item in many))


def _read_get_blocks(items: list[rlp.Decoded]) -> GetBlocks:
    number, first, count = read_list(items, field="GetBlocks", size=3)
    return GetBlocks(
        read_scalar(number, field="number", maximum=UINT64_MAX),
        _read_height(first),
        read_scalar(count, field="count", maximum=BLOCKS_PER_FRAME_MAX),
    )


def _read_blocks(items: list[rlp.Decoded]) -> Blocks:
    number, blocks = read_list(items, field="Blocks", size=2)
    many = _read_many(blocks, "blocks", BLOCKS_PER_FRAME_MAX)
    return Blocks(
        read_scalar(number, field="number", maximum=UINT64_MAX),
        tuple(read_bytes(item, field="block") for item in many),
    )


def _read_vault_message(items: list[rlp.Decoded]) -> VaultMessage:
    (payload,) = read_list(items, field="VaultMessage", size=1)
    return VaultMessage(read_bytes(payload, field="vault message"))


def _read_many(item: rlp.Decoded, field: str, count_max: int) -> list[rlp.Decoded]:
    items = read_list(item, field=field)
    if len(items) > count_max:
        raise DecodeError(offset=0, expected=f"at most {count_max} {field}, got {len(items)}")
    return items


def _read_height(item: rlp.Decoded) -> Height:
    return Height(read_scalar(item, field="height", maximum=UINT64_MAX))


def _read_hash(item: rlp.Decoded, field: str) -> Hash32:
    return Hash32(read_bytes(item, field=field, size=32))


def _read_text(item: rlp.Decoded, field: str) -> str:
    try:
        return read_bytes(item, field=field).decode()
    except UnicodeDecodeError as error:
        raise DecodeError(offset=0, expected=f"{field} in UTF-8") from error


_TYPES: dict[int, type[Frame]] = {
    kind.code: kind
    for kind in (
        Hello,
        Goodbye,
        Ping,
        Pong,
        Status,
        ConsensusMessage,
        LateSeals,
        CompactProposal,
        GetProposalTransactions,
        ProposalTransactions,
        Transactions,
        GetBlocks,
        Blocks,
        VaultMessage,
    )
}
_READERS: dict[int, Callable[[list[rlp.Decoded]], Frame]] = {
    Hello.code: _read_hello,
    Goodbye.code: _read_goodbye,
    Ping.code: lambda items: Ping(_read_number(items)),
    Pong.code: lambda items: Pong(_read_number(items)),
    Status.code: _read_status,
    ConsensusMessage.code: _read_consensus_message,
    LateSeals.code: _read_late_seals,
    CompactProposal.code: read_compact_proposal,
    GetProposalTransactions.code: read_get_proposal_transactions,
    ProposalTransactions.code: read_proposal_transactions,
    Transactions.code: _read_transactions,
    GetBlocks.code: _read_get_blocks,
    Blocks.code: _read_blocks,
    VaultMessage.code: _read_vault_message,
}
