"""Blocks, transactions, receipts and logs as JSON. No I/O.

Source: Ethereum execution-apis ("Block object", "Transaction", "Receipt info", "Log"); field order as geth's.
"""

from __future__ import annotations

from chain_node.core import rlp
from chain_node.core.hashing import keccak
from chain_node.core.trie import BLOOM_SIZE_BYTES, EMPTY_TRIE_ROOT
from chain_node.core.types import AccessList, Address, Log, Transaction
from chain_node.rpc.block_receipts import BlockReceipts
from chain_node.rpc.chain_block import ChainBlock
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.params import to_data, to_quantity
from chain_node.rpc.queries import NextBlock


def block_view(block: ChainBlock, *, is_full: bool, genesis_difficulty: int) -> JsonObject:
    """A block; transactions whole or as hashes."""
    view = header_view(block)
    if is_full:
        block.transactions()  # decodes all of them in one go
    indices = range(block.transaction_count)
    view["totalDifficulty"] = to_quantity(genesis_difficulty + block.height)
    view["size"] = to_quantity(block.size_bytes)
    view["uncles"] = []
    view["transactions"] = (
        [included_view(block, index) for index in indices]
        if is_full
        else [to_data(block.transaction_hash(index)) for index in indices]
    )
    return view


def header_view(block: ChainBlock) -> JsonObject:
    """The header's fields, as `newHeads` announces them."""
    header = block.header
    view: JsonObject = {
        "number": to_quantity(header.number),
        "hash": to_data(block.hash),
        "parentHash": to_data(header.parent_hash),
        "nonce": to_data(header.nonce),
        "mixHash": to_data(header.mix_hash),
        "sha3Uncles": to_data(header.ommers_hash),
        "logsBloom": _bloom(header.logs_bloom),
        "transactionsRoot": to_data(header.transactions_root),
        "stateRoot": to_data(header.state_root),
        "receiptsRoot": to_data(header.receipts_root),
        "miner": to_data(header.coinbase),
        "difficulty": to_quantity(header.difficulty),
        "extraData": to_data(header.extra_data),
        "gasLimit": to_quantity(header.gas_limit),
        "gasUsed": to_quantity(header.gas_used),
        "timestamp": to_quantity(header.timestamp),
    }
    if header.base_fee_per_gas is not None:
        view["baseFeePerGas"] = to_quantity(header.base_fee_per_gas)
    return view


def next_block_view(block: NextBlock) -> JsonObject:
    """The block to come, as it would be without transactions: what it will hold is decided with it."""
    view: JsonObject = {
        "number": to_quantity(block.height),
        "hash": None,
        "parentHash": to_data(block.parent.hash),
        "nonce": None,
        "mixHash": to_data(block.parent.header.mix_hash),
        "sha3Uncles": to_data(block.parent.header.ommers_hash),
        "logsBloom": _bloom(0),
        "transactionsRoot": to_data(EMPTY_TRIE_ROOT),
        "stateRoot": to_data(block.parent.header.state_root),
        "receiptsRoot": to_data(EMPTY_TRIE_ROOT),
        "miner": None,
        "difficulty": to_quantity(block.parent.header.difficulty),
        "totalDifficulty": None,
        "extraData": "0x",
        "size": None,
        "gasLimit": to_quantity(block.gas_limit),
        "gasUsed": "0x0",
        "timestamp": to_quantity(block.timestamp),
        "uncles": [],
        "transactions": [],
    }
    if block.base_fee_per_gas is not None:
        view["baseFeePerGas"] = to_quantity(block.base_fee_per_gas)
    return view


def included_view(block: ChainBlock, index: int) -> JsonObject:
    """A transaction of a block."""
    transaction = block.transaction(index)
    view = _transaction_fields(transaction)
    view["blockHash"] = to_data(block.hash)
    view["blockNumber"] = to_quantity(block.height)
    view["transactionIndex"] = to_quantity(index)
    if transaction.type == 2:
        view["gasPrice"] = to_quantity(_effective_gas_price(transaction, block.header.base_fee_per_gas))
    return view


def waiting_view(transaction: Transaction) -> JsonObject:
    """A transaction of the pool."""
    view = _transaction_fields(transaction)
    view["blockHash"] = view["blockNumber"] = view["transactionIndex"] = None
    return view


def _transaction_fields(transaction: Transaction) -> JsonObject:
    view: JsonObject = {
        "type": to_quantity(transaction.type),
        "hash": to_data(transaction.hash),
        "nonce": to_quantity(transaction.nonce),
        "from": to_data(transaction.sender),
        "to": None if transaction.to is None else to_data(transaction.to),
        "value": to_quantity(transaction.value),
        "gas": to_quantity(transaction.gas),
        "gasPrice": to_quantity(transaction.gas_price),
        "input": to_data(transaction.data),
        "v": to_quantity(transaction.v),
        "r": to_quantity(transaction.r),
        "s": to_quantity(transaction.s),
    }
    if transaction.chain_id is not None:
        view["chainId"] = to_quantity(transaction.chain_id)
    if transaction.type > 0:
        view["yParity"] = to_quantity(transaction.v)
        view["accessList"] = access_list_view(transaction.access_list)
    if transaction.type == 2:
        view["maxFeePerGas"] = to_quantity(transaction.max_fee_per_gas)
        view["maxPriorityFeePerGas"] = to_quantity(transaction.max_priority_fee_per_gas)
    return view


def receipt_views(block: ChainBlock, receipts: BlockReceipts) -> list[JsonObject]:
    """All receipts of a block, in the order of its transactions."""
    block.transactions()  # decodes all of them in one go
    return [receipt_view(block, receipts, index) for index in range(len(receipts))]


def receipt_view(block: ChainBlock, receipts: BlockReceipts, index: int) -> JsonObject:
    """The receipt of one transaction of a block."""
    first_log_index = receipts.logs_before(index)
    receipt, transaction = receipts[index], block.transaction(index)
    gas_before = receipts[index - 1].cumulative_gas_used if index else 0
    created = created_address(transaction) if transaction.to is None else None
    return {
        "type": to_quantity(transaction.type),
        "status": to_quantity(receipt.status),
        "transactionHash": to_data(transaction.hash),
        "transactionIndex": to_quantity(index),
        "blockHash": to_data(block.hash),
        "blockNumber": to_quantity(block.height),
        "from": to_data(transaction.sender),
        "to": None if transaction.to is None else to_data(transaction.to),
        "contractAddress": None if created is None else to_data(created),
        "gasUsed": to_quantity(receipt.cumulative_gas_used - gas_before),
        "cumulativeGasUsed": to_quantity(receipt.cumulative_gas_used),
        "effectiveGasPrice": to_quantity(_effective_gas_price(transaction, block.header.base_fee_per_gas)),
        "logs": [log_view(log, block, index, first_log_index + position) for position, log in enumerate(receipt.logs)],
        "logsBloom": _bloom(receipt.logs_bloom),
    }


def log_view(log: Log, block: ChainBlock, transaction_index: int, log_index: int) -> JsonObject:
    """One event; `log_index` counts the logs of the block."""
    return {
        "address": to_data(log.address),
        "topics": [to_data(topic) for topic in log.topics],
        "data": to_data(log.data),
        "blockNumber": to_quantity(block.height),
        "transactionHash": to_data(block.transaction_hash(transaction_index)),
        "transactionIndex": to_quantity(transaction_index),
        "blockHash": to_data(block.hash),
        "logIndex": to_quantity(log_index),
        "removed": False,
    }


def created_address(transaction: Transaction) -> Address:
    """Address of the contract that a creating transaction makes."""
    return contract_address(transaction.sender, transaction.nonce)


def contract_address(sender: Address, nonce: int) -> Address:
    """Address of the contract that the sender creates with this nonce. Source: Yellow Paper, section 7."""
    return Address(keccak(rlp.encode([sender, rlp.scalar(nonce)]))[12:])


def access_list_view(access_list: AccessList) -> list[JsonValue]:
    """Accounts and slots of an access list."""
    return [
        {"address": to_data(address), "storageKeys": [to_data(key) for key in keys]} for address, keys in access_list
    ]


def _effective_gas_price(transaction: Transaction, base_fee_per_gas: int | None) -> int:
    base_fee = base_fee_per_gas or 0
    return min(transaction.max_fee_per_gas, base_fee + transaction.max_priority_fee_per_gas)


def _bloom(bloom: int) -> str:
    return f"0x{bloom:0{2 * BLOOM_SIZE_BYTES}x}"
