import json

import pytest
from eth_account import Account

from client.sdk import keystore
from client.sdk.errors import KeystoreError

LIGHT = 1 << 8


@pytest.fixture
def path(tmp_path):
    keystore.create_account(tmp_path / "keys" / "bureau.json", "right", scrypt_n=LIGHT)
    return tmp_path / "keys" / "bureau.json"


def test_unlock_with_the_password_gives_the_account(path):
    identity = keystore.unlock(path, "right")
    assert identity.address == keystore.address_in(path)


def test_unlock_with_a_wrong_password_says_so_in_one_line(path):
    with pytest.raises(KeystoreError) as caught:
        keystore.unlock(path, "wrong")
    assert str(caught.value) == f"{path}: got wrong password"


def test_unlock_of_an_encryption_key_with_another_password_names_its_file(path):
    identity = keystore.unlock(path, "right")
    key = keystore.add_encryption_key(identity, "another", scrypt_n=LIGHT)
    with pytest.raises(KeystoreError, match=rf"bureau.hpke-{key.key_hash.hex()[:8]}.json: got wrong password"):
        keystore.unlock(path, "right")


def test_unlock_of_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(KeystoreError, match=r"no such file; `tranchain admin account new` makes one"):
        keystore.unlock(tmp_path / "nobody.json", "right")


@pytest.mark.parametrize(
    "content", ["", "not json", "[]", "{}", '{"address": "00", "crypto": {}}', '{"address": "zz"}']
)
def test_unlock_of_another_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(KeystoreError) as caught:
        keystore.unlock(path, "right")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage", [{"ciphertext": "zz"}, {"ciphertext": "00"}, {"key_hash": "00"}, {"scrypt": 3}, {"nonce": ""}]
)
def test_unlock_with_a_damaged_encryption_key_file_is_refused(path, damage):
    identity = keystore.unlock(path, "right")
    key = keystore.add_encryption_key(identity, "right", scrypt_n=LIGHT)
    file = path.with_name(f"bureau.hpke-{key.key_hash.hex()[:8]}.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | damage))
    with pytest.raises(KeystoreError, match=r"bureau\.hpke-"):
        keystore.unlock(path, "right")


def test_keystore_is_one_that_other_ethereum_tools_open(path):
    assert bytes(Account.decrypt(path.read_text(), "right")) == bytes(keystore.unlock(path, "right").account.key)


def test_create_over_an_existing_file_is_refused(path):
    before = path.read_bytes()
    with pytest.raises(KeystoreError, match="never overwritten"):
        keystore.create_account(path, "right", scrypt_n=LIGHT)
    assert path.read_bytes() == before


def test_import_keeps_the_private_key(tmp_path):
    identity = keystore.import_account(tmp_path / "a.json", b"\x01" * 32, "pw", scrypt_n=LIGHT)
    assert bytes(keystore.unlock(tmp_path / "a.json", "pw").account.key) == b"\x01" * 32
    assert identity.address == Account.from_key(b"\x01" * 32).address
