"""The pool against a simple model, with operations in any order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chain_node.core.types import Transaction
from chain_node.txpool import Pool, PoolFullError, PoolLimits, TransactionNotAdmittedError
from tests.unit.txpool.transactions import make_transaction, sender_address

LIMITS = PoolLimits(per_sender=4, nonce_gap=3, lifetime_ms=50, count=9, size_bytes=700)
SENDERS = st.integers(1, 4)


class PoolMachine(RuleBasedStateMachine):
    """One rule per operation; the model is a plain list of (transaction, time of arrival)."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool(LIMITS)
        self.waiting: list[tuple[Transaction, int]] = []
        self.nonce_by_sender = dict.fromkeys(range(1, 5), 0)
        self.now_ms = 0

    def model(self, sender: int) -> dict[int, Transaction]:
        return {t.nonce: t for t, _ in self.waiting if t.sender == sender_address(sender)}

    @rule(sender=SENDERS, ahead=st.integers(0, 8), price=st.integers(0, 3), salt=st.integers(0, 1))
    def add(self, sender: int, ahead: int, price: int, salt: int) -> None:
        account_nonce = self.nonce_by_sender[sender]
        transaction = make_transaction(sender=sender, nonce=account_nonce + ahead, price=price, data=bytes(salt))
        known = any(t.hash == transaction.hash for t, _ in self.waiting)
        own = self.model(sender)
        replaced = own.get(transaction.nonce)
        missing = next(n for n in range(account_nonce, account_nonce + 100) if n not in own)
        try:
            is_new = self.pool.add(transaction, account_nonce=account_nonce, now_ms=self.now_ms)
        except TransactionNotAdmittedError:
            if replaced is not None:
                assert transaction.max_fee_per_gas <= replaced.max_fee_per_gas
            else:
                assert len(own) >= LIMITS.per_sender or transaction.nonce - missing > LIMITS.nonce_gap
        except PoolFullError:
            size = sum(len(t.raw) for t, _ in self.waiting)
            assert len(self.waiting) >= LIMITS.count or size + len(transaction.raw) > LIMITS.size_bytes
        else:
            assert is_new != known
            if is_new:
                self.waiting = [(t, ms) for t, ms in self.waiting if t is not replaced]
                self.waiting.append((transaction, self.now_ms))

    @rule(milliseconds=st.integers(1, 40))
    def wait(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        expired = [t for t, ms in self.waiting if ms <= self.now_ms - LIMITS.lifetime_ms]
        assert self.pool.expire(self.now_ms) == len(expired)
        self.waiting = [(t, ms) for t, ms in self.waiting if t not in expired]

    @rule(count=st.integers(1, 6))
    def import_candidates(self, count: int) -> None:
        block = [transaction for transaction, _ in zip(self.pool.candidates(), range(count), strict=False)]
        self.pool.on_block(block)
        for transaction in block:
            self.nonce_by_sender[int.from_bytes(transaction.sender, "big")] += 1
        self.waiting = [(t, ms) for t, ms in self.waiting if t not in block]

    @rule(sender=SENDERS, count=st.integers(1, 3))
    def import_from_elsewhere(self, sender: int, count: int) -> None:
        first = self.nonce_by_sender[sender]
        self.pool.on_block([make_transaction(sender=sender, nonce=first + i, data=b"else") for i in range(count)])
        self.nonce_by_sender[sender] += count
        self.waiting = [
            (t, ms) for t, ms in self.waiting if t.sender != sender_address(sender) or t.nonce >= first + count
        ]

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        transaction, _ = data.draw(st.sampled_from(self.waiting))
        self.pool.drop([transaction.hash])
        self.waiting = [(t, ms) for t, ms in self.waiting if t is not transaction]

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert len(self.pool) == len(self.waiting) <= LIMITS.count
        assert self.pool.size_bytes == sum(len(t.raw) for t, _ in self.waiting) <= LIMITS.size_bytes
        assert all(self.pool.get(t.hash) is t for t, _ in self.waiting)

    @invariant()
    def candidates_are_executable_and_ordered(self) -> None:
        candidates = list(self.pool.candidates())
        assert self.pool.has_executable == bool(candidates)
        for sender in range(1, 5):
            own = self.model(sender)
            nonces = [t.nonce for t in candidates if t.sender == sender_address(sender)]
            first = self.nonce_by_sender[sender]
            missing = next(n for n in range(first, first + 100) if n not in own)
            assert nonces == list(range(first, missing))
            assert self.pool.next_nonce(sender_address(sender), first) == missing


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPool = PoolMachine.TestCase
