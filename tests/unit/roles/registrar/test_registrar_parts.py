"""Key file, rate limit and request log of the registrar."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from client.roles.registrar.key_file import create_key_file, open_key_file
from client.roles.registrar.service import RateLimit, RequestLog
from client.sdk.errors import KeystoreError, RequestRefusedError
from client.sdk.hashing import keccak


def test_key_file_gives_the_key_back_to_its_password_only(tmp_path: Path):
    path = tmp_path / "keys" / "registrar.json"
    key_hash = create_key_file(path, "right", scrypt_n=16)
    key = open_key_file(path, "right")
    assert len(key) == 32
    assert keccak(key) == key_hash
    assert key.hex() not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeystoreError, match="wrong password"):
        open_key_file(path, "wrong")


def test_key_file_is_never_overwritten(tmp_path: Path):
    create_key_file(tmp_path / "key", "password", scrypt_n=16)
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(KeystoreError, match="exists"):
        create_key_file(tmp_path / "key", "password", scrypt_n=16)
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "scrypt": {"n": 1, "r": 8, "p": 1}}', "\x00"])
def test_key_file_with_other_content_is_refused(tmp_path: Path, text: str):
    (tmp_path / "key").write_text(text)
    with pytest.raises(KeystoreError, match="not a usable"):
        open_key_file(tmp_path / "key", "password")
    with pytest.raises(KeystoreError, match="no such file"):
        open_key_file(tmp_path / "none", "password")


def test_key_file_changed_by_one_bit_is_refused(tmp_path: Path):
    create_key_file(tmp_path / "key", "password", scrypt_n=16)
    document = json.loads((tmp_path / "key").read_text())
    sealed = bytearray.fromhex(document["ciphertext"])
    sealed[5] ^= 1
    (tmp_path / "key").write_text(json.dumps({**document, "ciphertext": sealed.hex()}))
    with pytest.raises(KeystoreError):
        open_key_file(tmp_path / "key", "password")


def test_rate_limit_counts_rows_per_account_and_hour():
    now = [0.0]
    limit = RateLimit(500, clock=lambda: now[0])
    limit.take("0xa", 256)
    limit.take("0xb", 256)
    with pytest.raises(RequestRefusedError) as refusal:
        limit.take("0xa", 256)
    assert refusal.value.status == 429
    limit.take("0xa", 244)
    now[0] = 3_600.0
    limit.take("0xa", 500)


def test_request_log_appends_one_line_a_request(tmp_path: Path):
    for count in (1, 2):
        log = RequestLog(tmp_path / "log")
        log.write(account="0xa", pack=3, count=count, outcome="attested")
        log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["count"] for line in lines] == [1, 2]
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600
