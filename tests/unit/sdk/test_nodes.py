"""Several nodes: which one is used, when it is left, and that a transaction is in the chain once whatever dies."""

import threading
import time
from collections.abc import Callable

import pytest
from eth_account import Account

from client.sdk import nodes as pool
from client.sdk import transactions
from client.sdk.chain import ChainClient
from client.sdk.errors import ConfigError, RefusedError, UnavailableError
from client.sdk.transactions import Submission, TransactionSender
from tests.unit.sdk.fake_node import FakeNode

RECEIVER = "0x" + "11" * 20


class Client:
    """A client of some nodes, and what it was warned of."""

    def __init__(self, *nodes: FakeNode) -> None:
        self.warnings: list[str] = []
        self.chain = ChainClient(",".join(node.url for node in nodes), timeout_s=2.0, warn=self.warnings.append)
        self.account = Account.from_key(nodes[0].network.funded_key())

    @property
    def sender(self) -> TransactionSender:
        return self.chain.sender

    def submit(self, data: bytes = b"") -> Submission:
        return self.sender.submit(self.account, to=RECEIVER, data=data, gas=100_000)

    def count(self) -> int:
        return self.chain.transaction_count(self.account.address)


@pytest.fixture
def pair(make_node: Callable[[], FakeNode]) -> tuple[FakeNode, FakeNode]:
    return make_node(), make_node()


def mine(node: FakeNode, blocks: int) -> None:
    node.network.tester.mine_blocks(blocks)


def test_first_node_that_answers_is_used_and_the_dead_one_named(pair):
    first, second = pair
    first.kill()
    client = Client(first, second)
    assert client.chain.head() == 0
    assert client.warnings == [f"node {first.place}: no connection; skipped"]


def test_node_that_dies_is_left_in_one_line_and_the_next_goes_on(pair):
    first, second = pair
    client = Client(first, second)
    client.chain.head()
    first.kill()
    assert [client.chain.head() for _ in range(3)] == [0, 0, 0]
    assert client.warnings == [f"node {first.place}: no connection; going on with {second.place}"]


def test_node_in_use_stays_in_use_when_the_first_comes_back(pair):
    first, second = pair
    client = Client(first, second)
    first.kill()
    client.chain.head()
    first.start()
    first.asked.clear()
    client.chain.head()
    assert first.asked == []


def test_node_that_hangs_is_left_after_the_time_of_a_quick_request(pair, monkeypatch):
    monkeypatch.setattr(pool, "QUICK_TIMEOUT_S", 0.3)
    first, second = pair
    client = Client(first, second)
    client.chain.head()
    first.hang_s = 5.0
    started = time.monotonic()
    client.chain.head()
    assert time.monotonic() - started < 1.5
    assert client.warnings == [f"node {first.place}: no answer in time; going on with {second.place}"]


def test_node_that_answers_nonsense_is_left(pair):
    first, second = pair
    client = Client(first, second)
    client.chain.head()
    first.answer = lambda request: ["no", "JSON-RPC"]
    client.chain.head()
    assert client.warnings == [
        f"node {first.place}: it answered with something else than JSON-RPC; going on with {second.place}"
    ]


@pytest.mark.parametrize(
    ("method", "result", "said"),
    [
        ("eth_chainId", "0x7", "chain 7 from block 0x"),
        ("eth_getBlockByNumber", {"hash": "0x" + "ab" * 32}, "from block 0xababababab…, expected chain"),
    ],
)
def test_node_of_another_chain_is_skipped_with_the_reason(make_node, method, result, said):
    first, stranger, third = make_node(), make_node(), make_node()
    stranger.answers[method] = result
    client = Client(first, stranger, third)
    client.chain.head()
    first.kill()
    client.chain.head()
    assert len(client.warnings) == 2
    assert client.warnings[0].startswith(f"node {stranger.place}: ")
    assert said in client.warnings[0]
    assert client.warnings[0].endswith("; skipped")
    assert client.warnings[1].endswith(f"going on with {third.place}")


def test_node_behind_what_was_seen_is_skipped_with_the_reason(make_node):
    first, behind, third = make_node(), make_node(), make_node()
    mine(first, 6)
    client = Client(first, behind, third)
    assert client.chain.head() == 6
    behind.lag_blocks = 1
    first.kill()
    assert client.chain.head() == 6
    assert client.warnings[0] == f"node {behind.place}: behind: its head is block 5, 6 was seen; skipped"


def test_node_far_behind_the_others_is_skipped_at_first_contact(pair):
    first, second = pair
    mine(first, 10)
    first.lag_blocks = 3
    client = Client(first, second)
    assert client.chain.head() == 10
    assert client.warnings == [f"node {first.place}: behind: its head is block 7, 8 was seen; skipped"]
    second.lag_blocks = 2
    assert Client(second, first).chain.head() == 8


def test_node_that_is_behind_is_waited_for_while_nobody_else_answers(pair):
    first, second = pair
    mine(first, 6)
    client = Client(first, second)
    client.chain.head()
    second.lag_blocks = 1
    first.kill()
    threading.Timer(0.5, lambda: setattr(second, "lag_blocks", 0)).start()
    assert client.chain.head() == 6


def test_node_that_stays_behind_is_not_used(pair, monkeypatch):
    monkeypatch.setattr(pool, "BEHIND_PATIENCE_S", 0.5)
    first, second = pair
    mine(first, 6)
    client = Client(first, second)
    client.chain.head()
    second.lag_blocks = 1
    first.kill()
    with pytest.raises(UnavailableError) as caught:
        client.chain.head()
    assert f"behind: its head is block 5, 6 was seen ({second.place})" in str(caught.value)
    assert f"no connection ({first.place})" in str(caught.value)


def test_node_that_stands_still_while_another_goes_on_is_left(pair, monkeypatch):
    monkeypatch.setattr(pool, "LOOK_AROUND_S", 0.1)
    first, second = pair
    mine(first, 3)
    client = Client(first, second)
    assert client.chain.head() == 3
    first.answers["eth_blockNumber"] = "0x3"
    deadline = time.monotonic() + 5
    while not client.warnings and time.monotonic() < deadline:
        mine(second, 1)
        time.sleep(0.05)
        client.chain.head()
    assert client.chain.head() > 3
    assert client.warnings[0].startswith(f"node {first.place}: it stands still at block 3 while {second.place} is at ")


def test_node_at_rest_with_the_others_is_not_left(pair, monkeypatch):
    monkeypatch.setattr(pool, "LOOK_AROUND_S", 0.05)
    client = Client(*pair)
    for _ in range(10):
        client.chain.head()
        time.sleep(0.02)
    assert client.warnings == []


def test_no_node_at_all_names_each_with_its_reason(pair):
    for node in pair:
        node.kill()
    with pytest.raises(UnavailableError, match="the chain is not available") as caught:
        Client(*pair).chain.head()
    assert all(node.place in str(caught.value) for node in pair)


def test_single_node_that_restarts_answers_again(make_node):
    node = make_node()
    client = Client(node)
    client.chain.head()
    node.kill()
    with pytest.raises(UnavailableError, match="the node is not available: no connection"):
        client.chain.head()
    node.start()
    assert client.chain.head() == 0
    assert client.warnings == [f"node {node.place}: no connection; it answers again"]


def test_url_never_appears_whole(make_node):
    node = make_node()
    node.kill()
    client = ChainClient(f"http://user:secret@{node.place}/key")
    with pytest.raises(UnavailableError) as caught:
        client.head()
    assert "secret" not in str(caught.value)
    assert "/key" not in str(caught.value)


@pytest.mark.parametrize("urls", ["", ",", "http://a:1,", "http://a:1,ftp://b", "http://a:70000", "http://"])
def test_list_with_a_url_that_is_none_is_a_configuration_error(urls):
    with pytest.raises(ConfigError, match="RPC URL"):
        ChainClient(urls)


def test_transaction_that_died_with_its_node_is_sent_again_once(pair):
    first, second = pair
    client = Client(first, second)
    before = client.count()
    first.keeps = True
    submission = client.submit()
    assert client.count() == before
    first.kill()
    receipt = client.sender.wait(submission, timeout_s=10)
    assert bytes(receipt["transactionHash"]) == submission.transaction_hash
    assert client.count() == before + 1
    assert client.warnings[1] == "sent again, as the node in use did not know them: 1 transactions"


def test_transactions_in_flight_are_sent_again_in_the_order_of_their_nonces(pair):
    first, second = pair
    client = Client(first, second)
    before = client.count()
    first.keeps = True
    submissions = [client.submit(bytes([number])) for number in range(8)]
    first.kill()
    later = client.submit(b"later")
    receipts = [client.sender.wait(each, timeout_s=10) for each in [*submissions, later]]
    assert [receipt["status"] for receipt in receipts] == [1] * 9
    assert [each.nonce for each in [*submissions, later]] == list(range(before, before + 9))
    assert client.count() == before + 9


def test_answer_that_the_node_took_with_it_leaves_one_transaction(pair):
    first, second = pair
    client = Client(first, second)
    before = client.count()
    first.dies_at = "eth_sendRawTransaction"
    receipt = client.sender.wait(client.submit(), timeout_s=10)
    assert receipt["status"] == 1
    assert client.count() == before + 1


def test_single_node_that_lost_its_pool_is_given_the_transaction_again(make_node):
    node = make_node()
    client = Client(node)
    before = client.count()
    node.keeps = True
    submission = client.submit()
    node.kill()
    node.keeps = False
    threading.Timer(0.8, node.start).start()
    assert client.sender.wait(submission, timeout_s=10)["status"] == 1
    assert client.count() == before + 1


def test_transaction_that_a_node_forgot_is_given_to_it_again(make_node, monkeypatch):
    monkeypatch.setattr(transactions, "CHECK_AFTER_S", 0.2)
    node = make_node()
    client = Client(node)
    node.keeps = True
    submission = client.submit()
    node.keeps = False
    assert client.sender.wait(submission, timeout_s=10)["status"] == 1
    assert client.warnings == ["sent again, as the node in use did not know them: 1 transactions"]


def test_transaction_whose_nonce_went_to_another_is_refused_at_once(pair):
    first, second = pair
    client, elsewhere = Client(first, second), Client(second)
    first.keeps = True
    submission = client.submit(b"one")
    elsewhere.sender.wait(elsewhere.submit(b"other"), timeout_s=10)
    first.kill()
    with pytest.raises(RefusedError, match="will never be in a block"):
        client.sender.wait(submission, timeout_s=60)


def test_nonce_under_way_is_not_given_out_again_by_a_node_that_forgot_it(make_node):
    node = make_node()
    client = Client(node)
    node.keeps = True
    first = client.submit(b"one")
    client.sender._accounts[client.account.address].following = None  # as after a refusal
    assert client.submit(b"two").nonce == first.nonce + 1


def test_sending_without_any_node_says_that_the_outcome_is_unknown(make_node, monkeypatch):
    monkeypatch.setattr(transactions, "SEND_ATTEMPTS", 1)
    node = make_node()
    client = Client(node)
    client.count()
    client.sender._fees()
    node.dies_at = "eth_sendRawTransaction"
    with pytest.raises(UnavailableError, match=r"whether transaction 0x[0-9a-f]{64} was taken is not known"):
        client.submit()


def test_stream_of_transactions_survives_nodes_that_die_in_turn(make_node, monkeypatch):
    monkeypatch.setattr(transactions, "CHECK_AFTER_S", 0.3)
    nodes = [make_node(), make_node(), make_node()]
    client = Client(*nodes)
    before = client.count()
    is_over = threading.Event()

    def kill_in_turn() -> None:
        number = 0
        while not is_over.wait(0.25):
            node = nodes[number % len(nodes)]
            node.kill()
            time.sleep(0.05)
            node.start()
            number += 1

    killer = threading.Thread(target=kill_in_turn)
    killer.start()
    try:
        for start in range(0, 40, 4):
            for node in nodes:
                node.keeps = start % 8 == 0
            submissions = [client.submit(bytes([start, offset])) for offset in range(4)]
            for node in nodes:
                node.keeps = False
            receipts = [client.sender.wait(each, timeout_s=60) for each in submissions]
            assert [receipt["status"] for receipt in receipts] == [1] * 4
    finally:
        is_over.set()
        killer.join()
    assert client.count() == before + 40
