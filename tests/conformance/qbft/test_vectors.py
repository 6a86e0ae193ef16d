"""Every vector of qbft_vectors.json: extraData, hashes, seals, messages; obsolete ones must be refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from chain_node.consensus.qbft.codec import decode_message, encode_message
from chain_node.consensus.qbft.extra_data import decode_extra_data, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash, seal_hash
from chain_node.consensus.qbft.messages import (
    CommitPayload,
    PreparedMetadata,
    PreparePayload,
    Proposal,
    RoundChange,
    RoundChangePayload,
    SignedCommit,
    SignedPrepare,
    UnsignedProposal,
    UnsignedRoundChange,
)
from chain_node.consensus.qbft.seals import recover_sealers, validate_seals
from chain_node.consensus.qbft.signing import (
    code_of,
    encode_payload,
    sign_message,
    signing_hash,
    signing_hash_of_encoded,
    signing_preimage,
)
from chain_node.core import rlp
from chain_node.core.codec import decode_header, encode_block, encode_header
from chain_node.core.crypto import recover_address, sign_digest
from chain_node.core.errors import DecodeError
from chain_node.core.hashing import keccak

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "qbft_vectors.json").read_text())["vectors"]
KEY_ONE = bytes(31) + b"\x01"


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def by_id(name: str) -> dict[str, Any]:
    return next(vector for vector in VECTORS if vector["id"] == name)


def select(kind: str, *, is_obsolete: bool = False) -> list[Any]:
    return [
        pytest.param(vector, id=vector["id"])
        for vector in VECTORS
        if vector["kind"] == kind and vector["status"].startswith("obsolete") == is_obsolete
    ]


def test_vectors_of_every_kind_are_present() -> None:
    kinds = [vector["kind"] for vector in VECTORS]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "abi": 1,
        "extraData": 13,
        "message": 15,
        "message_part": 1,
        "sealed_header": 2,
    }


@pytest.mark.parametrize("vector", select("extraData"))
def test_extra_data_decodes_to_published_fields_and_back(vector: dict[str, Any]) -> None:
    """2.1: RLP([vanity, validators, vote, round, seals]), round as minimal scalar, `c0` for no vote.

    2.1: `RLP([ vanity: bytes(32), validators: [address20...], vote, round: minimal big-endian scalar, seals:
    [bytes65...] ])`.
    2.1: Empty contract-mode genesis: `0xe5a0<32 zero bytes>c0c080c0`.
    """
    extra = decode_extra_data(raw(vector["rlp"]))
    expected = vector["decoded"]
    assert extra.vanity == raw(expected["vanity"])
    assert list(extra.validators) == [raw(address) for address in expected["validators"]]
    assert extra.round == expected["round"]
    assert list(extra.seals) == [raw(seal) for seal in expected["seals"]]
    if expected["vote"] is None:
        assert extra.vote is None
    else:
        assert extra.vote is not None
        assert extra.vote.recipient == raw(expected["vote"]["recipient"])
        assert extra.vote.is_add == (expected["vote"]["byte"] == "0xff")
    assert encode_extra_data(extra) == raw(vector["rlp"])


@pytest.mark.parametrize("vector", select("extraData"))
def test_extra_data_without_seals_and_round_matches_derived_bytes(vector: dict[str, Any]) -> None:
    """2.2: "Empty" means the list is present and empty (`c0`), round 0 is `80`; vanity, validators, vote are kept.

    2.2: means the list is present and empty (`c0`), not omitted.
    """
    items = rlp.decode(raw(vector["rlp"]))
    assert isinstance(items, list)
    without_seals = [*items[:4], []]
    without_round = [*items[:3], b"", []]
    assert rlp.encode(without_seals) == raw(vector["derived_without_seals"])
    assert rlp.encode(without_round) == raw(vector["derived_without_seals_and_round"])
    assert decode_extra_data(rlp.encode(without_seals)).seals == ()
    assert decode_extra_data(rlp.encode(without_round)).round == 0


@pytest.mark.parametrize("vector", select("extraData", is_obsolete=True))
def test_extra_data_in_an_obsolete_layout_is_refused(vector: dict[str, Any]) -> None:
    """0.2: the official qbft-tests extraData JSON is obsolete (fixed 4-byte round, null vote)."""
    with pytest.raises(DecodeError):
        decode_extra_data(raw(vector["rlp"]))


def test_real_besu_header_has_published_seal_hash_and_committers() -> None:
    """2.2 (a) and (b), 2.5: block hash with round 0, seal hash with the real round; neither is keccak(header).

    2.2: (a) block hash, parentHash.
    2.2: (b) commit-seal hash, signed by validators.
    2.5: Header 7528 in the JSON.
    """
    vector = by_id("besu_real_header_7528_round1_3of4_seals")
    header = decode_header(raw(vector["header_rlp"]))
    assert encode_header(header) == raw(vector["header_rlp"])
    assert seal_hash(header) == raw(vector["commit_seal_hash"])
    assert block_hash(header) == raw(vector["block_hash_onchain_derived"])
    assert keccak(encode_header(header)) == raw(vector["keccak_of_full_header_WRONG"])
    committers = tuple(raw(address) for address in vector["committers_in_seal_order"])
    assert recover_sealers(header) == committers
    validators = tuple(raw(address) for address in vector["extra"]["validators"])
    assert validate_seals(header, validators) == committers
    fields = vector["fields"]
    assert (header.number, header.timestamp, header.gas_limit) == (
        fields["number"],
        fields["timestamp"],
        fields["gasLimit"],
    )
    without_seals = decode_header(raw(vector["header_rlp_without_seals"]))
    assert keccak(encode_header(without_seals)) == raw(vector["commit_seal_hash"])


def test_derived_header_seals_are_reproduced_with_the_private_keys() -> None:
    """2.3: the signed value is hash (b) directly, r || s || recovery id, low s.

    2.3: no prefix, no second keccak.
    """
    vector = by_id("derived_block_hashing_keys_1_to_4")
    header = decode_header(raw(vector["header_rlp"]))
    digest = seal_hash(header)
    assert digest == raw(vector["commit_seal_hash"])
    assert block_hash(header) == raw(vector["block_hash_onchain"])
    keys = [int(key, 16).to_bytes(32, "big") for key in vector["private_keys"]]
    assert [sign_digest(key, digest) for key in keys] == [raw(seal) for seal in vector["seals"]]
    committers = tuple(raw(address) for address in vector["committers"])
    assert recover_sealers(header) == committers


@pytest.mark.parametrize(
    "vector", [one for one in select("message") if one.id.startswith(("log_", "derived_prepare", "derived_commit"))]
)
def test_message_decodes_with_the_known_sender_and_back(vector: dict[str, Any]) -> None:
    """3.3: S = sign(keccak256(RLP([code, payload]))); sender = recovered address."""
    code = int(vector["code"], 16)
    message = decode_message(code, raw(vector["rlp"]))
    assert message.author == raw(vector["sender"])
    assert encode_message(message) == (code, raw(vector["rlp"]))
    signed = message.signed if isinstance(message, RoundChange) else message
    assert signed.signature == raw(vector["signature"])
    assert code_of(signed.payload) == code
    assert signing_preimage(code, encode_payload(signed.payload)) == raw(vector["signing_preimage"])
    assert signing_hash(signed.payload) == raw(vector["signing_hash"])
    if "sequence" in vector:
        assert (signed.payload.height, signed.payload.round) == (vector["sequence"], vector["round"])


def test_commit_seal_of_round_0_signs_the_digest_and_is_the_authors() -> None:
    """2.5: the Commit log vector (round 0) confirms digest == seal hash."""
    vector = by_id("log_commit_round0")
    message = decode_message(0x14, raw(vector["rlp"]))
    assert isinstance(message, SignedCommit)
    assert message.payload.digest == raw(vector["digest"])
    assert message.payload.commit_seal == raw(vector["commit_seal"])
    assert message.sealer == raw(vector["commit_seal_recovers_to"])


def test_prepared_round_change_payload_of_a_log_recovers_to_its_sender() -> None:
    """3.2: prepared metadata is [preparedRound, preparedDigest], round first."""
    vector = by_id("log_round_change_signed_payload_prepared_round0")
    metadata = PreparedMetadata(vector["prepared_round"], raw(vector["prepared_digest"]))
    payload = RoundChangePayload(height=vector["sequence"], round=vector["round"], prepared=metadata)
    assert signing_preimage(0x15, encode_payload(payload)) == raw(vector["signing_preimage"])
    assert recover_address(signing_hash(payload), raw(vector["signature"])) == raw(vector["sender"])
    signed = rlp.wrap_list(encode_payload(payload) + rlp.encode_bytes(raw(vector["signature"])))
    assert signed == raw(vector["signed_payload_rlp"])


@pytest.mark.parametrize("name", ["derived_prepare_key1", "derived_commit_key1"])
def test_payload_signed_with_key_one_gives_the_derived_signature(name: str) -> None:
    vector = by_id(name)
    message = decode_message(int(vector["code"], 16), raw(vector["rlp"]))
    assert isinstance(message, SignedPrepare | SignedCommit)
    assert encode_payload(message.payload) == raw(vector["payload_rlp"])
    assert sign_digest(KEY_ONE, signing_hash(message.payload)) == raw(vector["signature"])


def test_unprepared_round_change_is_read_in_both_layouts_and_written_in_the_older() -> None:
    """0.4: Besu >= 26.1.0 added a slot in RoundChange; old 3-item forms are still decoded."""
    vector = by_id("derived_round_change_unprepared_key1")
    payload = RoundChangePayload(height=7528, round=1, prepared=None)
    message = sign_message(KEY_ONE, UnsignedRoundChange(payload=payload, block=None, prepares=()))
    assert encode_payload(payload) == raw(vector["payload_rlp"])
    assert encode_message(message) == (0x15, raw(vector["rlp_legacy_3_items"]))
    assert decode_message(0x15, raw(vector["rlp_legacy_3_items"])) == message
    assert decode_message(0x15, raw(vector["rlp_26_1_4_items"])) == message


def test_prepared_round_change_payload_has_the_derived_signature() -> None:
    vector = by_id("derived_round_change_prepared_key1")
    digest = raw(by_id("besu_real_header_7528_round1_3of4_seals")["commit_seal_hash"])
    payload = RoundChangePayload(height=7528, round=2, prepared=PreparedMetadata(1, digest))
    assert encode_payload(payload) == raw(vector["payload_rlp"])
    assert sign_digest(KEY_ONE, signing_hash(payload)) == raw(vector["signature"])


def test_proposal_is_read_in_both_layouts_and_written_in_the_older() -> None:
    """3.2: Besu decides old/new layout by item count and verifies the signature in the layout received."""
    old, new = by_id("derived_proposal_legacy_key1"), by_id("derived_proposal_26_1_key1")
    legacy = decode_message(0x12, raw(old["rlp"]))
    later = decode_message(0x12, raw(new["rlp"]))
    assert isinstance(legacy, Proposal)
    assert isinstance(later, Proposal)
    assert legacy.payload == later.payload
    assert legacy.author == later.author == raw(old["sender"])
    assert signing_hash(legacy.payload) == raw(old["signing_hash"])
    slot = encode_payload(later.payload)
    items = rlp.decode(slot)
    assert isinstance(items, list)
    assert signing_hash_of_encoded(0x12, rlp.encode([*items, b""])) == raw(new["signing_hash"])
    again = sign_message(KEY_ONE, UnsignedProposal(payload=legacy.payload, round_changes=(), prepares=()))
    assert encode_message(again) == (0x12, raw(old["rlp"]))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("qbft_tests_prepare", 0x13),
        ("qbft_tests_commit", 0x14),
        ("qbft_tests_roundChange_empty_prepares", 0x15),
        ("qbft_tests_roundChange_with_prepares", 0x15),
        ("qbft_tests_proposal_empty_prepares_and_roundChanges", 0x12),
        ("qbft_tests_proposal_with_prepares_and_roundChanges", 0x12),
    ],
)
def test_published_message_structure_survives_decoding_and_encoding(name: str, code: int) -> None:
    """3.6: qbft-tests messages.json, structure only."""
    vector = by_id(name)
    message = decode_message(code, raw(vector["rlp"]))
    assert encode_message(message) == (code, raw(vector["rlp"]))
    published = vector["message"]
    match message:
        case SignedPrepare():
            assert message.payload == PreparePayload(
                height=1, round=0, digest=raw(published["unsignedPrepare"]["digest"])
            )
        case SignedCommit():
            unsigned = published["unsignedCommit"]
            assert message.payload == CommitPayload(
                height=1, round=0, digest=raw(unsigned["digest"]), commit_seal=raw(unsigned["commitSeal"])
            )
        case RoundChange():
            unsigned = published["signedRoundChange"]["unsignedRoundChange"]
            is_prepared = unsigned["preparedRound"] is not None
            assert (message.signed.payload.prepared is not None) == is_prepared
            assert (message.block is not None) == is_prepared
            assert len(message.prepares) == len(published["prepares"])
        case Proposal():
            assert encode_block(message.payload.block) == raw(published["signedProposal"]["unsignedProposal"]["block"])
            assert len(message.round_changes) == len(published["roundChanges"])
            assert len(message.prepares) == len(published["prepares"])


def test_get_validators_selector_is_the_derived_one() -> None:
    """4.6: `getValidators()` has the selector 0xb7ab4db5.

    4.6: selector `0xb7ab4db5`.
    """
    selectors = by_id("abi_selectors")["selectors"]
    assert keccak(b"getValidators()")[:4] == raw(selectors["getValidators()"])
