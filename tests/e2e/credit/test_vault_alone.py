"""A vault as a process of its own: copies, deletion after a time of absence, restart, bad start."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from client.roles.bureau.revocation import erase
from client.sdk.errors import RefusedError, RequestRefusedError, UnavailableError
from client.sdk.hashing import keccak
from client.sdk.vault_client import RecordBlob, VaultClient
from tests.e2e.credit.credit_network import REGISTRY, CreditNetwork
from tests.e2e.credit.test_upload import credit_frame, hashes_of, run
from tests.e2e.node_kit import ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(network: CreditNetwork, directory: Path, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "chain_node.node", "vault", "--rpc", network.node.url, "--registry", REGISTRY),
        *("--data-dir", str(directory), "--listen", f"127.0.0.1:{port}"),
    ]


@contextmanager
def vault_process(network: CreditNetwork, directory: Path, port: int) -> Iterator[str]:
    directory.mkdir(exist_ok=True)
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(command(network, directory, port), cwd=ROOT, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{url}/vault/v1/info", timeout=1).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        assert process.poll() is None, (directory / "log").read_text()
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_second_vault_holds_copies_and_signs_its_own_receipts(network: CreditNetwork, tmp_path: Path):
    with vault_process(network, tmp_path / "vault", free_port()) as url:
        bureau = network.bureau(tmp_path / "bureau.db", url)
        run(bureau, credit_frame(40, first=20_000_000), "two vaults")
        own, further = network.vault("risk"), network.vault("risk", url)
        assert own.info.vault_id != further.info.vault_id
        assert own.get_all(hashes_of(bureau)) == further.get_all(hashes_of(bureau))
        erasure = erase(bureau, "P000020000003")
        assert (erasure.receipts, erasure.receipts_missing) == (2, 0)
        with pytest.raises(RefusedError):
            further.get(hashes_of(bureau)[3])
        log = (tmp_path / "vault" / "log").read_text()
    assert not any(value.hex() in log for value in hashes_of(bureau))


def test_vault_that_was_down_cannot_bring_an_erased_record_back(network: CreditNetwork, tmp_path: Path):
    port = free_port()
    with vault_process(network, tmp_path / "vault", port) as url:
        bureau = network.bureau(tmp_path / "bureau.db", url)
        run(bureau, credit_frame(40, first=21_000_000), "absence")
        blob_hash = hashes_of(bureau)[11]
        blob = network.vault("bureau", url).get(blob_hash)
    with pytest.raises(UnavailableError):
        erase(bureau, "P000021000011")
    with vault_process(network, tmp_path / "vault", port) as url:
        with pytest.raises(RefusedError):
            network.vault("risk", url).get(blob_hash)
        erasure = erase(bureau, "P000021000011")
        assert (erasure.receipts, erasure.receipts_missing) == (2, 0)
        root = (
            network.chain()
            .call("CreditFileRegistry", "batch", network.chain().call("CreditFileRegistry", "batchCount"))
            .root
        )
        with pytest.raises(RequestRefusedError, match="revoked"):
            network.vault("bureau", url).put([RecordBlob(batch_root=bytes(root), index=11, blob=blob)])
    remains = b"".join(path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file())
    assert blob[:16] not in remains


def test_vault_killed_in_the_middle_of_puts_keeps_what_it_confirmed(network: CreditNetwork, tmp_path: Path):
    source = random.Random(3)
    confirmed: list[bytes] = []
    port = free_port()
    for _ in range(3):
        directory = tmp_path / "vault"
        directory.mkdir(exist_ok=True)
        with (directory / "log").open("ab") as log:
            process = subprocess.Popen(command(network, directory, port), cwd=ROOT, stdout=log, stderr=log)
        client = patient_client(network, f"http://127.0.0.1:{port}")
        check(client, confirmed)
        for _ in range(source.randint(1, 6)):
            confirmed += put_some(client, source)
        process.kill()
        process.wait()
    with vault_process(network, tmp_path / "vault", port) as url:
        check(network.vault("bureau", url), confirmed)


def patient_client(network: CreditNetwork, url: str) -> VaultClient:
    deadline = time.monotonic() + 30
    while True:
        try:
            client = network.vault("bureau", url)
            _ = client.info
        except UnavailableError:
            assert time.monotonic() < deadline
        else:
            return client


def put_some(client: VaultClient, source: random.Random) -> list[bytes]:
    root = source.randbytes(32)
    blobs = [source.randbytes(100) for _ in range(200)]
    client.put(RecordBlob(batch_root=root, index=index, blob=blob) for index, blob in enumerate(blobs))
    return blobs


def check(client: VaultClient, blobs: list[bytes]) -> None:
    assert client.get_all([keccak(blob) for blob in blobs]) == blobs


def test_vault_with_bad_arguments_says_why_and_ends(network: CreditNetwork, tmp_path: Path):
    good = command(network, tmp_path / "vault", free_port())
    for position, bad, reason in (
        (good.index("--registry") + 1, "0x12", "registry"),
        (good.index("--listen") + 1, "nowhere", "listen"),
        (good.index("--rpc") + 1, "http://127.0.0.1:9", "chain"),
    ):
        arguments = [*good[:position], bad, *good[position + 1 :]]
        ended = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 1
        assert reason in ended.stderr
        assert "Traceback" not in ended.stderr


def test_vault_on_a_taken_port_says_so_and_ends(network: CreditNetwork, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        arguments = command(network, tmp_path / "vault", taken.getsockname()[1])
        ended = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "another program listens there" in ended.stderr
