"""A client of several nodes goes on when one is killed, and every transaction is in the chain exactly once.

Real nodes on loopback; the stream of transactions is proposals, of which each has a number of its own.
"""

import threading
import time
from collections.abc import Iterator

import pytest

from client.roles.admin import governance
from client.sdk.chain import ChainClient, ContractCall
from scripts.demo_consortium import MEMBERS
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
