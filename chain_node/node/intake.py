"""Where transactions come in: decoding, the sender rule, admission, the pool. Event loop only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from chain_node.consensus.qbft.header_rules import compute_base_fee
from chain_node.core.codec import decode_transaction
from chain_node.core.errors import InvalidInputError, InvalidTransactionError
from chain_node.core.genesis import Fork
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32, Height, Transaction
from chain_node.execution import StateView
from chain_node.node.block_maker import compute_gas_limit
from chain_node.node.chain import Chain
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

NewTransaction = Callable[[Transaction], None]


class Intake:
    """Implements `TransactionIntake` of the RPC over the pool and the head's state."""

    def __init__(
        self,
        chain: Chain,
        pool: Pool,
        clock_ms: Callable[[], int],
        on_new: NewTransaction,
        on_submitted: NewTransaction = lambda _: None,
    ) -> None:
        """`on_new` hears of every transaction that begins to wait, `on_submitted` of those that came by RPC."""
        self._chain = chain
        self.pool = pool
        self._clock_ms = clock_ms
        self._on_new = on_new
        self._on_submitted = on_submitted
        self.taken: Counter[str] = Counter(rpc=0, peer=0)
        """Transactions that began to wait, by where they came from."""
        self.refused: Counter[str] = Counter(dict.fromkeys((*_REASON_BY_ERROR.values(), "malformed"), 0))
        """Transactions that came by RPC and were not taken, by class of reason."""
        self._permissions = PermissionCache()
        self._state: StateView
        self._rule: SenderRule
        self._rules: AdmissionRules
        self.on_head()

    def on_head(self) -> None:
        """Judge by the newest block from now on."""
        header = self._chain.head().header
        genesis = self._chain.genesis
        self._state = self._chain.state(header.state_root)
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
        try:
            return self._submit(raw)
        except (InvalidInputError, PoolFullError) as error:
            self.refused[_REASON_BY_ERROR.get(type(error), "malformed")] += 1
            raise

    def _submit(self, raw: bytes) -> Hash32:
        transaction_hash = keccak(raw)
        if self.pool.get(transaction_hash) is not None:
            return transaction_hash
        transaction = decode_transaction(raw)
        self._rule.validate(transaction, self._earliest_timestamp())
        sender = self._sender_state(transaction.sender)
        try:
            validate_admission(transaction, self._rules, sender)
        except InvalidTransactionError:
            if self._chain.locate(transaction_hash) is None:
                raise
            return transaction_hash
        if self._add(transaction, sender):
            self.taken["rpc"] += 1
            self._on_submitted(transaction)
        return transaction_hash

    def take_from_peer(self, raw: bytes) -> bool:
        """Take a transaction that another node has admitted; gives whether it began to wait here.

        Raises:
            InvalidInputError: it is malformed. What only rules or state of this moment refuse is dropped.
        """
        if self.pool.get(keccak(raw)) is not None:
            return False
        transaction = decode_transaction(raw)
        try:
            self._rule.validate(transaction, self._earliest_timestamp())
            sender = self._sender_state(transaction.sender)
            validate_admission(transaction, self._rules, sender)
            is_new = self._add(transaction, sender)
        except (InvalidTransactionError, PoolFullError):
            return False
        self.taken["peer"] += is_new
        return is_new

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

    def next_nonce(self, sender: Address) -> int:
        """The sender's transaction count with its waiting executable transactions."""
        return self.pool.next_nonce(sender, self._sender_state(sender).nonce)

    def content(self) -> tuple[dict[Address, list[Transaction]], dict[Address, list[Transaction]]]:
        """Executable transactions and those behind a missing nonce, by sender."""
        return self.pool.content()

    def check_sender(self, sender: Address, to: Address | None) -> None:
        """Judge the sender rule on the newest state."""
        self._rule.validate_sender(sender, to, self._earliest_timestamp())

    def _add(self, transaction: Transaction, sender: SenderState) -> bool:
        is_new = self.pool.add(transaction, account_nonce=sender.nonce, now_ms=self._clock_ms())
        if is_new:
            self._on_new(transaction)
        return is_new

    def _earliest_timestamp(self) -> int:
        """The next block's timestamp, as far as it is known."""
        spacing = self._chain.genesis.qbft.timestamp_spacing_seconds
        return max(self._chain.head().header.timestamp + spacing, self._clock_ms() // 1000)

    def _sender_state(self, sender: Address) -> SenderState:
        account = self._state.account(sender)
        return SenderState(0, 0) if account is None else SenderState(account.nonce, account.balance)
