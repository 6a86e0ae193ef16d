"""Bytes of consensus messages. No I/O.

Decoding recovers every author, those of nested payloads too, and so is the only way for a stranger's message into
the state machine. Two layouts are read: the one of GoQuorum and Besu up to 25.x, which we write, and the one Besu
writes from 26.1 on, with a slot for a block access list (it must be empty: no fork we run fills it). In that layout
the slot is inside the signed payload of a Proposal, so a message is passed on as the bytes in which it came.

Source: Besu qbft-core payload and messagewrappers, readFrom and writeTo.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain_node.consensus.qbft.messages import (
    COMMIT_CODE,
    PREPARE_CODE,
    PROPOSAL_CODE,
    ROUND_CHANGE_CODE,
    CommitPayload,
    Message,
    PreparedMetadata,
    PreparePayload,
    Proposal,
    ProposalPayload,
    RoundChange,
    RoundChangePayload,
    SignedCommit,
    SignedPrepare,
    SignedRoundChange,
)
from chain_node.consensus.qbft.signing import encode_payload, signing_hash, signing_hash_of_encoded
from chain_node.core import rlp
from chain_node.core.codec import DecodeTransactions, decode_block, decode_each, encode_block
from chain_node.core.crypto import SIGNATURE_SIZE_BYTES, recover_address
from chain_node.core.errors import DecodeError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_list, read_scalar
from chain_node.core.limits import MESSAGE_SIZE_BYTES_MAX, ROUND_MAX, VALIDATORS_MAX
from chain_node.core.types import Address, Hash32, Height, Round

_Signed = SignedPrepare | SignedCommit | SignedRoundChange | Proposal
_ABSENT_ACCESS_LIST = b"\x80"
_SMALL_SIZE_BYTES_MAX = 256
"""The largest payload without a block, a Commit's, has some 120 bytes."""


def encode_message(message: Message) -> tuple[int, bytes]:
    """(message code, RLP of the message) in the layout every implementation reads."""
    match message:
        case SignedPrepare():
            return PREPARE_CODE, _encode_signed(message)
        case SignedCommit():
            return COMMIT_CODE, _encode_signed(message)
        case RoundChange():
            block = rlp.EMPTY_LIST if message.block is None else encode_block(message.block)
            return ROUND_CHANGE_CODE, rlp.wrap_list(
                _encode_signed(message.signed) + block + _encode_all(message.prepares)
            )
        case Proposal():
            return PROPOSAL_CODE, rlp.wrap_list(_encode_signed(message) + encode_justification(message))


def decode_message(code: int, raw: bytes, decode_transactions: DecodeTransactions = decode_each) -> Message:
    """Decode a message and recover its authors; whether they are validators is not looked at.

    Raises:
        DecodeError: unknown code, too large, not canonical, or a round above ROUND_MAX.
        BadSignatureError: a signature recovers to no key or has a high s.
        InvalidTransactionError: a transaction of a block inside is malformed.
    """
    if len(raw) > MESSAGE_SIZE_BYTES_MAX:
        raise DecodeError(offset=0, expected=f"a message of at most {MESSAGE_SIZE_BYTES_MAX} bytes, got {len(raw)}")
    if code == PREPARE_CODE:
        return decode_signed_prepare(raw)
    if code == COMMIT_CODE:
        return _read_commit(raw)
    if code == ROUND_CHANGE_CODE:
        return _read_round_change(raw, decode_transactions)
    if code == PROPOSAL_CODE:
        return _read_proposal(raw, decode_transactions)
    raise DecodeError(offset=0, expected=f"a message code of 0x12 to 0x15, got {code:#x}")


def encode_justification(proposal: Proposal) -> bytes:
    """RLP of [[signed RoundChange...], [signed Prepare...]]."""
    return rlp.wrap_list(_encode_all(proposal.round_changes) + _encode_all(proposal.prepares))


def rebuild_proposal(payload: ProposalPayload, signature: bytes, justification: bytes) -> Proposal:
    """Put a proposal together whose block came in another way than in its message; errors as `decode_message`.

    The signature covers the whole block, so the author is recovered from what was put together.
    """
    return _justified(payload, signature, recover_address(signing_hash(payload), signature), justification)


def encode_signed_prepare(signed: SignedPrepare) -> bytes:
    """RLP of [payload, signature]."""
    return _encode_signed(signed)


def decode_signed_prepare(raw: bytes) -> SignedPrepare:
    """Decode what `encode_signed_prepare` made; errors as `decode_message`."""
    payload_raw, signature, author = _read_signed(raw, PREPARE_CODE)
    height, round_number, digest = read_list(_decode_small(payload_raw), field="prepare payload", size=3)
    payload = PreparePayload(height=_read_height(height), round=_read_round(round_number), digest=_read_digest(digest))
    return SignedPrepare(payload=payload, signature=signature, author=author)


def _encode_signed(signed: _Signed) -> bytes:
    return rlp.wrap_list(encode_payload(signed.payload) + rlp.encode_bytes(signed.signature))


def _encode_all(signed: Sequence[_Signed]) -> bytes:
    return rlp.wrap_list(b"".join([_encode_signed(one) for one in signed]))


def _read_commit(raw: bytes) -> SignedCommit:
    payload_raw, signature, author = _read_signed(raw, COMMIT_CODE)
    fields = read_list(_decode_small(payload_raw), field="commit payload", size=4)
    height, round_number, digest_item, seal = fields
    digest = _read_digest(digest_item)
    commit_seal = read_bytes(seal, field="commit seal", size=SIGNATURE_SIZE_BYTES)
    payload = CommitPayload(
        height=_read_height(height), round=_read_round(round_number), digest=digest, commit_seal=commit_seal
    )
    sealer = recover_address(digest, commit_seal)
    return SignedCommit(payload=payload, signature=signature, author=author, sealer=sealer)


def _read_signed_round_change(raw: bytes) -> SignedRoundChange:
    payload_raw, signature, author = _read_signed(raw, ROUND_CHANGE_CODE)
    fields = read_list(_decode_small(payload_raw), field="round change payload", size=3)
    height, round_number, metadata = fields
    payload = RoundChangePayload(
        height=_read_height(height), round=_read_round(round_number), prepared=_read_metadata(metadata)
    )
    return SignedRoundChange(payload=payload, signature=signature, author=author)


def _read_round_change(raw: bytes, decode_transactions: DecodeTransactions) -> RoundChange:
    parts = rlp.split_items(raw, items_max=4)
    if len(parts) == 4:
        _refuse_access_list(parts.pop(2))
    signed, block, prepares = _exactly(parts, 3, "round change")
    return RoundChange(
        signed=_read_signed_round_change(signed),
        block=None if block == rlp.EMPTY_LIST else decode_block(block, decode_transactions),
        prepares=_read_prepares(prepares),
    )


def _read_proposal(raw: bytes, decode_transactions: DecodeTransactions) -> Proposal:
    signed, justification = _exactly(rlp.split_items(raw, items_max=2), 2, "proposal")
    payload_raw, signature, author = _read_signed(signed, PROPOSAL_CODE)
    parts = rlp.split_items(payload_raw, items_max=4)
    if len(parts) == 4:
        _refuse_access_list(parts.pop(3))
    height, round_number, block = _exactly(parts, 3, "proposal payload")
    payload = ProposalPayload(
        height=_read_height(_decode_small(height)),
        round=_read_round(_decode_small(round_number)),
        block=decode_block(block, decode_transactions),
    )
    return _justified(payload, signature, author, justification)


def _justified(payload: ProposalPayload, signature: bytes, author: Address, justification: bytes) -> Proposal:
    round_changes, prepares = _exactly(rlp.split_items(justification, items_max=2), 2, "justification")
    return Proposal(
        payload=payload,
        signature=signature,
        author=author,
        round_changes=tuple(
            _read_signed_round_change(one) for one in rlp.split_items(round_changes, items_max=VALIDATORS_MAX)
        ),
        prepares=_read_prepares(prepares),
    )


def _read_prepares(raw: bytes) -> tuple[SignedPrepare, ...]:
    return tuple(decode_signed_prepare(one) for one in rlp.split_items(raw, items_max=VALIDATORS_MAX))


def _read_signed(raw: bytes, code: int) -> tuple[bytes, bytes, Address]:
    """(encoded payload, signature, author) of [payload, signature]; the signature covers the payload as it arrived."""
    payload_raw, signature_raw = _exactly(rlp.split_items(raw, items_max=2), 2, "signed payload")
    signature = read_bytes(_decode_small(signature_raw), field="signature", size=SIGNATURE_SIZE_BYTES)
    return payload_raw, signature, recover_address(signing_hash_of_encoded(code, payload_raw), signature)


def _exactly(parts: list[bytes], count: int, what: str) -> list[bytes]:
    if len(parts) != count:
        raise DecodeError(offset=0, expected=f"{what} with {count} items, got {len(parts)}")
    return parts


def _decode_small(raw: bytes) -> rlp.Decoded:
    """Decode what has no block in it; the bound comes first, so that nothing large is taken apart in vain."""
    if len(raw) > _SMALL_SIZE_BYTES_MAX:
        raise DecodeError(offset=0, expected=f"at most {_SMALL_SIZE_BYTES_MAX} bytes, got {len(raw)}")
    return rlp.decode(raw)


def _read_metadata(item: rlp.Decoded) -> PreparedMetadata | None:
    if item == []:
        return None
    round_number, digest = read_list(item, field="prepared metadata", size=2)
    return PreparedMetadata(_read_round(round_number), _read_digest(digest))


def _refuse_access_list(raw: bytes) -> None:
    if raw != _ABSENT_ACCESS_LIST:
        raise DecodeError(offset=0, expected="no block access list")


def _read_height(item: rlp.Decoded) -> Height:
    return Height(read_scalar(item, field="height", maximum=UINT64_MAX))


def _read_round(item: rlp.Decoded) -> Round:
    return Round(read_scalar(item, field="round", maximum=ROUND_MAX))


def _read_digest(item: rlp.Decoded) -> Hash32:
    return Hash32(read_bytes(item, field="digest", size=32))
