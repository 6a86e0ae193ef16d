import dataclasses

import pytest

from client.sdk import hpke
from client.sdk.errors import DecodeError, InvalidInputError, TamperedError
from client.sdk.keystore import KeystoreError, add_encryption_key, create_account, unlock

KEY = hpke.EncryptionKey.generate()
INFO = hpke.SealInfo(
    label="bundle", chain_id=7, registry="0x" + "11" * 20, subject=4, recipient="0x" + "22" * 20, expires_at=99
)


def test_open_of_a_sealed_message_gives_the_message():
    sealed = hpke.seal(KEY.public_key, b"hello", INFO)
    assert KEY.open(sealed, INFO) == b"hello"
    assert len(sealed) == len(b"hello") + hpke.OVERHEAD_SIZE
    assert len(KEY.public_key) == hpke.PUBLIC_KEY_SIZE


@pytest.mark.parametrize(
    "change",
    [
        {"label": "row-key"},
        {"chain_id": 8},
        {"registry": "0x" + "33" * 20},
        {"subject": 5},
        {"recipient": "0x" + "33" * 20},
        {"expires_at": 100},
    ],
)
def test_open_for_another_purpose_is_refused(change):
    sealed = hpke.seal(KEY.public_key, b"hello", INFO)
    with pytest.raises(TamperedError):
        KEY.open(sealed, dataclasses.replace(INFO, **change))


def test_open_of_changed_or_short_bytes_is_refused():
    sealed = hpke.seal(KEY.public_key, b"hello", INFO)
    for wrong in (sealed[:-1], sealed[:100], b"", sealed[:-1] + bytes([sealed[-1] ^ 1]), bytes(len(sealed))):
        with pytest.raises(TamperedError):
            KEY.open(wrong, INFO)


def test_open_with_another_key_is_refused():
    with pytest.raises(TamperedError):
        hpke.EncryptionKey.generate().open(hpke.seal(KEY.public_key, b"hello", INFO), INFO)


def test_key_from_its_bytes_is_the_same_key():
    again = hpke.EncryptionKey(KEY.to_bytes())
    assert (again.public_key, again.key_hash) == (KEY.public_key, KEY.key_hash)
    assert len(KEY.to_bytes()) == hpke.PRIVATE_KEY_SIZE


def test_repr_of_a_key_shows_nothing_private():
    assert KEY.to_bytes().hex()[:8] not in repr(KEY)


@pytest.mark.parametrize("public_key", [b"", bytes(1215), b"\xff" * 1216])
def test_seal_to_bytes_that_are_no_key_is_refused(public_key):
    with pytest.raises(InvalidInputError, match="public key"):
        hpke.seal(public_key, b"hello", INFO)


def test_key_blob_decodes_to_what_was_encoded():
    sealed = {"0x" + "Ab" * 20: b"one", "0x" + "01" * 20: b"two"}
    decoded = hpke.decode_key_blob(hpke.encode_key_blob(sealed))
    assert {address.lower(): message for address, message in decoded.items()} == {
        address.lower(): message for address, message in sealed.items()
    }
    assert list(decoded) == sorted(decoded, key=str.lower)


def test_key_blob_of_another_shape_is_refused():
    with pytest.raises(DecodeError):
        hpke.decode_key_blob(bytes.fromhex("8181410a"))


def test_encryption_key_beside_a_keystore_opens_with_its_password_only(tmp_path):
    identity = create_account(tmp_path / "bureau.json", "right", scrypt_n=1 << 8)
    first = add_encryption_key(identity, "right", scrypt_n=1 << 8)
    second = add_encryption_key(identity, "right", scrypt_n=1 << 8)
    again = unlock(tmp_path / "bureau.json", "right")
    assert set(again.encryption_keys) == {first.key_hash, second.key_hash}
    sealed = hpke.seal(first.public_key, b"old message", INFO)
    assert again.encryption_key(first.key_hash).open(sealed, INFO) == b"old message"
    with pytest.raises(KeystoreError, match="no file"):
        again.encryption_key(bytes(32))


def test_private_bytes_never_lie_in_a_file_in_clear(tmp_path):
    identity = create_account(tmp_path / "bureau.json", "right", scrypt_n=1 << 8)
    key = add_encryption_key(identity, "right", scrypt_n=1 << 8)
    for path in tmp_path.iterdir():
        text = path.read_text()
        assert key.to_bytes().hex()[:32] not in text
        assert bytes(identity.account.key).hex() not in text
        assert path.stat().st_mode & 0o077 == 0
