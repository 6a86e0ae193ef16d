"""What is kept when an engine failed, or two engines disagreed: one JSON file with everything to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson
import structlog

from chain_node.execution import BlockContext, EngineFault, ExecutionResult, FaultyBlock

_log = structlog.get_logger("node")


def keep_evidence(fault: EngineFault, data_dir: Path, engine: str) -> Path | None:
    """Write `engine-fault-HEIGHT.json`, replacing one of the same height; gives the file, None if it cannot be written.

    Hashes, addresses and encodings are hex; `results` says for each engine what it made of the block.
    """
    block = fault.block
    path = data_dir / f"engine-fault-{'call' if block is None else block.context.height}.json"
    content = {
        "reason": fault.reason,
        "engine": engine,
        "block": None if fault.encoded_block is None else _hex(fault.encoded_block),
        "execution": None if block is None else _describe(block),
    }
    try:
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        _log.critical("engine_fault", reason=fault.reason, evidence=f"not kept: {error.strerror}")
        return None
    _log.critical("engine_fault", reason=fault.reason, evidence=str(path))
    return path


def _describe(block: FaultyBlock) -> Mapping[str, object]:
    return {
        "parentStateRoot": _hex(block.parent_root),
        "context": _describe_context(block.context),
        "transactions": [_hex(raw) for raw in block.transactions],
        "results": {name: _describe_result(result) for name, result in block.results.items()},
    }


def _describe_context(context: BlockContext) -> Mapping[str, object]:
    return {
        "height": context.height,
        "timestamp": context.timestamp,
        "gasLimit": context.gas_limit,
        "coinbase": _hex(context.coinbase),
        "baseFeePerGas": context.base_fee_per_gas,
        "difficulty": context.difficulty,
    }


def _describe_result(result: ExecutionResult | str) -> object:
    if isinstance(result, str):
        return {"refused": result}
    return {
        "stateRoot": _hex(result.state_root),
        "transactionsRoot": _hex(result.transactions_root),
        "receiptsRoot": _hex(result.receipts_root),
        "gasUsed": result.gas_used,
        "logsBloom": _hex(result.logs_bloom.to_bytes(256, "big")),
        "receipts": [_hex(receipt) for receipt in result.encoded_receipts],
    }


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
