"""What the node kept, in its own bytes, and the steps of transactions and calls. No I/O.

Source: geth, debug namespace: the struct logger (default) and `callTracer`.
"""

from __future__ import annotations

from chain_node.core.codec import encode_header, encode_receipt
from chain_node.execution.trace import CallFrame, StructLog, Trace, TraceOptions
from chain_node.rpc.block_choice import need_block
from chain_node.rpc.errors import LIMIT_EXCEEDED, RESOURCE_NOT_FOUND, RESPONSE_TOO_LARGE, InvalidParamsError, RPCError
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.method import Call, Method
from chain_node.rpc.methods_chain import raw_transaction_by_hash
from chain_node.rpc.methods_state import read_call_request
from chain_node.rpc.params import BlockChoice, shorten, to_data, to_quantity
from chain_node.rpc.revert_reason import decode_revert_reason

_OPTIONS = {
    "tracer",
    "tracerConfig",
    "timeout",
    "reexec",
    "disableStack",
    "disableStorage",
    "disableMemory",
    "enableMemory",
    "enableReturnData",
    "limit",
}


def _trace_transaction(call: Call) -> JsonValue:
    tracer = _Tracer(call.params.object(1, "options", is_required=False))
    place = call.backend.chain.locate(call.params.hash(0, "transaction hash"))
    if place is None:
        raise RPCError(RESOURCE_NOT_FOUND, "transaction not found")
    height, index = place
    block = need_block(call.backend.chain, BlockChoice(height=height))
    return tracer.view(call.backend.chain.trace_transaction(block, index, tracer.options), block.transaction(index).gas)


def _trace_block_by_number(call: Call) -> JsonValue:
    return _trace_block(call, call.params.block(0))


def _trace_block_by_hash(call: Call) -> JsonValue:
    return _trace_block(call, BlockChoice(hash=call.params.hash(0, "block hash")))


def _trace_block(call: Call, choice: BlockChoice) -> JsonValue:
    tracer = _Tracer(call.params.object(1, "options", is_required=False))
    chain, most = call.backend.chain, call.backend.limits.traced_transactions
    block = need_block(chain, choice)
    if block.transaction_count > most:
        raise RPCError(LIMIT_EXCEEDED, f"the block has {block.transaction_count} transactions, at most {most}")
    return [
        {
            "txHash": to_data(block.transaction_hash(index)),
            "result": tracer.view(chain.trace_transaction(block, index, tracer.options), block.transaction(index).gas),
        }
        for index in range(block.transaction_count)
    ]


def _trace_call(call: Call) -> JsonValue:
    chain = call.backend.chain
    tracer = _Tracer(call.params.object(2, "options", is_required=False))
    block = need_block(chain, call.params.block(1))
    request = read_call_request(call.params.object(0, "call"), call.backend.limits.call_gas)
    return tracer.view(chain.trace_call(block, request, tracer.options), request.gas)


def _raw_header(call: Call) -> JsonValue:
    return to_data(encode_header(need_block(call.backend.chain, call.params.block(0)).header))


def _raw_block(call: Call) -> JsonValue:
    chain = call.backend.chain
    return to_data(chain.encoded_block(need_block(chain, call.params.block(0)).height))


def _raw_receipts(call: Call) -> JsonValue:
    chain = call.backend.chain
    block = need_block(chain, call.params.block(0))
    return [to_data(encode_receipt(receipt)) for receipt in chain.receipts(block)]


class _Tracer:
    """What a trace is to show: steps, or messages for `callTracer`."""

    def __init__(self, options: JsonObject) -> None:
        for name in options:
            if name not in _OPTIONS:
                raise InvalidParamsError("options", f"one of {', '.join(sorted(_OPTIONS))}, got {shorten(name)}")
        tracer = options.get("tracer")
        if tracer not in (None, "", "callTracer"):
            raise InvalidParamsError("options.tracer", f"'callTracer' or nothing, got {shorten(tracer)}")
        self._is_of_messages = bool(tracer)
        self.options = _read_options(options, is_step_recorded=not tracer)

    def view(self, trace: Trace, gas: int) -> JsonObject:
        """The trace of a transaction with this gas limit; of its own message geth tells the gas of the transaction."""
        if not self._is_of_messages:
            return _steps_view(trace)
        if trace.is_truncated:
            raise RPCError(RESPONSE_TOO_LARGE, "response too large")
        return {**_frame_view(trace.call), "gas": to_quantity(gas), "gasUsed": to_quantity(trace.gas_used)}


def _read_options(options: JsonObject, *, is_step_recorded: bool) -> TraceOptions:
    limit = options.get("limit")
    steps_max = TraceOptions().steps_max
    if isinstance(limit, int) and 0 < limit < steps_max:
        steps_max = limit
    return TraceOptions(
        is_step_recorded=is_step_recorded,
        is_stack_recorded=not options.get("disableStack"),
        is_memory_recorded=bool(options.get("enableMemory")),
        is_storage_recorded=not options.get("disableStorage"),
        steps_max=steps_max,
    )


def _steps_view(trace: Trace) -> JsonObject:
    return {
        "gas": trace.gas_used,
        "failed": trace.is_failed,
        "returnValue": trace.return_data.hex(),
        "structLogs": [_step_view(step) for step in trace.steps],
        "truncated": trace.is_truncated,
    }


def _step_view(step: StructLog) -> JsonObject:
    view: JsonObject = {
        "pc": step.program_counter,
        "op": step.operation,
        "gas": step.gas,
        "gasCost": step.gas_cost,
        "depth": step.depth,
    }
    if step.stack is not None:
        view["stack"] = [to_quantity(word) for word in step.stack]
    if step.memory is not None:
        view["memory"] = [step.memory[i : i + 32].hex() for i in range(0, len(step.memory), 32)]
    if step.storage is not None:
        view["storage"] = {f"{slot:064x}": f"{value:064x}" for slot, value in step.storage}
    if step.error is not None:
        view["error"] = step.error
    return view


def _frame_view(frame: CallFrame) -> JsonObject:
    view: JsonObject = {
        "type": frame.kind,
        "from": to_data(frame.sender),
        "to": to_data(frame.to),
        "value": to_quantity(frame.value),
        "gas": to_quantity(frame.gas),
        "gasUsed": to_quantity(frame.gas_used),
        "input": to_data(frame.call_data),
        "output": to_data(frame.return_data),
    }
    if frame.error is not None:
        view["error"] = frame.error
        reason = decode_revert_reason(frame.return_data)
        if reason is not None:
            view["revertReason"] = reason
    if frame.calls:
        view["calls"] = [_frame_view(inner) for inner in frame.calls]
    return view


METHODS = {
    "debug_traceTransaction": Method(_trace_transaction, is_slow=True),
    "debug_traceBlockByNumber": Method(_trace_block_by_number, is_slow=True),
    "debug_traceBlockByHash": Method(_trace_block_by_hash, is_slow=True),
    "debug_traceCall": Method(_trace_call, is_slow=True),
    "debug_getRawHeader": Method(_raw_header),
    "debug_getRawBlock": Method(_raw_block, is_slow=True),
    "debug_getRawReceipts": Method(_raw_receipts, is_slow=True),
    "debug_getRawTransaction": Method(raw_transaction_by_hash),
}
