"""The validator key file: secret, whole, never overwritten."""

from pathlib import Path

import pytest

from chain_node.core.errors import ConfigError
from chain_node.node.keys import create_validator_key, load_validator_key


def test_created_key_is_secret_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "validator.key"
    key = create_validator_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_validator_key(path) == key


def test_key_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "validator.key"
    key = create_validator_key(path)
    with pytest.raises(ConfigError, match="exists already"):
        create_validator_key(path)
    assert load_validator_key(path) == key


def test_two_keys_differ(tmp_path: Path) -> None:
    assert create_validator_key(tmp_path / "a") != create_validator_key(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "validator.key"
    create_validator_key(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"may be read by others; run: chmod 600 {path}"):
        load_validator_key(path)


@pytest.mark.parametrize("text", ["", "zz" * 32, "11" * 31, "11" * 33, "00" * 32, "ff" * 32, "\x00\xff"])
def test_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "validator.key"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="does not hold a key"):
        load_validator_key(path)


def test_missing_key_tells_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tranchain-node init"):
        load_validator_key(tmp_path / "none")
