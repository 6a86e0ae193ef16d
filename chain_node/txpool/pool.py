"""The pool: transactions by sender and nonce, in the order a proposer should try them. No I/O, no clock.

Everything in it was admitted (`admission.py`) and is bounded by `PoolLimits`. One thread only: the caller sees to it.
What a transaction costs here, from coming to going, does not grow with what waits.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from chain_node.core.types import Address, Hash32, Transaction
from chain_node.txpool.errors import PoolFullError, TransactionNotAdmittedError


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How much may wait."""

    per_sender: int = 64
    """Transactions of one sender."""
    nonce_gap: int = 16
    """How far a nonce may lie ahead of the first missing one."""
    lifetime_ms: int = 10 * 60 * 1000
    """A transaction that waits longer is dropped."""
    count: int = 20_000
    """Transactions of all senders."""
    size_bytes: int = 128 * 1024 * 1024
    """Sum of the encoded transactions."""


class Waiting(NamedTuple):
    """One transaction and when it came."""

    transaction: Transaction
    arrival: int
    """Position in the order of arrival."""
    arrived_ms: int
    """Time of arrival, on the caller's clock."""


class _Queue:
    """Transactions of one sender by nonce, and the nonce its account has on chain."""

    __slots__ = ("missing_nonce", "nonce", "waiting_by_nonce")

    def __init__(self, nonce: int) -> None:
        self.nonce = nonce
        self.missing_nonce = nonce
        """The first from `nonce` on that no transaction has; those below it are executable."""
        self.waiting_by_nonce: dict[int, Waiting] = {}

    def find_missing(self, start: int) -> None:
        """Look for the first missing nonce, from one on below which none is missing."""
        nonce = start
        while nonce in self.waiting_by_nonce:
            nonce += 1
        self.missing_nonce = nonce

    def take_below(self, nonce: int) -> list[Waiting]:
        """Take out what has a smaller nonce."""
        waiting = self.waiting_by_nonce
        if nonce - self.nonce <= len(waiting):
            return [waiting.pop(below) for below in range(self.nonce, nonce) if below in waiting]
        return [waiting.pop(below) for below in [one for one in waiting if one < nonce]]


class Pool:
    """Waiting transactions. Replacing one needs a strictly higher price; identical bytes change nothing."""

    def __init__(self, limits: PoolLimits | None = None) -> None:
        self._limits = limits or PoolLimits()
        self._queue_by_sender: dict[Address, _Queue] = {}
        self._waiting_by_hash: dict[Hash32, Waiting] = {}
        """In the order of arrival."""
        self._count_by_price: Counter[tuple[int, int]] = Counter()
        """Transactions by their two fees: with one price there is nothing to sort."""
        self._executable_senders: set[Address] = set()
        self._size_bytes = 0
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._waiting_by_hash)

    @property
    def size_bytes(self) -> int:
        """Sum of the encoded transactions."""
        return self._size_bytes

    def get(self, transaction_hash: Hash32) -> Transaction | None:
        """The waiting transaction with this hash."""
        waiting = self._waiting_by_hash.get(transaction_hash)
        return None if waiting is None else waiting.transaction

    def add(self, transaction: Transaction, *, account_nonce: int, now_ms: int) -> bool:
        """Let an admitted transaction wait.

        Args:
            transaction: already through `validate_admission` on the head's state.
            account_nonce: the sender's nonce in the head's state.
            now_ms: time of arrival.

        Returns:
            False if the very same transaction waits already.

        Raises:
            TransactionNotAdmittedError: too many of this sender, nonce too far ahead, or a replacement that is not
                priced higher.
            PoolFullError: the pool is full.
        """
        if transaction.hash in self._waiting_by_hash:
            return False
        queue = self._queue_by_sender.get(transaction.sender) or _Queue(account_nonce)
        nonce = transaction.nonce
        replaced = queue.waiting_by_nonce.get(nonce)
        if replaced is None:
            self._validate_room(transaction, queue)
        else:
            _validate_replacement(transaction, replaced.transaction)
            self._forget(replaced)
        waiting = Waiting(transaction, self._arrivals, now_ms)
        self._arrivals += 1
        queue.waiting_by_nonce[nonce] = waiting
        self._queue_by_sender[transaction.sender] = queue
        if nonce == queue.missing_nonce:
            queue.find_missing(nonce + 1)
            self._executable_senders.add(transaction.sender)
        self._waiting_by_hash[transaction.hash] = waiting
        self._count_by_price[transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas] += 1
        self._size_bytes += len(transaction.raw)
        return True

    def next_nonce(self, sender: Address, account_nonce: int) -> int:
        """The nonce after the sender's executable transactions: its transaction count in the pending block."""
        queue = self._queue_by_sender.get(sender)
        return account_nonce if queue is None else max(account_nonce, queue.missing_nonce)

    def candidates(self, base_fee_per_gas: int = 0) -> Iterator[Transaction]:
        """Executable transactions: highest tip first, then earliest arrival, each sender's in the order of nonces.

        The pool must not change while the iterator is in use; take a list for another thread.
        """
        if len(self._count_by_price) > 1:
            return self._candidates_by_tip(base_fee_per_gas)
        if any(max_fee < base_fee_per_gas for max_fee, _ in self._count_by_price):
            return iter(())
        return self._candidates_by_arrival()

    @property
    def has_executable(self) -> bool:
        """Whether any transaction could go into the next block, as far as nonces tell."""
        return bool(self._executable_senders)

    def drop(self, transaction_hashes: Iterable[Hash32]) -> None:
        """Take transactions out, because they can never be included."""
        for transaction_hash in transaction_hashes:
            waiting = self._waiting_by_hash.get(transaction_hash)
            if waiting is not None:
                self._remove(waiting)

    def on_block(self, transactions: Iterable[Transaction]) -> None:
        """Take out what a new head included and what its nonces make impossible."""
        self.advance({transaction.sender: transaction.nonce + 1 for transaction in transactions})

    def advance(self, nonce_by_sender: Mapping[Address, int]) -> None:
        """Move senders to the nonces their accounts have now; what lies below is dropped."""
        for sender, nonce in nonce_by_sender.items():
            queue = self._queue_by_sender.get(sender)
            if queue is None:
                continue
            for waiting in queue.take_below(nonce):
                self._forget(waiting)
            is_within = queue.nonce <= nonce <= queue.missing_nonce
            queue.nonce = nonce
            if not is_within:
                queue.find_missing(nonce)
            self._settle(sender, queue)

    def expire(self, now_ms: int) -> int:
        """Drop what has waited longer than its lifetime; gives how many that were."""
        limit_ms = now_ms - self._limits.lifetime_ms
        # Insertion order is order of arrival, so the old ones come first.
        expired = []
        for waiting in self._waiting_by_hash.values():
            if waiting.arrived_ms > limit_ms:
                break
            expired.append(waiting)
        for waiting in expired:
            self._remove(waiting)
        return len(expired)

    def content(self) -> tuple[dict[Address, list[Transaction]], dict[Address, list[Transaction]]]:
        """Executable transactions and those behind a missing nonce, by sender, each in the order of nonces."""
        pending: dict[Address, list[Transaction]] = {}
        queued: dict[Address, list[Transaction]] = {}
        for sender, queue in self._queue_by_sender.items():
            for nonce in sorted(queue.waiting_by_nonce):
                side = pending if nonce < queue.missing_nonce else queued
                side.setdefault(sender, []).append(queue.waiting_by_nonce[nonce].transaction)
        return pending, queued

    def _candidates_by_tip(self, base_fee_per_gas: int) -> Iterator[Transaction]:
        heads: list[tuple[int, int, Transaction]] = []
        for queue in self._queue_by_sender.values():
            _push(heads, queue, queue.nonce, base_fee_per_gas)
        while heads:
            _, _, transaction = heapq.heappop(heads)
            yield transaction
            _push(heads, self._queue_by_sender[transaction.sender], transaction.nonce + 1, base_fee_per_gas)

    def _candidates_by_arrival(self) -> Iterator[Transaction]:
        """The same order where all have one price: a transaction whose nonce came too early follows the one before."""
        next_nonce_by_sender: dict[Address, int] = {}
        for transaction, arrival, _ in self._waiting_by_hash.values():
            sender = transaction.sender
            queue = self._queue_by_sender[sender]
            if transaction.nonce != next_nonce_by_sender.get(sender, queue.nonce):
                continue
            yield transaction
            nonce = transaction.nonce + 1
            while (waiting := queue.waiting_by_nonce.get(nonce)) is not None and waiting.arrival < arrival:
                yield waiting.transaction
                nonce += 1
            next_nonce_by_sender[sender] = nonce

    def _validate_room(self, transaction: Transaction, queue: _Queue) -> None:
        limits = self._limits
        if len(queue.waiting_by_nonce) >= limits.per_sender:
            raise TransactionNotAdmittedError(
                f"account limit exceeded: {limits.per_sender} transactions of this sender wait already"
            )
        gap = transaction.nonce - queue.missing_nonce
        if gap > limits.nonce_gap:
            raise TransactionNotAdmittedError(
                f"nonce too high: {gap} ahead of the first missing nonce, at most {limits.nonce_gap} allowed"
            )
        if len(self._waiting_by_hash) >= limits.count:
            raise PoolFullError(limits.count, "transactions")
        if self._size_bytes + len(transaction.raw) > limits.size_bytes:
            raise PoolFullError(limits.size_bytes, "bytes")

    def _remove(self, waiting: Waiting) -> None:
        self._forget(waiting)
        transaction = waiting.transaction
        queue = self._queue_by_sender[transaction.sender]
        del queue.waiting_by_nonce[transaction.nonce]
        if queue.nonce <= transaction.nonce < queue.missing_nonce:
            queue.missing_nonce = transaction.nonce
        self._settle(transaction.sender, queue)

    def _settle(self, sender: Address, queue: _Queue) -> None:
        """After something was taken out of a queue."""
        if not queue.waiting_by_nonce:
            del self._queue_by_sender[sender]
        if queue.missing_nonce > queue.nonce:
            self._executable_senders.add(sender)
        else:
            self._executable_senders.discard(sender)

    def _forget(self, waiting: Waiting) -> None:
        transaction = waiting.transaction
        del self._waiting_by_hash[transaction.hash]
        self._size_bytes -= len(transaction.raw)
        price = (transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas)
        self._count_by_price[price] -= 1
        if not self._count_by_price[price]:
            del self._count_by_price[price]


def _validate_replacement(transaction: Transaction, waiting: Transaction) -> None:
    if (
        transaction.max_fee_per_gas <= waiting.max_fee_per_gas
        or transaction.max_priority_fee_per_gas < waiting.max_priority_fee_per_gas
    ):
        raise TransactionNotAdmittedError(
            f"replacement transaction underpriced: nonce {waiting.nonce} waits with a price of "
            f"{waiting.max_fee_per_gas} wei, a strictly higher one is needed"
        )


def _push(heads: list[tuple[int, int, Transaction]], queue: _Queue, nonce: int, base_fee_per_gas: int) -> None:
    waiting = queue.waiting_by_nonce.get(nonce)
    if waiting is None or waiting.transaction.max_fee_per_gas < base_fee_per_gas:
        return
    transaction = waiting.transaction
    tip = min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - base_fee_per_gas)
    heapq.heappush(heads, (-tip, waiting.arrival, transaction))
