"""Pre-images of signatures, and signing of what the state machine wants said. No I/O.

signature = sign(keccak(RLP([code, payload]))), payload as a nested list. A Commit carries two: the commit seal over
the seal hash (for the header) and the signature over the payload with that seal in it.

Source: Besu Payload.hashForSignature; GoQuorum qbft EncodePayloadForSigning.
"""

from __future__ import annotations

from chain_node.consensus.qbft.messages import (
    COMMIT_CODE,
    PREPARE_CODE,
    PROPOSAL_CODE,
    ROUND_CHANGE_CODE,
    CommitPayload,
    Message,
    PreparePayload,
    Proposal,
    ProposalPayload,
    RoundChange,
    RoundChangePayload,
    SignedCommit,
    SignedPrepare,
    SignedRoundChange,
    UnsignedCommit,
    UnsignedMessage,
    UnsignedProposal,
    UnsignedRoundChange,
)
from chain_node.core import rlp
from chain_node.core.codec import encode_block
from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32

Payload = ProposalPayload | PreparePayload | CommitPayload | RoundChangePayload


def signing_hash(payload: Payload) -> Hash32:
    """What the author of a payload signs."""
    return signing_hash_of_encoded(code_of(payload), encode_payload(payload))


def signing_hash_of_encoded(code: int, payload_rlp: bytes) -> Hash32:
    """As `signing_hash`, for a payload in whatever layout it arrived."""
    return keccak(signing_preimage(code, payload_rlp))


def signing_preimage(code: int, payload_rlp: bytes) -> bytes:
    """RLP([code, payload])."""
    return rlp.wrap_list(rlp.encode_bytes(rlp.scalar(code)) + payload_rlp)


def code_of(payload: Payload) -> int:
    """The message code that is signed together with the payload."""
    match payload:
        case ProposalPayload():
            return PROPOSAL_CODE
        case PreparePayload():
            return PREPARE_CODE
        case CommitPayload():
            return COMMIT_CODE
        case RoundChangePayload():
            return ROUND_CHANGE_CODE


def encode_payload(payload: Payload) -> bytes:
    """RLP of a payload; a proposal in the three-item layout that every implementation reads."""
    head = rlp.encode_bytes(rlp.scalar(payload.height)) + rlp.encode_bytes(rlp.scalar(payload.round))
    match payload:
        case ProposalPayload():
            return rlp.wrap_list(head + encode_block(payload.block))
        case PreparePayload():
            return rlp.wrap_list(head + rlp.encode_bytes(payload.digest))
        case CommitPayload():
            return rlp.wrap_list(head + rlp.encode_bytes(payload.digest) + rlp.encode_bytes(payload.commit_seal))
        case RoundChangePayload():
            prepared = payload.prepared
            metadata = [] if prepared is None else [rlp.scalar(prepared.round), prepared.digest]
            return rlp.wrap_list(head + rlp.encode(metadata))


def sign_message(private_key: bytes, message: UnsignedMessage) -> Message:
    """Sign what the state machine wants said; the same message always gives the same bytes.

    The shell calls this only after the vote is durable (see `effects.py`).
    """
    author = address_of(private_key)
    match message:
        case PreparePayload():
            return SignedPrepare(payload=message, signature=_sign(private_key, message), author=author)
        case UnsignedCommit():
            seal = sign_digest(private_key, message.digest)
            payload = CommitPayload(height=message.height, round=message.round, digest=message.digest, commit_seal=seal)
            return SignedCommit(payload=payload, signature=_sign(private_key, payload), author=author, sealer=author)
        case UnsignedRoundChange():
            signed = SignedRoundChange(
                payload=message.payload, signature=_sign(private_key, message.payload), author=author
            )
            return RoundChange(signed=signed, block=message.block, prepares=message.prepares)
        case UnsignedProposal():
            return Proposal(
                payload=message.payload,
                signature=_sign(private_key, message.payload),
                author=author,
                round_changes=message.round_changes,
                prepares=message.prepares,
            )


def _sign(private_key: bytes, payload: Payload) -> bytes:
    return sign_digest(private_key, signing_hash(payload))
