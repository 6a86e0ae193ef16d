from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk import canonical, cipher
from client.sdk.credit_bundle import (
    Bundle,
    decode_bundle,
    encode_bundle,
    encode_request,
    encode_request_of_parts,
    encode_request_part,
    open_request,
    open_request_part,
    request_parts,
)
from client.sdk.credit_parts import BundlePart, check_proof, decrypt_part, encrypt_part, is_in_parts, open_records
from client.sdk.errors import DecodeError, InvalidInputError, TamperedError
from client.sdk.hashing import keccak
from client.sdk.leaf import leaf
from client.sdk.merkle import MerkleTree, root_of_some
from tests.unit.sdk.test_credit_bundle import ACCOUNTS, BLOBS, COUNT, KEYS, RECORDS, REQUEST_KEY, SALTS, TREE

PART_KEY = b"\x41" * 32
LEAVES = [leaf(salt, data) for salt, data in zip(SALTS, RECORDS, strict=True)]


def part(*indices: int) -> BundlePart:
    return BundlePart(
        batch_id=4,
        indices=indices,
        handles=tuple(keccak(bytes([index])) for index in indices),
        keys=tuple(KEYS[index] for index in indices),
        salts=tuple(SALTS[index] for index in indices),
        blob_hashes=tuple(keccak(BLOBS[index]) for index in indices),
        leaves=tuple(LEAVES[index] for index in indices),
        siblings=tuple(TREE.siblings_of(indices)),
    )


@given(st.data())
def test_some_leaves_with_their_siblings_lead_to_the_root_of_all(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 70))
    leaves = [keccak(bytes([number])) for number in range(count)]
    indices = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1)))
    tree = MerkleTree(leaves)
    siblings = tree.siblings_of(indices)
    chosen = [leaves[index] for index in indices]
    assert root_of_some(chosen, indices, siblings, count=count) == tree.root
    if len(indices) == count == 1 << (count - 1).bit_length():
        assert siblings == []
    chosen[data.draw(st.integers(0, len(chosen) - 1))] = keccak(b"another")
    assert root_of_some(chosen, indices, siblings, count=count) != tree.root


@pytest.mark.parametrize(
    ("indices", "siblings"), [((), 0), ((2, 2), 2), ((3, 1), 2), ((5,), 3), ((0, 1), 1), ((0, 1), 3), ((-1,), 3)]
)
def test_proof_that_does_not_fit_its_indices_is_refused(indices: tuple[int, ...], siblings: int) -> None:
    with pytest.raises(InvalidInputError, match=r"leaf indices|Merkle proof"):
        root_of_some([bytes(32)] * len(indices), indices, [bytes(32)] * siblings, count=COUNT)


@pytest.mark.parametrize("indices", [(), (5,), (-1, 2)])
def test_siblings_of_leaves_outside_the_tree_are_refused(indices: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match="leaf indices"):
        TREE.siblings_of(indices)


@pytest.mark.parametrize("indices", [(0,), (1, 3), (0, 1, 2, 3, 4)])
def test_part_opens_its_records_when_its_proof_holds(indices: tuple[int, ...]) -> None:
    opened = decrypt_part(PART_KEY, encrypt_part(PART_KEY, part(*indices)))
    assert opened == part(*indices)
    check_proof(opened, root=TREE.root, count=COUNT)
    records = open_records(opened, range(len(indices)), [BLOBS[index] for index in indices])
    assert records == [RECORDS[index] for index in indices]


def test_part_opens_what_is_left_when_a_record_was_erased() -> None:
    opened = part(0, 2, 4)
    check_proof(opened, root=TREE.root, count=COUNT)
    assert open_records(opened, [0, 2], [BLOBS[0], BLOBS[4]]) == [RECORDS[0], RECORDS[4]]


@pytest.mark.parametrize("field", ["keys", "salts", "leaves"])
@given(st.data())
def test_changed_field_of_a_part_is_found(field: str, data: st.DataObject) -> None:
    value = bytearray(getattr(part(1, 2), field)[1])
    value[data.draw(st.integers(0, 31))] ^= data.draw(st.integers(1, 255))
    changed = replace(part(1, 2), **{field: (getattr(part(1, 2), field)[0], bytes(value))})
    with pytest.raises(TamperedError, match=r"batch 4|credit record 4/2"):
        open_records(changed, [0, 1], BLOBS[1:3])
    if field == "leaves":
        with pytest.raises(TamperedError, match="another root"):
            check_proof(changed, root=TREE.root, count=COUNT)


def test_part_of_another_batch_or_place_is_found() -> None:
    for moved, root in ((part(1, 2), keccak(b"another batch")), (replace(part(1, 2), indices=(1, 3)), TREE.root)):
        with pytest.raises((TamperedError, InvalidInputError)):
            check_proof(moved, root=root, count=COUNT)


@given(st.data())
def test_changed_byte_of_an_encrypted_part_is_found(data: st.DataObject) -> None:
    blob = bytearray(encrypt_part(PART_KEY, part(0, 3)))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TamperedError, match="part of a bundle"):
        decrypt_part(PART_KEY, bytes(blob))


@pytest.mark.parametrize(
    "items",
    [
        [4, bytes(4), bytes(32), bytes(32), bytes(32), bytes(32), bytes(32)],
        [4, bytes(5), bytes(32), bytes(32), bytes(32), bytes(32), bytes(32), b""],
        [4, bytes(4), bytes(31), bytes(32), bytes(32), bytes(32), bytes(32), b""],
        [4, bytes(4), bytes(32), bytes(32), bytes(32), bytes(64), bytes(32), b""],
        [4, bytes(4), bytes(32), bytes(32), bytes(32), bytes(32), bytes(32), 7],
        [b"4", bytes(4), bytes(32), bytes(32), bytes(32), bytes(32), bytes(32), b""],
    ],
)
def test_part_of_another_shape_is_refused(items: list[canonical.Value]) -> None:
    with pytest.raises(DecodeError, match="part of a bundle"):
        decrypt_part(PART_KEY, cipher.encrypt(PART_KEY, canonical.encode(items)))


def test_bundle_in_parts_decoded_again_is_the_same() -> None:
    hashes = (keccak(b"one"), keccak(b"two"))
    bundle = Bundle(query_id=9, pack_id=3, entries=(), refused_handles=(bytes(32),), part_key=PART_KEY)
    whole = replace(bundle, part_hashes=hashes)
    assert decode_bundle(encode_bundle(whole)) == whole
    for wrong in ([9, 3, b"short", [], []], [9, 3, PART_KEY, [1], []], [9, 3, PART_KEY, []]):
        with pytest.raises(DecodeError, match="bundle"):
            decode_bundle(canonical.encode(wrong))


def test_request_in_parts_leads_to_what_was_asked() -> None:
    handles, receipts = (b"a" * 32, b"b" * 32), (b"first", b"second")
    parts = [encode_request_part(REQUEST_KEY, handles[at : at + 1], receipts[at : at + 1]) for at in range(2)]
    sealed = dict.fromkeys(ACCOUNTS, b"sealed")
    blob = encode_request_of_parts([keccak(each) for each in parts], REQUEST_KEY, sealed)
    assert request_parts(REQUEST_KEY, blob) == tuple(keccak(each) for each in parts)
    opened = [open_request_part(REQUEST_KEY, each) for each in parts]
    assert [each.handles for each in opened] == [(b"a" * 32,), (b"b" * 32,)]
    assert [each.receipts for each in opened] == [(b"first",), (b"second",)]
    with pytest.raises(DecodeError, match="request blob"):
        open_request(REQUEST_KEY, blob)
    whole = encode_request(opened[0], REQUEST_KEY, sealed)
    assert request_parts(REQUEST_KEY, whole) == ()


@pytest.mark.parametrize(
    ("entries", "batches", "expected"),
    [
        (0, 0, False),
        (1_023, 1, False),
        (1_024, 1, True),
        (2_047, 2, False),
        (2_048, 2, True),
        (16_384, 17, False),
        (16_385, 400, True),
    ],
)
def test_bundle_is_in_parts_where_one_proof_for_many_is_worth_it(entries: int, batches: int, *, expected: bool) -> None:
    assert is_in_parts(entries, batch_count=batches) is expected
