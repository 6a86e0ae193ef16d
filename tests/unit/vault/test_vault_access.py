"""Who may call the vault: signatures, nonces, deadlines, roles. Every refusal is JSON with a code and a message."""

from __future__ import annotations

import os
import time

import cbor2
import pytest

from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32
from tests.unit.vault.conftest import World

ROOT = Hash32(b"\x11" * 32)


def record(index: int, blob: bytes, root: bytes = ROOT) -> dict[str, object]:
    return {"kind": "record", "batch_root": root, "index": index, "blob": blob}


def pack_blob(blob: bytes, *, pack: int = 1, readers: list[bytes] | None = None, roles: list[int] | None = None):
    return {"kind": "pack", "pack": pack, "readers": readers or [], "roles": roles or [], "blob": blob}


def refused(response) -> tuple[int, str]:
    error = response.json()["error"]
    assert error["message"]
    return response.status_code, error["code"]


def test_info_unsigned_names_vault_and_network(world: World):
    info = world.client.get("/vault/v1/info").json()
    assert info["chain_id"] == 170919
    assert bytes.fromhex(info["vault_id"][2:]) == world.bureau.service
    assert info["registry"] == "0x" + "03" * 20


def test_put_then_get_by_the_bureau_gives_the_bytes_back(world: World):
    blobs = [os.urandom(150) for _ in range(3)]
    answer = world.bureau.ask("put", {"items": [record(i, blob) for i, blob in enumerate(blobs)]})
    assert answer == {"stored": 3, "present": 0}
    answer = world.bureau.ask("put", {"items": [record(i, blob) for i, blob in enumerate(blobs)]})
    assert answer == {"stored": 0, "present": 3}
    got = world.bureau.ask("get", {"hashes": [keccak(blob) for blob in blobs]})
    assert got == {"blobs": blobs, "reasons": [None] * 3}


def test_request_sent_twice_is_refused_as_replayed(world: World):
    body = cbor2.dumps({"hashes": []})
    headers = world.bureau.headers("/vault/v1/get", body)
    assert world.client.post("/vault/v1/get", content=body, headers=headers).status_code == 200
    assert refused(world.client.post("/vault/v1/get", content=body, headers=headers)) == (409, "replayed")


def test_nonce_is_forgotten_after_its_deadline_only(world: World):
    vault, address = world.app.state.vault, world.bureau.address
    vault._nonces.take(address, 5, deadline=1_000, now=900)
    with pytest.raises(Exception, match="replayed"):
        vault._nonces.take(address, 5, deadline=1_000, now=1_000)
    vault._nonces.take(address, 5, deadline=1_300, now=1_001)


def test_nonce_of_one_account_does_not_bind_another(world: World):
    assert world.bureau.post("get", {"hashes": []}, nonce=77).status_code == 200
    assert world.risk.post("get", {"hashes": []}, nonce=77).status_code == 200


@pytest.mark.parametrize("offset_seconds", [-5, 400])
def test_deadline_passed_or_too_far_is_refused(world: World, offset_seconds: int):
    response = world.bureau.post("get", {"hashes": []}, deadline=int(time.time()) + offset_seconds)
    assert refused(response) == (401, "deadline")


@pytest.mark.parametrize("header", ["Account", "Nonce", "Deadline", "Signature"])
@pytest.mark.parametrize("value", [None, "", "zz", "-1", "0x12", "9" * 90, "٣"])
def test_header_missing_or_malformed_is_refused(world: World, header: str, value: str | None):
    body = cbor2.dumps({"hashes": []})
    headers = world.bureau.headers("/vault/v1/get", body)
    if value is None:
        del headers[f"X-Tranchain-{header}"]
    else:
        headers[f"X-Tranchain-{header}"] = value
    encoded = {name: text.encode() for name, text in headers.items()}
    status, code = refused(world.client.post("/vault/v1/get", content=body, headers=encoded))
    assert (status, code) in {(401, "unsigned"), (401, "deadline"), (401, "bad_signature")}


def test_body_changed_after_signing_is_refused(world: World):
    headers = world.bureau.headers("/vault/v1/get", cbor2.dumps({"hashes": []}))
    response = world.client.post("/vault/v1/get", content=cbor2.dumps({"hashes": [ROOT]}), headers=headers)
    assert refused(response) == (401, "bad_signature")


def test_request_signed_for_another_path_vault_network_or_registry_is_refused(world: World):
    body = cbor2.dumps({"hashes": []})
    headers = world.bureau.headers("/vault/v1/put", body)
    assert refused(world.client.post("/vault/v1/get", content=body, headers=headers)) == (401, "bad_signature")
    for change in ({"service": b"\x01" * 32}, {"chain_id": 1}, {"registry": b"\x09" * 20}):
        party = type(world.bureau)(world.bureau.signer, world.client, **{"service": world.bureau.service, **change})
        assert refused(party.post("get", {"hashes": []})) == (401, "bad_signature")


def test_request_claiming_another_account_is_refused(world: World):
    body = cbor2.dumps({"hashes": []})
    headers = world.originator.headers("/vault/v1/get", body)
    headers["X-Tranchain-Account"] = world.bureau.signer.address
    assert refused(world.client.post("/vault/v1/get", content=body, headers=headers)) == (401, "bad_signature")


def test_account_unknown_suspended_or_expired_is_refused(world: World):
    assert refused(world.stranger.post("get", {"hashes": []})) == (403, "not_enrolled")
    account = world.chain.accounts[world.bureau.address]
    account.is_suspended = True
    world.chain.mine()
    assert refused(world.bureau.post("get", {"hashes": []})) == (403, "not_enrolled")
    account.is_suspended, account.valid_until = False, world.chain.timestamp
    world.chain.mine()
    assert refused(world.bureau.post("get", {"hashes": []})) == (403, "not_enrolled")


def test_account_of_suspended_organisation_is_refused(world: World):
    world.chain.suspended_organisations.add(1)
    assert refused(world.bureau.post("get", {"hashes": []})) == (403, "not_enrolled")
    assert world.risk.post("get", {"hashes": []}).status_code == 200


@pytest.mark.parametrize("name", ["originator", "risk", "trustee", "auditor", "regulator", "exchange"])
def test_put_record_without_bureau_role_is_refused(world: World, name: str):
    response = world.parties[name].post("put", {"items": [record(0, b"sealed")]})
    assert refused(response) == (403, "wrong_role")
    assert world.store.blob_count() == 0


@pytest.mark.parametrize("name", ["trustee", "auditor", "regulator"])
def test_put_pack_blob_without_role_is_refused(world: World, name: str):
    assert refused(world.parties[name].post("put", {"items": [pack_blob(b"sealed")]})) == (403, "wrong_role")


@pytest.mark.parametrize("name", ["risk", "trustee", "auditor", "regulator"])
def test_get_published_record_by_entitled_role_is_served(world: World, name: str):
    world.bureau.ask("put", {"items": [record(0, b"sealed")]})
    early = world.parties[name].ask("get", {"hashes": [keccak(b"sealed")]})
    assert early["blobs"] == [None]
    assert early["reasons"][0].startswith("unpublished")
    world.chain.batches.append((ROOT, 1, 1))
    world.chain.mine()
    assert world.parties[name].ask("get", {"hashes": [keccak(b"sealed")]})["blobs"] == [b"sealed"]


@pytest.mark.parametrize("name", ["originator", "exchange", "other_bureau"])
def test_get_record_by_account_without_right_is_refused(world: World, name: str):
    world.bureau.ask("put", {"items": [record(0, b"sealed")]})
    world.chain.batches.append((ROOT, 1, 1))
    world.chain.mine()
    answer = world.parties[name].ask("get", {"hashes": [keccak(b"sealed")]})
    assert answer["blobs"] == [None]
    assert answer["reasons"][0].startswith("forbidden")


def test_get_record_by_account_that_is_originator_too_is_refused(world: World):
    world.bureau.ask("put", {"items": [record(0, b"sealed")]})
    world.chain.batches.append((ROOT, 1, 1))
    world.chain.accounts[world.risk.address].roles = (3, 2)
    world.chain.mine()
    assert world.risk.ask("get", {"hashes": [keccak(b"sealed")]})["blobs"] == [None]


def test_get_pack_blob_is_for_named_accounts_and_roles(world: World):
    item = pack_blob(b"rows", readers=[world.originator.address], roles=[7])
    world.risk.ask("put", {"items": [item]})
    query = {"hashes": [keccak(b"rows")]}
    assert world.originator.ask("get", query)["blobs"] == [b"rows"]
    assert world.trustee.ask("get", query)["blobs"] == [b"rows"]
    assert world.risk.ask("get", query)["blobs"] == [None]


def test_put_pack_blob_again_by_its_owner_adds_readers_and_by_others_not(world: World):
    world.risk.ask("put", {"items": [pack_blob(b"rows", roles=[7])]})
    world.risk.ask("put", {"items": [pack_blob(b"rows", roles=[8])]})
    query = {"hashes": [keccak(b"rows")]}
    assert world.auditor.ask("get", query)["blobs"] == [b"rows"]
    assert world.trustee.ask("get", query)["blobs"] == [b"rows"]
    response = world.originator.post("put", {"items": [pack_blob(b"rows", readers=[world.originator.address])]})
    assert refused(response) == (409, "other_context")
    assert world.originator.ask("get", query)["blobs"] == [None]


def test_get_unknown_hash_answers_with_reason_beside_the_others(world: World):
    world.bureau.ask("put", {"items": [record(0, b"sealed")]})
    answer = world.bureau.ask("get", {"hashes": [b"\x00" * 32, keccak(b"sealed")]})
    assert answer["blobs"] == [None, b"sealed"]
    assert answer["reasons"][0].startswith("unknown")


def test_put_into_batch_of_another_bureau_is_refused(world: World):
    world.chain.batches.append((ROOT, 10, 1))
    response = world.other_bureau.post("put", {"items": [record(0, b"junk")]})
    assert refused(response) == (403, "wrong_account")


def test_put_other_bytes_for_a_held_record_is_refused_and_nothing_of_the_put_kept(world: World):
    world.bureau.ask("put", {"items": [record(0, b"sealed")]})
    response = world.bureau.post("put", {"items": [record(1, b"fine"), record(0, b"other")]})
    assert refused(response) == (409, "other_context")
    assert world.store.blob_count() == 1


def test_chain_away_answers_503_and_nothing_is_served(world: World):
    world.bureau.ask("put", {"items": [record(0, b"sealed")]})
    world.chain.is_reachable = False
    assert refused(world.bureau.post("get", {"hashes": [keccak(b"sealed")]})) == (503, "chain_unavailable")


def test_records_of_one_batch_cost_a_constant_number_of_chain_calls(world: World):
    world.chain.batches.append((ROOT, 1_000, 1))
    blobs = [os.urandom(40) for _ in range(1_000)]
    world.bureau.ask("put", {"items": [record(i, blob) for i, blob in enumerate(blobs)]})
    world.chain.mine()
    world.chain.calls = 0
    assert world.risk.ask("get", {"hashes": [keccak(blob) for blob in blobs]})["blobs"] == blobs
    assert world.chain.calls <= 6
