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
from chain_node.consensus.qbft.signing import encode_payload, signing_hash_of_encoded
from chain_node.core import rlp
from chain_node.core.codec import decode_block, encode_block
from chain_node.core.crypto import SIGNATURE_SIZE_BYTES, recover_address
from chain_node.core.errors import DecodeError
from chain_node.core.fields import UINT64_MAX, read_bytes, read_list, read_scalar
from chain_node.core.limits import MESSAGE_SIZE_BYTES_MAX, ROUND_MAX
from chain_node.core.types import Address, Block, Hash32, Height, Round

_Signed = SignedPrepare | SignedCommit | SignedRoundChange | Proposal
_ABSENT_ACCESS_LIST = b""


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
            justification = rlp.wrap_list(_encode_all(message.round_changes) + _encode_all(message.prepares))
            return PROPOSAL_CODE, rlp.wrap_list(_encode_signed(message) + justification)


def decode_message(code: int, raw: bytes) -> Message:
    """Decode a message and recover its authors; whether they are validators is not looked at.

    Raises:
        DecodeError: unknown code, too large, not canonical, or a round above ROUND_MAX.
        BadSignatureError: a signature recovers to no key or has a high s.
        InvalidTransactionError: a transaction of a block inside is malformed.
    """
    if len(raw) > MESSAGE_SIZE_BYTES_MAX:
        raise DecodeError(offset=0, expected=f"a message of at most {MESSAGE_SIZE_BYTES_MAX} bytes, got {len(raw)}")
    item = rlp.decode(raw)
    if code == PREPARE_CODE:
        return _read_prepare(item)
    if code == COMMIT_CODE:
        return _read_commit(item)
    if code == ROUND_CHANGE_CODE:
        return _read_round_change(item)
    if code == PROPOSAL_CODE:
        return _read_proposal(item)
    raise DecodeError(offset=0, expected=f"a message code of 0x12 to 0x15, got {code:#x}")


def encode_signed_prepare(signed: SignedPrepare) -> bytes:
    """RLP of [payload, signature]."""
    return _encode_signed(signed)


def decode_signed_prepare(item: rlp.Decoded) -> SignedPrepare:
    """Read a Prepare from an already decoded list; errors as `decode_message`."""
    return _read_prepare(item)


def _encode_signed(signed: _Signed) -> bytes:
    return rlp.wrap_list(encode_payload(signed.payload) + rlp.encode_bytes(signed.signature))


def _encode_all(signed: Sequence[_Signed]) -> bytes:
    return rlp.wrap_list(b"".join([_encode_signed(one) for one in signed]))


def _read_prepare(item: rlp.Decoded) -> SignedPrepare:
    payload_item, signature, author = _read_signed(item, PREPARE_CODE)
    height, round_number, digest = read_list(payload_item, field="prepare payload", size=3)
    payload = PreparePayload(height=_read_height(height), round=_read_round(round_number), digest=_read_digest(digest))
    return SignedPrepare(payload=payload, signature=signature, author=author)


def _read_commit(item: rlp.Decoded) -> SignedCommit:
    payload_item, signature, author = _read_signed(item, COMMIT_CODE)
    height, round_number, digest_item, seal = read_list(payload_item, field="commit payload", size=4)
    digest = _read_digest(digest_item)
    commit_seal = read_bytes(seal, field="commit seal", size=SIGNATURE_SIZE_BYTES)
    payload = CommitPayload(
        height=_read_height(height), round=_read_round(round_number), digest=digest, commit_seal=commit_seal
    )
    sealer = recover_address(digest, commit_seal)
    return SignedCommit(payload=payload, signature=signature, author=author, sealer=sealer)


def _read_signed_round_change(item: rlp.Decoded) -> SignedRoundChange:
    payload_item, signature, author = _read_signed(item, ROUND_CHANGE_CODE)
    height, round_number, metadata = read_list(payload_item, field="round change payload", size=3)
    payload = RoundChangePayload(
        height=_read_height(height), round=_read_round(round_number), prepared=_read_metadata(metadata)
    )
    return SignedRoundChange(payload=payload, signature=signature, author=author)


def _read_round_change(item: rlp.Decoded) -> RoundChange:
    fields = read_list(item, field="round change")
    if len(fields) == 4:
        _refuse_access_list(fields[2])
        fields = [fields[0], fields[1], fields[3]]
    signed, block, prepares = read_list(fields, field="round change", size=3)
    return RoundChange(
        signed=_read_signed_round_change(signed),
        block=None if block == [] else _read_block(block),
        prepares=tuple(_read_prepare(prepare) for prepare in read_list(prepares, field="prepares")),
    )


def _read_proposal(item: rlp.Decoded) -> Proposal:
    signed, justification = read_list(item, field="proposal", size=2)
    payload_item, signature, author = _read_signed(signed, PROPOSAL_CODE)
    fields = read_list(payload_item, field="proposal payload")
    if len(fields) == 4:
        _refuse_access_list(fields[3])
        fields = fields[:3]
    height, round_number, block = read_list(fields, field="proposal payload", size=3)
    round_changes, prepares = read_list(justification, field="justification", size=2)
    payload = ProposalPayload(height=_read_height(height), round=_read_round(round_number), block=_read_block(block))
    return Proposal(
        payload=payload,
        signature=signature,
        author=author,
        round_changes=tuple(_read_signed_round_change(one) for one in read_list(round_changes, field="round changes")),
        prepares=tuple(_read_prepare(prepare) for prepare in read_list(prepares, field="prepares")),
    )


def _read_signed(item: rlp.Decoded, code: int) -> tuple[rlp.Decoded, bytes, Address]:
    """(payload, signature, author) of [payload, signature]; the signature covers the payload as it arrived."""
    payload, signature_item = read_list(item, field="signed payload", size=2)
    signature = read_bytes(signature_item, field="signature", size=SIGNATURE_SIZE_BYTES)
    return payload, signature, recover_address(signing_hash_of_encoded(code, rlp.encode(payload)), signature)


def _read_metadata(item: rlp.Decoded) -> PreparedMetadata | None:
    if item == []:
        return None
    round_number, digest = read_list(item, field="prepared metadata", size=2)
    return PreparedMetadata(_read_round(round_number), _read_digest(digest))


def _refuse_access_list(item: rlp.Decoded) -> None:
    if item != _ABSENT_ACCESS_LIST:
        raise DecodeError(offset=0, expected="no block access list")


def _read_block(item: rlp.Decoded) -> Block:
    return decode_block(rlp.encode(item))


def _read_height(item: rlp.Decoded) -> Height:
    return Height(read_scalar(item, field="height", maximum=UINT64_MAX))


def _read_round(item: rlp.Decoded) -> Round:
    return Round(read_scalar(item, field="round", maximum=ROUND_MAX))


def _read_digest(item: rlp.Decoded) -> Hash32:
    return Hash32(read_bytes(item, field="digest", size=32))
