"""debug_traceTransaction: the steps of an included transaction. No I/O.

Source: geth, debug namespace: the struct logger (default) and `callTracer`.
"""

from __future__ import annotations

from chain_node.execution.trace import CallFrame, StructLog, Trace, TraceOptions
from chain_node.rpc.block_choice import need_block
from chain_node.rpc.errors import RESOURCE_NOT_FOUND, InvalidParamsError, RPCError
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.method import Call, Method
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
    options = call.params.object(1, "options", is_required=False)
    for name in options:
        if name not in _OPTIONS:
            raise InvalidParamsError("options", f"one of {', '.join(sorted(_OPTIONS))}, got {shorten(name)}")
    tracer = options.get("tracer")
    if tracer not in (None, "", "callTracer"):
        raise InvalidParamsError("options.tracer", f"'callTracer' or nothing, got {shorten(tracer)}")
    place = call.backend.chain.locate(call.params.hash(0, "transaction hash"))
    if place is None:
        raise RPCError(RESOURCE_NOT_FOUND, "transaction not found")
    height, index = place
    block = need_block(call.backend.chain, BlockChoice(height=height))
    trace = call.backend.chain.trace_transaction(block, index, _read_options(options, is_step_recorded=not tracer))
    return _frame_view(trace.call) if tracer else _steps_view(trace)


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


METHODS = {"debug_traceTransaction": Method(_trace_transaction, is_slow=True)}
