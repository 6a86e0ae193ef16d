"""What past blocks cost, for clients that choose fees: eth_feeHistory. No I/O.

On a network without fees everything is 0, and computing it is cheap: prices are read without decoding transactions.

Source: Ethereum execution-apis, eth_feeHistory; geth, package gasprice (percentiles weighted by gas used).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chain_node.core import rlp
from chain_node.core.types import Height
from chain_node.rpc.block_choice import need_block
from chain_node.rpc.chain_block import ChainBlock
from chain_node.rpc.errors import INVALID_PARAMS, RPCError
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.method import Call
from chain_node.rpc.params import BlockChoice, Params, parse_list, to_quantity
from chain_node.rpc.queries import ChainQueries

_PERCENTILES_MAX = 100
_LEGACY_PRICE, _TYPED_PRICE, _TYPED_CAP = 1, 2, 3
"""Positions of the fields in a transaction of type 0, and of types 1 and 2."""


def fee_history(call: Call) -> JsonValue:
    """Answer eth_feeHistory. May answer for fewer blocks than asked for, from the newest back."""
    limits, chain = call.backend.limits, call.backend.chain
    percentiles = _read_percentiles(call.params)
    count = _read_count(call.params)
    newest = need_block(chain, call.params.block(1, "newest block"))
    most = limits.fee_reward_blocks if percentiles else limits.fee_history_blocks
    count = min(count, most, newest.height + 1)
    heights = range(newest.height - count + 1, newest.height + 1)
    blocks = [need_block(chain, BlockChoice(height=Height(height))) for height in heights]
    fees = [block.header.base_fee_per_gas for block in blocks]
    view: JsonObject = {
        "oldestBlock": to_quantity(heights.start),
        "baseFeePerGas": [to_quantity(fee or 0) for fee in (*fees, chain.base_fee_after(newest))],
        "gasUsedRatio": [block.header.gas_used / block.header.gas_limit for block in blocks],
    }
    if percentiles:
        view["reward"] = [[to_quantity(tip) for tip in rewards(chain, block, percentiles)] for block in blocks]
    return view


def rewards(chain: ChainQueries, block: ChainBlock, percentiles: Sequence[float]) -> list[int]:
    """Tips per gas, in wei, at percentiles of the gas used by the transactions of a block."""
    base_fee = block.header.base_fee_per_gas or 0
    tips = [read_tip(block.raw_transaction(index), base_fee) for index in range(block.transaction_count)]
    if len(set(tips)) <= 1:
        return [tips[0] if tips else 0] * len(percentiles)
    used = [0, *(receipt.cumulative_gas_used for receipt in chain.receipts(block))]
    gas_by_tip = sorted((tip, after - before) for tip, (before, after) in zip(tips, pairwise(used), strict=True))
    found = []
    position, passed = 0, gas_by_tip[0][1]
    for percentile in percentiles:
        while passed < block.header.gas_used * percentile / 100 and position < len(gas_by_tip) - 1:
            position += 1
            passed += gas_by_tip[position][1]
        found.append(gas_by_tip[position][0])
    return found


def read_tip(raw: bytes, base_fee: int) -> int:
    """What a transaction of a block pays its proposer, in wei per gas; its sender is not recovered for it."""
    is_typed = raw[0] in (1, 2)
    spans = rlp.split_list(raw, 1 if is_typed else 0)

    def number_at(index: int) -> int:
        _, start, end = rlp.read_prefix(raw, *spans[index])
        return int.from_bytes(raw[start:end], "big")

    if raw[0] == 2:
        return min(number_at(_TYPED_PRICE), number_at(_TYPED_CAP) - base_fee)
    return number_at(_TYPED_PRICE if is_typed else _LEGACY_PRICE) - base_fee


def _read_count(params: Params) -> int:
    count = params.get(0)
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    return params.quantity(0, "block count", 2**32 - 1)


def _read_percentiles(params: Params) -> list[float]:
    if not params.has(2):
        return []
    values = parse_list(params.get(2), "reward percentiles")
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    is_valid = len(numbers) == len(values) <= _PERCENTILES_MAX
    if not is_valid or numbers != sorted(numbers) or any(not 0 <= number <= 100 for number in numbers):
        raise RPCError(INVALID_PARAMS, "invalid params: reward percentiles: expected ascending numbers from 0 to 100")
    return numbers
