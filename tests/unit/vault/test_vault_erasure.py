"""What becomes of revoked records and purged packs: unreadable, on disk too, with signed receipts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32
from chain_node.vault.blob_store import BlobStore, Owner
from chain_node.vault.items import Item, RecordContext
from chain_node.vault.lots import LotPart, make_lot
from tests.unit.vault.conftest import World
from tests.unit.vault.memory_chain import REGISTRY
from tests.unit.vault.test_vault_access import ROOT, pack_blob, record, refused


def bytes_on_disk(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()))


def published(world: World, count: int, size_bytes: int = 150) -> list[bytes]:
    blobs = [os.urandom(size_bytes) for _ in range(count)]
    world.bureau.ask("put", {"items": [record(i, blob) for i, blob in enumerate(blobs)]})
    world.chain.batches.append((ROOT, count, 1))
    world.chain.mine()
    return blobs


def test_follow_after_revocation_deletes_the_records_and_no_others(world: World):
    blobs = published(world, 600)
    world.chain.revoke(1, [0, 255, 256, 599])
    assert world.app.state.vault.follow() == 4
    assert world.app.state.vault.follow() == 0
    answer = world.risk.ask("get", {"hashes": [keccak(blob) for blob in blobs]})
    assert [i for i, blob in enumerate(answer["blobs"]) if blob is None] == [0, 255, 256, 599]
    assert world.store.blob_count() == 596


def test_erased_record_leaves_neither_ciphertext_nor_key_on_disk(world: World, data_directory: Path):
    blobs = published(world, 50)
    entry = world.store.find(keccak(blobs[7]))
    assert entry is not None
    key = world.store._keys.read(entry.slot)
    assert key in bytes_on_disk(data_directory)
    world.chain.revoke(1, [7])
    world.app.state.vault.follow()
    remains = bytes_on_disk(data_directory)
    assert key not in remains
    windows = [blobs[7][at : at + 16] for at in range(len(blobs[7]) - 15)]
    assert not any(window in remains for window in windows)
    assert world.store.open_entry(keccak(blobs[7]), entry) is None


def test_large_erased_blob_leaves_nothing_readable_either(world: World, data_directory: Path):
    blobs = published(world, 2, size_bytes=100_000)
    world.chain.revoke(1, [1])
    world.app.state.vault.follow()
    remains = bytes_on_disk(data_directory)
    assert not any(blobs[1][at : at + 16] in remains for at in range(0, 99_984, 97))
    assert world.bureau.ask("get", {"hashes": [keccak(blobs[0])]})["blobs"] == [blobs[0]]


def test_revoked_record_is_not_served_even_before_it_was_followed(world: World):
    blobs = published(world, 3)
    world.chain.revoke(1, [1])
    answer = world.risk.ask("get", {"hashes": [keccak(blobs[1])]})
    assert answer["blobs"] == [None]
    assert answer["reasons"][0].startswith("revoked")
    assert world.store.blob_count() == 2


def test_revoked_record_cannot_be_put_back(world: World):
    blobs = published(world, 3)
    world.chain.revoke(1, [1])
    world.app.state.vault.follow()
    assert refused(world.bureau.post("put", {"items": [record(1, blobs[1])]})) == (409, "revoked")


def test_vault_that_was_down_catches_up_from_where_it_stopped(world: World, data_directory: Path):
    blobs = published(world, 3)
    world.app.state.vault.follow()
    for _ in range(2_500):
        world.chain.mine()
    world.chain.revoke(1, [2])
    assert world.app.state.vault.follow() == 1
    assert world.store.followed_to() == world.chain.number
    assert world.bureau.ask("get", {"hashes": [keccak(blobs[2])]})["blobs"] == [None]


def test_receipts_are_signed_by_the_vault_for_deleted_records_only(world: World):
    blobs = published(world, 3)
    world.chain.revoke(1, [1])
    answer = world.auditor.ask("receipts", {"batch_root": ROOT, "indices": [0, 1, 9]})["receipts"]
    assert answer[0] is None
    assert answer[2] is None
    receipt = answer[1]
    assert receipt["blob_hash"] == keccak(blobs[1])
    message = {"batchRoot": ROOT, "index": 1, "blobHash": receipt["blob_hash"], "deletedAt": receipt["deleted_at"]}
    types = {
        "DeletionReceipt": [
            {"name": "batchRoot", "type": "bytes32"},
            {"name": "index", "type": "uint32"},
            {"name": "blobHash", "type": "bytes32"},
            {"name": "deletedAt", "type": "uint256"},
        ]
    }
    domain = {
        "name": "Tranchain Vault",
        "version": "1",
        "chainId": 170919,
        "verifyingContract": f"0x{REGISTRY.hex()}",
    }
    signable = encode_typed_data(domain, types, message)
    signer = Account.recover_message(signable, signature=receipt["signature"])
    assert signer.lower() == world.client.get("/vault/v1/info").json()["address"]


def test_receipts_for_account_without_right_are_refused(world: World):
    response = world.originator.post("receipts", {"batch_root": ROOT, "indices": [0]})
    assert refused(response) == (403, "wrong_role")


def test_purge_by_risk_control_of_a_closed_pack_forgets_its_blobs_and_takes_no_more(world: World, data_directory: Path):
    rows = os.urandom(5_000)
    world.risk.ask("put", {"items": [pack_blob(rows, roles=[3]), pack_blob(b"of pack 2", pack=2, roles=[3])]})
    world.chain.packs[1] = (11, world.risk.address)
    world.chain.mine()
    assert world.risk.ask("purge", {"pack": 1}) == {"purged": 1}
    assert rows[:16] not in bytes_on_disk(data_directory)
    answer = world.risk.ask("get", {"hashes": [keccak(rows), keccak(b"of pack 2")]})
    assert answer["blobs"] == [None, b"of pack 2"]
    assert refused(world.risk.post("put", {"items": [pack_blob(rows, roles=[3])]})) == (409, "purged")


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (11, "originator", (403, "wrong_account")),
        (12, "exchange", (403, "wrong_account")),
        (6, "risk", (409, "pack_is_live")),
        (None, "risk", (404, "no_such_pack")),
    ],
)
def test_purge_without_right_or_too_early_is_refused(world: World, status, name, expected):
    world.risk.ask("put", {"items": [pack_blob(b"rows", roles=[3])]})
    if status is not None:
        world.chain.packs[1] = (status, world.risk.address)
    world.chain.mine()
    assert refused(world.parties[name].post("purge", {"pack": 1})) == expected
    assert world.risk.ask("get", {"hashes": [keccak(b"rows")]})["blobs"] == [b"rows"]


def put(store: BlobStore, owner: Owner, items: list[Item]) -> None:
    store.put(owner, items, LotPart(make_lot(owner.account, bytes(65), items), range(len(items))))


def test_slots_of_deleted_blobs_are_used_again(data_directory: Path):
    store = BlobStore(data_directory)
    owner = Owner(b"\x01" * 20, 1)
    for generation in range(5):
        root = Hash32(bytes([generation]) * 32)
        blobs = [os.urandom(20) for _ in range(100)]
        put(store, owner, [Item(RecordContext(root, i), blob) for i, blob in enumerate(blobs)])
        for blob in blobs:
            entry = store.find(keccak(blob))
            assert entry is not None
            assert store.open_entry(keccak(blob), entry) == blob
        store.delete_records(root, list(range(100)), 0)
    assert (data_directory / "keys.bin").stat().st_size == 100 * 32
    put(store, owner, [Item(RecordContext(ROOT, i), bytes([i])) for i in range(150)])
    assert sorted(store.find(keccak(bytes([i]))).slot for i in range(150)) == list(range(150))
    store.close()
