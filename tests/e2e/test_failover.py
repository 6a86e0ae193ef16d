"""A client of several nodes goes on when one is killed, and every transaction is in the chain exactly once.

Real nodes on loopback; the stream of transactions is proposals, of which each has a number of its own.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.roles.admin import governance
from client.sdk.chain import ChainClient, ContractCall
from client.sdk.finality import FinalityLevel, await_finality
from scripts.demo_consortium import AUDITOR_BY_ORACLE, MEMBERS
from tests.e2e.consortium import REGISTRY, Consortium, found_consortium
from tests.e2e.node_kit import NodeProcess

COUNT = 120
KILL_EVERY_S = 3.0


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    running = found_consortium(tmp_path_factory.mktemp("failover"), node_count=3)
    yield running
    running.stop()


def proposals(chain: ChainClient, account: str, first: int, count: int) -> list[ContractCall]:
    call = governance.call_of(chain, "CreditFileRegistry", "setMinimumSubjects", (100,)).as_argument()
    return [
        ContractCall(contract="Consortium", function="propose", args=([call], f"{account} {number}"), gas=400_000)
        for number in range(first, first + count)
    ]


def kill_in_turn(nodes: list[NodeProcess], is_over: threading.Event) -> None:
    """Kill one node after the other, each started again before the next dies."""
    number = 0
    while not is_over.wait(KILL_EVERY_S):
        node = nodes[number % len(nodes)]
        node.kill()
        is_over.wait(1.0)
        node.start()
        number += 1


def test_block_is_byzantine_final_with_three_nodes_crash_final_with_two_and_later_more(three: Consortium) -> None:
    nodes = [three.nodes[name] for name in MEMBERS]
    chain = ChainClient(",".join(node.url for node in nodes), REGISTRY)
    account = three.identity("governor-b").account
    first, second, third, fourth = proposals(chain, "finality", 0, 4)
    [receipt] = chain.send_many([first], account)
    final = await_finality(chain, receipt, timeout_s=20)
    assert (final.level, len(final.signers), final.seals_needed) == (FinalityLevel.BYZANTINE, 3, 3)
    nodes[2].kill()
    try:
        [receipt] = chain.send_many([second], account)
        less = await_finality(chain, receipt, timeout_s=2)
        assert (less.level, less.why_not) == (FinalityLevel.CRASH, "2 of the 3 seals that it takes")
        assert await_finality(chain, receipt, wanted=FinalityLevel.CRASH, timeout_s=2).why_not == ""
    finally:
        nodes[2].start()
    deadline = time.monotonic() + 20
    while nodes[2].height() < receipt.block_number and time.monotonic() < deadline:
        time.sleep(0.1)
    list(chain.send_many([third, fourth], account))
    assert await_finality(chain, receipt, timeout_s=20).level is FinalityLevel.BYZANTINE


def test_stream_of_transactions_is_in_the_chain_once_whatever_node_is_killed(three: Consortium) -> None:
    nodes = [three.nodes[name] for name in MEMBERS]
    warnings: list[str] = []
    urls = ",".join(node.url for node in nodes)
    chain = ChainClient(urls, REGISTRY, warn=warnings.append)
    account = three.identity("governor-a").account
    before = chain.transaction_count(account.address)
    calls = proposals(chain, "stream", 0, COUNT)
    is_over = threading.Event()
    killer = threading.Thread(target=kill_in_turn, args=(nodes, is_over))
    killer.start()
    receipts = []
    try:
        for start in range(0, COUNT, 10):
            receipts += list(chain.send_many(calls[start : start + 10], account))
            time.sleep(0.5)
    finally:
        is_over.set()
        killer.join()
    described = [receipt.event("ProposalCreated").args["description"] for receipt in receipts]
    assert described == [f"stream {number}" for number in range(COUNT)]
    assert chain.transaction_count(account.address) == before + COUNT
    made = [event.args["description"] for event in chain.events("Consortium", "ProposalCreated")]
    assert sorted(each for each in made if each.startswith("stream")) == sorted(described)
    assert any("going on with" in line for line in warnings), warnings


def wait_for_line(log: Path, words: str, times: int = 1) -> None:
    deadline = time.monotonic() + 30
    while log.read_text().count(words) < times:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def test_daemon_goes_on_with_the_next_node_and_with_its_own_when_that_is_back(three: Consortium) -> None:
    first, second, third = (three.nodes[name] for name in MEMBERS)
    urls = {"oracle-a": f"{first.url},{second.url}", "oracle-b": first.url}
    logs = {name: three.directory / f"{name}.log" for name in urls}
    for name, rpc in urls.items():
        reader, database = three.members.keystore(AUDITOR_BY_ORACLE[name]), three.directory / f"{name}.db"
        options = ("--auditor", str(reader), "--db", str(database), "--poll-ms", "100", "--rpc", rpc)
        three.start_daemon(name, name, "oracle", "serve", *options)
        wait_for_line(logs[name], "serves")
    first.kill()
    wait_for_line(logs["oracle-a"], f"no connection; going on with 127.0.0.1:{second.port}")
    wait_for_line(logs["oracle-b"], "error: the node is not available: no connection")
    first.start()
    wait_for_line(logs["oracle-b"], "no connection; it answers again")
    second.kill()
    wait_for_line(logs["oracle-a"], f"no connection; going on with 127.0.0.1:{first.port}")
    second.start()
    assert third.is_running
    assert [three.stop_daemon(name) for name in urls] == [0, 0]
    assert all("Traceback" not in log.read_text() for log in logs.values())
