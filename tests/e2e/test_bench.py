"""`tranchain bench` against a running network: what it reports is what the chain has."""

from pathlib import Path

import pytest

from client.sdk.pack.status import PackStatus
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium, assert_one_line
from tests.e2e.node_kit import account_number
from tests.e2e.pack_files import LOANS_MAPPING, example_loans, write_pack

FIRST_LOAN = 1_095
"""Loans from here on are pledged by no other test, and their borrowers have credit files."""
PNG = b"\x89PNG\r\n\x1a\n"


def deployer(consortium: Consortium) -> tuple[str, str]:
    return "--accounts", str(consortium.members.keystore("governor-a"))


def test_put_reports_what_the_chain_has(consortium: Consortium, tmp_path: Path) -> None:
    chain, picture = consortium.chain(), tmp_path / "load.png"
    address = consortium.address("governor-a")
    nonce = chain.transaction_count(address)
    line = ("bench", "put", *deployer(consortium), "--transactions", "40", "--connections", "4", "--png", picture)
    report = consortium.ask(None, *line)
    assert (report["succeeded"], report["failed"], report["failures"]) == (40, 0, [])
    assert chain.transaction_count(address) == nonce + 41
    assert chain.has_code(report["conditions"]["contract"])
    latency = report["latency"]
    assert 0 < latency["min_ms"] <= latency["p50_ms"] <= latency["p95_ms"] <= latency["p99_ms"] <= latency["max_ms"]
    assert 0 < report["throughput_tps"] <= 40 / (latency["max_ms"] / 1000) * 40
    assert sum(each["committed"] for each in report["series"]) == 40
    assert report["nodes"][0]["memory_mb_max"] > 20
    assert picture.read_bytes().startswith(PNG)


def test_fixed_rate_is_kept(consortium: Consortium) -> None:
    line = ("bench", "transfer", *deployer(consortium), "--rate", "20", "--seconds", "1.5")
    report = consortium.ask(None, *line)
    assert (report["succeeded"], report["rate_problem"]) == (30, None)
    assert report["send_rate_tps"] == pytest.approx(20 * 30 / 29, rel=0.1)


def test_tokens_are_transferred_in_batches(consortium: Consortium) -> None:
    line = ("bench", "erc20", *deployer(consortium), "--transactions", "30", "--batch", "10")
    done = consortium.cli(None, *line)
    assert done.code == 0, done.error
    assert "throughput (TPS)" in done.out


def test_refused_transactions_are_counted_by_reason(consortium: Consortium) -> None:
    line = ("bench", "transfer", *deployer(consortium), "--transactions", "90", "--batch", "90", "--patience", "3")
    done = consortium.cli(None, *line)
    assert_one_line(done, "failed", "account limit exceeded")


def test_accounts_that_are_not_enrolled_are_named(consortium: Consortium, tmp_path: Path) -> None:
    stranger = account_number(77)
    keys = tmp_path / "keys.txt"
    keys.write_text(f"# one\n{bytes(stranger.key).hex()}\n")
    done = consortium.cli(None, "bench", "put", "--accounts", keys)
    assert_one_line(done, "not enrolled", str(stranger.address))


def test_packs_go_their_whole_way(consortium: Consortium, tmp_path: Path) -> None:
    files = write_pack(tmp_path, "bench", example_loans(FIRST_LOAN, 110))
    keystores = ("--risk-control", consortium.members.keystore("risk-control"))
    keystores += ("--originator", consortium.members.keystore(ORIGINATOR))
    line = ("bench", "pack", files.tape, "--consents", files.consents, "--mapping", LOANS_MAPPING, *keystores)
    days = ("--cut-off", "2011-12-31", "--closing", "2012-01-15", "--expected-bad-rate", "10%")
    size = ("--packs", "1", "--loans", "110", "--registrar", consortium.registrar_url)
    before = consortium.chain().call("AssetPackRegistry", "packCount")
    report = consortium.ask(None, *line, *days, *size)
    assert (report["succeeded"], report["failed"], report["target_reached"]) == (1, 0, 1)
    assert [each["step"] for each in report["steps"]] == [
        "whole cycle",
        "invite",
        "submit",
        "query",
        "score",
        "screen",
    ]
    whole, *steps = (each["avg_ms"] for each in report["steps"])
    assert whole == pytest.approx(sum(steps), abs=0.1)
    assert consortium.chain().call("AssetPackRegistry", "pack", before + 1).status == PackStatus.SCREENED
    done = consortium.cli(None, *line, *days, "--packs", "2", *size[2:])
    assert_one_line(done, "110 loans", "2 x 110")
