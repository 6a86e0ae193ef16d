"""Afterwards: the receipt and log of every transaction, and that all nodes have the same blocks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from client.bench.watch import Blocks
from client.bench.wire import Node, NodeRefusal
from client.bench.workloads import Call, explain_receipt

_RECEIPTS_AT_ONCE = 100
_HEIGHTS_AT_ONCE = 20


async def count_bad_receipts(
    node: Node, blocks: Blocks, hashes: Sequence[str], calls: Sequence[Call]
) -> tuple[int, Counter[str]]:
    """Read the receipt of every transaction that is in a block.

    Returns how many show what the call must do, and how many do not, by what is wrong.
    """
    numbers_by_height: dict[int, list[int]] = {}
    for number, height in blocks.height_by_number.items():
        numbers_by_height.setdefault(height, []).append(number)
    good, bad = 0, Counter[str]()
    for height, numbers in sorted(numbers_by_height.items()):
        receipts = await _receipts_of(node, height, [hashes[number] for number in numbers])
        for number in numbers:
            receipt = receipts.get(hashes[number])
            problem = "has no receipt" if receipt is None else explain_receipt(calls[number], receipt)
            if problem:
                bad[problem] += 1
            else:
                good += 1
    return good, bad


async def differing_heights(nodes: Sequence[Node], blocks: Blocks) -> list[int]:
    """Return the heights at which another node has another block than the first."""
    heights = sorted(blocks.hash_by_height)
    differing: set[int] = set()
    for node in nodes[1:]:
        for start in range(0, len(heights), _HEIGHTS_AT_ONCE):
            asked = heights[start : start + _HEIGHTS_AT_ONCE]
            found = await node.ask_all([("eth_getBlockByNumber", hex(height), False) for height in asked])
            differing.update(
                height
                for height, block in zip(asked, found, strict=True)
                if block is not None and block["hash"] != blocks.hash_by_height[height]
            )
    return sorted(differing)


async def _receipts_of(node: Node, height: int, hashes: Sequence[str]) -> Mapping[str, Any]:
    """All receipts of a block in one answer, or one by one from nodes that cannot give them so."""
    try:
        found = await node.ask("eth_getBlockReceipts", hex(height))
        return {each["transactionHash"]: each for each in found}
    except NodeRefusal:
        pass  # it does not know the method, or the answer would be too large
    receipts: dict[str, Any] = {}
    for start in range(0, len(hashes), _RECEIPTS_AT_ONCE):
        asked = hashes[start : start + _RECEIPTS_AT_ONCE]
        answers = await node.ask_all([("eth_getTransactionReceipt", each) for each in asked])
        receipts.update(zip(asked, answers, strict=True))
    return receipts
