"""The result of a block from its receipts, for engines that make them in Python. No I/O."""

from collections.abc import Sequence

from chain_node.core.codec import encode_receipt
from chain_node.core.trie import ordered_trie_root
from chain_node.core.types import Hash32, Receipt, Transaction
from chain_node.execution.types import ExecutionResult


def make_result(
    state_root: Hash32, transactions: Sequence[Transaction], receipts: Sequence[Receipt], changes: object
) -> ExecutionResult:
    """What the header and the store want to know of a block, from what its transactions did."""
    encoded = tuple(encode_receipt(receipt) for receipt in receipts)
    logs_bloom = 0
    for receipt in receipts:
        logs_bloom |= receipt.logs_bloom
    return ExecutionResult(
        state_root=state_root,
        transactions_root=ordered_trie_root([transaction.raw for transaction in transactions]),
        receipts_root=ordered_trie_root(encoded),
        gas_used=receipts[-1].cumulative_gas_used if receipts else 0,
        logs_bloom=logs_bloom,
        log_addresses=tuple(sorted({log.address for receipt in receipts for log in receipt.logs})),
        encoded_receipts=encoded,
        changes=changes,
    )
