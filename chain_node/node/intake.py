"""Where transactions come in: decoding, the sender rule, admission, the pool. Event loop only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from chain_node.consensus.qbft.header_rules import compute_base_fee
from chain_node.core.errors import ChainError, InvalidInputError, InvalidTransactionError
from chain_node.core.genesis import Fork
from chain_node.core.types import Address, Hash32, Height, Transaction
from chain_node.execution import StateView
from chain_node.node.block_maker import compute_gas_limit
from chain_node.node.chain import Chain
from chain_node.node.decoding import Decoded, TransactionDecoder
from chain_node.rpc import NextBlock
from chain_node.txpool import (
    AdmissionRules,
    PermissionCache,
    Pool,
    PoolFullError,
    SenderNotPermittedError,
    SenderRule,
    SenderState,
    TransactionNotAdmittedError,
    validate_admission,
)

_TYPE_MAX_BY_FORK: dict[Fork, int] = {"istanbul": 0, "berlin": 1, "london": 2}

_REASON_BY_ERROR: dict[type[Exception], str] = {
    SenderNotPermittedError: "sender_not_permitted",
    TransactionNotAdmittedError: "not_admitted",
    PoolFullError: "pool_full",
}

NewTransactions = Callable[[Sequence[Transaction]], None]

_STANDINGS_MAX = 50_000
"""Senders whose state is remembered until the next head."""


class Intake:
    """Implements `TransactionIntake` of the RPC over the pool and the head's state."""

    def __init__(
        self,
        chain: Chain,
        pool: Pool,
        clock_ms: Callable[[], int],
        on_new: NewTransactions,
        on_submitted: NewTransactions = lambda _: None,
        decoder: TransactionDecoder | None = None,
    ) -> None:
        """`on_new` hears of all transactions that begin to wait, `on_submitted` of those that came by RPC."""
        self._chain = chain
        self.pool = pool
        self.decoder = decoder or TransactionDecoder(chain.engine.decode_transactions)
        self._clock_ms = clock_ms
        self._on_new = on_new
        self._on_submitted = on_submitted
        self.taken: Counter[str] = Counter(rpc=0, peer=0)
        """Transactions that began to wait, by where they came from."""
        self.refused: Counter[str] = Counter(dict.fromkeys((*_REASON_BY_ERROR.values(), "malformed"), 0))
        """Transactions that came by RPC and were not taken, by class of reason."""
        self._permissions = PermissionCache()
        self._standing_by_sender: dict[Address, SenderState] = {}
        self._state: StateView
        self._rule: SenderRule
        self._rules: AdmissionRules
        self.on_head()

    def on_head(self) -> None:
        """Judge by the newest block from now on."""
        header = self._chain.head().header
        genesis = self._chain.genesis
        self._state = self._chain.state(header.state_root)
        self._standing_by_sender.clear()
        self._rule = self._permissions.rule_on(self._state)
        self._rules = AdmissionRules(
            chain_id=genesis.chain_id,
            gas_limit=compute_gas_limit(header, genesis),
            per_transaction_gas_limit=genesis.qbft.per_tx_gas_limit,
            base_fee_per_gas=compute_base_fee(header, genesis) or 0,
            transaction_type_max=_TYPE_MAX_BY_FORK[genesis.schedule.fork_at(Height(header.number + 1))],
        )

    def submit(self, raw: bytes) -> Hash32:
        """Take a signed transaction; the same bytes again give the same hash, included or not."""
        (answer,) = self._submit(self.decoder.decode([raw]))
        if isinstance(answer, ChainError):
            raise answer
        return answer

    async def submit_all(self, raws: Sequence[bytes]) -> list[Hash32 | ChainError]:
        """Take signed transactions as `submit` does; for each one the hash, or why it was not taken."""
        return self._submit(await self.decoder.decode_soon(raws))

    async def take_from_peer(self, raws: Sequence[bytes]) -> list[Transaction]:
        """Take transactions that another node has admitted; gives those that began to wait here.

        Raises:
            InvalidInputError: one is malformed; those before it were taken. What only rules or state of this moment
                refuse is dropped.
        """
        all_decoded = await self.decoder.decode_soon(raws)
        timestamp = self._earliest_timestamp()
        taken: list[Transaction] = []
        malformed: InvalidInputError | None = None
        for decoded in all_decoded:
            if isinstance(decoded, InvalidInputError):
                malformed = decoded
                break
            with suppress(InvalidTransactionError, PoolFullError):
                if self._place(decoded, timestamp):
                    taken.append(decoded)
        self.taken["peer"] += len(taken)
        if taken:
            self._on_new(taken)
        if malformed is not None:
            raise malformed
        return taken

    def _submit(self, decoded: Sequence[Decoded]) -> list[Hash32 | ChainError]:
        timestamp = self._earliest_timestamp()
        answers: list[Hash32 | ChainError] = []
        taken: list[Transaction] = []
        for one in decoded:
            try:
                if isinstance(one, InvalidInputError):
                    raise one
                if self._place(one, timestamp):
                    taken.append(one)
                answers.append(one.hash)
            except (InvalidInputError, PoolFullError) as error:
                answers.append(self._find_included(one, error) or error)
        self.taken["rpc"] += len(taken)
        if taken:
            self._on_new(taken)
            self._on_submitted(taken)
        return answers

    def get(self, transaction_hash: Hash32) -> Transaction | None:
        """A waiting transaction."""
        return self.pool.get(transaction_hash)

    def next_block(self) -> NextBlock:
        """The block to come."""
        head = self._chain.head()
        return NextBlock(
            height=Height(head.height + 1),
            parent=head,
            timestamp=self._earliest_timestamp(),
            gas_limit=compute_gas_limit(head.header, self._chain.genesis),
            base_fee_per_gas=self._chain.base_fee_after(head),
        )

    def find(self, hashes: Sequence[Hash32]) -> list[Transaction | None]:
        """Transactions that wait or came lately, by their hashes."""
        return [self.pool.get(one) or self.decoder.get(one) for one in hashes]

    def next_nonce(self, sender: Address) -> int:
        """The sender's transaction count with its waiting executable transactions."""
        return self.pool.next_nonce(sender, self._sender_state(sender).nonce)

    def content(self) -> tuple[dict[Address, list[Transaction]], dict[Address, list[Transaction]]]:
        """Executable transactions and those behind a missing nonce, by sender."""
        return self.pool.content()

    def check_sender(self, sender: Address, to: Address | None) -> None:
        """Judge the sender rule on the newest state."""
        self._rule.validate_sender(sender, to, self._earliest_timestamp())

    def _place(self, transaction: Transaction, timestamp: int) -> bool:
        """Let a transaction wait, if it may; false if it waits already."""
        if self.pool.get(transaction.hash) is not None:
            return False
        self._rule.validate(transaction, timestamp)
        sender = self._sender_state(transaction.sender)
        validate_admission(transaction, self._rules, sender)
        return self.pool.add(transaction, account_nonce=sender.nonce, now_ms=self._clock_ms())

    def _find_included(self, refused: Decoded, error: ChainError) -> Hash32 | None:
        """The hash of a transaction that is refused because it is in a block already; others are counted."""
        if isinstance(error, TransactionNotAdmittedError) and isinstance(refused, Transaction):
            transaction_hash = refused.hash
            if self._chain.locate(transaction_hash) is not None:
                return transaction_hash
        self.refused[_REASON_BY_ERROR.get(type(error), "malformed")] += 1
        return None

    def _earliest_timestamp(self) -> int:
        """The next block's timestamp, as far as it is known."""
        spacing = self._chain.genesis.qbft.timestamp_spacing_seconds
        return max(self._chain.head().header.timestamp + spacing, self._clock_ms() // 1000)

    def _sender_state(self, sender: Address) -> SenderState:
        standing = self._standing_by_sender.get(sender)
        if standing is None:
            account = self._state.account(sender)
            standing = SenderState(0, 0) if account is None else SenderState(account.nonce, account.balance)
            if len(self._standing_by_sender) >= _STANDINGS_MAX:
                self._standing_by_sender.clear()
            self._standing_by_sender[sender] = standing
        return standing
