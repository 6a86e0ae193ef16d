from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk import canonical, cipher
from client.sdk.credit_bundle import (
    Bundle,
    BundleEntry,
    CreditRequest,
    decode_answer,
    decode_bundle,
    encode_answer,
    encode_bundle,
    encode_request,
    open_record,
    open_request,
    sealed_request_keys,
)
from client.sdk.errors import DecodeError, InvalidInputError, TamperedError
from client.sdk.hashing import address_text, keccak
from client.sdk.leaf import leaf
from client.sdk.merkle import MerkleTree, join_proof
from client.sdk.pack.credit_record import encode_record
from tests.unit.sdk.pack.samples import record

COUNT = 5
RECORDS = [encode_record(record(open_accounts=number)) for number in range(COUNT)]
SALTS = [bytes([number + 1]) * 32 for number in range(COUNT)]
KEYS = [bytes([number + 101]) * 32 for number in range(COUNT)]
BLOBS = [cipher.encrypt(key, data) for key, data in zip(KEYS, RECORDS, strict=True)]
TREE = MerkleTree([leaf(salt, data) for salt, data in zip(SALTS, RECORDS, strict=True)])
REQUEST_KEY = b"\x31" * 32
ACCOUNTS = [address_text("0x" + f"{number:040x}") for number in (0xAB12, 0x77, 0xFF01)]


def entry(index: int) -> BundleEntry:
    return BundleEntry(
        handle=keccak(bytes([index])),
        key=KEYS[index],
        salt=SALTS[index],
        batch_id=4,
        index=index,
        proof=join_proof(TREE.proof(index)),
        blob_hash=keccak(BLOBS[index]),
    )


@pytest.mark.parametrize("index", range(COUNT))
def test_entry_opens_its_record(index: int) -> None:
    assert open_record(entry(index), BLOBS[index], batch_root=TREE.root) == RECORDS[index]


@pytest.mark.parametrize("field", ["key", "salt", "proof", "blob_hash"])
@given(st.data())
def test_changed_field_of_an_entry_is_found(field: str, data: st.DataObject) -> None:
    value = bytearray(getattr(entry(2), field))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TamperedError, match="credit record 4/2"):
        open_record(replace(entry(2), **{field: bytes(value)}), BLOBS[2], batch_root=TREE.root)


@pytest.mark.parametrize("index", [2 + 8, 2**32 - 1, -1])
def test_index_outside_the_tree_is_refused(index: int) -> None:
    with pytest.raises(InvalidInputError, match=f"siblings for index {index}"):
        open_record(replace(entry(2), index=index), BLOBS[2], batch_root=TREE.root)


@pytest.mark.parametrize("index", [0, 1, 3, 4, 7])
def test_record_under_another_index_is_found(index: int) -> None:
    with pytest.raises(TamperedError, match=f"credit record 4/{index}"):
        open_record(replace(entry(2), index=index), BLOBS[2], batch_root=TREE.root)


@pytest.mark.parametrize("proof", [b"", bytes(31), bytes(33), bytes(32), bytes(32 * 300)])
def test_proof_of_another_length_is_refused(proof: bytes) -> None:
    with pytest.raises(InvalidInputError):
        open_record(replace(entry(2), proof=proof), BLOBS[2], batch_root=TREE.root)


def test_record_of_another_place_or_batch_is_found() -> None:
    with pytest.raises(TamperedError, match="blob with another hash"):
        open_record(entry(2), BLOBS[3], batch_root=TREE.root)
    with pytest.raises(TamperedError):
        open_record(entry(2), BLOBS[2], batch_root=keccak(b"another batch"))
    borrowed = replace(entry(3), index=2, proof=entry(2).proof)
    with pytest.raises(TamperedError):
        open_record(borrowed, BLOBS[3], batch_root=TREE.root)


@given(st.data())
def test_changed_ciphertext_is_found_even_under_its_own_hash(data: st.DataObject) -> None:
    blob = bytearray(BLOBS[1])
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TamperedError):
        open_record(replace(entry(1), blob_hash=keccak(bytes(blob))), bytes(blob), batch_root=TREE.root)


def test_bundle_decoded_again_is_the_same() -> None:
    bundle = Bundle(query_id=9, pack_id=3, entries=tuple(entry(index) for index in (4, 0, 2)))
    assert decode_bundle(encode_bundle(bundle)) == bundle
    assert decode_bundle(encode_bundle(replace(bundle, entries=()))).entries == ()


@pytest.mark.parametrize(
    "items",
    [
        [1, 2],
        [1, 2, [], 3],
        ["1", 2, []],
        [1, 2, b""],
        [1, 2, [[b"", b"", b"", 1, 2, b""]]],
        [1, 2, [[b"", b"", b"", 1, b"", b"", b""]]],
        [1, 2, [b"entry"]],
    ],
)
def test_bundle_of_another_shape_is_refused(items: list[canonical.Value]) -> None:
    with pytest.raises(DecodeError, match="bundle"):
        decode_bundle(canonical.encode(items))


def test_request_opens_for_those_it_is_sealed_to() -> None:
    request = CreditRequest(handles=(b"a" * 32, b"b" * 32), receipts=(b"first", b"second"))
    sealed = {account: b"sealed for " + account.encode() for account in ACCOUNTS}
    blob = encode_request(request, REQUEST_KEY, sealed)
    assert sealed_request_keys(blob) == sealed
    assert open_request(REQUEST_KEY, blob) == request
    assert b"a" * 32 not in blob
    with pytest.raises(TamperedError, match="request blob"):
        open_request(b"\x32" * 32, blob)


@pytest.mark.parametrize(
    "content", [[[b"a"], []], [[b"a"]], [[b"a"], [1]], [["a"], [b"r"]], [b"a", b"r"], [[b"a"], [b"r"], []]]
)
def test_request_of_another_shape_is_refused(content: list[canonical.Value]) -> None:
    sealed = encode_answer({})
    blob = canonical.encode([sealed, cipher.encrypt(REQUEST_KEY, canonical.encode(content))])
    with pytest.raises(DecodeError, match="request blob"):
        open_request(REQUEST_KEY, blob)


@pytest.mark.parametrize("blob", [b"", b"\x80", canonical.encode([b"keys"]), canonical.encode([1, 2]), b"\xff"])
def test_bytes_that_are_no_request_are_refused(blob: bytes) -> None:
    with pytest.raises(DecodeError):
        sealed_request_keys(blob)


def test_answer_lists_recipients_ascending() -> None:
    hashes = {account: keccak(account.encode()) for account in ACCOUNTS}
    blob = encode_answer(hashes)
    assert decode_answer(blob) == hashes
    listed = [bytes(item[0]) for item in canonical.decode_array(blob, what="answer")]
    assert listed == sorted(listed)
    assert encode_answer(dict(reversed(hashes.items()))) == blob
