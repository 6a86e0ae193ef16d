"""Admission: every refusal with the words clients know."""

from dataclasses import replace

import pytest

from chain_node.core.limits import TRANSACTION_SIZE_BYTES_MAX
from chain_node.core.types import Address, Transaction
from chain_node.txpool import AdmissionRules, SenderState, TransactionNotAdmittedError, validate_admission
from chain_node.txpool.admission import CREATION_CODE_SIZE_BYTES_MAX, compute_intrinsic_gas
from tests.unit.txpool.transactions import make_transaction

RULES = AdmissionRules(
    chain_id=170919,
    gas_limit=60_000_000,
    per_transaction_gas_limit=8_000_000,
    base_fee_per_gas=0,
    transaction_type_max=2,
)
SENDER = SenderState(nonce=5, balance=1_000_000)


@pytest.mark.parametrize(
    ("transaction", "message"),
    [
        (make_transaction(nonce=4), "nonce too low: next nonce 5, tx nonce 4"),
        (make_transaction(nonce=5, gas=20_999), "intrinsic gas too low: gas 20999, minimum needed 21000"),
        (make_transaction(nonce=5, gas=60_000_001), "exceeds block gas limit: gas 60000001, limit 60000000"),
        (make_transaction(nonce=5, gas=8_000_001), "exceeds gas limit per transaction: gas 8000001, limit 8000000"),
        (make_transaction(nonce=5, chain_id=1), "invalid chain id: have 1, want 170919"),
        (make_transaction(nonce=5, chain_id=None), r"only replay-protected \(EIP-155\) transactions allowed over RPC"),
        (
            make_transaction(nonce=5, value=1_000_001),
            r"insufficient funds for gas \* price \+ value: balance 1000000, tx cost 1000001",
        ),
        (make_transaction(nonce=5, price=48), r"insufficient funds for gas \* price \+ value: .* tx cost 1008000"),
        (
            make_transaction(nonce=5, to=None, gas=8_000_000, data=b"x" * (CREATION_CODE_SIZE_BYTES_MAX + 1)),
            "max initcode size exceeded: code size 49153, limit 49152",
        ),
        (make_transaction(nonce=5, gas=8_000_000, data=b"x" * TRANSACTION_SIZE_BYTES_MAX), "oversized data"),
    ],
)
def test_admission_refuses_with_known_words(transaction: Transaction, message: str) -> None:
    with pytest.raises(TransactionNotAdmittedError, match=f"^{message}"):
        validate_admission(transaction, RULES, SENDER)


def test_admission_refuses_a_price_below_the_base_fee() -> None:
    rules = replace(RULES, base_fee_per_gas=7)
    with pytest.raises(TransactionNotAdmittedError, match=r"^max fee per gas less than block base fee: .* baseFee 7"):
        validate_admission(make_transaction(nonce=5, price=6), rules, SENDER)


def test_admission_says_that_gas_is_free_where_a_price_is_all_that_is_wrong() -> None:
    with pytest.raises(TransactionNotAdmittedError, match=r"gas is free here, a price of 0 will do$"):
        validate_admission(make_transaction(nonce=5, price=48), RULES, SENDER)
    for rules, value in ((RULES, 1_000_001), (replace(RULES, base_fee_per_gas=7), 0)):
        with pytest.raises(TransactionNotAdmittedError, match=r"tx cost \d+$"):
            validate_admission(make_transaction(nonce=5, price=48, value=value), rules, SENDER)


@pytest.mark.parametrize("nonce", [5, 6])
def test_admission_accepts_what_can_be_executed_now_or_later(nonce: int) -> None:
    validate_admission(make_transaction(nonce=nonce, value=1_000_000), RULES, SENDER)


def test_intrinsic_gas_counts_bytes_creation_and_access_list() -> None:
    plain = make_transaction(data=b"\x00\x01\x00\x02")
    assert compute_intrinsic_gas(plain) == 21_000 + 2 * 4 + 2 * 16
    creation = make_transaction(to=None, data=b"\x01")
    assert compute_intrinsic_gas(creation) == 53_000 + 16
    listed = replace(make_transaction(), access_list=((Address(b"\x01" * 20), (b"\x00" * 32, b"\x01" * 32)),))
    assert compute_intrinsic_gas(listed) == 21_000 + 2_400 + 2 * 1_900


def test_admission_refuses_a_type_that_the_fork_does_not_know() -> None:
    berlin = replace(RULES, transaction_type_max=1)
    with pytest.raises(TransactionNotAdmittedError, match=r"^transaction type not supported: type 2"):
        validate_admission(make_transaction(nonce=5, tip=0), berlin, SENDER)
