"""Methods that read or execute on a state, and the one that sends. No I/O.

Source: Ethereum execution-apis, namespace eth; EIP-1186 (proofs); geth (state overrides).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chain_node.core.types import AccessList, Address
from chain_node.execution import AccountOverride, CallRequest, GasEstimateError, StateView, Trace, TraceOptions
from chain_node.rpc.access_list import PRECOMPILES, list_touched
from chain_node.rpc.block_choice import need_block
from chain_node.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, ExecutionFailedError, InvalidParamsError, RPCError
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.method import Call, Method
from chain_node.rpc.params import (
    Params,
    parse_address,
    parse_data,
    parse_list,
    parse_object,
    parse_quantity,
    to_data,
    to_quantity,
)
from chain_node.rpc.views import access_list_view, contract_address

_ACCESS_LIST_STEPS_MAX = 100_000
_ACCESS_LIST_TRIES_MAX = 8
"""Runs with the list of the run before; what a call touches may depend on the gas it has left."""

SIGNED_TRANSACTION = "signed transaction"
"""What errors call the parameter of eth_sendRawTransaction."""


def _balance(call: Call) -> JsonValue:
    address = call.params.address(0)
    account = _state(call, 1).account(address)
    return to_quantity(0 if account is None else account.balance)


def _code(call: Call) -> JsonValue:
    address = call.params.address(0)
    return to_data(_state(call, 1).code(address))


def _storage_at(call: Call) -> JsonValue:
    address = call.params.address(0)
    slot = call.params.quantity(1, "slot")
    return to_data(_state(call, 2).storage(address, slot).to_bytes(32, "big"))


def _transaction_count(call: Call) -> JsonValue:
    address = call.params.address(0)
    if call.params.block(1).tag == "pending":
        return to_quantity(call.backend.pool.next_nonce(address))
    account = _state(call, 1).account(address)
    return to_quantity(0 if account is None else account.nonce)


def _proof(call: Call) -> JsonValue:
    address = call.params.address(0)
    keys = parse_list(call.params.get(1), "storage keys")
    if len(keys) > call.backend.limits.proof_slots:
        raise RPCError(LIMIT_EXCEEDED, f"at most {call.backend.limits.proof_slots} storage keys in one proof")
    slots = [parse_quantity(key, "storage key") for key in keys]
    proof = _state(call, 2).prove(address, slots)
    return {
        "address": to_data(address),
        "accountProof": [to_data(node) for node in proof.nodes],
        "balance": to_quantity(proof.account.balance),
        "codeHash": to_data(proof.account.code_hash),
        "nonce": to_quantity(proof.account.nonce),
        "storageHash": to_data(proof.account.storage_root),
        "storageProof": [
            {"key": key, "value": to_quantity(slot.value), "proof": [to_data(node) for node in slot.nodes]}
            for key, slot in zip(keys, proof.storage, strict=True)
        ],
    }


def _send_raw_transaction(call: Call) -> JsonValue:
    return to_data(call.backend.pool.submit(call.params.data(0, SIGNED_TRANSACTION)))


def _call(call: Call) -> JsonValue:
    block = need_block(call.backend.chain, call.params.block(1))
    request = read_call_request(call.params.object(0, "call"), call.backend.limits.call_gas)
    result = call.backend.chain.call(block, request, read_overrides(call.params, 2))
    if result.status == 0:
        raise ExecutionFailedError(result)
    return to_data(result.return_data)


def _estimate_gas(call: Call) -> JsonValue:
    block = need_block(call.backend.chain, call.params.block(1))
    fields = call.params.object(0, "call")
    request = read_call_request(fields, block.header.gas_limit)
    if fields.get("from") is not None:
        call.backend.pool.check_sender(request.sender, request.to)
    try:
        return to_quantity(call.backend.chain.estimate_gas(block, request, read_overrides(call.params, 2)))
    except GasEstimateError as error:
        raise ExecutionFailedError(error.result) from error


def _create_access_list(call: Call) -> JsonValue:
    chain = call.backend.chain
    block = need_block(chain, call.params.block(1))
    request = read_call_request(call.params.object(0, "call"), call.backend.limits.call_gas)
    target = request.to or _next_contract(chain.state(block.header.state_root), request.sender)
    options = TraceOptions(is_storage_recorded=False, steps_max=_ACCESS_LIST_STEPS_MAX)
    for _ in range(_ACCESS_LIST_TRIES_MAX):
        trace = chain.trace_call(block, request, options)
        if trace.is_truncated:
            raise RPCError(LIMIT_EXCEEDED, f"the call takes more than {_ACCESS_LIST_STEPS_MAX} steps, or large stacks")
        touched = list_touched(trace.steps, target, excluded={request.sender, target, *PRECOMPILES})
        if touched == request.access_list:
            return _access_list_result(touched, trace)
        request = replace(request, access_list=touched)
    raise RPCError(SERVER_ERROR, f"what the call touches still changes after {_ACCESS_LIST_TRIES_MAX} runs")


def _access_list_result(touched: AccessList, trace: Trace) -> JsonValue:
    view: JsonObject = {"accessList": access_list_view(touched), "gasUsed": to_quantity(trace.gas_used)}
    if trace.is_failed:
        view["error"] = trace.call.error
    return view


def _next_contract(state: StateView, sender: Address) -> Address:
    account = state.account(sender)
    return contract_address(sender, 0 if account is None else account.nonce)


def read_call_request(fields: JsonObject, gas_max: int) -> CallRequest:
    """The message of eth_call and its relatives; the gas is bounded by `gas_max`.

    Raises:
        InvalidParamsError: a field is not what it should be, or `input` and `data` differ.
    """
    data, calldata = fields.get("data"), fields.get("input")
    if data is not None and calldata is not None and data != calldata:
        raise InvalidParamsError("call", "data and input to be the same when both are given")
    chosen = calldata if calldata is not None else data
    gas = _optional_quantity(fields, "gas")
    price = _optional_quantity(fields, "gasPrice") or _optional_quantity(fields, "maxFeePerGas") or 0
    sender = fields.get("from")
    to = fields.get("to")
    return CallRequest(
        sender=Address(bytes(20)) if sender is None else parse_address(sender, "call.from"),
        to=None if to is None or to == "" else parse_address(to, "call.to"),
        gas=gas_max if gas is None else min(gas, gas_max),
        data=b"" if chosen is None else parse_data(chosen, "call.data"),
        value=_optional_quantity(fields, "value") or 0,
        gas_price=price,
        access_list=_read_access_list(fields.get("accessList")),
    )


def read_overrides(params: Params, index: int) -> Mapping[Address, AccountOverride] | None:
    """The state overrides of geth: address to {balance, nonce, code, state or stateDiff}."""
    if not params.has(index):
        return None
    return {
        parse_address(address, "state override address"): _read_override(parse_object(fields, "state override"))
        for address, fields in params.object(index, "state override").items()
    }


def _read_override(fields: JsonObject) -> AccountOverride:
    unknown = set(fields) - {"balance", "nonce", "code", "state", "stateDiff"}
    if unknown:
        raise InvalidParamsError("state override", f"balance, nonce, code, state or stateDiff, got {min(unknown)!r}")
    code, whole, some = fields.get("code"), fields.get("state"), fields.get("stateDiff")
    if whole is not None and some is not None:
        raise InvalidParamsError("state override", "state or stateDiff, got both")
    slots = some if whole is None else whole
    return AccountOverride(
        balance=_optional_quantity(fields, "balance"),
        nonce=_optional_quantity(fields, "nonce"),
        code=None if code is None else parse_data(code, "state override code"),
        storage={}
        if slots is None
        else {
            parse_quantity(slot, "state override slot"): parse_quantity(value, "state override value")
            for slot, value in parse_object(slots, "state override slots").items()
        },
        is_storage_replaced=whole is not None,
    )


def _read_access_list(value: JsonValue) -> AccessList:
    if value is None:
        return ()
    entries = []
    for item in parse_list(value, "accessList"):
        entry = parse_object(item, "accessList entry")
        keys = parse_list(entry.get("storageKeys"), "accessList storageKeys")
        entries.append(
            (
                parse_address(entry.get("address"), "accessList address"),
                tuple(parse_data(key, "storage key", size=32) for key in keys),
            )
        )
    return tuple(entries)


def _optional_quantity(fields: JsonObject, name: str) -> int | None:
    value = fields.get(name)
    return None if value is None else parse_quantity(value, name)


def _state(call: Call, index: int) -> StateView:
    block = need_block(call.backend.chain, call.params.block(index))
    return call.backend.chain.state(block.header.state_root)


METHODS = {
    "eth_getBalance": Method(_balance),
    "eth_getCode": Method(_code),
    "eth_getStorageAt": Method(_storage_at),
    "eth_getTransactionCount": Method(_transaction_count),
    "eth_getProof": Method(_proof, is_slow=True),
    "eth_sendRawTransaction": Method(_send_raw_transaction),
    "eth_call": Method(_call, is_slow=True),
    "eth_createAccessList": Method(_create_access_list, is_slow=True),
    "eth_estimateGas": Method(_estimate_gas, is_slow=True),
}
