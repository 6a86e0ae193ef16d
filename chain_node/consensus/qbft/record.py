"""What must survive a crash: everything signed at a height, and the lock. No I/O.

Each `PersistVote` effect is one entry, encoded by `encode_entry`; the shell appends the bytes to a log and has them
durable before anything signed leaves. At start it decodes the log and folds it with `record_after`; the highest
height wins, and older entries may be cut off the log once their height is imported.

Format of an entry: RLP([height, round, kind, digest, block | [], lock | []]) with
lock = [round, digest, block, [Prepare...]].
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.consensus.qbft.codec import decode_signed_prepare, encode_signed_prepare
from chain_node.consensus.qbft.messages import SignedPrepare
from chain_node.core import rlp
from chain_node.core.codec import decode_block, encode_block
from chain_node.core.errors import DecodeError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_scalar
from chain_node.core.limits import VALIDATORS_MAX
from chain_node.core.types import Block, Hash32, Height, Round


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCertificate:
    """A block that a quorum has prepared: no other may be committed unless a later round prepares it."""

    round: Round
    """Round of the Prepares."""
    digest: Hash32
    """Digest of the block."""
    block: Block
    """The block, with that round in its extraData."""
    prepares: tuple[SignedPrepare, ...]
    """A quorum of distinct authors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedVote:
    """One thing this node has signed; for one (height, round, kind) there is never another."""

    height: Height
    """Height signed for."""
    round: Round
    """Round signed for."""
    kind: int
    """Message code: 0x12 Proposal, 0x13 Prepare, 0x14 Commit, 0x15 RoundChange."""
    digest: Hash32
    """Digest of the block; for a RoundChange the prepared digest, zero when nothing was prepared."""
    block: Block | None = None
    """For a Proposal the block, so that the same can be proposed again; None otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRecord:
    """The record of one height, folded from its entries."""

    height: Height
    """The highest height anything was signed for."""
    votes: tuple[SignedVote, ...]
    """In order of signing."""
    lock: PreparedCertificate | None
    """The last lock, None when nothing was prepared."""


def record_after(record: VoteRecord | None, vote: SignedVote, lock: PreparedCertificate | None) -> VoteRecord:
    """Fold one entry into the record; entries of lower heights change nothing."""
    if record is None or vote.height > record.height:
        return VoteRecord(height=vote.height, votes=(vote,), lock=lock)
    if vote.height < record.height:
        return record
    return VoteRecord(height=record.height, votes=(*record.votes, vote), lock=lock or record.lock)


def encode_entry(vote: SignedVote, lock: PreparedCertificate | None) -> bytes:
    """Bytes of one entry of the log."""
    return rlp.wrap_list(
        rlp.encode_bytes(rlp.scalar(vote.height))
        + rlp.encode_bytes(rlp.scalar(vote.round))
        + rlp.encode_bytes(rlp.scalar(vote.kind))
        + rlp.encode_bytes(vote.digest)
        + (rlp.EMPTY_LIST if vote.block is None else encode_block(vote.block))
        + (rlp.EMPTY_LIST if lock is None else _encode_lock(lock))
    )


def encode_record(record: VoteRecord) -> tuple[bytes, ...]:
    """Entries that fold to this record again, for a log that is rewritten; the lock goes with the last."""
    last = len(record.votes) - 1
    return tuple(encode_entry(vote, record.lock if index == last else None) for index, vote in enumerate(record.votes))


def height_of_entry(raw: bytes) -> Height:
    """Height of an entry that `encode_entry` made, without decoding the blocks in it."""
    _, first, end = rlp.read_prefix(raw, 0, len(raw))
    _, start, stop = rlp.read_prefix(raw, first, end)
    return Height(int.from_bytes(raw[start:stop], "big"))


def decode_entry(raw: bytes) -> tuple[SignedVote, PreparedCertificate | None]:
    """Decode what `encode_entry` made.

    Raises:
        InvalidInputError: anything else; the log's own checksums have failed to notice damage.
    """
    parts = rlp.split_items(raw, items_max=6)
    if len(parts) != 6:
        raise DecodeError(offset=0, expected=f"a vote record entry with 6 items, got {len(parts)}")
    height, round_number, kind, digest = (rlp.decode(part) for part in parts[:4])
    block, lock = parts[4:]
    vote = SignedVote(
        height=Height(read_scalar(height, field="height", maximum=UINT64_MAX)),
        round=Round(read_scalar(round_number, field="round", maximum=UINT64_MAX)),
        kind=read_scalar(kind, field="kind", maximum=0xFF),
        digest=Hash32(read_bytes(digest, field="digest", size=32)),
        block=None if block == rlp.EMPTY_LIST else decode_block(block),
    )
    return vote, None if lock == rlp.EMPTY_LIST else _read_lock(lock)


def _encode_lock(lock: PreparedCertificate) -> bytes:
    prepares = b"".join([encode_signed_prepare(prepare) for prepare in lock.prepares])
    return rlp.wrap_list(
        rlp.encode_bytes(rlp.scalar(lock.round))
        + rlp.encode_bytes(lock.digest)
        + encode_block(lock.block)
        + rlp.wrap_list(prepares)
    )


def _read_lock(raw: bytes) -> PreparedCertificate:
    parts = rlp.split_items(raw, items_max=4)
    if len(parts) != 4:
        raise DecodeError(offset=0, expected=f"a lock with 4 items, got {len(parts)}")
    round_number, digest, block, prepares = parts
    return PreparedCertificate(
        round=Round(read_scalar(rlp.decode(round_number), field="lock round", maximum=UINT64_MAX)),
        digest=Hash32(read_bytes(rlp.decode(digest), field="lock digest", size=32)),
        block=decode_block(block),
        prepares=tuple(decode_signed_prepare(one) for one in rlp.split_items(prepares, items_max=VALIDATORS_MAX)),
    )
