import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from client.sdk import cipher
from client.sdk.errors import TamperedError


@given(st.binary(max_size=300))
def test_decrypt_of_encrypted_bytes_gives_the_bytes(plaintext):
    key = cipher.new_key()
    blob = cipher.encrypt(key, plaintext)
    assert cipher.decrypt(key, blob, what="row") == plaintext
    assert len(blob) == len(plaintext) + cipher.OVERHEAD_SIZE


def test_blob_is_nonce_then_gcm_ciphertext_without_associated_data():
    key = cipher.new_key()
    blob = cipher.encrypt(key, b"record")
    assert AESGCM(key).decrypt(blob[:12], blob[12:], None) == b"record"


def test_encrypt_each_uses_each_key_with_its_own_nonce():
    keys = cipher.new_keys(500)
    plaintexts = [str(number).encode() for number in range(500)]
    blobs = cipher.encrypt_each(keys, plaintexts)
    assert [cipher.decrypt(key, blob, what="row") for key, blob in zip(keys, blobs, strict=True)] == plaintexts
    assert len({blob[:12] for blob in blobs}) == 500
    assert len(set(keys)) == 500


def test_decrypt_of_changed_short_or_foreign_bytes_is_refused():
    key = cipher.new_key()
    blob = cipher.encrypt(key, b"record")
    for position in range(len(blob)):
        changed = blob[:position] + bytes([blob[position] ^ 1]) + blob[position + 1 :]
        with pytest.raises(TamperedError, match="row 9"):
            cipher.decrypt(key, changed, what="row 9")
    for wrong in (blob[:27], b""):
        with pytest.raises(TamperedError):
            cipher.decrypt(key, wrong, what="row 9")
    with pytest.raises(TamperedError):
        cipher.decrypt(cipher.new_key(), blob, what="row 9")
