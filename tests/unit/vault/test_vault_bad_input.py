"""Bad bodies, full disks, flipped bits: clear errors, nothing lost."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain_node.core.errors import ConfigError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault import limits
from chain_node.vault.blob_store import BlobStore, Owner
from chain_node.vault.errors import StoreFullError, VaultError
from chain_node.vault.items import Item, RecordContext, parse_get, parse_purge, parse_put, parse_receipts
from chain_node.vault.lots import LotPart, make_lot
from chain_node.vault.service import load_vault_key
from tests.unit.vault.conftest import World
from tests.unit.vault.test_vault_access import ROOT, pack_blob, record, refused

OWNER = Owner(Address(b"\x01" * 20), 1)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        [],
        {"items": 1},
        {"items": [1]},
        {"items": [{"kind": "other", "blob": b"x"}]},
        {"items": [{"kind": "record", "batch_root": b"short", "index": 0, "blob": b"x"}]},
        {"items": [{"kind": "record", "batch_root": ROOT, "index": -1, "blob": b"x"}]},
        {"items": [{"kind": "record", "batch_root": ROOT, "index": 2**32, "blob": b"x"}]},
        {"items": [{"kind": "record", "batch_root": ROOT, "index": True, "blob": b"x"}]},
        {"items": [{"kind": "record", "batch_root": ROOT, "index": 0, "blob": b""}]},
        {"items": [{"kind": "record", "batch_root": ROOT, "index": 0, "blob": "text"}]},
        {"items": [pack_blob(b"x", pack=-1)]},
        {"items": [pack_blob(b"x", readers=[b"short"])]},
        {"items": [pack_blob(b"x", roles=[0])]},
        {"items": [pack_blob(b"x", readers=[bytes([i % 256, i // 256]) * 10 for i in range(257)])]},
    ],
)
def test_put_with_malformed_items_is_refused_with_the_position(world: World, fields):
    assert refused(world.bureau.post("put", fields)) == (400, "bad_request")
    assert world.store.blob_count() == 0


@pytest.mark.parametrize("call", ["put", "get", "purge", "receipts"])
@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"\x9f" * 5_000, b"\x5b" + b"\xff" * 8])
def test_body_that_is_not_cbor_is_refused(world: World, call: str, body: bytes):
    assert refused(world.bureau.post(call, body)) == (400, "bad_request")


def test_too_many_items_are_refused(world: World):
    hashes = [bytes(32)] * (limits.ITEMS_MAX + 1)
    assert refused(world.bureau.post("get", {"hashes": hashes})) == (413, "too_many_items")


def test_body_above_the_limit_is_refused_while_it_comes(world: World):
    body = bytes(limits.BODY_SIZE_BYTES_MAX + 1)
    assert refused(world.bureau.post("put", body)) == (413, "too_large")


_cbor = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.binary(max_size=40)
    | st.text(max_size=8)
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["items", "kind", "pack", "blob", "hashes", "readers", "roles", "batch_root", "indices", "index"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=80) | _cbor.map(cbor2.dumps))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_parsers_on_any_bytes_answer_or_refuse(body: bytes):
    for parse in (parse_put, parse_get, parse_purge, parse_receipts):
        with contextlib.suppress(VaultError):
            parse(body)


def put(store: BlobStore, first: int, blobs: list[bytes]) -> int:
    items = [Item(RecordContext(ROOT, first + i), blob) for i, blob in enumerate(blobs)]
    return store.put(OWNER, items, LotPart(make_lot(OWNER.account, bytes(65), items), range(len(items))))


def fill(store: BlobStore, kept: list[bytes]) -> None:
    while True:
        blobs = [os.urandom(4_000) for _ in range(20)]
        put(store, len(kept), blobs)
        kept += blobs


def read(store: BlobStore, blob_hash: Hash32) -> bytes | None:
    entry = store.find(blob_hash)
    return None if entry is None else store.open_entry(blob_hash, entry)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


def test_disk_full_refuses_the_put_and_loses_nothing(small_disk: Path):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(256 * 1024))
    store = BlobStore(small_disk / "vault")
    kept: list[bytes] = []
    with pytest.raises(StoreFullError) as refusal:
        fill(store, kept)
    assert refusal.value.status == 507
    assert len(kept) >= 20
    assert all(read(store, keccak(blob)) == blob for blob in kept)
    ballast.unlink()  # what the message asks for: to delete takes a little room too
    assert store.delete_records(ROOT, range(40), 0) == 40
    store.close()
    store = BlobStore(small_disk / "vault")
    assert all(read(store, keccak(blob)) == blob for blob in kept[40:])
    assert put(store, len(kept), [os.urandom(4_000) for _ in range(10)]) == 10
    store.close()


def test_key_file_that_cannot_grow_refuses_the_put_and_loses_nothing(small_disk: Path):
    store = BlobStore(small_disk / "vault")
    put(store, 0, [b"first"])
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4_096))
    with pytest.raises(StoreFullError):
        put(store, 1, [os.urandom(30) for _ in range(5_000)])
    assert read(store, keccak(b"first")) == b"first"
    (small_disk / "ballast").unlink()
    assert put(store, 1, [os.urandom(30) for _ in range(100)]) == 100
    store.close()


def test_full_store_over_http_answers_507(world: World, tmp_path: Path):
    world.store.environment.set_mapsize(200_000)
    items = [record(i, os.urandom(4_000)) for i in range(100)]
    assert refused(world.bureau.post("put", {"items": items})) == (507, "disk_full")
    assert world.store.blob_count() == 0


def flip_bit_of_entry(directory: Path, store: BlobStore, blob_hash: Hash32) -> None:
    entry = store.find(blob_hash)
    assert entry is not None
    path = directory / "data.mdb"
    data = bytearray(path.read_bytes())
    at = data.find(entry.sealed)
    assert at > 0
    with path.open("r+b") as file:
        file.seek(at + 3)
        file.write(bytes([data[at + 3] ^ 0x10]))


def test_bit_flipped_on_disk_is_found_when_served(world: World, data_directory: Path):
    blobs = [os.urandom(150) for _ in range(2)]
    world.bureau.ask("put", {"items": [record(i, blob) for i, blob in enumerate(blobs)]})
    flip_bit_of_entry(data_directory, world.store, keccak(blobs[0]))
    answer = world.bureau.ask("get", {"hashes": [keccak(blob) for blob in blobs]})
    assert answer["blobs"] == [None, blobs[1]]
    assert answer["reasons"][0].startswith("tampered")


def test_store_of_another_network_or_format_is_refused(data_directory: Path):
    store = BlobStore(data_directory)
    store.bind_network(1, Address(b"\x03" * 20))
    store.bind_network(1, Address(b"\x03" * 20))
    with pytest.raises(ConfigError, match="network"):
        store.bind_network(2, Address(b"\x03" * 20))
    with store.transaction() as transaction:
        transaction.put(b"format", b"0", db=store.table["meta"])
    store.close()
    with pytest.raises(ConfigError, match="format version"):
        BlobStore(data_directory)


def test_vault_key_is_made_once_and_a_broken_file_is_refused(tmp_path: Path):
    key = load_vault_key(tmp_path / "vault.key")
    assert load_vault_key(tmp_path / "vault.key") == key
    assert (tmp_path / "vault.key").stat().st_mode & 0o077 == 0
    (tmp_path / "vault.key").write_text("not hex")
    with pytest.raises(ConfigError, match=r"vault\.key"):
        load_vault_key(tmp_path / "vault.key")
