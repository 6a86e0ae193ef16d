"""May a transaction wait here at all? Judged once, on the head's state, when it arrives. No I/O.

Most checks repeat what execution would say, so that the sender hears it at once and with the words its client
knows; the limits on size and creation code are the pool's own.

Source: Ethereum Yellow Paper, section 6.2 (intrinsic gas); EIP-2028, EIP-2930, EIP-155.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_node.core.limits import TRANSACTION_SIZE_BYTES_MAX
from chain_node.core.types import Transaction
from chain_node.txpool.errors import TransactionNotAdmittedError

CREATION_CODE_SIZE_BYTES_MAX = 2 * 24_576
"""Creation code that a waiting transaction may carry: twice the largest contract. Source: EIP-3860."""

_TRANSACTION_GAS, _CREATION_GAS = 21_000, 32_000
_ZERO_BYTE_GAS, _BYTE_GAS = 4, 16
_ACCESS_ADDRESS_GAS, _ACCESS_KEY_GAS = 2_400, 1_900


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """What does not depend on the sender: parameters of the network and of the head."""

    chain_id: int
    """Every transaction must be signed for it."""
    gas_limit: int
    """Gas limit of the next block."""
    per_transaction_gas_limit: int
    """Gas one transaction may ask for; 0 means up to the block's limit."""
    base_fee_per_gas: int
    """Wei; 0 where nothing is paid."""
    transaction_type_max: int
    """Highest type of transaction that the fork of the next block knows: 0, 1 or 2."""


@dataclass(frozen=True, slots=True)
class SenderState:
    """What the head's state says of a sender."""

    nonce: int
    """Nonce of the sender's next executable transaction."""
    balance: int
    """Wei."""


def validate_admission(transaction: Transaction, rules: AdmissionRules, sender: SenderState) -> None:
    """Check a transaction against the network's limits and the sender's account.

    Raises:
        TransactionNotAdmittedError: with a reason that begins with the words geth uses.
    """
    _validate_limits(transaction, rules)
    if transaction.nonce < sender.nonce:
        raise TransactionNotAdmittedError(f"nonce too low: next nonce {sender.nonce}, tx nonce {transaction.nonce}")
    required = compute_intrinsic_gas(transaction)
    if transaction.gas < required:
        raise TransactionNotAdmittedError(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {required}")
    cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
    if cost > sender.balance:
        is_price_needless = rules.base_fee_per_gas == 0 and transaction.value <= sender.balance
        way_out = "; gas is free here, a price of 0 will do" if is_price_needless else ""
        raise TransactionNotAdmittedError(
            f"insufficient funds for gas * price + value: balance {sender.balance}, tx cost {cost}{way_out}"
        )


def _validate_limits(transaction: Transaction, rules: AdmissionRules) -> None:
    if len(transaction.raw) > TRANSACTION_SIZE_BYTES_MAX:
        raise TransactionNotAdmittedError(
            f"oversized data: transaction size {len(transaction.raw)}, limit {TRANSACTION_SIZE_BYTES_MAX}"
        )
    if transaction.type > rules.transaction_type_max:
        raise TransactionNotAdmittedError(
            f"transaction type not supported: type {transaction.type}, at most {rules.transaction_type_max} now"
        )
    if transaction.chain_id is None:
        raise TransactionNotAdmittedError("only replay-protected (EIP-155) transactions allowed over RPC")
    if transaction.chain_id != rules.chain_id:
        raise TransactionNotAdmittedError(f"invalid chain id: have {transaction.chain_id}, want {rules.chain_id}")
    if transaction.gas > rules.gas_limit:
        raise TransactionNotAdmittedError(f"exceeds block gas limit: gas {transaction.gas}, limit {rules.gas_limit}")
    if 0 < rules.per_transaction_gas_limit < transaction.gas:
        raise TransactionNotAdmittedError(
            f"exceeds gas limit per transaction: gas {transaction.gas}, limit {rules.per_transaction_gas_limit}"
        )
    if transaction.to is None and len(transaction.data) > CREATION_CODE_SIZE_BYTES_MAX:
        raise TransactionNotAdmittedError(
            f"max initcode size exceeded: code size {len(transaction.data)}, limit {CREATION_CODE_SIZE_BYTES_MAX}"
        )
    if transaction.max_fee_per_gas < rules.base_fee_per_gas:
        raise TransactionNotAdmittedError(
            f"max fee per gas less than block base fee: maxFeePerGas {transaction.max_fee_per_gas}, "
            f"baseFee {rules.base_fee_per_gas}"
        )


def compute_intrinsic_gas(transaction: Transaction) -> int:
    """Gas that a transaction costs before its first instruction, under the rules of Berlin and London."""
    zero_count = transaction.data.count(0)
    key_count = sum(len(keys) for _, keys in transaction.access_list)
    return (
        _TRANSACTION_GAS
        + (_CREATION_GAS if transaction.to is None else 0)
        + zero_count * _ZERO_BYTE_GAS
        + (len(transaction.data) - zero_count) * _BYTE_GAS
        + len(transaction.access_list) * _ACCESS_ADDRESS_GAS
        + key_count * _ACCESS_KEY_GAS
    )
