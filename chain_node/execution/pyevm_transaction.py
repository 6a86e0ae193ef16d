"""Executing one transaction or call on a state: the rules around the message that py-evm then runs.

The coinbase is credited only when there is a fee, so that with gas prices of 0 an account that does not exist is not
created; one that exists and is empty is removed, as ever when a transaction touches it.
Source: Ethereum Yellow Paper, section 6; EIP-1559, EIP-2028, EIP-2200, EIP-2930, EIP-3529, EIP-3607.
"""

from typing import Any, NamedTuple

from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.exceptions import ContractCreationCollision
from eth.vm.forks.frontier.transaction_context import FrontierTransactionContext
from eth.vm.message import Message

from chain_node.core.genesis import Fork
from chain_node.core.hashing import keccak
from chain_node.core.rlp import encode_bytes, scalar, wrap_list
from chain_node.core.trie import logs_bloom
from chain_node.core.types import AccessList, Address, Log, Receipt, Transaction
from chain_node.execution.account import EMPTY_CODE_HASH
from chain_node.execution.errors import TransactionRefusedError
from chain_node.execution.pyevm_state import State
from chain_node.execution.types import CallRequest, CallResult

_GAS_TRANSACTION = 21_000
_GAS_CREATION = 32_000
_GAS_ZERO_BYTE = 4
_GAS_BYTE = 16
_GAS_LISTED_ADDRESS = 2_400
_GAS_LISTED_SLOT = 1_900
_GAS_SELF_DESTRUCT_REFUND = 24_000
_NONCE_MAX = 2**64 - 2
_REFUND_DIVISOR: dict[Fork, int] = {"istanbul": 2, "berlin": 2, "london": 5}
_TYPES: dict[Fork, tuple[int, ...]] = {"istanbul": (0,), "berlin": (0, 1), "london": (0, 1, 2)}


class Outcome(NamedTuple):
    """A message that was run, and what it used."""

    computation: Any
    gas_used: int


def compute_intrinsic_gas(*, data: bytes, access_list: AccessList, is_creation: bool) -> int:
    """Gas a transaction costs before its code runs."""
    zeros = data.count(0)
    slots = sum(len(keys) for _, keys in access_list)
    return (
        _GAS_TRANSACTION
        + (_GAS_CREATION if is_creation else 0)
        + _GAS_ZERO_BYTE * zeros
        + _GAS_BYTE * (len(data) - zeros)
        + _GAS_LISTED_ADDRESS * len(access_list)
        + _GAS_LISTED_SLOT * slots
    )


def compute_contract_address(sender: Address, nonce: int) -> Address:
    """Address of the contract that the sender's transaction with this nonce creates."""
    return Address(keccak(wrap_list(encode_bytes(sender) + encode_bytes(scalar(nonce))))[12:])


def validate_transaction(
    state: State, transaction: Transaction, *, fork: Fork, chain_id: int, gas_available: int, gas_max: int
) -> None:
    """Check that a transaction can be included at this place of a block.

    Args:
        gas_available: gas left in the block.
        gas_max: gas one transaction may ask for.

    Raises:
        TransactionRefusedError: with the first rule that is broken.
    """
    if transaction.type not in _TYPES[fork]:
        raise TransactionRefusedError(f"transaction type {transaction.type} is not known to {fork}", is_final=True)
    if transaction.chain_id not in (None, chain_id):
        raise TransactionRefusedError(f"chain id {transaction.chain_id}, expected {chain_id}", is_final=True)
    if transaction.gas > gas_max:
        raise TransactionRefusedError(f"gas {transaction.gas}, at most {gas_max} per transaction", is_final=True)
    intrinsic_gas = compute_intrinsic_gas(
        data=transaction.data, access_list=transaction.access_list, is_creation=transaction.to is None
    )
    if transaction.gas < intrinsic_gas:
        raise TransactionRefusedError(
            f"intrinsic gas too low: have {transaction.gas}, want {intrinsic_gas}", is_final=True
        )
    if transaction.gas > gas_available:
        raise TransactionRefusedError(f"gas {transaction.gas}, {gas_available} left in the block", is_final=False)
    nonce = state.get_nonce(transaction.sender)
    if transaction.nonce != nonce:
        relation = "low" if transaction.nonce < nonce else "high"
        raise TransactionRefusedError(
            f"nonce too {relation}: got {transaction.nonce}, expected {nonce}", is_final=transaction.nonce < nonce
        )
    if nonce > _NONCE_MAX:
        raise TransactionRefusedError("nonce is at its end", is_final=True)
    if state.get_code_hash(transaction.sender) != EMPTY_CODE_HASH:
        raise TransactionRefusedError("the sender is a contract", is_final=False)
    base_fee = state.context.base_fee_per_gas or 0
    if transaction.max_fee_per_gas < base_fee:
        raise TransactionRefusedError(
            f"max fee per gas {transaction.max_fee_per_gas} below base fee {base_fee}", is_final=False
        )
    cost = transaction.gas * transaction.max_fee_per_gas + transaction.value
    balance = state.get_balance(transaction.sender)
    if balance < cost:
        raise TransactionRefusedError(f"insufficient funds: have {balance}, want {cost}", is_final=False)


def apply_transaction(state: State, transaction: Transaction, fork: Fork) -> Outcome:
    """Execute a validated transaction on the state."""
    base_fee = state.context.base_fee_per_gas or 0
    gas_price = min(transaction.max_fee_per_gas, base_fee + transaction.max_priority_fee_per_gas)
    sender, to = transaction.sender, transaction.to
    _begin(state, fork, sender=sender, access_list=transaction.access_list)
    if gas_price:
        state.delta_balance(sender, -transaction.gas * gas_price)
    state.increment_nonce(sender)
    intrinsic_gas = compute_intrinsic_gas(
        data=transaction.data, access_list=transaction.access_list, is_creation=to is None
    )
    message = _make_message(
        state,
        sender=sender,
        to=to,
        create_address=None if to is not None else compute_contract_address(sender, transaction.nonce),
        gas=transaction.gas - intrinsic_gas,
        value=transaction.value,
        data=transaction.data,
    )
    computation = _run(state, message, gas_price=gas_price, origin=sender)
    gas_used = _settle(computation, gas=transaction.gas, fork=fork)
    if gas_price:
        state.delta_balance(sender, (transaction.gas - gas_used) * gas_price)
    tip = gas_used * (gas_price - base_fee) if gas_price else 0
    if tip:
        state.delta_balance(state.context.coinbase, tip)
    else:
        state.touch_account(state.context.coinbase)
    _destroy_accounts(state, computation)
    return Outcome(computation, gas_used)


def apply_call(state: State, request: CallRequest, fork: Fork, *, create_address: Address | None = None) -> Outcome:
    """Execute a call on the state without a nonce, a fee or a signature.

    Args:
        create_address: where a creation puts its contract; by default where the sender's next one would go.

    Raises:
        TransactionRefusedError: the gas does not cover the intrinsic gas, or the sender lacks the value.
    """
    is_creation = request.to is None
    intrinsic_gas = compute_intrinsic_gas(data=request.data, access_list=request.access_list, is_creation=is_creation)
    if request.gas < intrinsic_gas:
        raise TransactionRefusedError(f"intrinsic gas too low: have {request.gas}, want {intrinsic_gas}", is_final=True)
    balance = state.get_balance(request.sender)
    if balance < request.value:
        raise TransactionRefusedError(f"insufficient funds: have {balance}, want {request.value}", is_final=False)
    _begin(state, fork, sender=request.sender, access_list=request.access_list)
    nonce = state.get_nonce(request.sender)
    if is_creation and create_address is None:
        create_address = compute_contract_address(request.sender, nonce)
        state.set_nonce(request.sender, nonce + 1)
    message = _make_message(
        state,
        sender=request.sender,
        to=request.to,
        create_address=create_address,
        gas=request.gas - intrinsic_gas,
        value=request.value,
        data=request.data,
    )
    computation = _run(state, message, gas_price=request.gas_price, origin=request.sender)
    gas_used = _settle(computation, gas=request.gas, fork=fork)
    _destroy_accounts(state, computation)
    return Outcome(computation, gas_used)


def make_receipt(outcome: Outcome, *, transaction_type: int, cumulative_gas_used: int) -> Receipt:
    """The receipt of an executed transaction."""
    logs = tuple(
        Log(address=Address(address), topics=tuple(topic.to_bytes(32, "big") for topic in topics), data=data)
        for address, topics, data in outcome.computation.get_log_entries()
    )
    return Receipt(
        transaction_type=transaction_type,
        status=0 if outcome.computation.is_error else 1,
        cumulative_gas_used=cumulative_gas_used,
        logs_bloom=logs_bloom(logs),
        logs=logs,
    )


def make_call_result(outcome: Outcome) -> CallResult:
    """The result of an executed call."""
    computation = outcome.computation
    return CallResult(
        status=0 if computation.is_error else 1,
        return_data=bytes(computation.output),
        gas_used=outcome.gas_used,
        error=describe_error(computation),
    )


def describe_error(computation: Any) -> str | None:
    """Why a computation failed, in the words clients know; None if it did not."""
    if not computation.is_error:
        return None
    message = computation.msg
    if not message.is_create and message.code_address in computation.precompiles:
        return "precompile failed"
    return describe_failure(computation.error)


def describe_failure(error: Exception) -> str:
    """What py-evm raised, in the words clients know; every engine uses the same."""
    return _ERROR_TEXTS.get(type(error).__name__, f"{type(error).__name__}: {error}")


_ERROR_TEXTS = {
    "Revert": "execution reverted",
    "OutOfGas": "out of gas",
    "InvalidInstruction": "invalid opcode",
    "InvalidJumpDestination": "invalid jump destination",
    "WriteProtection": "write protection",
    "ContractCreationCollision": "contract address collision",
    # One text for both: revm does not tell them apart where DUP and SWAP reach below the stack.
    "InsufficientStack": "stack underflow or overflow",
    "FullStack": "stack underflow or overflow",
    "OutOfBoundsRead": "return data out of bounds",
    "ReservedBytesInCode": "invalid code: must not begin with 0xef",
}


def _begin(state: State, fork: Fork, *, sender: Address, access_list: AccessList) -> None:
    state.begin_transaction(state.precompiles)
    if fork == "istanbul":
        return
    state.mark_address_warm(sender)
    for address, keys in access_list:
        state.mark_address_warm(address)
        for key in keys:
            state.mark_storage_warm(address, int.from_bytes(key, "big"))


def _make_message(
    state: State,
    *,
    sender: Address,
    to: Address | None,
    create_address: Address | None,
    gas: int,
    value: int,
    data: bytes,
) -> Message:
    target = to if to is not None else create_address
    if target is not None:
        state.mark_address_warm(target)
    if to is None:
        return Message(
            gas=gas,
            to=CREATE_CONTRACT_ADDRESS,
            sender=sender,
            value=value,
            data=b"",
            code=data,
            create_address=create_address,
        )
    return Message(gas=gas, to=to, sender=sender, value=value, data=data, code=state.get_code(to))


def _run(state: State, message: Message, *, gas_price: int, origin: Address) -> Any:
    context = FrontierTransactionContext(gas_price=gas_price, origin=origin)
    computation_class = state.computation_class
    if not message.is_create:
        return computation_class.apply_message(state, message, context)
    if state.has_code_or_nonce(message.storage_address):
        computation = computation_class(state, message, context)
        computation.error = ContractCreationCollision("the address has code or a nonce")
        return computation
    return computation_class.apply_create_message(state, message, context)


def _settle(computation: Any, *, gas: int, fork: Fork) -> int:
    """Gas used, after refunds."""
    gas_used: int = gas - computation.get_gas_remaining()
    refund: int = computation.get_gas_refund()
    if fork != "london":
        refund += _GAS_SELF_DESTRUCT_REFUND * len(computation.get_accounts_for_deletion())
    return gas_used - min(refund, gas_used // _REFUND_DIVISOR[fork])


def _destroy_accounts(state: State, computation: Any) -> None:
    for address in sorted(computation.get_accounts_for_deletion()):
        state.delete_account(address)
    state.end_transaction()
