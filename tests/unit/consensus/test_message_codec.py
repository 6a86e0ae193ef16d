"""Bytes of messages and of the vote record: both ways, and any damage noticed."""

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_node.consensus.qbft.codec import decode_message, encode_message
from chain_node.consensus.qbft.hashes import proposal_digest, with_round
from chain_node.consensus.qbft.record import (
    PreparedCertificate,
    SignedVote,
    VoteRecord,
    decode_entry,
    encode_entry,
    encode_record,
    height_of_entry,
    record_after,
)
from chain_node.core import rlp
from chain_node.core.crypto import CURVE_ORDER
from chain_node.core.errors import BadSignatureError, DecodeError, InvalidInputError
from chain_node.core.limits import ROUND_MAX
from tests.unit.consensus.bench import block_of, commit, prepare, proposal, round_change

BLOCK = block_of(0)
PREPARED = round_change(0, 1, prepared=BLOCK)
MESSAGES = [
    prepare(0, BLOCK),
    commit(1, BLOCK),
    round_change(2, 7),
    PREPARED,
    proposal(0, BLOCK),
    proposal(
        1,
        with_round(BLOCK, 1),
        1,
        because=(PREPARED, round_change(2, 1), round_change(3, 1)),
        prepares=PREPARED.prepares,
    ),
]
NAMES = ["prepare", "commit", "round change", "prepared round change", "proposal", "justified proposal"]


@pytest.mark.parametrize("message", MESSAGES, ids=NAMES)
def test_message_survives_encoding_and_decoding_with_its_authors(message: Any) -> None:
    assert decode_message(*encode_message(message)) == message


@pytest.mark.parametrize("message", MESSAGES, ids=NAMES)
def test_changed_byte_gives_an_error_or_another_message_of_the_same_bytes(message: Any) -> None:
    code, raw = encode_message(message)
    for position in range(0, len(raw), 1 if len(raw) < 1000 else 7):
        altered = raw[:position] + bytes((raw[position] ^ 0x01,)) + raw[position + 1 :]
        try:
            decoded = decode_message(code, altered)
        except InvalidInputError:
            continue
        assert decoded != message
        assert encode_message(decoded) == (code, altered)


@pytest.mark.parametrize("message", MESSAGES[:3], ids=NAMES[:3])
def test_strict_prefix_of_a_message_is_refused(message: Any) -> None:
    code, raw = encode_message(message)
    for size in range(len(raw)):
        with pytest.raises(DecodeError):
            decode_message(code, raw[:size])


@given(st.sampled_from([0x12, 0x13, 0x14, 0x15]), st.binary(max_size=300))
def test_random_bytes_are_refused_with_a_typed_error(code: int, raw: bytes) -> None:
    with pytest.raises(InvalidInputError):
        decode_message(code, raw)


def test_message_under_another_code_has_another_author_or_is_refused() -> None:
    """3.3: the code is part of what is signed."""
    _, raw = encode_message(prepare(0, BLOCK))
    for code in (0x11, 0x12, 0x14, 0x15, 0x16):
        with pytest.raises(InvalidInputError):
            decode_message(code, raw)


def test_message_signature_with_a_high_s_is_refused() -> None:
    """2.3: Besu does enforce low-s on message signatures.

    2.3: s <= n/2 else the message is rejected.
    """
    message = prepare(0, BLOCK)
    high_s = CURVE_ORDER - int.from_bytes(message.signature[32:64], "big")
    signature = message.signature[:32] + high_s.to_bytes(32, "big") + bytes((1 - message.signature[64],))
    with pytest.raises(BadSignatureError, match="above n/2"):
        decode_message(*encode_message(replace(message, signature=signature)))


def test_round_above_the_maximum_is_refused_at_decoding() -> None:
    """3.5: 1 <= round <= 1000 (cap added 26.8.0, GHSA-23rh-rrqg-wq82); here the cap is what extraData can hold."""
    assert decode_message(*encode_message(prepare(0, BLOCK, ROUND_MAX))).author
    with pytest.raises(DecodeError, match=f"round of at most {ROUND_MAX}"):
        decode_message(*encode_message(prepare(0, BLOCK, ROUND_MAX + 1)))


@pytest.mark.parametrize(("code", "position"), [(0x15, 2), (0x12, 3)], ids=["round change", "proposal"])
def test_block_access_list_of_a_later_fork_is_refused(code: int, position: int) -> None:
    message = PREPARED if code == 0x15 else proposal(0, BLOCK)
    items = rlp.decode(encode_message(message)[1])
    assert isinstance(items, list)
    target: Any = items if code == 0x15 else items[0][0]  # type: ignore[index]
    target.insert(position, [])
    with pytest.raises(DecodeError, match="no block access list"):
        decode_message(code, rlp.encode(items))
    target[position] = b""
    decode_message(code, rlp.encode(items))


@pytest.mark.parametrize("code", [0x12, 0x13, 0x14, 0x15])
def test_huge_list_of_nothing_is_refused_without_taking_it_apart(code: int) -> None:
    """4.9: memory exhaustion by large messages; 16 MB of empty items would be millions of objects."""
    raw = rlp.wrap_list(b"\x80" * (16 * 1024 * 1024))
    tracemalloc.start()
    with pytest.raises(DecodeError):
        decode_message(code, raw)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1024 * 1024


def test_record_entries_fold_to_what_was_signed_last() -> None:
    digest = proposal_digest(BLOCK)
    lock = PreparedCertificate(round=0, digest=digest, block=BLOCK, prepares=PREPARED.prepares)
    entries = [
        (SignedVote(height=1, round=0, kind=0x12, digest=digest, block=BLOCK), None),
        (SignedVote(height=1, round=0, kind=0x13, digest=digest), None),
        (SignedVote(height=1, round=0, kind=0x14, digest=digest), lock),
        (SignedVote(height=1, round=1, kind=0x15, digest=digest), None),
    ]
    record: VoteRecord | None = None
    for vote, with_lock in entries:
        assert decode_entry(encode_entry(vote, with_lock)) == (vote, with_lock)
        record = record_after(record, vote, with_lock)
    assert record == VoteRecord(height=1, votes=tuple(vote for vote, _ in entries), lock=lock)
    rewritten: VoteRecord | None = None
    for raw in encode_record(record):
        rewritten = record_after(rewritten, *decode_entry(raw))
    assert rewritten == record
    newer = SignedVote(height=2, round=0, kind=0x13, digest=digest)
    assert record_after(record, newer, None) == VoteRecord(height=2, votes=(newer,), lock=None)
    assert record_after(VoteRecord(height=2, votes=(newer,), lock=None), entries[0][0], None).votes == (newer,)


@pytest.mark.parametrize("height", [0, 1, 127, 128, 2**40])
def test_height_of_an_entry_is_read_without_the_rest(height: int) -> None:
    vote = SignedVote(height=height, round=0, kind=0x12, digest=proposal_digest(BLOCK), block=BLOCK)
    assert height_of_entry(encode_entry(vote, None)) == height


@given(st.binary(max_size=120))
def test_damaged_record_entry_is_refused_with_a_typed_error(raw: bytes) -> None:
    with pytest.raises(InvalidInputError):
        decode_entry(raw)
