"""Accounts, keys, transactions and settings that are wrong: one line, an exit code, and nothing changed."""

import datetime as dt
import socket
import time
from pathlib import Path

import pytest
from eth_account import Account

from client.sdk.certificates import certificate_request, certify, create_authority, pem_of
from client.sdk.errors import ContractRefusedError, RefusedError
from client.sdk.keystore import SCRYPT_N_DEMO, Identity, create_account
from client.sdk.pack.on_chain import policy_struct
from client.sdk.role import Role, role_bitmap
from client.sdk.rpc import NodeRefusedError, translated
from client.sdk.screening import Policy
from tests.e2e.consortium import Consortium, assert_one_line

RISK_CONTROL_ORGANISATION = 3
DEFINE_MODEL = ("risk", "model", "propose")
"""A transaction of risk control that needs nothing before it."""


@pytest.fixture
def stranger(consortium: Consortium, tmp_path: Path) -> Identity:
    """A new account that nobody enrolled."""
    password = consortium.members.password_file.read_text()
    return create_account(tmp_path / "stranger.json", password, scrypt_n=SCRYPT_N_DEMO)


def enrol(consortium: Consortium, account: str, *, valid_from: int = 0, valid_until: int = 2**40 - 1) -> None:
    """Enrol an account as one of risk control's."""
    roles = role_bitmap([Role.RISK_CONTROL])
    arguments = [account, RISK_CONTROL_ORGANISATION, roles, valid_from, valid_until, "0x" + "11" * 32]
    consortium.vote("Consortium", "enrol", arguments, "One more account")


def model_count(consortium: Consortium) -> int:
    return int(consortium.chain().call("RiskModelRegistry", "modelCount"))


def test_account_that_is_not_enrolled_is_refused(consortium: Consortium, stranger: Identity) -> None:
    before = model_count(consortium)
    done = consortium.cli(stranger.path, *DEFINE_MODEL)
    assert_one_line(done, "refused by the node", stranger.address.lower(), "not enrolled in the Consortium")
    assert model_count(consortium) == before
    assert consortium.chain().transaction_count(stranger.address) == 0


def test_transaction_of_an_account_that_is_not_enrolled_is_refused_by_the_node(
    consortium: Consortium, stranger: Identity
) -> None:
    chain = consortium.chain()
    with pytest.raises(RefusedError, match="not enrolled") as refused:
        chain.send("RiskModelRegistry", "activate", [1, 0], stranger.account, gas=200_000)
    assert stranger.address.lower() in str(refused.value).lower()
    assert chain.transaction_count(stranger.address) == 0


def test_revoked_account_is_refused_from_the_next_block_on(consortium: Consortium, stranger: Identity) -> None:
    enrol(consortium, stranger.address)
    assert consortium.cli(stranger.path, *DEFINE_MODEL).code == 0
    before = model_count(consortium)
    consortium.vote("Consortium", "revoke", [stranger.address], "It left")
    assert_one_line(consortium.cli(stranger.path, *DEFINE_MODEL), "refused by the node", "not enrolled")
    assert model_count(consortium) == before


def test_suspended_account_is_refused_and_works_again_afterwards(consortium: Consortium, stranger: Identity) -> None:
    enrol(consortium, stranger.address)
    suspend = ("admin", "suspend", stranger.address, *consortium.governors())
    assert consortium.ask("governor-a", *suspend)["is_executed"]
    assert_one_line(consortium.cli(stranger.path, *DEFINE_MODEL), "refused by the node", "is suspended")
    assert consortium.ask("governor-a", *suspend, "--lift")["is_executed"]
    assert consortium.cli(stranger.path, *DEFINE_MODEL).code == 0


def test_wrong_role_is_refused_with_the_role_that_is_missing(consortium: Consortium) -> None:
    before = model_count(consortium)
    done = consortium.cli("exchange", *DEFINE_MODEL)
    assert_one_line(done, "refused by RiskModelRegistry", "needs an account with the role RISK_CONTROL")
    assert model_count(consortium) == before


def test_account_whose_certificate_expired_is_refused(consortium: Consortium, stranger: Identity) -> None:
    now = consortium.chain().block_second()
    enrol(consortium, stranger.address, valid_from=now - 1_000, valid_until=now - 10)
    before = model_count(consortium)
    done = consortium.cli(stranger.path, *DEFINE_MODEL)
    assert_one_line(done, "refused by", "expired")
    assert model_count(consortium) == before


def test_expired_certificate_is_not_enrolled(consortium: Consortium, stranger: Identity, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    authority = create_authority("Test authority", now=now - dt.timedelta(days=20))
    request = certificate_request(stranger.account, organisation="risk-control", name="late")
    paper = certify(authority, request.encode(), not_before=now - dt.timedelta(days=10), days=5)
    (tmp_path / "late.pem").write_text(pem_of(paper))
    (tmp_path / "ca.pem").write_text(pem_of(authority.certificate))
    line = ("admin", "enrol", tmp_path / "late.pem", "--organisation", "3", "--role", "RISK_CONTROL")
    done = consortium.cli("governor-a", *line, "--ca", tmp_path / "ca.pem", *consortium.governors())
    assert_one_line(done, "certificate", "expired")
    assert consortium.chain().call("Consortium", "organisationOf", stranger.address) == 0


def test_wrong_password_is_one_line(consortium: Consortium, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("not the password")
    keystore = consortium.members.keystore("risk-control")
    done = consortium.cli(keystore, *DEFINE_MODEL, "--password-file", tmp_path / "password")
    assert_one_line(done, str(keystore), "wrong password")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 3}', b"\xff\xfe"])
def test_file_that_is_no_keystore_is_one_line(consortium: Consortium, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.json").write_bytes(content)
    assert_one_line(consortium.cli(tmp_path / "broken.json", *DEFINE_MODEL), "broken.json")


def test_missing_keystore_is_one_line(consortium: Consortium, tmp_path: Path) -> None:
    assert_one_line(consortium.cli(tmp_path / "none.json", *DEFINE_MODEL), "none.json")


@pytest.mark.parametrize(
    ("content", "word"),
    [('rpc = "', "TOML"), ('rcp = "http://127.0.0.1:1"', "rcp"), ("rpc = 8545", "rpc"), ("\0", "TOML")],
)
def test_corrupt_profile_is_one_line(consortium: Consortium, tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "profile.toml").write_text(content)
    done = consortium.cli(None, "risk", "model", "show", "1", "--config", tmp_path / "profile.toml")
    assert_one_line(done, "profile.toml", word)


def test_node_that_is_not_there_is_one_line_with_a_code_of_its_own(consortium: Consortium) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = consortium.cli(None, "pack", "show", "1", "--rpc", f"http://127.0.0.1:{port}")
    assert_one_line(done, f"127.0.0.1:{port}", "not available", code=3)


def test_address_without_a_registry_is_one_line(consortium: Consortium) -> None:
    done = consortium.cli(None, "pack", "show", "1", "--registry", "0x" + "42" * 20)
    assert_one_line(done, "0x4242424242424242424242424242424242424242")


def test_repeated_transaction_changes_nothing(consortium: Consortium) -> None:
    chain, account = consortium.chain(), consortium.identity("risk-control").account
    to, data = chain.address_of("RiskModelRegistry"), chain.contract("RiskModelRegistry").encode_abi("modelCount")
    submission = chain.sender.submit(account, to=to, data=bytes.fromhex(data[2:]), gas=100_000)
    chain.sender.wait(submission, timeout_s=30)
    nonce, head = chain.transaction_count(account.address), chain.head()
    assert bytes(chain.web3.eth.send_raw_transaction(submission.raw)) == submission.transaction_hash
    time.sleep(0.5)
    assert chain.transaction_count(account.address) == nonce
    later = [chain.web3.eth.get_block(height)["transactions"] for height in range(head + 1, chain.head() + 1)]
    assert submission.transaction_hash not in [bytes(each) for block in later for each in block]


def test_transaction_for_another_chain_is_refused(consortium: Consortium) -> None:
    chain, account = consortium.chain(), consortium.identity("risk-control").account
    nonce = chain.transaction_count(account.address)
    fields = {"to": chain.registry, "gas": 100_000, "gasPrice": 0, "nonce": nonce, "value": 0, "data": b""}
    signed = Account.sign_transaction({**fields, "chainId": chain.chain_id + 1}, account.key)
    with pytest.raises(NodeRefusedError, match="chain"), translated():
        chain.web3.eth.send_raw_transaction(signed.raw_transaction)
    assert chain.transaction_count(account.address) == nonce


def test_gas_below_the_least_is_refused_and_too_little_fails_in_its_block(consortium: Consortium) -> None:
    chain, account = consortium.chain(), consortium.identity("risk-control").account
    before = chain.call("Screening", "policyCount")
    policy = policy_struct(Policy(expected_bad_rate_ppm=123_456))
    with pytest.raises(RefusedError, match="intrinsic gas too low"):
        chain.send("Screening", "definePolicy", [policy], account, gas=21_000)
    with pytest.raises(ContractRefusedError, match="ran out of gas"):
        chain.send("Screening", "definePolicy", [policy], account, gas=60_000)
    assert chain.call("Screening", "policyCount") == before
    chain.send("Screening", "definePolicy", [policy], account)
    assert chain.call("Screening", "policyCount") == before + 1
