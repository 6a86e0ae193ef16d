"""The pool: limits, replacement, order, and what a new head takes out of it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_node.core.types import Transaction
from chain_node.txpool import Pool, PoolFullError, PoolLimits, TransactionNotAdmittedError
from tests.unit.txpool.transactions import make_transaction, sender_address


def add(pool: Pool, transaction: Transaction, *, nonce: int = 0, now_ms: int = 0) -> bool:
    return pool.add(transaction, account_nonce=nonce, now_ms=now_ms)


def test_add_identical_bytes_twice_changes_nothing() -> None:
    pool = Pool()
    assert add(pool, make_transaction())
    assert not add(pool, make_transaction())
    assert len(pool) == 1


def test_add_replacement_with_same_price_is_refused() -> None:
    pool = Pool()
    add(pool, make_transaction(price=5))
    with pytest.raises(TransactionNotAdmittedError, match=r"^replacement transaction underpriced"):
        add(pool, make_transaction(price=5, data=b"other"))


def test_add_replacement_with_higher_price_takes_the_place() -> None:
    pool = Pool()
    add(pool, make_transaction(price=5))
    better = make_transaction(price=6)
    assert add(pool, better)
    assert list(pool.candidates()) == [better]
    assert pool.size_bytes == len(better.raw)


def test_add_replacement_with_lower_tip_is_refused() -> None:
    pool = Pool()
    add(pool, make_transaction(price=5, tip=3))
    with pytest.raises(TransactionNotAdmittedError, match=r"^replacement transaction underpriced"):
        add(pool, make_transaction(price=9, tip=2))


def test_add_more_than_the_limit_of_a_sender_is_refused() -> None:
    pool = Pool()
    for nonce in range(64):
        add(pool, make_transaction(nonce=nonce))
    with pytest.raises(TransactionNotAdmittedError, match=r"^account limit exceeded: 64 "):
        add(pool, make_transaction(nonce=64))


def test_add_replacement_is_accepted_when_the_sender_is_at_its_limit() -> None:
    pool = Pool()
    for nonce in range(64):
        add(pool, make_transaction(nonce=nonce))
    assert add(pool, make_transaction(nonce=3, price=1))


@pytest.mark.parametrize(("gap", "is_accepted"), [(0, True), (16, True), (17, False)])
def test_add_nonce_ahead_of_the_first_missing_one_is_bounded(gap: int, *, is_accepted: bool) -> None:
    pool = Pool()
    add(pool, make_transaction(nonce=7), nonce=7)
    ahead = make_transaction(nonce=8 + gap)
    if is_accepted:
        assert add(pool, ahead, nonce=7)
    else:
        with pytest.raises(TransactionNotAdmittedError, match=r"^nonce too high: 17 ahead"):
            add(pool, ahead, nonce=7)


def test_add_to_a_pool_that_holds_its_count_is_refused() -> None:
    pool = Pool(PoolLimits(count=2))
    add(pool, make_transaction(sender=1))
    add(pool, make_transaction(sender=2))
    with pytest.raises(PoolFullError, match="at most 2 transactions"):
        add(pool, make_transaction(sender=3))


def test_add_to_a_pool_that_holds_its_bytes_is_refused() -> None:
    first = make_transaction(sender=1)
    pool = Pool(PoolLimits(size_bytes=len(first.raw) + 10))
    add(pool, first)
    with pytest.raises(PoolFullError, match="bytes"):
        add(pool, make_transaction(sender=2))


def test_candidates_come_by_price_then_arrival_with_nonces_in_order() -> None:
    pool = Pool()
    early = make_transaction(sender=1, nonce=0, price=1)
    late = make_transaction(sender=2, nonce=0, price=1)
    dear_but_second = make_transaction(sender=1, nonce=1, price=9)
    dearest = make_transaction(sender=3, nonce=0, price=5)
    for transaction in (early, late, dear_but_second, dearest):
        add(pool, transaction)
    assert list(pool.candidates()) == [dearest, early, dear_but_second, late]


def test_candidates_leave_out_what_cannot_pay_the_base_fee_and_what_follows_it() -> None:
    pool = Pool()
    poor, after_poor = make_transaction(sender=1, price=6), make_transaction(sender=1, nonce=1, price=20)
    rich = make_transaction(sender=2, price=7)
    for transaction in (poor, after_poor, rich):
        add(pool, transaction)
    assert list(pool.candidates(base_fee_per_gas=7)) == [rich]


def test_candidates_stop_at_a_missing_nonce() -> None:
    pool = Pool()
    add(pool, make_transaction(nonce=1))
    assert not pool.has_executable
    assert list(pool.candidates()) == []
    add(pool, make_transaction(nonce=0))
    assert pool.has_executable
    assert [transaction.nonce for transaction in pool.candidates()] == [0, 1]


def test_on_block_takes_out_what_was_included_and_what_it_overtook() -> None:
    pool = Pool()
    for nonce in range(3):
        add(pool, make_transaction(nonce=nonce))
    elsewhere = make_transaction(nonce=1, data=b"sent through another node")
    pool.on_block([make_transaction(nonce=0), elsewhere])
    assert [transaction.nonce for transaction in pool.candidates()] == [2]
    assert pool.get(make_transaction(nonce=1).hash) is None


def test_expire_drops_what_waited_for_ten_minutes() -> None:
    pool = Pool()
    add(pool, make_transaction(sender=1), now_ms=0)
    add(pool, make_transaction(sender=2), now_ms=1)
    assert pool.expire(600_000) == 1
    assert pool.get(make_transaction(sender=1).hash) is None
    assert len(pool) == 1


def test_next_nonce_counts_executable_transactions_only() -> None:
    pool = Pool()
    for nonce in (5, 6, 8):
        add(pool, make_transaction(nonce=nonce), nonce=5)
    assert pool.next_nonce(sender_address(1), 5) == 7
    assert pool.next_nonce(sender_address(2), 3) == 3


def test_content_tells_executable_from_waiting_for_a_nonce() -> None:
    pool = Pool()
    for nonce in (0, 2):
        add(pool, make_transaction(nonce=nonce))
    pending, queued = pool.content()
    assert [t.nonce for t in pending[sender_address(1)]] == [0]
    assert [t.nonce for t in queued[sender_address(1)]] == [2]


def test_drop_takes_out_by_hash_and_ignores_the_unknown() -> None:
    pool = Pool()
    add(pool, make_transaction())
    pool.drop([make_transaction().hash, make_transaction(sender=9).hash])
    assert len(pool) == 0
    assert pool.size_bytes == 0


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 7)), max_size=30), st.integers(0, 4))
def test_candidates_of_one_price_come_in_the_order_that_sorting_would_give(
    arrivals: list[tuple[int, int]], included: int
) -> None:
    pool = Pool()
    for sender, nonce in arrivals:
        with suppress(TransactionNotAdmittedError):
            add(pool, make_transaction(sender=sender, nonce=nonce))
    pool.on_block(list(pool.candidates())[:included])
    assert list(pool.candidates()) == list(pool._candidates_by_tip(0))


def test_pool_of_one_sender_takes_what_its_limit_says() -> None:
    pool = Pool(PoolLimits(per_sender=3_000))
    for nonce in range(3_000):
        add(pool, make_transaction(nonce=nonce))
    assert pool.next_nonce(sender_address(1), 0) == 3_000
    pool.on_block(list(pool.candidates())[:2_999])
    assert [transaction.nonce for transaction in pool.candidates()] == [2_999]
