from pathlib import Path

import pytest

from client.roles.risk_control.store import PackKeyStore
from client.sdk.database import open_engine
from client.sdk.errors import InvalidInputError
from client.sdk.handle import key_commitment
from client.sdk.keystore import Identity, create_account

KEY, OTHER = b"\x41" * 32, b"\x42" * 32
REGISTRY = "0x" + "33" * 20


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return create_account(tmp_path_factory.mktemp("key") / "risk.json", "password", scrypt_n=2)


def store(path: Path, identity: Identity, *, chain: int = 7) -> PackKeyStore:
    return PackKeyStore(open_engine(str(path)), identity, chain_id=chain, registry=REGISTRY)


def test_key_is_found_by_its_commitment(tmp_path: Path, identity: Identity) -> None:
    opened = store(tmp_path / "db", identity)
    opened.keep(KEY)
    opened.keep(OTHER)
    assert store(tmp_path / "db", identity).get(key_commitment(KEY)) == KEY
    assert opened.get(key_commitment(OTHER)) == OTHER


def test_destroyed_key_is_gone_and_the_others_stay(tmp_path: Path, identity: Identity) -> None:
    opened = store(tmp_path / "db", identity)
    opened.keep(KEY)
    opened.keep(OTHER)
    opened.destroy(key_commitment(KEY))
    with pytest.raises(InvalidInputError, match="none in this database"):
        opened.get(key_commitment(KEY))
    assert opened.get(key_commitment(OTHER)) == OTHER


def test_key_of_one_chain_is_not_destroyed_with_that_of_another(tmp_path: Path, identity: Identity) -> None:
    here, there = store(tmp_path / "db", identity), store(tmp_path / "db", identity, chain=8)
    here.keep(KEY)
    there.keep(KEY)
    there.destroy(key_commitment(KEY))
    assert here.get(key_commitment(KEY)) == KEY


def test_key_is_not_readable_in_the_database_nor_by_another_account(tmp_path: Path, identity: Identity) -> None:
    store(tmp_path / "db", identity).keep(KEY)
    assert KEY not in (tmp_path / "db").read_bytes()
    stranger = create_account(tmp_path / "stranger.json", "password", scrypt_n=2)
    with pytest.raises(InvalidInputError, match="pack key"):
        store(tmp_path / "db", stranger).get(key_commitment(KEY))
