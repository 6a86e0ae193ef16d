"""`tranchain-node` with a py-evm that lies: from height LIE_HEIGHT on, the first receipt has one gas too many."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chain_node.core.codec import encode_receipt
from chain_node.core.types import Hash32, Transaction
from chain_node.execution import BlockContext, ExecutionResult, pyevm_engine

LIE_HEIGHT = int(os.environ["LIE_HEIGHT"])


class LyingEngine(pyevm_engine.PyEvmEngine):
    """Tells the truth below that height."""

    def execute_block(
        self, parent_root: Hash32, transactions: Sequence[Transaction], context: BlockContext, **others: Any
    ) -> ExecutionResult:
        """Execute, and change one receipt."""
        result = super().execute_block(parent_root, transactions, context, **others)
        if context.height < LIE_HEIGHT or not result.receipts:
            return result
        first, *rest = result.receipts
        lie = encode_receipt(replace(first, cumulative_gas_used=first.cumulative_gas_used + 1))
        return replace(result, encoded_receipts=(lie, *map(encode_receipt, rest)))


if __name__ == "__main__":
    pyevm_engine.PyEvmEngine = LyingEngine  # type: ignore[misc]  # what the node imports is this one
    from chain_node.node.cli import main

    main()
