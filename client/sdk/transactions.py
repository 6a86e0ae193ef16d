"""Sending transactions: fees, nonces, local signatures, receipts. One object per connection owns the nonces."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.exceptions import TransactionNotFound
from web3.types import TxReceipt

from client.sdk.errors import UnavailableError
from client.sdk.hashing import address_text
from client.sdk.rpc import NodeRefusedError, translated

RECEIPT_POLL_S_FIRST = 0.02
RECEIPT_POLL_S_MAX = 0.1
RESEND_AFTER_S = 5.0
"""A transaction without a receipt is sent again after this long: a node that restarted may have forgotten it."""
SEND_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A transaction that a node took."""

    transaction_hash: bytes
    raw: bytes
    """The signed bytes; sending them again is harmless."""
    gas: int
    sender: str
    to: str | None
    """None for a contract's creation."""
    data: bytes


@dataclass(slots=True)
class _Nonces:
    """Next nonce of one account; None means: ask the chain."""

    following: int | None = None
    lock: Lock = field(default_factory=Lock)


class TransactionSender:
    """Signs and submits transactions of any number of accounts over one connection. Thread-safe."""

    def __init__(self, web3: Web3, chain_id: int):
        """Use the connection of `web3`; `chain_id` goes into every signature."""
        self._web3, self._chain_id = web3, chain_id
        self._nonces: defaultdict[str, _Nonces] = defaultdict(_Nonces)
        self._free_fees: dict[str, Any] | None = None

    def submit(self, account: LocalAccount, *, to: str | None, data: bytes, gas: int) -> Submission:
        """Sign with the account's next nonce and hand to the node.

        Raises:
            RefusedError: the node does not take it. The nonce is not used up.
            UnavailableError: no node after several attempts with the same bytes; whether it was taken is unknown,
                and the next submission asks the chain for its nonce again.
        """
        fees = self._fees()
        nonces = self._nonces[account.address]
        with nonces.lock:
            known, nonces.following = nonces.following, None
            nonce = self._pending_nonce(account.address) if known is None else known
            tx = {**fees, "to": address_text(to) if to else b"", "data": data, "gas": gas, "nonce": nonce, "value": 0}
            try:
                submission = self._sign_and_hand_over(account, tx)
            except NodeRefusedError:
                tx["nonce"] = self._pending_nonce(account.address)
                if tx["nonce"] == nonce:
                    raise
                nonce = tx["nonce"]  # the account was used elsewhere meanwhile
                submission = self._sign_and_hand_over(account, tx)
            nonces.following = nonce + 1
        return submission

    def wait(self, submission: Submission, *, timeout_s: float) -> TxReceipt:
        """Return the receipt, polling fast at first; sends the bytes again now and then while there is none.

        Raises:
            UnavailableError: not in a block after `timeout_s`, or no node for that long.
        """
        started = resent = time.monotonic()
        pause_s = RECEIPT_POLL_S_FIRST
        while True:
            receipt = self._receipt(submission.transaction_hash)
            if receipt is not None:
                return receipt
            now = time.monotonic()
            if now - started > timeout_s:
                shown = "0x" + submission.transaction_hash.hex()
                raise UnavailableError("the chain", f"transaction {shown} is not in a block after {timeout_s:.0f} s")
            if now - resent > RESEND_AFTER_S:
                self._send_again(submission)
                resent = now
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, RECEIPT_POLL_S_MAX)

    def _receipt(self, transaction_hash: bytes) -> TxReceipt | None:
        try:
            with translated():
                return self._web3.eth.get_transaction_receipt(transaction_hash)  # type: ignore[arg-type]  # 32 bytes
        except (NodeRefusedError, UnavailableError) as error:
            if isinstance(error, UnavailableError) or isinstance(error.__cause__, TransactionNotFound):
                return None
            raise

    def _sign_and_hand_over(self, account: LocalAccount, tx: dict[str, Any]) -> Submission:
        signed = account.sign_transaction({**tx, "chainId": self._chain_id})
        submission = Submission(
            transaction_hash=bytes(signed.hash),
            raw=bytes(signed.raw_transaction),
            gas=tx["gas"],
            sender=account.address,
            to=tx["to"] or None,
            data=tx["data"],
        )
        self._hand_over(submission)
        return submission

    def _send_again(self, submission: Submission) -> None:
        try:
            self._hand_over(submission)
        except (NodeRefusedError, UnavailableError):
            return

    def _hand_over(self, submission: Submission) -> None:
        for attempt in range(1, SEND_ATTEMPTS + 1):
            try:
                with translated():
                    self._web3.eth.send_raw_transaction(submission.raw)
                return
            except UnavailableError:
                if attempt == SEND_ATTEMPTS:
                    raise
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

    def _pending_nonce(self, address: str) -> int:
        with translated():
            return self._web3.eth.get_transaction_count(address_text(address), "pending")

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
