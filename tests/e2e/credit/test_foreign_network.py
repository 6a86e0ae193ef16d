"""Credit files beside an EVM network that is not ours: contracts founded on it, a vault alone, `eth_` methods only."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import httpx
from eth_account import Account

from client.roles.admin.bootstrap import lay_foundation
from client.roles.admin.deployment import deploy_implementations, load_plan, register_and_wire
from client.roles.bureau.context import Bureau
from client.roles.bureau.revocation import erase
from client.roles.bureau.store import BureauStore
from client.sdk import certificates
from client.sdk.chain import ChainClient
from client.sdk.keystore import Identity
from client.sdk.member_file import MemberAccount, MemberFile
from client.sdk.role import Role
from client.sdk.vault_client import VaultClient
from tests.e2e.credit.test_upload import credit_frame, hashes_of, run
from tests.e2e.credit.test_vault_alone import free_port
from tests.e2e.node_kit import ROOT
from tests.unit.sdk.bare_network import BareNetwork, serve

ROLES = (
    ("A", (Role.GOVERNOR, Role.DEPLOYER, Role.BUREAU)),
    ("B", (Role.GOVERNOR, Role.ORIGINATOR)),
    ("C", (Role.GOVERNOR, Role.RISK_CONTROL)),
)


def found(url: str, network: BareNetwork) -> ChainClient:
    """Found a consortium of three on a network without contracts."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    authority = certificates.create_authority("Test authority", now=now)
    accounts = [Account.from_key(network.funded_key(index)) for index in range(3)]
    members = []
    for account, (name, roles) in zip(accounts, ROLES, strict=True):
        request = certificates.certificate_request(account, organisation=name, name=name)
        certificate = certificates.certify(authority, request.encode(), not_before=now - dt.timedelta(days=1), days=90)
        enrolled = MemberAccount(
            address=account.address, roles=roles, valid_from=0, valid_until=2**40 - 1, certificate=certificate
        )
        members.append(
            MemberFile(organisation=name, governor=account.address, validator=None, node=None, accounts=(enrolled,))
        )
    chain = ChainClient(url, lay_foundation(ChainClient(url), members, accounts[0]).registry)
    plan = load_plan()
    implementations = deploy_implementations(chain, plan, accounts[0], on_step=lambda: None)
    assert register_and_wire(chain, plan, implementations, accounts).is_complete
    return chain


def start_vault(chain: ChainClient, directory: Path) -> tuple[subprocess.Popen[bytes], str]:
    url = f"http://127.0.0.1:{free_port()}"
    arguments = ["--rpc", chain.rpc_url, "--registry", chain.registry, "--data-dir", str(directory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "chain_node.node", "vault", *arguments, "--listen", url.removeprefix("http://")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/vault/v1/info", timeout=1).is_success:
                return process, url
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the vault did not start")


def test_credit_files_on_a_network_that_is_not_ours(tmp_path: Path):
    with serve() as (url, network):
        chain = found(url, network)
        process, vault_url = start_vault(chain, tmp_path / "vault")
        try:
            accounts = [Account.from_key(network.funded_key(index)) for index in range(3)]
            vaults = [
                VaultClient(vault_url, each, chain_id=chain.chain_id, registry=chain.registry) for each in accounts
            ]
            identity = Identity(path=tmp_path / "bureau.json", account=accounts[0], encryption_keys={})
            store = BureauStore(str(tmp_path / "bureau.db"), accounts[0])
            bureau = Bureau(identity=identity, store=store, chain=chain, vaults=[vaults[0]])
            result = run(bureau, credit_frame(120), "foreign network")
            assert (result.uploaded, result.batches) == (120, 1)
            hashes = hashes_of(bureau)
            assert [one.blob is not None for one in vaults[2].fetch(hashes)] == [True] * 120
            assert [one.blob for one in vaults[1].fetch(hashes)] == [None] * 120
            erasure = erase(bureau, "P000000000007")
            assert (erasure.revoked, erasure.receipts, erasure.receipts_missing) == (1, 1, 0)
            assert [at for at, one in enumerate(vaults[2].fetch(hashes)) if one.blob is None] == [7]
        finally:
            process.terminate()
            process.wait(20)
        assert [method for method in network.methods if not method.startswith("eth_")] == []
