import asyncio
from pathlib import Path

import pytest
from eth_account import Account

from client.bench.accounts import Sender, check_balances, check_enrolled, make_accounts, read_accounts
from client.bench.prepare import check_chains
from client.bench.workloads import WORKLOADS, explain_receipt, holders_in_calls
from client.cli.app import run
from client.sdk.errors import ConfigError, InvalidInputError, KeystoreError, RefusedError
from client.sdk.keystore import SCRYPT_N_DEMO, create_account
from tests.unit.bench.test_load import ok, run_with

KEY = "0x" + 64 * "1"


def test_keystore_and_key_file_give_their_accounts(tmp_path: Path) -> None:
    made = create_account(tmp_path / "a.json", "secret", scrypt_n=SCRYPT_N_DEMO)
    assert [each.address for each in read_accounts(tmp_path / "a.json", "secret")] == [made.address]
    (tmp_path / "keys.txt").write_text(f"# two\n{KEY}\n\n{KEY[2:-1]}2\n")
    found = read_accounts(tmp_path / "keys.txt", None)
    keys = (KEY, f"{KEY[:-1]}2")
    assert [each.address for each in found] == [Account.from_key(key).address for key in keys]


@pytest.mark.parametrize("line", ["hello", "0x12", "0x" + 64 * "0", "0x" + 64 * "f"])
def test_line_that_is_no_key_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "keys.txt").write_text(f"{KEY}\n{line}\n")
    with pytest.raises(KeystoreError, match=r"keys.txt, line 2: got no private key"):
        read_accounts(tmp_path / "keys.txt", None)


def test_keystore_needs_its_password(tmp_path: Path) -> None:
    create_account(tmp_path / "a.json", "secret", scrypt_n=SCRYPT_N_DEMO)
    with pytest.raises(KeystoreError, match="--password-file"):
        read_accounts(tmp_path / "a.json", None)
    with pytest.raises(KeystoreError, match=r"no.txt: got a file that cannot be read"):
        read_accounts(tmp_path / "no.txt", None)


def test_account_that_cannot_pay_is_named() -> None:
    rich, poor = (
        Sender(account=each, nonce=0, balance_wei=wei) for each, wei in zip(make_accounts(2), (5, 4), strict=True)
    )
    check_balances([rich, poor], 4)
    with pytest.raises(InvalidInputError, match=f"balance of {poor.address}: got 4 wei, expected at least 5 wei"):
        check_balances([rich, poor], 5)


def test_strangers_are_named_and_the_many_counted() -> None:
    check_enrolled([])
    with pytest.raises(RefusedError, match="and 2 more"):
        check_enrolled([str(each.address) for each in make_accounts(5)])


def test_holders_are_split_so_that_a_transaction_holds_them() -> None:
    parts = holders_in_calls([f"0x{number}" for number in range(250)])
    assert [len(part) for part in parts] == [100, 100, 50]
    assert parts[2][49] == "0x249"


@pytest.mark.parametrize("name", ["transfer", "put", "erc20"])
def test_receipt_that_a_call_makes_is_right_for_it_alone(name: str) -> None:
    sender = Sender(account=Account.from_key(KEY), nonce=0, balance_wei=0)
    first, second = (WORKLOADS[name].make(sender, nonce, "0x" + 40 * "a", 0) for nonce in (0, 1))
    logs = [{"address": "0x" + first.to.hex(), "topics": list(first.topics), "data": first.log_data}]
    receipt = {"status": "0x1", "logs": logs if first.topics else []}
    assert explain_receipt(first, receipt) == ""
    assert (explain_receipt(second, receipt) == "") == (name != "put")
    assert explain_receipt(first, receipt | {"status": "0x0"}) == "failed in its block"


def test_nodes_of_two_chains_are_refused() -> None:
    chains = iter([1, 2])

    def answer(request: list[dict[str, object]]) -> bytes:
        return ok([{"id": 0, "result": hex(next(chains))}, {"id": 1, "result": {"hash": "0xaa"}}])

    async def work(target: object) -> None:
        await asyncio.to_thread(check_chains, [target, target])

    with pytest.raises(ConfigError, match="got chain 2 with genesis block 0xaa, expected chain 1 with 0xaa"):
        run_with(answer, work)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (["--rpc", "http://127.0.0.1:1", "bench", "put"], 3, "node 127.0.0.1:1 is not available"),
        (["bench", "put"], 1, "--rpc: got nothing"),
        (["--rpc", "http://127.0.0.1:1", "bench", "put", "--seconds", "3"], 1, "--seconds: got no --rate"),
        (["--rpc", "http://127.0.0.1:1", "bench", "put", "--pid", "1", "--pid", "2"], 1, "one for each of 1 nodes"),
        (["--rpc", "http://127.0.0.1:1", "bench", "put", "--pid", "4999999"], 1, "a process of this machine"),
        (["--rpc", "http://127.0.0.1:1", "bench", "put", "--png", "/none/a.png"], 1, "a directory that exists"),
        (["--rpc", "http://127.0.0.1:1", "bench", "put", "--batch", "0"], 2, "--batch"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    line: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line) == code
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1
