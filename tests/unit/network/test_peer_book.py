import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_node.core.errors import ConfigError
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.network.peer_book import BookLimits, PeerBook, parse_endpoint

OWN, ALICE, BOB = (TlsKeyHash(letter * 32) for letter in (b"o", b"a", b"b"))
NOBODY: frozenset[TlsKeyHash] = frozenset()


def record(key: TlsKeyHash, endpoint: str) -> NodeRecord:
    return NodeRecord(tls_key_hash=key, validator=None, organisation=1, endpoint=endpoint)


def book_of(*static: str, limits: BookLimits | None = None, seed: int = 1) -> PeerBook:
    return PeerBook(static, random.Random(seed), limits or BookLimits())


def test_book_dials_static_and_recorded_endpoints_but_not_its_own() -> None:
    book = book_of("one:1")
    book.learn([record(ALICE, "alice:1"), record(OWN, "self:1"), record(BOB, "not an endpoint")], OWN)
    assert book.due(0.0, NOBODY) == ["one:1", "alice:1"]


def test_book_does_not_dial_who_is_linked_under_way_or_banned() -> None:
    book = book_of()
    book.learn([record(ALICE, "alice:1"), record(BOB, "bob:1")], OWN)
    assert book.due(0.0, {ALICE}) == ["bob:1"]
    book.on_dialled("bob:1")
    assert book.due(0.0, {ALICE}) == []
    assert book.punish(ALICE, 100, 0.0)
    assert book.due(1.0, NOBODY) == []
    assert book.due(121.0, NOBODY) == ["alice:1"]


def test_book_endpoint_that_turns_out_to_be_its_own_is_not_dialled_again() -> None:
    book = book_of("127.0.0.1:1")
    book.on_dialled("127.0.0.1:1")
    book.on_met("127.0.0.1:1", OWN, is_own=True)
    book.on_failed("127.0.0.1:1", 0.0, is_refused=True)
    assert book.due(1e9, NOBODY) == []


def test_book_static_endpoint_of_a_linked_node_is_not_dialled_once_met() -> None:
    book = book_of("x:1")
    book.on_dialled("x:1")
    book.on_met("x:1", ALICE, is_own=False)
    book.on_lost("x:1", 10.0, lasted_seconds=1.0)
    assert book.due(20.0, {ALICE}) == []
    assert book.due(20.0, NOBODY) == ["x:1"]


@pytest.mark.parametrize(("is_refused", "longest"), [(False, 8.0), (True, 30.0)])
def test_book_backoff_doubles_with_jitter_up_to_its_bound(is_refused: bool, longest: float) -> None:
    book = book_of("x:1")
    delays = [book.on_failed("x:1", 0.0, is_refused=is_refused) for _ in range(40)]
    for number, delay in enumerate(delays):
        whole = min(longest, 0.25 * 2**number)
        assert whole / 2 <= delay <= whole
    assert len(set(delays[10:])) == 30


def test_book_backoff_differs_from_node_to_node() -> None:
    first, second = book_of("x:1", seed=1), book_of("x:1", seed=2)
    assert first.on_failed("x:1", 0.0, is_refused=False) != second.on_failed("x:1", 0.0, is_refused=False)


def test_book_is_due_again_when_the_backoff_is_over() -> None:
    book = book_of("x:1")
    book.on_dialled("x:1")
    delay = book.on_failed("x:1", 100.0, is_refused=False)
    assert book.due(100.0 + delay - 0.001, NOBODY) == []
    assert book.due(100.0 + delay, NOBODY) == ["x:1"]


def test_book_link_that_lasted_forgives_failures_a_short_one_does_not() -> None:
    book = book_of("x:1")
    for _ in range(10):
        book.on_failed("x:1", 0.0, is_refused=False)
    book.on_lost("x:1", 0.0, lasted_seconds=4.9)
    assert book.on_failed("x:1", 0.0, is_refused=False) >= 4.0
    book.on_lost("x:1", 0.0, lasted_seconds=5.0)
    assert book.on_failed("x:1", 0.0, is_refused=False) <= 0.5


def test_book_changed_record_is_due_at_once_and_a_removed_one_never() -> None:
    book = book_of()
    book.learn([record(ALICE, "x:1")], OWN)
    for _ in range(10):
        book.on_failed("x:1", 0.0, is_refused=True)
    assert book.due(0.1, NOBODY) == []
    book.learn([record(ALICE, "x:1")], OWN)
    assert book.due(0.1, NOBODY) == []
    book.learn([record(BOB, "x:1")], OWN)
    assert book.due(0.1, NOBODY) == ["x:1"]
    book.learn([], OWN)
    assert book.due(1e9, NOBODY) == []
    assert book.on_failed("x:1", 0.0, is_refused=False) == 0.0


def test_book_static_endpoint_stays_when_its_record_goes() -> None:
    book = book_of("x:1")
    book.learn([record(ALICE, "x:1")], OWN)
    book.learn([], OWN)
    assert book.due(0.0, NOBODY) == ["x:1"]


def test_book_points_add_up_fade_and_ban_for_minutes() -> None:
    book = book_of()
    assert not book.punish(ALICE, 60, 0.0)
    assert book.points(ALICE, 20.0) == 40
    assert not book.punish(ALICE, 59, 20.0)
    assert book.punish(ALICE, 1, 20.0)
    assert book.is_banned(ALICE, 139.9)
    assert not book.is_banned(ALICE, 140.0)
    assert not book.is_banned(BOB, 21.0)
    assert book.bans == {ALICE.hex(): 1}
    assert book.points(BOB, 0.0) == 0


def test_book_address_has_a_bound_on_strangers_connections_and_pace() -> None:
    limits = BookLimits(
        strangers_max=3,
        strangers_per_address_max=2,
        connections_per_address_max=3,
        accepts_burst=5,
        accepts_per_second=1,
    )
    book = book_of(limits=limits)
    assert [book.refuse_accept("10.0.0.1", 0.0) for _ in range(2)] == [None, None]
    assert book.refuse_accept("10.0.0.1", 0.0) == "too many handshakes at once"
    book.on_known("10.0.0.1")
    book.on_known("10.0.0.1")
    assert book.refuse_accept("10.0.0.1", 0.0) is None
    book.on_known("10.0.0.1")
    assert book.refuse_accept("10.0.0.1", 0.0) == "too many connections from one address"
    for _ in range(2):
        book.on_left("10.0.0.1", was_known=True)
        assert book.refuse_accept("10.0.0.1", 0.0) is None
        book.on_left("10.0.0.1", was_known=False)
        book.refuse_accept("10.0.0.2", 0.0)
    assert book.refuse_accept("10.0.0.1", 0.0) == "connections come too fast from one address"
    assert book.refuse_accept("10.0.0.3", 0.0) is None
    assert book.refuse_accept("10.0.0.4", 0.0) == "too many handshakes at once"
    assert book.refuse_accept("10.0.0.1", 1.0) == "too many handshakes at once"
    book.on_left("10.0.0.3", was_known=False)
    assert book.refuse_accept("10.0.0.1", 1.0) is None


def test_book_ipv6_network_counts_as_one_address() -> None:
    book = book_of(limits=BookLimits(strangers_per_address_max=1))
    assert book.refuse_accept("2001:db8::1", 0.0) is None
    assert book.refuse_accept("2001:db8::2", 0.0) is not None
    assert book.refuse_accept("2001:db8:0:1::2", 0.0) is None
    assert book.refuse_accept("::ffff:10.0.0.1", 0.0) is None
    assert book.refuse_accept("10.0.0.1", 0.0) is not None


def test_book_remembers_a_bounded_number_of_addresses() -> None:
    book = book_of()
    for number in range(25_000):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        assert book.refuse_accept(address, number * 1.0) is None
        book.on_left(address, was_known=False)
    assert len(book._doorway_by_address) <= 10_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host:1", ("host", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("::1:80", None),
        ("host:0", None),
        ("host:65536", None),
        ("host", None),
        (":80", None),
        ("[]:80", None),
        ("a b:80", None),
        ("host:٣", None),
        ("x\n:80", None),
    ],
)
def test_endpoint_forms(text: str, expected: tuple[str, int] | None) -> None:
    assert parse_endpoint(text) == expected


@given(st.text(max_size=60))
def test_book_any_recorded_endpoint_is_taken_or_left(text: str) -> None:
    book = book_of()
    book.learn([record(ALICE, text)], OWN)
    assert len(book.due(0.0, NOBODY)) == (parse_endpoint(text) is not None)


def test_book_bad_static_endpoint_stops_the_node() -> None:
    with pytest.raises(ConfigError, match="p2p_peers: got 'nonsense', expected HOST:PORT"):
        book_of("nonsense")
