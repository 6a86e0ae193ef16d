"""Sending transactions: fees, nonces, local signatures, receipts. One object per connection owns the nonces.

A transaction that a node took may die with that node. Its bytes are kept until its receipt is there, and sent again,
in the order of their nonces, whenever another node is in use: the same bytes are the same transaction, once.
"""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.exceptions import TransactionNotFound
from web3.types import TxReceipt

from client.sdk.errors import RefusedError, UnavailableError
from client.sdk.hashing import address_text
from client.sdk.nodes import NodePool
from client.sdk.rpc import NodeRefusedError, translated

RECEIPT_POLL_S_FIRST = 0.02
RECEIPT_POLL_S_MAX = 0.1
CHECK_AFTER_S = 5.0
"""While a transaction has no receipt, the node is asked this often whether it still knows it."""
SEND_ATTEMPTS = 5
UNSETTLED_MAX = 256
"""Transactions of one account without a receipt that are kept for another node; nodes hold fewer."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A transaction that a node took."""

    transaction_hash: bytes
    raw: bytes
    """The signed bytes; sending them again is harmless."""
    nonce: int
    gas: int
    sender: str
    to: str | None
    """None for a contract's creation."""
    data: bytes

    @property
    def name(self) -> str:
        """The hash as people write it."""
        return "0x" + self.transaction_hash.hex()


@dataclass(slots=True)
class _AccountState:
    """What is under way of one account."""

    following: int | None = None
    """The next nonce; None means: ask the chain."""
    unsettled: deque[Submission] = field(default_factory=lambda: deque(maxlen=UNSETTLED_MAX))
    """In the order of their nonces."""
    generation: int = 0
    """That of the nodes at which the unsettled ones were last seen."""
    lock: Lock = field(default_factory=Lock)


class TransactionSender:
    """Signs and submits transactions of any number of accounts over one connection. Thread-safe."""

    def __init__(self, web3: Web3, chain_id: int, nodes: NodePool, *, warn: Callable[[str], None] = _log.warning):
        """Use the connection of `web3` to `nodes`; `chain_id` goes into every signature."""
        self._web3, self._chain_id, self._nodes, self._warn = web3, chain_id, nodes, warn
        self._accounts: defaultdict[str, _AccountState] = defaultdict(_AccountState)
        self._free_fees: dict[str, Any] | None = None

    def submit(self, account: LocalAccount, *, to: str | None, data: bytes, gas: int) -> Submission:
        """Sign with the account's next nonce and hand to the node; `wait` must follow.

        Raises:
            RefusedError: the node does not take it. The nonce is not used up.
            UnavailableError: no node after several attempts with the same bytes; whether it was taken is unknown,
                and the next submission asks the chain for its nonce again.
        """
        fees = self._fees()
        state = self._accounts[account.address]
        with state.lock:
            if state.generation != self._nodes.generation:
                self._restore(state)
            known, state.following = state.following, None
            nonce = self._next_nonce(account.address, state) if known is None else known
            tx = {**fees, "to": address_text(to) if to else b"", "data": data, "gas": gas, "nonce": nonce, "value": 0}
            submission = self._signed(account, tx)
            try:
                self._hand_over(submission)
            except NodeRefusedError:
                lost = self._restore(state)
                tx["nonce"] = self._next_nonce(account.address, state)
                if tx["nonce"] == nonce and not lost:
                    raise  # otherwise those before it are there now, or the account was used elsewhere meanwhile
                submission = self._signed(account, tx)
                self._hand_over(submission)
            state.following = submission.nonce + 1
            state.unsettled.append(submission)
        return submission

    def wait(self, submission: Submission, *, timeout_s: float) -> TxReceipt:
        """Return the receipt, polling fast at first; sees to it that the node in use knows the transaction.

        Raises:
            RefusedError: the account's nonce went to another transaction.
            UnavailableError: not in a block after `timeout_s`, or no node for that long.
        """
        state = self._accounts[submission.sender]
        started = checked = time.monotonic()
        pause_s, why = RECEIPT_POLL_S_FIRST, ""
        try:
            while True:
                receipt = self._receipt(submission.transaction_hash)
                if receipt is not None:
                    return receipt
                now = time.monotonic()
                if now - started > timeout_s:
                    state.following = None
                    late = f"transaction {submission.name} is not in a block after {timeout_s:.0f} s"
                    raise UnavailableError("the chain", f"{late}: {why}" if why else late)
                if state.generation != self._nodes.generation or now - checked > CHECK_AFTER_S:
                    why, checked = self._made_known(state, submission), now
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.5, RECEIPT_POLL_S_MAX)
        finally:
            with state.lock:
                if submission in state.unsettled:
                    state.unsettled.remove(submission)

    def _next_nonce(self, address: str, state: _AccountState) -> int:
        """Return the nonce after all that the node knows and all that is under way, wherever it is known."""
        pending = self._transaction_count(address, "pending")
        return max(pending, state.unsettled[-1].nonce + 1) if state.unsettled else pending

    def _restore(self, state: _AccountState) -> dict[bytes, str]:
        """Send again what is under way and unknown to the node in use; return these with "" or why it takes them not.

        Raises:
            UnavailableError: no node; the same is due again at the next call.
        """
        lost: dict[bytes, str] = {}
        generation = self._nodes.generation
        for submission in state.unsettled:
            if self._is_known(submission.transaction_hash):
                continue
            try:
                self._hand_over(submission)
                lost[submission.transaction_hash] = ""
            except NodeRefusedError as error:
                lost[submission.transaction_hash] = error.why
        state.generation = generation  # where it changed meanwhile, the same is due again
        taken = [transaction_hash for transaction_hash, why in lost.items() if not why]
        if taken:
            self._warn(f"sent again, as the node in use did not know them: {len(taken)} transactions")
        return lost

    def _made_known(self, state: _AccountState, submission: Submission) -> str:
        """See to it that the node in use knows a transaction that has no receipt; return why it does not, or ""."""
        try:
            with state.lock:
                why = self._restore(state).get(submission.transaction_hash, "")
            if why and self._is_replaced(submission):
                used = f"transaction {submission.name} will never be in a block: its account used the nonce for another"
                raise RefusedError("the chain", used, "look at the account's transactions, then try again")
        except UnavailableError as error:
            return str(error)
        return why

    def _is_replaced(self, submission: Submission) -> bool:
        """Return whether another transaction has its nonce; asked in this order, a block in between changes nothing."""
        count = self._transaction_count(submission.sender, "latest")
        return count > submission.nonce and self._receipt(submission.transaction_hash) is None

    def _receipt(self, transaction_hash: bytes) -> TxReceipt | None:
        try:
            with translated():
                return self._web3.eth.get_transaction_receipt(transaction_hash)  # type: ignore[arg-type]  # 32 bytes
        except (NodeRefusedError, UnavailableError) as error:
            if isinstance(error, UnavailableError) or isinstance(error.__cause__, TransactionNotFound):
                return None
            raise

    def _signed(self, account: LocalAccount, tx: dict[str, Any]) -> Submission:
        signed = account.sign_transaction({**tx, "chainId": self._chain_id})
        return Submission(
            transaction_hash=bytes(signed.hash),
            raw=bytes(signed.raw_transaction),
            nonce=tx["nonce"],
            gas=tx["gas"],
            sender=account.address,
            to=tx["to"] or None,
            data=tx["data"],
        )

    def _hand_over(self, submission: Submission) -> None:
        for attempt in range(1, SEND_ATTEMPTS + 1):
            try:
                with translated():
                    self._web3.eth.send_raw_transaction(submission.raw)
                return
            except UnavailableError as error:
                if attempt == SEND_ATTEMPTS:
                    unknown = f"{error.why}; whether transaction {submission.name} was taken is not known"
                    raise UnavailableError(error.service, unknown) from error
                time.sleep(0.1 * 2**attempt)
            except NodeRefusedError:
                if self._is_known(submission.transaction_hash):
                    return  # an earlier attempt arrived, only its answer did not
                raise

    def _is_known(self, transaction_hash: bytes) -> bool:
        try:
            with translated():
                self._web3.eth.get_transaction(transaction_hash)  # type: ignore[arg-type]  # 32 bytes
        except NodeRefusedError:
            return False
        return True

    def _transaction_count(self, address: str, block: Literal["latest", "pending"]) -> int:
        with translated():
            return self._web3.eth.get_transaction_count(address_text(address), block)

    def _fees(self) -> dict[str, Any]:
        """Return the fee fields: zero where the chain asks nothing, so that they need asking only once."""
        if self._free_fees is not None:
            return self._free_fees
        with translated():
            base_fee = self._web3.eth.get_block("latest").get("baseFeePerGas")
            price = self._web3.eth.gas_price
        if base_fee is None:
            fees: dict[str, Any] = {"gasPrice": price}
        else:
            tip = max(0, price - base_fee)
            fees = {"type": 2, "maxFeePerGas": 2 * base_fee + tip, "maxPriorityFeePerGas": tip}
        if price == 0:
            self._free_fees = fees
        return fees
