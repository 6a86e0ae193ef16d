import pytest
from eth_account import Account

from client.sdk import vault_client
from client.sdk.errors import (
    ConfigError,
    DecodeError,
    RefusedError,
    RequestRefusedError,
    TamperedError,
    UnavailableError,
)
from client.sdk.hashing import keccak
from client.sdk.role import Role
from client.sdk.vault_client import PackBlob, PutResult, RecordBlob, VaultClient
from tests.unit.sdk.vault_server import CHAIN_ID, REGISTRY, serve_vault

ACCOUNT = Account.from_key(b"\x01" * 32)


@pytest.fixture
def vault():
    with serve_vault() as (url, server), VaultClient(url, ACCOUNT, chain_id=CHAIN_ID, registry=REGISTRY) as client:
        yield client, server


@pytest.fixture
def quick(monkeypatch):
    """Retries without waiting."""
    monkeypatch.setattr(vault_client.time, "sleep", lambda _: None)


def _records(count, size=20):
    return [
        RecordBlob(batch_root=b"\x01" * 32, index=index, blob=index.to_bytes(4, "big") * (size // 4))
        for index in range(count)
    ]


def test_blobs_put_are_those_got(vault):
    client, _ = vault
    pack = PackBlob(pack=3, readers=[ACCOUNT.address], roles=[Role.AUDITOR], blob=b"rows")
    assert client.put([*_records(3), pack]) == PutResult(stored=4, present=0)
    assert client.put([*_records(3), pack]) == PutResult(stored=0, present=4)
    assert client.get(keccak(b"rows")) == b"rows"
    assert client.get_all([keccak(each.blob) for each in _records(3)]) == [each.blob for each in _records(3)]


def test_put_splits_by_count(vault):
    client, server = vault
    assert client.put(_records(10_001)) == PutResult(stored=10_001, present=0)
    assert [items for _, _, items in server.requests] == [10_000, 1]


def test_put_splits_by_size_below_what_the_vault_takes(vault, monkeypatch):
    monkeypatch.setattr(vault_client, "REQUEST_SIZE_MAX", 100_000)
    client, server = vault
    client.put(_records(10, size=40_000))
    assert [items for _, _, items in server.requests] == [2] * 5
    assert max(size for _, size, _ in server.requests) <= 100_000


def test_fetch_gives_blobs_and_reasons_in_order_over_several_requests(vault, quick):
    client, server = vault
    client.put(_records(5))
    hashes = [keccak(each.blob) for each in _records(5)]
    hashes.insert(2, b"\x0f" * 32)
    found = list(client.fetch(hashes, per_request=2))
    assert [each.blob_hash for each in found] == hashes
    assert [each.reason for each in found] == [None, None, "unknown", None, None, None]
    assert [(call, items) for call, _, items in server.requests][1:] == [
        ("get", 2),
        ("get", 2),
        *[("get", 1)] * 5,
        ("get", 2),
    ]


def test_missing_blob_is_refused_with_the_reason(vault, quick):
    client, _ = vault
    with pytest.raises(RefusedError, match="refused by the vault: blob 0f0f0f0f0f0f0f0f…: unknown"):
        client.get(b"\x0f" * 32)


def test_blob_that_does_not_have_its_hash_is_noticed(vault):
    client, server = vault
    server.blobs[keccak(b"right")] = b"wrong"
    with pytest.raises(TamperedError, match="got other bytes"):
        client.get(keccak(b"right"))


def test_busy_vault_is_asked_again_with_a_fresh_signature(vault, quick):
    client, server = vault
    server.busy_answers = 4
    assert client.put(_records(1)) == PutResult(stored=1, present=0)


def test_vault_that_stays_busy_is_unavailable_after_a_bounded_number_of_attempts(vault, quick):
    client, server = vault
    server.busy_answers = 100
    with pytest.raises(UnavailableError, match="the vault is not available: HTTP 503"):
        client.put(_records(1))
    assert server.busy_answers == 95


def test_vault_that_is_not_there_is_unavailable(quick):
    with (
        VaultClient("http://127.0.0.1:1", ACCOUNT, chain_id=CHAIN_ID, registry=REGISTRY) as client,
        pytest.raises(UnavailableError, match="no connection"),
    ):
        client.get(bytes(32))


def test_refusal_is_final_and_keeps_its_code(vault):
    client, server = vault
    with pytest.raises(RequestRefusedError) as caught:
        client.purge(13)
    assert (caught.value.status, caught.value.code) == (403, "live")
    assert str(caught.value) == "refused by the vault: the pack is live"
    assert len(server.requests) == 1


def test_vault_of_another_chain_is_refused_before_anything_is_sent(vault):
    client, server = vault
    server.info_changes = {"chain_id": 8}
    with pytest.raises(RefusedError, match="serves chain 8"):
        client.put(_records(1))
    assert server.requests == []


def test_something_that_is_no_vault_is_a_decode_error(vault):
    client, server = vault
    server.info_changes = {"vault_id": None}
    with pytest.raises(DecodeError, match="vault info"):
        client.put(_records(1))


def test_purge_and_receipts_give_what_the_vault_says(vault):
    client, _ = vault
    client.put(_records(2))
    assert client.purge(3) == 2
    (confirmation,) = client.confirm_records(b"\x01" * 32, [0, 1])
    assert (confirmation.node, confirmation.vault, confirmation.receipts) == (None, client.info.address, [None, None])


def test_url_that_is_none_is_a_configuration_error():
    with pytest.raises(ConfigError, match="vault URL"):
        VaultClient("localhost", ACCOUNT, chain_id=CHAIN_ID, registry=REGISTRY)


@pytest.fixture
def two():
    with (
        serve_vault() as (first_url, first),
        serve_vault() as (second_url, second),
        VaultClient(f"{first_url}, {second_url}", ACCOUNT, chain_id=CHAIN_ID, registry=REGISTRY) as client,
    ):
        yield client, first, second


def test_put_goes_to_the_first_vault_only(two):
    client, first, second = two
    client.put(_records(3))
    assert (len(first.blobs), len(second.blobs)) == (3, 0)


def test_put_goes_to_the_next_vault_while_the_first_is_busy(two, quick):
    client, first, second = two
    first.busy_answers = 100
    client.put(_records(3))
    assert (len(first.blobs), len(second.blobs)) == (0, 3)


def test_put_goes_on_at_the_next_vault_when_the_first_is_gone():
    with (
        serve_vault() as (url, server),
        VaultClient(f"http://127.0.0.1:1,{url}", ACCOUNT, chain_id=CHAIN_ID, registry=REGISTRY) as client,
    ):
        client.put(_records(2))
        assert client.get_all([keccak(each.blob) for each in _records(2)]) == [each.blob for each in _records(2)]
        assert len(server.blobs) == 2


def test_blobs_missing_at_one_vault_are_asked_of_the_next(two, quick):
    client, first, second = two
    first.blobs = {keccak(b"a"): b"a"}
    second.blobs = {keccak(b"b"): b"b"}
    assert client.get_all([keccak(b"b"), keccak(b"a")]) == [b"b", b"a"]
    assert [(call, items) for call, _, items in second.requests] == [("get", 1)]


def test_blob_that_replication_brings_is_waited_for(two, monkeypatch):
    client, first, _ = two
    waits = []

    def bring(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            first.blobs[keccak(b"late")] = b"late"

    monkeypatch.setattr(vault_client.time, "sleep", bring)
    assert client.get(keccak(b"late")) == b"late"
    assert 0 < sum(waits) < 1


def test_blob_that_never_comes_is_refused_after_a_bounded_wait(two, monkeypatch):
    client, _, _ = two
    waits = []
    monkeypatch.setattr(vault_client.time, "sleep", waits.append)
    with pytest.raises(RefusedError, match="unknown"):
        client.get(keccak(b"never"))
    assert 2 < sum(waits) < 4


def test_answers_that_are_full_are_asked_for_again_until_all_is_there(vault, monkeypatch):
    client, server = vault
    get = server.get

    def at_most_two(request):
        answer = get({"hashes": request["hashes"][:2]})
        rest = len(request["hashes"]) - 2
        return {
            "blobs": answer["blobs"] + [None] * rest,
            "reasons": answer["reasons"] + ["answer_full: ask again"] * rest,
        }

    client.put(_records(5))
    monkeypatch.setattr(server, "get", at_most_two)
    assert len(client.get_all([keccak(each.blob) for each in _records(5)])) == 5


def test_all_vaults_gone_is_unavailable(quick):
    urls = "http://127.0.0.1:1,http://127.0.0.1:2"
    with (
        VaultClient(urls, ACCOUNT, chain_id=CHAIN_ID, registry=REGISTRY) as client,
        pytest.raises(UnavailableError, match="no connection"),
    ):
        client.put(_records(1))
