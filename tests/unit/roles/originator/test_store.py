from pathlib import Path

import pytest
from sqlalchemy import text

from client.roles.originator.store import PackSecrets, SubmissionStore
from client.sdk.database import open_engine
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity, create_account

REGISTRY = "0x" + "11" * 20


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return create_account(tmp_path_factory.mktemp("key") / "originator.json", "password", scrypt_n=2)


def begin(
    path: Path, identity: Identity, content: bytes, *, pack: int = 1, chain: int = 7, is_opened: bool = False
) -> PackSecrets:
    store = SubmissionStore(open_engine(str(path)), identity)
    return store.begin_or_continue(
        chain_id=chain, registry=REGISTRY, pack_id=pack, content=[content], is_opened=is_opened
    )


def test_same_tape_has_the_same_secrets_ever_after(tmp_path: Path, identity: Identity) -> None:
    first = begin(tmp_path / "db", identity, b"tape")
    assert begin(tmp_path / "db", identity, b"tape") == first
    assert begin(tmp_path / "db", identity, b"tape", is_opened=True) == first
    assert len(first.seed) == len(first.row_key) == 32
    assert first.seed != first.row_key


def test_every_pack_and_chain_has_secrets_of_its_own(tmp_path: Path, identity: Identity) -> None:
    places = [(1, 7), (2, 7), (1, 8)]
    found = [begin(tmp_path / "db", identity, b"tape", pack=pack, chain=chain) for pack, chain in places]
    assert len({each.seed for each in found} | {each.row_key for each in found}) == 6


def test_another_tape_begins_an_invited_pack_anew(tmp_path: Path, identity: Identity) -> None:
    first = begin(tmp_path / "db", identity, b"tape")
    second = begin(tmp_path / "db", identity, b"corrected")
    assert second.seed != first.seed
    assert begin(tmp_path / "db", identity, b"corrected", is_opened=True) == second


def test_another_tape_for_an_opened_pack_is_refused(tmp_path: Path, identity: Identity) -> None:
    first = begin(tmp_path / "db", identity, b"tape")
    with pytest.raises(InvalidInputError, match=r"another tape than it was begun with.*same file"):
        begin(tmp_path / "db", identity, b"corrected", is_opened=True)
    assert begin(tmp_path / "db", identity, b"tape", is_opened=True) == first


def test_opened_pack_without_its_database_is_refused(tmp_path: Path, identity: Identity) -> None:
    with pytest.raises(InvalidInputError, match="nothing of it in this database"):
        begin(tmp_path / "db", identity, b"tape", is_opened=True)


def test_secrets_are_not_readable_in_the_database_nor_by_another_account(tmp_path: Path, identity: Identity) -> None:
    found = begin(tmp_path / "db", identity, b"tape")
    content = (tmp_path / "db").read_bytes()
    assert found.seed not in content
    assert found.row_key not in content
    stranger = create_account(tmp_path / "stranger.json", "password", scrypt_n=2)
    with pytest.raises(InvalidInputError, match="secrets of pack 1"):
        begin(tmp_path / "db", stranger, b"tape")
    with open_engine(str(tmp_path / "db")).begin() as connection:
        assert connection.scalar(text("select count(*) from submissions")) == 1
