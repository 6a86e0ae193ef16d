"""Vaults of three real nodes: what is put at one is at all that may hold it; what is taken back is nowhere, and each
vault signs for that."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from chain_node.vault.blob_store import BlobStore
from client.sdk.hashing import keccak
from client.sdk.vault_client import PackBlob
from client.sdk.vault_confirmation import VaultDomain, check_binding, check_purge
from client.sdk.vault_endpoint import VaultEndpoint
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import REGISTRY, Consortium, found_consortium
from tests.e2e.main_job import invite
from tests.e2e.pack_files import CREDIT_MAPPING, credit_rows, example_loans, write_rows

pytestmark = pytest.mark.slow

ARRIVAL_S_MAX = 20.0


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    running = found_consortium(tmp_path_factory.mktemp("vaults"), node_count=3)
    yield running
    running.stop()


def endpoint(three: Consortium, account: str) -> VaultEndpoint:
    """The vault of an account's own node, and no other."""
    chain, signer = three.chain(), three.identity(account).account
    url = three.node_of(account).url
    return VaultEndpoint(url, signer, chain_id=chain.chain_id, registry=REGISTRY, timeout_s=30)


def wait_for(vault: VaultEndpoint, hashes: list[bytes]) -> float:
    """Ask until a vault gives all blobs; gives the seconds that took."""
    began = time.monotonic()
    while time.monotonic() < began + ARRIVAL_S_MAX:
        answer = vault.ask("get", {"hashes": hashes})
        if None not in answer["blobs"]:
            return time.monotonic() - began
        time.sleep(0.005)
    raise AssertionError(f"not there after {ARRIVAL_S_MAX} s: {answer['reasons']}")


def hashes_at_bureau(three: Consortium) -> list[bytes]:
    with create_engine(f"sqlite:///{three.directory / 'bureau.db'}").connect() as connection:
        return [bytes(row[0]) for row in connection.execute(text("SELECT blob_hash FROM records ORDER BY position"))]


def store_of(three: Consortium, organisation: str) -> BlobStore:
    """The store of a node that is down."""
    return BlobStore(three.nodes[organisation].network.data_dir / "vault")


def test_blob_put_at_one_node_is_read_at_another_soon_after(three: Consortium) -> None:
    reader, third = endpoint(three, "risk-control"), endpoint(three, "trustee")
    address = three.address("risk-control")
    seconds = []
    for number in range(10):
        blob = keccak(number.to_bytes(4, "big")) * 50
        three.vault("bureau").put([PackBlob(pack=900, readers=[address], blob=blob)])
        seconds.append(wait_for(reader, [keccak(blob)]))
    assert statistics.median(seconds) < 0.5, seconds
    answer = third.ask("get", {"hashes": [keccak(blob)]})
    assert answer["reasons"][0].startswith("unknown"), "it went to a node that has no reader of it"


def test_long_blob_arrives_whole(three: Consortium) -> None:
    blob = b"".join(keccak(number.to_bytes(4, "big")) for number in range(200_000))
    three.vault("risk-control").put([PackBlob(pack=900, readers=[three.address("bureau")], blob=blob)])
    bureau = endpoint(three, "bureau")
    wait_for(bureau, [keccak(blob)])
    assert bureau.ask("get", {"hashes": [keccak(blob)]})["blobs"] == [blob]


def test_record_erased_while_a_node_is_down_comes_back_nowhere_and_all_three_vaults_sign(three: Consortium) -> None:
    people = [loan["borrower_id"] for loan in example_loans(0, 60)]
    path = write_rows(three.directory / "credit_files.csv", credit_rows(people))
    database = ("--db", three.directory / "bureau.db")
    three.ask("bureau", "bureau", "upload", path, "--mapping", CREDIT_MAPPING, *database)
    hashes = hashes_at_bureau(three)
    assert len(hashes) > 40
    for reader in ("auditor-b", "auditor-c"):
        wait_for(endpoint(three, reader), hashes)
    victim = next(person for person in people if credit_rows([person]))
    three.nodes["risk-control"].stop()
    erasure = three.ask("bureau", "bureau", "erase", victim, *database)
    assert (erasure["records_count"], erasure["vaults_count"], erasure["vaults_confirmed_count"]) == (1, 3, 2)
    assert "organisation 3" in erasure["vaults_missing"][0]
    erased = [each for each in hashes if endpoint(three, "bureau").ask("get", {"hashes": [each]})["blobs"] == [None]]
    assert len(erased) == 1
    store = store_of(three, "risk-control")
    assert store.find(erased[0]) is not None, "the node that is down still has it"
    store.close()
    three.nodes["risk-control"].start()
    erasure = confirmed_by_all(three, victim)
    assert (erasure["receipts_count"], erasure["receipts_missing_count"], erasure["vaults_missing"]) == (3, 0, [])
    for node in three.nodes.values():
        node.stop()
    for organisation in three.nodes:
        store = store_of(three, organisation)
        assert store.find(erased[0]) is None, organisation
        assert store.find(next(each for each in hashes if each not in erased)) is not None
        store.close()
    for node in three.nodes.values():
        node.start()


def confirmed_by_all(three: Consortium, person: str) -> dict[str, object]:
    """Erase again until nobody is missing, as an operator would."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        erasure = three.ask("bureau", "bureau", "erase", person, "--db", three.directory / "bureau.db")
        if not erasure["vaults_missing"]:
            return dict(erasure)
    raise AssertionError(erasure)


def test_purge_at_one_node_reaches_one_that_was_down_and_all_three_sign(three: Consortium) -> None:
    pack = invite(three)
    blob = b"rows of a pack that will be withdrawn"
    everybody = [three.address(name) for name in ("bureau", "trustee", "risk-control")]
    three.vault("risk-control").put([PackBlob(pack=pack, readers=everybody, blob=blob)])
    for reader in ("bureau", "trustee"):
        wait_for(endpoint(three, reader), [keccak(blob)])
    three.ask(ORIGINATOR, "pack", "withdraw", str(pack))
    three.nodes["exchange"].stop()
    three.ask("risk-control", "risk", "forget", str(pack), "--db", three.directory / "risk_control.db")
    three.nodes["exchange"].start()
    vault = three.vault("risk-control")
    deadline = time.monotonic() + 30
    confirmations = vault.confirm_purge(pack)
    while any(None in each.receipts for each in confirmations) and time.monotonic() < deadline:
        time.sleep(0.1)
        confirmations = vault.confirm_purge(pack)
    domain = VaultDomain(chain_id=three.chain().chain_id, registry=REGISTRY)
    assert sorted(each.organisation for each in confirmations) == [1, 2, 3]
    for each in confirmations:
        (receipt,) = each.receipts
        assert receipt is not None, each.name
        assert each.vault is not None
        check_binding(domain, each)
        check_purge(domain, each.vault, pack, receipt)
    for reader in ("bureau", "trustee", "risk-control"):
        assert endpoint(three, reader).ask("get", {"hashes": [keccak(blob)]})["blobs"] == [None]


def test_logs_name_no_blob(three: Consortium) -> None:
    hashes = hashes_at_bureau(three)
    for node in three.nodes.values():
        log = Path(node.log).read_text()
        assert "vault_exchange_failed" not in log
        assert "vault_peer_misbehaves" not in log
        assert not any(each.hex() in log for each in hashes)
