"""A call in the form of a transaction, so that an engine traces it as it traces those of blocks. No I/O."""

from dataclasses import replace

from chain_node.core import rlp
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32, Transaction
from chain_node.execution import Account, BlockContext, CallRequest, TransactionRefusedError
from chain_node.txpool import compute_intrinsic_gas


def call_transaction(request: CallRequest, account: Account, chain_id: int) -> Transaction:
    """A transaction of the request's sender that costs nothing. Nobody signed it: it must never leave the node.

    Raises:
        TransactionRefusedError: the gas does not cover the intrinsic gas, or the account lacks the value.
    """
    transaction = _make(request, account.nonce, chain_id)
    required = compute_intrinsic_gas(transaction)
    if request.gas < required:
        raise TransactionRefusedError(f"intrinsic gas too low: have {request.gas}, want {required}", is_final=True)
    if account.balance < request.value:
        raise TransactionRefusedError(
            f"insufficient funds: have {account.balance}, want {request.value}", is_final=False
        )
    return transaction


def _make(request: CallRequest, nonce: int, chain_id: int) -> Transaction:
    to = request.to or Address(b"")
    common: list[rlp.Item] = [rlp.scalar(request.gas), to, rlp.scalar(request.value), request.data]
    signature: list[rlp.Item] = [rlp.scalar(1), rlp.scalar(1)]
    if request.access_list:
        fields = [rlp.scalar(chain_id), rlp.scalar(nonce), b"", *common, request.access_list, b"", *signature]
        raw = b"\x01" + rlp.encode(fields)
    else:
        raw = rlp.encode([rlp.scalar(nonce), b"", *common, rlp.scalar(35 + 2 * chain_id), *signature])
    return Transaction(
        raw=raw,
        hash=Hash32(keccak(raw)),
        type=1 if request.access_list else 0,
        chain_id=chain_id,
        nonce=nonce,
        gas_price=0,
        max_fee_per_gas=0,
        max_priority_fee_per_gas=0,
        gas=request.gas,
        to=request.to,
        value=request.value,
        data=request.data,
        access_list=request.access_list,
        v=0 if request.access_list else 35 + 2 * chain_id,
        r=1,
        s=1,
        sender=request.sender,
    )


def free_of_charge(context: BlockContext) -> BlockContext:
    """The same block with a base fee of 0, where the fork has one."""
    return context if context.base_fee_per_gas is None else replace(context, base_fee_per_gas=0)
