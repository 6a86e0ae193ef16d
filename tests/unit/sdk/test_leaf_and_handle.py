import hashlib
import hmac

import pytest

from client.sdk import handle, leaf
from client.sdk.errors import InvalidInputError, TamperedError
from client.sdk.hashing import keccak


def test_leaf_is_keccak_of_salt_and_record():
    assert leaf.leaf(b"\x01" * 32, b"record") == keccak(b"\x01" * 32 + b"record")


def test_leaf_of_a_record_as_long_as_a_hash_is_refused():
    """Its preimage would have the 64 bytes of an inner node."""
    with pytest.raises(InvalidInputError):
        leaf.leaf(b"\x01" * 32, b"r" * 32)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_leaf_with_another_salt_size_is_refused(size):
    with pytest.raises(InvalidInputError, match=f"got {size} bytes"):
        leaf.leaf(b"s" * size, b"record")


def test_new_salts_are_distinct():
    salts = leaf.new_salts(1000)
    assert len(set(salts)) == 1000
    assert {len(salt) for salt in salts} == {32}


def test_check_leaf_of_a_changed_record_is_refused():
    salt = leaf.new_salt()
    committed = leaf.leaf(salt, b"record")
    leaf.check_leaf(committed, salt=salt, record=b"record", what="row 1")
    with pytest.raises(TamperedError, match="row 1"):
        leaf.check_leaf(committed, salt=salt, record=b"other", what="row 1")


def test_handle_is_hmac_of_the_subject_under_the_pack_key():
    key = bytes(range(32))
    assert handle.handle(key, "Zoë-1") == hmac.new(key, "Zoë-1".encode(), hashlib.sha256).digest()


def test_subjects_by_handle_maps_back_what_handle_gives():
    key = handle.new_pack_key()
    subjects = ["S1", "S2", "Zoë-1"]
    found = handle.subjects_by_handle(key, subjects)
    assert [found[handle.handle(key, subject)] for subject in subjects] == subjects


@pytest.mark.parametrize("handles", [[b"b" * 32, b"a" * 32], [b"a" * 32, b"a" * 32]])
def test_handles_tree_over_unsorted_or_repeated_handles_is_refused(handles):
    with pytest.raises(InvalidInputError, match="ascending, distinct"):
        handle.handles_tree(handles)


def test_handle_with_a_short_key_or_an_empty_subject_is_refused():
    with pytest.raises(InvalidInputError):
        handle.handle(b"short", "S1")
    with pytest.raises(InvalidInputError):
        handle.handle(bytes(32), "")
