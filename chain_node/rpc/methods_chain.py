"""Methods that read blocks, transactions and receipts. No I/O.

Source: Ethereum execution-apis, namespace eth.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain_node.rpc.block_choice import find_block, need_block
from chain_node.rpc.chain_block import ChainBlock
from chain_node.rpc.fee_history import fee_history
from chain_node.rpc.json_value import JsonValue
from chain_node.rpc.method import Call, Method
from chain_node.rpc.params import BlockChoice, Params, to_data, to_quantity
from chain_node.rpc.views import (
    block_view,
    included_view,
    next_block_view,
    receipt_view,
    receipt_views,
    waiting_view,
)


def _chain_id(call: Call) -> JsonValue:
    return to_quantity(call.backend.chain.chain_id)


def _block_number(call: Call) -> JsonValue:
    return to_quantity(call.backend.chain.head().height)


def _block_by_number(call: Call) -> JsonValue:
    return _block(call, call.params.block(0))


def _block_by_hash(call: Call) -> JsonValue:
    return _block(call, _choice_by_hash(call.params))


def _block(call: Call, choice: BlockChoice) -> JsonValue:
    is_full = call.params.boolean(1, "full transactions")
    if choice.tag == "pending":
        return next_block_view(call.backend.pool.next_block())
    block = find_block(call.backend.chain, choice)
    if block is None:
        return None
    return block_view(block, is_full=is_full, genesis_difficulty=call.backend.chain.genesis_difficulty)


def _transaction_count_by_number(call: Call) -> JsonValue:
    choice = call.params.block(0)
    return "0x0" if choice.tag == "pending" else _transaction_count(find_block(call.backend.chain, choice))


def _transaction_count_by_hash(call: Call) -> JsonValue:
    return _transaction_count(find_block(call.backend.chain, _choice_by_hash(call.params)))


def _transaction_count(block: ChainBlock | None) -> JsonValue:
    return None if block is None else to_quantity(block.transaction_count)


def _uncle_count_by_number(call: Call) -> JsonValue:
    return None if find_block(call.backend.chain, call.params.block(0)) is None else "0x0"


def _uncle_count_by_hash(call: Call) -> JsonValue:
    return None if find_block(call.backend.chain, _choice_by_hash(call.params)) is None else "0x0"


def _no_uncle(_call: Call) -> JsonValue:
    return None


def _transaction_by_hash(call: Call) -> JsonValue:
    found = _locate(call)
    if found is not None:
        block, index = found
        return included_view(block, index)
    waiting = call.backend.pool.get(call.params.hash(0))
    return None if waiting is None else waiting_view(waiting)


def raw_transaction_by_hash(call: Call) -> JsonValue:
    """The signed bytes of an included or waiting transaction."""
    found = _locate(call)
    if found is not None:
        block, index = found
        return to_data(block.raw_transaction(index))
    waiting = call.backend.pool.get(call.params.hash(0))
    return None if waiting is None else to_data(waiting.raw)


def _transaction_by_block_number_and_index(call: Call) -> JsonValue:
    return _transaction_in(call, call.params.block(0), is_raw=False)


def _transaction_by_block_hash_and_index(call: Call) -> JsonValue:
    return _transaction_in(call, _choice_by_hash(call.params), is_raw=False)


def _raw_transaction_by_block_number_and_index(call: Call) -> JsonValue:
    return _transaction_in(call, call.params.block(0), is_raw=True)


def _raw_transaction_by_block_hash_and_index(call: Call) -> JsonValue:
    return _transaction_in(call, _choice_by_hash(call.params), is_raw=True)


def _transaction_in(call: Call, choice: BlockChoice, *, is_raw: bool) -> JsonValue:
    index = call.params.quantity(1, "index", 2**32 - 1)
    block = None if choice.tag == "pending" else find_block(call.backend.chain, choice)
    if block is None or index >= block.transaction_count:
        return None
    return to_data(block.raw_transaction(index)) if is_raw else included_view(block, index)


def _transaction_receipt(call: Call) -> JsonValue:
    found = _locate(call)
    if found is None:
        return None
    block, index = found
    return receipt_view(block, call.backend.chain.receipts(block), index)


def _block_receipts(call: Call) -> JsonValue:
    choice = call.params.block(0)
    if choice.tag == "pending":
        return []
    block = find_block(call.backend.chain, choice)
    return None if block is None else receipt_views(block, call.backend.chain.receipts(block))


def _gas_price(call: Call) -> JsonValue:
    return to_quantity(call.backend.pool.next_block().base_fee_per_gas or 0)


def _zero_wei(_call: Call) -> JsonValue:
    return "0x0"


def _locate(call: Call) -> tuple[ChainBlock, int] | None:
    place = call.backend.chain.locate(call.params.hash(0, "transaction hash"))
    if place is None:
        return None
    height, index = place
    return need_block(call.backend.chain, BlockChoice(height=height)), index


def _choice_by_hash(params: Params) -> BlockChoice:
    return BlockChoice(hash=params.hash(0, "block hash"))


def _is_whole(params: Sequence[JsonValue]) -> bool:
    """Whether the transactions of a block are wanted: they may have to be decoded."""
    return len(params) > 1 and params[1] is True


METHODS = {
    "eth_chainId": Method(_chain_id),
    "eth_blockNumber": Method(_block_number),
    "eth_getBlockByNumber": Method(_block_by_number, is_slow=_is_whole),
    "eth_getBlockByHash": Method(_block_by_hash, is_slow=_is_whole),
    "eth_getBlockTransactionCountByNumber": Method(_transaction_count_by_number),
    "eth_getBlockTransactionCountByHash": Method(_transaction_count_by_hash),
    "eth_getUncleCountByBlockNumber": Method(_uncle_count_by_number),
    "eth_getUncleCountByBlockHash": Method(_uncle_count_by_hash),
    "eth_getUncleByBlockNumberAndIndex": Method(_no_uncle),
    "eth_getUncleByBlockHashAndIndex": Method(_no_uncle),
    "eth_getTransactionByHash": Method(_transaction_by_hash),
    "eth_getRawTransactionByHash": Method(raw_transaction_by_hash),
    "eth_getTransactionByBlockNumberAndIndex": Method(_transaction_by_block_number_and_index),
    "eth_getTransactionByBlockHashAndIndex": Method(_transaction_by_block_hash_and_index),
    "eth_getRawTransactionByBlockNumberAndIndex": Method(_raw_transaction_by_block_number_and_index),
    "eth_getRawTransactionByBlockHashAndIndex": Method(_raw_transaction_by_block_hash_and_index),
    "eth_getTransactionReceipt": Method(_transaction_receipt),
    "eth_getBlockReceipts": Method(_block_receipts, is_slow=True),
    "eth_feeHistory": Method(fee_history, is_slow=True),
    "eth_gasPrice": Method(_gas_price),
    "eth_maxPriorityFeePerGas": Method(_zero_wei),
    "eth_blobBaseFee": Method(_zero_wei),
}
